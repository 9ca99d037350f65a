# SPDX-License-Identifier: Apache-2.0
"""Lesson 28: weights from another framework.

First by hand: a kernel and a bias are arrays, and go where the layer has them. Then whole models:
PyTorch keeps kernels as (outputs, inputs), Keras as (inputs, outputs), and both have files of their
own, which need none of them to be read. What comes out is the same, up to rounding.
"""

import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from lesson import Lesson

import fastdnn as fd
from fastdnn.interop import from_keras, from_npz, from_sklearn, from_torch
from fastdnn.layers import Dense


def by_hand() -> np.ndarray:
    """Return what a layer of given weights makes of [10, 11]."""
    kernel = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    bias = np.array([7, 8, 9], np.float32)
    model = fd.Sequential([fd.Input(shape=(2,)), Dense(3, activation="relu", name="hidden")])
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/weights.npz", **{"hidden/kernel": kernel, "hidden/bias": bias})
        print(from_npz(f"{folder}/weights.npz", model))
    return model.predict(np.array([[10, 11]], np.float32), verbose=0)


def of_torch(folder: Path, x: np.ndarray) -> float:
    """Return how far the outputs of a file of PyTorch are from PyTorch's own."""
    import torch
    from torch import nn

    torch.manual_seed(42)
    theirs = nn.Sequential(nn.Linear(20, 30), nn.BatchNorm1d(30), nn.ELU(), nn.Linear(30, 3))
    theirs(torch.from_numpy(x))  # moves the statistics
    theirs.eval()
    torch.save(theirs.state_dict(), folder / "model.pt")
    ours = from_torch(folder / "model.pt", activation="elu")
    return float(
        np.abs(ours.predict(x, verbose=0) - theirs(torch.from_numpy(x)).detach().numpy()).max()
    )


def of_keras(folder: Path, x: np.ndarray) -> float:
    """Return how far the outputs of a file of Keras are from Keras's own."""
    # Keras computes by another framework, and takes TensorFlow if not told.
    os.environ.setdefault("KERAS_BACKEND", "torch" if find_spec("torch") else "jax")
    import keras

    theirs = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(30, activation="elu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    theirs.save(folder / "model.keras")
    ours = from_keras(folder / "model.keras")
    return float(np.abs(ours.predict(x, verbose=0) - theirs.predict(x, verbose=0)).max())


def of_sklearn(folder: Path, x: np.ndarray) -> float:
    """Return how far the probabilities of a net of scikit-learn are from its own."""
    from sklearn.neural_network import MLPClassifier

    y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)
    theirs = MLPClassifier(hidden_layer_sizes=(30,), max_iter=1000, random_state=42).fit(x, y)
    return float(np.abs(from_sklearn(theirs).predict(x, verbose=0) - theirs.predict_proba(x)).max())


def main(lesson: Lesson) -> None:
    """Take weights from everywhere."""
    found = by_hand()
    print("outputs:", found.tolist())
    lesson.claim("ReLU([10, 11] @ kernel + bias) is [61, 83, 105]", (found == [61, 83, 105]).all())
    x = np.random.default_rng(42).standard_normal((100, 20)).astype(np.float32)
    for name, module, distance in (
        ("PyTorch", "torch", of_torch),
        ("Keras", "keras", of_keras),
        ("scikit-learn", "sklearn", of_sklearn),
    ):
        if find_spec(module) is None:
            print(f"{name} is not installed: nothing to compare with")
            continue
        with tempfile.TemporaryDirectory() as folder:
            far = distance(Path(folder), x)
        print(f"the outputs of a model of {name} differ by {far:.1e} at most")
        lesson.claim(f"a model of {name} gives equal outputs", far < 1e-6)


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
