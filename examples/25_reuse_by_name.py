# SPDX-License-Identifier: Apache-2.0
"""Lesson 25: lower layers for another net, by their names.

A file knows its weights by the names of layers. `load_weights` takes those that a pattern matches,
gives them other names where the new net calls its layers differently, and prints what went
where: a layer that stays as it was drawn is seen, and a wrong one is refused. The order of
the layers has no meaning, only their names.
"""

import tempfile

import numpy as np
from lesson import Lesson

import fastdnn as fd
from fastdnn.layers import Dense


def net(names: list[str], units: list[int], classes: str = "digits") -> fd.Sequential:
    """Return hidden layers of these names and widths, and ten classes; compiled."""
    model = fd.Sequential([fd.Input(shape=(784,))])
    for name, width in zip(names, units, strict=True):
        model.add(Dense(width, "elu", kernel_initializer="he_normal", name=name))
    model.add(Dense(10, "softmax", name=classes))
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(lesson: Lesson) -> None:
    """Train a net, and give its layers to others."""
    train, _, test = lesson.mnist()
    hidden = [f"hidden{i}" for i in range(1, 6)]
    old = net(hidden, [100] * 5)
    old.fit(*train, batch_size=50, epochs=lesson.epochs(5), verbose=0)
    lesson.report("test accuracy of the old net", old.evaluate(*test, verbose=0)[1])
    weights = {name: weight.value for weight, name in old.named_weights().items()}
    few = [part[:500] for part in train]

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/old.safetensors"
        old.save(path)

        print("\nThe three lowest layers, for a net of another shape above them:")
        new = net(hidden[:4], [100, 100, 100, 50])
        report = new.load_weights(path, match="hidden[123]")
        print(report)
        assert len(report.loaded) == 6
        new.freeze("hidden[123]")
        new.fit(*few, batch_size=50, epochs=lesson.epochs(20), verbose=0)
        reused = new.evaluate(*test, verbose=0)[1]

        print("\nA net that calls its layers differently, and has others between them:")
        other = net(["in", "middle", "extra", "last"], [100, 100, 100, 100], "classes")
        names = {"hidden1": "in", "hidden2": "middle", "hidden3": "last"}
        report = other.load_weights(path, match="in|middle|last", rename=names, strict=False)
        print(report)
        assert report.loaded["last/kernel"] == "hidden3/kernel"
        assert np.array_equal(other.get_layer("last").kernel.value, weights["hidden3/kernel"])

        print("\nThe same layers in another order:")
        turned = net(["hidden1", "hidden3", "hidden2"], [100] * 3)
        print(turned.load_weights(path, match="hidden.", strict=False))
        assert np.array_equal(turned.get_layer("hidden3").kernel.value, weights["hidden3/kernel"])

    scratch = net(hidden[:4], [100, 100, 100, 50])
    scratch.fit(*few, batch_size=50, epochs=lesson.epochs(20), verbose=0)
    drawn = scratch.evaluate(*test, verbose=0)[1]
    lesson.report("test accuracy after 500 images, three layers reused", reused)
    lesson.report("test accuracy after 500 images, from scratch", drawn)
    lesson.claim("reused layers are better than drawn ones", reused > drawn)


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
