# SPDX-License-Identifier: Apache-2.0
"""Lesson 16: learning-rate schedules.

Large steps first, small ones at the end: the same net with a constant rate and with five ways to
lower it. Four are functions of the number of steps; performance scheduling is a callback, which
halves the rate when the validation loss has stopped falling.

The first rate, or the largest, is 0.3 in all of them, with which the net learns fast and does not
settle. Lowering a rate early that was small enough, such as 0.1 here, only slows learning down: in
as many epochs exponential and power scheduling from there end at larger losses than a constant 0.1.
"""

from lesson import Lesson

import fastdnn as fd
from fastdnn.callbacks import ReduceLROnPlateau
from fastdnn.layers import Dense
from fastdnn.optimizers import schedules

BATCH, RATE = 50, 0.3


def main(lesson: Lesson) -> None:
    """Train with each."""
    train, validation, test = lesson.mnist()
    epochs = lesson.epochs(10)
    steps = epochs * -(-len(train[0]) // BATCH)
    rates = {
        "constant": RATE,
        "piecewise": schedules.PiecewiseConstantDecay([steps // 2], [RATE, RATE / 5]),
        "performance": RATE,
        "exponential": schedules.ExponentialDecay(RATE, 10_000, 0.1),
        "power": schedules.PowerDecay(RATE, 2000),
        "one-cycle": schedules.OneCycle(RATE, steps),
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
        lesson.report(f"validation loss, {name}", losses[name][-1])
        lesson.report(f"test accuracy, {name}", model.evaluate(*test, verbose=0)[1])
        if name != "constant":
            less = losses[name][-1] < losses["constant"][-1]
            lesson.claim(f"smaller validation loss than at a constant rate, {name}", less)
    lesson.draw({"validation loss": losses})


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
