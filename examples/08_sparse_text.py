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
    (x, y), (x_test, y_test) = fd.datasets.load_imdb(num_words=10_000)
    if lesson.quick:
        x, y, x_test, y_test = x[:1000], y[:1000], x_test[:1000], y_test[:1000]
    model = fd.Sequential(
        [
            fd.Input(shape=(10_000,)),
            Dense(16, activation="relu"),
            Dense(16, activation="relu"),
            Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=512, epochs=lesson.epochs(4), verbose=2)
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    lesson.report("test loss", loss, published=0.299)
    lesson.report("test accuracy", accuracy, published=0.8826)


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
