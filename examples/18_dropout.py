# SPDX-License-Identifier: Apache-2.0
"""Lesson 18: dropout.

Half of the inputs and half of the units of every hidden layer are left out in each step, others
each time: no unit can rely on another one. At inference all are there, scaled to fit. Without
momentum 20 epochs are too few for a net that is disturbed so much: 0.956.
"""

from lesson import Lesson

import fastdnn as fd
from fastdnn.layers import Dense, Dropout


def main(lesson: Lesson) -> None:
    """Train."""
    train, validation, _ = lesson.mnist()
    model = fd.Sequential(
        [
            fd.Input(shape=(784,)),
            Dropout(0.5),
            Dense(300, activation="relu"),
            Dropout(0.5),
            Dense(100, activation="relu"),
            Dropout(0.5),
            Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        fd.optimizers.SGD(0.01, momentum=0.9),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history = model.fit(
        *train, batch_size=50, epochs=lesson.epochs(20), validation_data=validation, verbose=2
    )
    fd.plot.history(history, lesson.figure())
    lesson.report("validation accuracy", history.history["val_accuracy"][-1], to_reach=0.9732)


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
