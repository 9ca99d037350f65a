# SPDX-License-Identifier: Apache-2.0
"""Lesson 16: learning-rate schedules.

Large steps first, small ones at the end: the same net with a constant rate and with five ways to
lower it. Four are functions of the number of steps; performance scheduling is a callback, which
halves the rate when the validation loss has stopped falling.
"""

from lesson import Lesson

import fastdnn as fd
from fastdnn.callbacks import ReduceLROnPlateau
from fastdnn.layers import Dense
from fastdnn.optimizers import schedules

BATCH = 50


def main(lesson: Lesson) -> None:
    """Train with each."""
    train, validation, test = lesson.mnist()
    epochs = lesson.epochs(5)
    steps = epochs * -(-len(train[0]) // BATCH)
    rates = {
        "constant": 0.1,
        "piecewise": schedules.PiecewiseConstantDecay([steps // 2], [0.1, 0.02]),
        "performance": 0.1,
        "exponential": schedules.ExponentialDecay(0.1, 10_000, 0.1),
        "power": schedules.PowerDecay(0.1, 2000),
        "one-cycle": schedules.OneCycle(0.3, steps),
    }
    losses = {}
    plateau = ReduceLROnPlateau("val_loss", factor=0.5, patience=1)
    for name, rate in rates.items():
        fd.set_seed(42)
        model = fd.Sequential(
            [
                fd.Input(shape=(784,)),
                Dense(300, activation="relu"),
                Dense(100, activation="relu"),
                Dense(10, activation="softmax"),
            ]
        )
        model.compile(fd.optimizers.SGD(rate), "sparse_categorical_crossentropy", metrics=["acc"])
        history = model.fit(
            *train,
            batch_size=BATCH,
            epochs=epochs,
            validation_data=validation,
            callbacks=[plateau] if name == "performance" else None,
            verbose=0,
        )
        losses[name] = history.history["val_loss"]
        lesson.report(f"test accuracy, {name}", model.evaluate(*test, verbose=0)[1])
    lesson.draw({"validation loss": losses})


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
