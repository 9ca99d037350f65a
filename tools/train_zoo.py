"""Trains the nets of `fastdnn.zoo` and writes their files, in some minutes.

Usage: FASTDNN_DATA=folder python tools/train_zoo.py [name ...]
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

import fastdnn as fd
from fastdnn import checkpoint, tensor_file, zoo
from fastdnn.layers import Dense, Dropout, Flatten

FOLDER = Path(zoo.__file__).with_name("files")


def net(shape: tuple[int, ...], units: tuple[int, ...], dropout: float) -> fd.Sequential:
    """Return dense layers with dropout between them, for images of ten classes."""
    model = fd.Sequential([fd.Input(shape=shape), Flatten()])
    for number, width in enumerate(units, start=1):
        model.add(Dense(width, "relu", kernel_initializer="he_normal", name=f"hidden{number}"))
        model.add(Dropout(dropout))
    model.add(Dense(10, "softmax", name="classes"))
    return model


def train(model: fd.Sequential, data: Any, epochs: int, shift: float, angle: float) -> float:
    """Train on images that are moved a little; return the accuracy on those to test on."""
    (x, y), (x_test, y_test) = data
    side = int(np.sqrt(np.prod(x.shape[1:])))
    moved = fd.Sequential(
        [
            fd.Input(shape=x.shape[1:]),
            Flatten(),
            fd.augment.RandomTranslation(shift, shift, "constant", image_shape=(side, side)),
            fd.augment.RandomRotation(angle, "constant", image_shape=(side, side)),
            *(layer for layer in model.layers if not isinstance(layer, Flatten)),
        ]
    )
    steps = epochs * -(-len(x) // 128)
    rate = fd.optimizers.schedules.CosineDecay(0.002, steps)
    loss = "sparse_categorical_crossentropy"
    moved.compile(fd.optimizers.Adam(rate), loss)
    moved.fit(x, y, batch_size=128, epochs=epochs, verbose=2)
    model.compile("adam", loss, metrics=["accuracy"])
    # What is evaluated is what the file holds.
    halves = [weight.astype(np.float16) for weight in model.get_weights()]
    model.set_weights([half.astype(np.float32) for half in halves])
    return model.evaluate(x_test, y_test, verbose=0)[1]


def write(name: str, model: fd.Sequential, description: str, accuracy: float) -> None:
    """Write the file, with the weights in half precision."""
    snapshot = checkpoint.Snapshot.of(model)
    names = model.named_weights().values()  # without the optimizer's slots
    halves = {name: snapshot.tensors[name].astype(np.float16) for name in names}
    about = {"description": description, "accuracy": round(accuracy, 4)}
    metadata = {**snapshot.metadata(), "zoo": json.dumps(about)}
    handle = os.open(FOLDER / f"{name}.safetensors", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        tensor_file.write(handle, halves, metadata)
    finally:
        os.close(handle)
    print(f"{name}: test accuracy {accuracy:.4f}")


NETS = {
    "digits-32": (
        fd.datasets.load_digits,
        ((8, 8), (32,), 0.0),
        (200, 0.03, 0.01),
        "64-32-10, handwritten digits",
    ),
    "fashion-mnist-128": (
        fd.datasets.load_fashion_mnist,
        ((28, 28), (128,), 0.1),
        (30, 0.0, 0.0),
        "784-128-10, clothes",
    ),
    "mnist-300-100": (
        fd.datasets.load_mnist,
        ((28, 28), (300, 100), 0.1),
        (40, 0.07, 0.02),
        "784-300-100-10, handwritten digits",
    ),
}

if __name__ == "__main__":
    for name in sys.argv[1:] or NETS:
        fd.set_seed(42)
        data, shape, training, description = NETS[name]
        model = net(*shape)
        write(name, model, description, train(model, data(), *training))
