"""The input of a model."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn.checks import is_integer
from fastdnn.configuration import Configurable
from fastdnn.layers.tensor import Tensor

# Elements of a row: labels are int32, and a weight has the product of two of these.
LARGEST_WIDTH = 2**31 - 1


class Input(Tensor, Configurable):
    """Says what a row of a model's input looks like; layers can be called on it.

    Args:
        shape: the shape of one row, without the batch: `(784,)`, `(28, 28)` in front of a
            `Flatten` layer, or `()` for one code a row in front of an `Embedding`.
        name: what `fit` calls it where inputs come in a dict.
        dtype: of what will come in, which may be of any type of numbers all the same: layers say
            what they take. For code that says it, as Keras's in front of an `Embedding`.

    Raises:
        ValueError: if the shape is not a tuple of positive integers, the dtype not one of
            numbers, or the name no string.

    >>> Input(shape=(784,))
    Input(shape=(784,))
    """

    def __init__(
        self, shape: int | Sequence[int], name: str = "input", dtype: npt.DTypeLike = "float32"
    ) -> None:
        _check_numbers(dtype)
        if not isinstance(name, str) or not name:
            raise ValueError(f"[Input] name: received {name!r}; expected a string")
        single = isinstance(shape, Sequence) and len(shape) == 0
        super().__init__(() if single else row_shape("Input", shape), name=name)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"shape": list(self.row), "name": self.name}

    def __repr__(self) -> str:
        named = "" if self.name == "input" else f", name={self.name!r}"
        return f"Input(shape={self.row}{named})"


def _check_numbers(dtype: npt.DTypeLike) -> None:
    try:
        numeric = np.dtype(dtype).kind in "biuf"
    except TypeError:
        numeric = False
    if not numeric:
        raise ValueError(
            f"[Input] dtype: received {dtype!r}; expected a type of numbers such as 'float32' or "
            "'int32'; TableEncoder makes numbers of texts"
        )


def row_shape(where: str, shape: Any) -> tuple[int, ...]:
    """Return the shape as a tuple of positive ints, or raise a ValueError."""
    sizes = shape if isinstance(shape, Sequence) else (shape,)
    valid = len(sizes) > 0 and all(is_integer(size) and size >= 1 for size in sizes)
    if not valid:
        raise ValueError(
            f"[{where}] shape: received {shape!r}; expected a tuple of positive integers such "
            "as (784,), without the batch"
        )
    row = tuple(int(size) for size in sizes)
    if math.prod(row) > LARGEST_WIDTH:
        raise ValueError(
            f"[{where}] shape: received {shape!r}; expected at most {LARGEST_WIDTH} elements a row"
        )
    return row
