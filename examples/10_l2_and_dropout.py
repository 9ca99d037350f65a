# SPDX-License-Identifier: Apache-2.0
"""Lesson 10: L2 and dropout against overfitting.

The net of lesson 8 as it is, with a penalty on the squares of its weights, and with half of the
units of each hidden layer left out in every step. Losses are compared without the penalty, which is
no part of what the net gets wrong.
"""

import numpy as np
from lesson import Lesson, Split

import fastdnn as fd
from fastdnn.callbacks import LambdaCallback
from fastdnn.layers import Dense, Dropout
from fastdnn.regularizers import L2


def net(penalty: L2 | None = None, rate: float = 0.0) -> fd.Sequential:
    """Return 16-16-1 with this penalty on hidden kernels and this dropout after hidden layers."""
    return fd.Sequential(
        [
            fd.Input(shape=(10_000,)),
            Dense(16, activation="relu", kernel_regularizer=penalty),
            Dropout(rate),
            Dense(16, activation="relu", kernel_regularizer=penalty),
            Dropout(rate),
            Dense(1, activation="sigmoid"),
        ]
    )


def penalties(model: fd.Sequential) -> float:
    """Return what the penalties add to the loss."""
    hidden = [layer for layer in model.layers if getattr(layer, "kernel_regularizer", None)]
    return sum(layer.kernel_regularizer(layer.kernel) for layer in hidden)


def losses_of(model: fd.Sequential, reviews: Split, epochs: int) -> np.ndarray:
    """Train; return the validation loss of every epoch, without penalties."""
    x, y = reviews
    held = int(0.4 * len(y))  # 10,000 to validate
    added = []
    model.compile("rmsprop", loss="binary_crossentropy")
    history = model.fit(
        x[held:],
        y[held:],
        batch_size=512,
        epochs=epochs,
        validation_data=(x[:held], y[:held]),
        callbacks=[LambdaCallback(on_epoch_end=lambda *_: added.append(penalties(model)))],
        verbose=0,
    )
    return np.array(history.history["val_loss"]) - added


def main(lesson: Lesson) -> None:
    """Train the three."""
    reviews, _ = lesson.imdb()
    curves, good = {}, {}
    nets = {"plain": {}, "L2": {"penalty": L2(0.001)}, "dropout": {"rate": 0.5}}
    for name, options in nets.items():
        fd.set_seed(42)
        losses = curves[name] = losses_of(net(**options), reviews, lesson.epochs(20))
        good[name] = int(np.flatnonzero(losses <= 1.25 * losses.min())[-1]) + 1
        lesson.report(f"smallest validation loss, {name}", losses.min())
        lesson.report(f"last epoch within a quarter above that, {name}", good[name])
        lesson.report(f"validation loss in the end, {name}", losses[-1])
    lesson.draw({"validation loss": curves})
    for name in ("L2", "dropout"):
        lesson.claim(f"with {name} the net overfits later", good[name] > good["plain"])
        lesson.claim(f"with {name} it overfits less", curves[name][-1] < curves["plain"][-1])


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
