# SPDX-License-Identifier: Apache-2.0
"""Lesson 12: activations that do not die.

A unit with ReLU whose input is negative for all rows learns nothing any more. LeakyReLU leaves a
slope there, PReLU learns it, ELU goes smoothly to -1, and SELU is ELU scaled such that the outputs
of layers keep mean 0 and variance 1, if kernels are drawn as Lecun says. The net of lesson 5 with
each; as there, 40 epochs.
"""

from lesson import Lesson

import fastdnn as fd
from fastdnn import layers

ACTIVATIONS = {
    "LeakyReLU": (lambda: layers.LeakyReLU(0.1), "he_normal"),
    "PReLU": (lambda: layers.PReLU(alpha_initializer=fd.initializers.Constant(0.1)), "he_normal"),
    "ELU": (lambda: layers.ELU(), "he_normal"),
    "SELU": (lambda: layers.Activation("selu"), "lecun_normal"),
}


def main(lesson: Lesson) -> None:
    """Train a net with each activation."""
    train, validation, test = lesson.mnist()
    curves = {}
    for name, (activation, initializer) in ACTIVATIONS.items():
        model = fd.Sequential(
            [
                fd.Input(shape=(784,)),
                layers.Dense(300, kernel_initializer=initializer),
                activation(),
                layers.Dense(100, kernel_initializer=initializer),
                activation(),
                layers.Dense(10, activation="softmax"),
            ]
        )
        model.compile(
            fd.optimizers.SGD(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        history = model.fit(
            *train, batch_size=50, epochs=lesson.epochs(40), validation_data=validation, verbose=2
        )
        curves[name] = history.history["val_accuracy"]
        lesson.report(f"test accuracy, {name}", model.evaluate(*test, verbose=0)[1], to_reach=0.97)
    lesson.draw({"validation accuracy": curves})


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
