# SPDX-License-Identifier: Apache-2.0
"""Lesson 14: gradient clipping.

Ten layers whose kernels start too large by a factor of the root of two: what goes up and what comes
down grows with every layer. One step of that size and the next is larger still; soon nothing is a
number any more. Clipping bounds the step, either every element of a gradient, or the norm of each
array's, or the norm of all together.
"""

import numpy as np
from lesson import Lesson, Split

import fastdnn as fd
from fastdnn.initializers import VarianceScaling
from fastdnn.layers import Dense

CLIPPING = {
    "none": {},
    "value": {"clipvalue": 1.0},
    "norm": {"clipnorm": 1.0},
    "global norm": {"global_clipnorm": 1.0},
}


def net() -> fd.Sequential:
    """Return ten layers of 100 with twice the variance that fits them, and the logits."""
    start = VarianceScaling(scale=4.0, mode="fan_in", distribution="truncated_normal")
    hidden = [Dense(100, activation="elu", kernel_initializer=start) for _ in range(10)]
    return fd.Sequential([fd.Input(shape=(784,)), *hidden, Dense(10)])


def norm_of_gradients(model: fd.Sequential, rows: Split) -> float:
    """Return the norm of all gradients together, by a forward and a backward pass."""
    x, labels = rows
    logits = model.forward(x, training=True)
    _, slopes = fd.ops.softmax_cross_entropy(logits, labels.astype(np.int32))
    model.zero_gradients()
    model.backward(slopes / len(x))
    return float(np.sqrt(sum(np.sum(np.square(g)) for g in model.gradients.values())))


def main(lesson: Lesson) -> None:
    """Train without clipping and with each kind."""
    train, validation, _ = lesson.mnist()
    curves = {}
    for name, clipping in CLIPPING.items():
        fd.set_seed(42)
        model = net()
        loss = fd.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(fd.optimizers.SGD(0.03, **clipping), loss, metrics=["accuracy"])
        if not clipping:
            batch = tuple(array[:50] for array in train)
            lesson.report("norm of the first gradients", norm_of_gradients(model, batch))
        history = model.fit(
            *train,
            batch_size=50,
            epochs=lesson.epochs(5),
            validation_data=validation,
            verbose=0,
        ).history
        curves[name] = history["val_accuracy"]
        lesson.report(f"training loss in the end, clipping: {name}", history["loss"][-1])
        lesson.report(f"validation accuracy, clipping: {name}", curves[name][-1])
        if clipping:
            lesson.claim(f"trains, clipping: {name}", curves[name][-1] > 0.9)
        else:
            lesson.claim("diverges without clipping", not np.isfinite(history["loss"][-1]))
    lesson.draw({"validation accuracy": curves})


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
