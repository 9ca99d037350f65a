# SPDX-License-Identifier: Apache-2.0
"""Lesson 4: one hidden layer.

256 units of ReLU between the pixels and the ten classes: what the last layer sees is no longer a
weighted sum of pixels. The rate of 0.001, that of lesson 3, is far too small: after 20 epochs the
loss still falls. A rate of 0.1 shows what the net can do.
"""

from lesson import Lesson

import fastdnn as fd
from fastdnn.layers import Dense


def main(lesson: Lesson) -> None:
    """Train with both rates."""
    train, validation, test = lesson.mnist()
    curves, accuracy = {}, {}
    for rate in (0.001, 0.1):
        fd.set_seed(42)
        model = fd.Sequential(
            [fd.Input(shape=(784,)), Dense(256, activation="relu"), Dense(10, activation="softmax")]
        )
        model.compile(
            fd.optimizers.SGD(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        history = model.fit(
            *train,
            batch_size=128,
            epochs=lesson.epochs(20),
            validation_data=validation,
            verbose=0,
        ).history
        curves[f"rate {rate:g}"] = history["val_loss"]
        accuracy[rate] = model.evaluate(*test, verbose=0)[1]
        lesson.report(f"validation accuracy, rate {rate:g}", history["val_accuracy"][-1])
        lesson.report(f"test accuracy, rate {rate:g}", accuracy[rate])
    lesson.draw({"validation loss": curves})
    slow = curves["rate 0.001"]
    lesson.claim("at 0.001 the last epoch is the best one", min(slow) == slow[-1])
    lesson.claim("at 0.1 the same net is better", accuracy[0.1] > accuracy[0.001])


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
