"""Small nets that were trained before: to look at, to compare with, to train on.

>>> import fastdnn as fd
>>> for entry in fd.zoo.list():
...     print(entry)
digits-32: 64-32-10, handwritten digits; test accuracy 0.9722; 2,410 parameters
fashion-mnist-128: 784-128-10, clothes; test accuracy 0.8956; 101,770 parameters
mnist-300-100: 784-300-100-10, handwritten digits; test accuracy 0.9895; 266,610 parameters
>>> model = fd.zoo.load("digits-32")
>>> (x_train, y_train), (x_test, y_test) = fd.datasets.load_digits()
>>> loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
>>> accuracy > 0.95
True

They take images as `fastdnn.datasets` gives them, and lie in the package: weights in half
precision, in files with digests, made by `tools/train_zoo.py`.
"""

import builtins
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastdnn import checkpoint
from fastdnn.configuration import unknown_name
from fastdnn.models import Model
from fastdnn.tensor_file import TensorFile

__all__ = ["Entry", "list", "load"]

_FOLDER = Path(__file__).with_name("files")


@dataclass(frozen=True)
class Entry:
    """A net of the zoo.

    Attributes:
        name: what `load` takes.
        description: layers and data.
        accuracy: the share of the test images that it tells right.
        parameters: the number of elements of its weights.

    >>> import fastdnn as fd
    >>> fd.zoo.list()[0].name
    'digits-32'
    """

    name: str
    description: str
    accuracy: float
    parameters: int

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.description}; test accuracy {self.accuracy:.4f}; "
            f"{self.parameters:,} parameters"
        )


def list() -> builtins.list[Entry]:
    """Return the nets that there are, in the order of their names."""
    entries = []
    for path in sorted(_FOLDER.glob("*.safetensors")):
        with TensorFile("zoo.list", path) as file:
            about = json.loads(file.metadata["zoo"])
            count = sum(math.prod(stored.shape) for stored in file.tensors.values())
        entries.append(Entry(path.stem, about["description"], about["accuracy"], count))
    return entries


def load(name: str, compile: bool = True) -> Model:
    """Return a net of the zoo, a new one in every call.

    Args:
        name: such as "mnist-300-100".
        compile: whether it is compiled for evaluation and further training.

    Raises:
        ValueError: if there is no such net, or its file is damaged.

    >>> import fastdnn as fd
    >>> fd.zoo.load("mnist-300-100").count_params()
    266610
    """
    names = [entry.name for entry in list()]
    if name not in names:
        raise ValueError(unknown_name("zoo.load", "net", name, names))
    with TensorFile("zoo.load", _FOLDER / f"{name}.safetensors") as file:
        halves = {name: np.empty(stored.shape, np.float16) for name, stored in file.tensors.items()}
        file.read(halves)
        texts = checkpoint.texts_of(file)
    arrays = {name: half.astype(np.float32) for name, half in halves.items()}
    return checkpoint.from_arrays(arrays, texts, compile=compile)
