# SPDX-License-Identifier: Apache-2.0
"""Lesson 26: weights that do not fit.

Weights that go to the wrong place make a net that looks whole and knows nothing. So a kernel that
is to be a bias, a layer of another width and a name that is nowhere are refused, with a sentence
that says what is where; the net stays as it was, to the last number. What is meant to be left
out has to be said.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from lesson import Lesson

import fastdnn as fd
from fastdnn.layers import Dense


def net(units: int, last: str) -> fd.Sequential:
    """Return two layers."""
    hidden = Dense(units, "elu", bias_initializer="random_normal", name="hidden")
    return fd.Sequential([fd.Input(shape=(784,)), hidden, Dense(10, "softmax", name=last)])


def main(lesson: Lesson) -> None:
    """Try to load what does not fit."""
    (x, _), _, _ = lesson.mnist()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "old.safetensors"
        net(100, "digits").save(path)

        def refused(what: str, model: fd.Sequential, **arguments: Any) -> bool:
            before, outputs = model.get_weights(), model.predict(x[:5], verbose=0)
            try:
                model.load_weights(path, **arguments)
            except ValueError as error:
                print(f"{what}:\n  {str(error).replace(folder, '...')}")
                same = all(map(np.array_equal, before, model.get_weights()))
                return same and np.array_equal(outputs, model.predict(x[:5], verbose=0))
            return False

        wrong = [
            refused("Layers of another width", net(50, "digits")),
            refused(
                "A kernel as a bias",
                net(100, "digits"),
                rename={"hidden/kernel": "hidden/bias", "hidden/bias": "hidden/kernel"},
            ),
            refused("A layer that the file does not have", net(100, "letters")),
            refused("A pattern that matches nothing", net(100, "digits"), match="hiden"),
            refused("A misspelt name", net(100, "digits"), rename={"hiden": "hidden"}),
            refused("Two for one", net(100, "digits"), rename={"digits": "hidden"}),
        ]
        lesson.claim("all is refused, and nothing changed", all(wrong))

        model = net(100, "letters")
        print("\nWhat would happen:")
        print(model.load_weights(path, dry_run=True))
        print("\nWhat is meant to be left out is said:")
        report = model.load_weights(path, match="hidden")
        print(report)
        assert list(report.loaded) == ["hidden/kernel", "hidden/bias"]

        content = bytearray(path.read_bytes())
        content[-100] ^= 1
        path.write_bytes(content)
        print("\nOne bit of the file is wrong:")
        lesson.claim("damage is found", refused("Its digest tells", net(100, "digits")))


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
