# SPDX-License-Identifier: Apache-2.0
"""Lesson 30: an auxiliary task, same digit or not.

Pairs of images, half of the same digit: labels that cost nothing once there are some, or no labels
at all where it is known which images belong together. Two towers look at an image each, a small
net compares what they see. What a tower has learned is worth having for other tasks.
"""

import numpy as np
from lesson import Lesson

import fastdnn as fd
from fastdnn.layers import Concatenate, Dense

Pairs = tuple[list[np.ndarray], np.ndarray]


def pairs(split: tuple[np.ndarray, np.ndarray], count: int, rng: np.random.Generator) -> Pairs:
    """Return pairs of images, half of the same digit, and 1 where digits differ."""
    x, y = split
    first = rng.integers(0, len(x), count)
    second = rng.integers(0, len(x), count)
    for digit in range(10):
        places = np.flatnonzero(y[first[: count // 2]] == digit)
        second[places] = rng.choice(np.flatnonzero(y == digit), len(places))
    clash = np.flatnonzero(y[first] == y[second])
    clash = clash[clash >= count // 2]
    while len(clash):
        second[clash] = rng.integers(0, len(x), len(clash))
        clash = clash[y[first[clash]] == y[second[clash]]]
    return [x[first], x[second]], (y[first] != y[second]).astype(np.float32)


def tower(name: str) -> fd.Sequential:
    """Return five layers of 100."""
    hidden = [Dense(100, activation="elu", kernel_initializer="he_normal") for _ in range(5)]
    return fd.Sequential([fd.Input(shape=(784,)), *hidden], name=name)


def trained_towers(
    lesson: Lesson, train: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> fd.Model:
    """Return a model that says whether two digits differ, trained on fresh pairs in every epoch."""
    a, b = fd.Input(shape=(784,), name="a"), fd.Input(shape=(784,), name="b")
    both = Concatenate()([tower("tower_a")(a), tower("tower_b")(b)])
    compared = Dense(10, activation="elu", kernel_initializer="he_normal", name="compare")(both)
    model = fd.Model([a, b], Dense(1, activation="sigmoid", name="differ")(compared))
    model.compile(
        fd.optimizers.SGD(0.01, momentum=0.9), loss="binary_crossentropy", metrics=["accuracy"]
    )
    for _ in range(lesson.epochs(150)):
        model.fit(*pairs(train, len(train[0]), rng), batch_size=500, verbose=0)
    return model


def main(lesson: Lesson) -> None:
    """Train, and see how often the model is right about images it knows and about others."""
    train, _, test = lesson.mnist()
    rng = np.random.default_rng(42)
    model = trained_towers(lesson, train, rng)
    seen, unseen = (pairs(split, 10_000, rng) for split in (train, test))
    lesson.report("train accuracy", model.evaluate(*seen, verbose=0)[1], to_reach=0.978)
    lesson.report("test accuracy", model.evaluate(*unseen, verbose=0)[1], to_reach=0.976)


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
