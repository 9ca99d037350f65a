# SPDX-License-Identifier: Apache-2.0
"""Lesson 19: max-norm.

After every step the weights that lead to a unit are scaled back to a norm of 1 if they have grown
beyond it: units cannot shout each other down, and a large rate with momentum does no harm.
"""

from lesson import Lesson

import fastdnn as fd
from fastdnn.callbacks import EarlyStopping
from fastdnn.layers import Dense


def main(lesson: Lesson) -> None:
    """Train."""
    train, validation, _ = lesson.mnist()
    bound = fd.constraints.MaxNorm(1.0)
    model = fd.Sequential(
        [
            fd.Input(shape=(784,)),
            Dense(300, activation="relu", kernel_constraint=bound),
            Dense(50, activation="relu", kernel_constraint=bound),
            Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        fd.optimizers.SGD(0.01, momentum=0.9),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    best = EarlyStopping("val_accuracy", patience=20, restore_best_weights=True)
    model.fit(
        *train,
        batch_size=50,
        epochs=lesson.epochs(20),
        validation_data=validation,
        callbacks=[best],
        verbose=2,
    )
    accuracy = model.evaluate(*validation, verbose=0)[1]
    lesson.report("validation accuracy of the best epoch", accuracy, published=0.9844)


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
