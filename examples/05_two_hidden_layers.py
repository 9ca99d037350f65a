# SPDX-License-Identifier: Apache-2.0
"""Lesson 5: two hidden layers, 300 and 100.

The net that most lessons start from: 784-300-100-10 with ReLU, plain SGD, and kernels drawn from a
truncated normal distribution with a standard deviation of 1 / sqrt(inputs), so that what goes
through the layers keeps its size. 20 epochs give 0.968, here as with PyTorch; the published figure
takes 40. `tensorboard --logdir examples/05_two_hidden_layers-logs` shows the curves meanwhile.
"""

from lesson import Lesson

import fastdnn as fd
from fastdnn.initializers import VarianceScaling
from fastdnn.layers import Dense


def main(lesson: Lesson) -> None:
    """Train."""
    train, validation, test = lesson.mnist()
    start = VarianceScaling(scale=1.0, mode="fan_in", distribution="truncated_normal")
    model = fd.Sequential(
        [
            fd.Input(shape=(784,)),
            Dense(300, activation="relu", kernel_initializer=start),
            Dense(100, activation="relu", kernel_initializer=start),
            Dense(10, activation="softmax", kernel_initializer=start),
        ]
    )
    model.summary()
    model.compile(
        fd.optimizers.SGD(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    history = model.fit(
        *train,
        batch_size=50,
        epochs=lesson.epochs(40),
        validation_data=validation,
        verbose=2,
        callbacks=fd.callbacks.TensorBoard(lesson.folder("logs")),
    )
    fd.plot.history(history, lesson.figure())
    lesson.report("test accuracy", model.evaluate(*test, verbose=0)[1], to_reach=0.975)


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
