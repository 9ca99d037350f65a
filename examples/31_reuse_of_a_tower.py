# SPDX-License-Identifier: Apache-2.0
"""Lesson 31: what the auxiliary task has taught, put to use.

One of the towers of lesson 30, which have seen which images are of the same digit, is frozen, and
a softmax layer on top learns the digits from 500 images of each. As the tower stays as it is, `fit`
computes its outputs once (`cache_frozen`), and an epoch trains no more than one small layer.
"""

from importlib import import_module

import numpy as np
from lesson import Lesson

import fastdnn as fd
from fastdnn.layers import Dense

PER_DIGIT = 500


def main(lesson: Lesson) -> None:
    """Train the towers, then a softmax layer on one of them."""
    train, _, test = lesson.mnist()
    towers = import_module("30_auxiliary_task").trained_towers
    tower = towers(lesson, train, np.random.default_rng(42)).get_layer("tower_a")
    tower.trainable = False
    model = fd.Sequential([fd.Input(shape=(784,)), tower, Dense(10, activation="softmax")])
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = train
    few = np.concatenate([np.flatnonzero(y == digit)[:PER_DIGIT] for digit in range(10)])
    model.fit(x[few], y[few], epochs=lesson.epochs(100), verbose=0)
    lesson.report("test accuracy", model.evaluate(*test, verbose=0)[1], to_reach=0.9667)


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
