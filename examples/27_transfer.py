# SPDX-License-Identifier: Apache-2.0
"""Lesson 27: what a net knows of five digits helps with the other five.

A net that tells 0 to 4 lends its hidden layers to one for 5 to 9, for which there are 100 images
of each digit. Frozen layers do not learn, and cost no backward work; those at the bottom give
the same outputs in every epoch, which `fit` computes once (`cache_frozen`). Which layers to freeze
is tried out: the upper ones know most about the old task and should learn the new one.
"""

import time

import numpy as np
from lesson import Lesson, Split

import fastdnn as fd
from fastdnn.callbacks import EarlyStopping
from fastdnn.layers import Dense

PER_DIGIT = 100


def deep_net() -> fd.Sequential:
    """Return 784-5x100-5, not compiled."""
    model = fd.Sequential([fd.Input(shape=(784,))])
    for i in range(1, 6):
        model.add(Dense(100, activation="elu", kernel_initializer="he_normal", name=f"hidden{i}"))
    model.add(Dense(5, activation="softmax", name="digits"))
    return model


def compiled(model: fd.Sequential, optimizer: object) -> fd.Sequential:
    """Return the model, ready to be trained."""
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def old_net(train: Split, validation: Split, epochs: int) -> fd.Sequential:
    """Return a net that tells 0 to 4."""
    (x, y), (x_val, y_val) = train, validation
    model = compiled(deep_net(), "adam")
    model.fit(
        x[y < 5],
        y[y < 5],
        batch_size=50,
        epochs=epochs,
        validation_data=(x_val[y_val < 5], y_val[y_val < 5]),
        callbacks=[EarlyStopping(patience=5, restore_best_weights=True)],
        verbose=0,
    )
    return model


def few_images(split: Split) -> Split:
    """Return 100 images of each of 5 to 9, which become the classes 0 to 4."""
    x, y = split
    rows = np.concatenate([np.flatnonzero(y == digit)[:PER_DIGIT] for digit in range(5, 10)])
    return x[rows], y[rows] - 5


def main(lesson: Lesson) -> None:
    """Train the net for 0 to 4, then nets for 5 to 9 on some of its layers."""
    train, validation, (x_test, y_test) = lesson.mnist()
    old = old_net(train, validation, lesson.epochs(100))
    few, few_val = few_images(train), few_images(validation)
    test = x_test[y_test >= 5], y_test[y_test >= 5] - 5

    def reuse(frozen: str, cache: bool) -> tuple[fd.Sequential, float]:
        fd.set_seed(42)
        model = fd.Sequential(
            [
                fd.Input(shape=(784,)),
                *(layer.clone() for layer in old.layers[:-1]),
                Dense(5, activation="softmax", name="digits"),
            ]
        )
        model.freeze(frozen)
        compiled(model, fd.optimizers.SGD(0.01, momentum=0.9))
        start = time.perf_counter()
        model.fit(
            *few,
            batch_size=50,
            epochs=lesson.epochs(200),
            validation_data=few_val,
            callbacks=[EarlyStopping(patience=30, restore_best_weights=True)],
            verbose=0,
            cache_frozen=cache,
        )
        return model, time.perf_counter() - start

    nets: dict[str, fd.Sequential] = {}
    seconds: dict[str, float] = {}
    for what, frozen, cache, to_reach in (
        ("5 frozen", "hidden.", False, 0.624),
        ("5 frozen and cached", "hidden.", True, 0.688),
        ("4 frozen", "hidden[1-4]", True, 0.723),
        ("3 frozen", "hidden[1-3]", True, 0.851),
    ):
        nets[what], seconds[what] = reuse(frozen, cache)
        accuracy = nets[what].evaluate(*test, verbose=0)[1]
        lesson.report(f"test accuracy, {what}", accuracy, to_reach)
        lesson.report(f"seconds, {what}", seconds[what])
    weights = (nets[what].get_weights() for what in ("5 frozen", "5 frozen and cached"))
    assert all(map(np.array_equal, *weights))
    faster = seconds["5 frozen and cached"] < seconds["5 frozen"]
    lesson.claim("with cached outputs the same weights take less time", faster)


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
