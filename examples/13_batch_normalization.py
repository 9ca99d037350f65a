# SPDX-License-Identifier: Apache-2.0
"""Lesson 13: batch normalization.

Every layer's sums are brought to mean 0 and deviation 1 over the batch before the activation, also
the logits. Biases are left out: what is added to all rows alike is taken away again. At inference,
running averages of the statistics are used, so that a row's result does not depend on the others.
"""

from lesson import Lesson

import fastdnn as fd
from fastdnn.layers import Activation, BatchNormalization, Dense


def main(lesson: Lesson) -> None:
    """Train."""
    train, validation, _ = lesson.mnist()
    layers = [fd.Input(shape=(784,))]
    for units, activation in ((300, "elu"), (100, "elu"), (10, "softmax")):
        layers += [
            Dense(units, use_bias=False, kernel_initializer="lecun_normal"),
            BatchNormalization(momentum=0.9),
            Activation(activation),
        ]
    model = fd.Sequential(layers)
    model.compile(
        fd.optimizers.SGD(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    history = model.fit(
        *train, batch_size=200, epochs=lesson.epochs(20), validation_data=validation, verbose=2
    ).history["val_accuracy"]
    lesson.report("validation accuracy after the first epoch", history[0], to_reach=0.884)
    lesson.report("validation accuracy", history[-1], to_reach=0.9696)


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
