# SPDX-License-Identifier: Apache-2.0
"""Lesson 7: two dense layers and RMSprop.

One wide hidden layer of 512 units, all 60,000 training images, five epochs. RMSprop divides every
step by the root of a running mean of squared gradients, so that rarely used weights learn, too.
"""

import numpy as np
from lesson import Lesson

import fastdnn as fd
from fastdnn.layers import Dense


def main(lesson: Lesson) -> None:
    """Train."""
    train, validation, test = lesson.mnist()
    x, y = (np.concatenate(parts) for parts in zip(train, validation, strict=True))
    model = fd.Sequential(
        [fd.Input(shape=(784,)), Dense(512, activation="relu"), Dense(10, activation="softmax")]
    )
    model.compile("rmsprop", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=128, epochs=lesson.epochs(5), verbose=2)
    lesson.report("test accuracy", model.evaluate(*test, verbose=0)[1], to_reach=0.9778)


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
