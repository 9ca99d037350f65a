# SPDX-License-Identifier: Apache-2.0
"""Lesson 8: sparse text.

Reviews of films as rows of 10,000 columns, one for every frequent word, 1 where the word occurs.
Hardly any does, so that the rows are a sparse matrix and stay one: only the weights of words that
occur are read and changed.
"""

from lesson import Lesson

import fastdnn as fd
from fastdnn.layers import Dense


def main(lesson: Lesson) -> None:
    """Train."""
    train, test = lesson.imdb()
    model = fd.Sequential(
        [
            fd.Input(shape=(10_000,)),
            Dense(16, activation="relu"),
            Dense(16, activation="relu"),
            Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(*train, batch_size=512, epochs=lesson.epochs(4), verbose=2)
    loss, accuracy = model.evaluate(*test, verbose=0)
    lesson.report("test loss", loss, to_reach=0.299, smaller_is_better=True)
    lesson.report("test accuracy", accuracy, to_reach=0.8826)


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
