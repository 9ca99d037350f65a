# SPDX-License-Identifier: Apache-2.0
"""Lesson 17: L1 regularization.

The sum of the kernels' magnitudes is part of the loss, so that every weight that is of little use
is pulled to zero. Steps of SGD jump over it: weights below a hundredth count as zero here.
"""

import numpy as np
from lesson import Lesson

import fastdnn as fd
from fastdnn.layers import Dense


def train_with(lesson: Lesson, hidden: list[int]) -> float:
    """Train with these hidden layers and L1; return the validation accuracy."""
    train, validation, _ = lesson.mnist()
    penalty = fd.regularizers.L1(0.001)
    layers = [
        Dense(n, activation="relu", kernel_regularizer=penalty, kernel_initializer="he_normal")
        for n in hidden
    ]
    top = Dense(10, activation="softmax", kernel_regularizer=penalty)
    model = fd.Sequential([fd.Input(shape=(784,)), *layers, top])
    model.compile(
        fd.optimizers.SGD(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(*train, batch_size=200, epochs=lesson.epochs(20), verbose=0)
    kernels = np.concatenate([layer.kernel.numpy().ravel() for layer in model.layers])
    name = "-".join(map(str, hidden))
    lesson.report(f"share of weights near zero, {name}", float(np.mean(abs(kernels) < 0.01)))
    return model.evaluate(*validation, verbose=0)[1]


def main(lesson: Lesson) -> None:
    """Train with one and with two hidden layers."""
    lesson.report("validation accuracy, 300", train_with(lesson, [300]), to_reach=0.9053)
    lesson.report("validation accuracy, 300-100", train_with(lesson, [300, 100]), to_reach=0.9174)


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
