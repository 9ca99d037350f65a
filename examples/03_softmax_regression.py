# SPDX-License-Identifier: Apache-2.0
"""Lesson 3: softmax regression, saved and restored.

The smallest classifier there is: one layer, ten classes. Its weights start far too large, from
N(0, 1), and the learning rate is small, so that it learns slowly. What was learned is saved to a
file; the model that comes out of the file predicts the same.
"""

import tempfile

import numpy as np
from lesson import Lesson

import fastdnn as fd
from fastdnn.initializers import RandomNormal
from fastdnn.layers import Dense


def main(lesson: Lesson) -> None:
    """Train, save, restore."""
    train, validation, test = lesson.mnist()
    start = RandomNormal(stddev=1.0)
    softmax = Dense(10, activation="softmax", kernel_initializer=start, bias_initializer=start)
    model = fd.Sequential([fd.Input(shape=(784,)), softmax])
    model.compile(
        fd.optimizers.SGD(0.001), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    history = model.fit(
        *train,
        batch_size=128,
        epochs=lesson.epochs(100),
        validation_data=validation,
        verbose=0,
    )
    fd.plot.history(history, lesson.figure())
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/softmax.safetensors")
        restored = fd.load_model(f"{folder}/softmax.safetensors")
    lesson.report("validation accuracy", history.history["val_accuracy"][-1], to_reach=0.711)
    lesson.report("test accuracy", restored.evaluate(*test, verbose=0)[1], to_reach=0.723)
    assert np.array_equal(restored.predict(test[0], verbose=0), model.predict(test[0], verbose=0))


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
