"""Rows of any shape become vectors."""

import math
from typing import TYPE_CHECKING

from fastdnn.layers.layer import Layer, Shape

if TYPE_CHECKING:
    from fastdnn.models.lowering import Lowering


class Flatten(Layer):
    """Makes a vector of every row: (rows, 28, 28) becomes (rows, 784).

    Args:
        name: unique in the model.

    >>> import numpy as np, fastdnn as fd
    >>> model = fd.Sequential([fd.Input(shape=(2, 3)), fd.layers.Flatten()])
    >>> model.predict(np.array([[[1, 2, 3], [4, 5, 6]]], np.float32)).round(3)
    array([[1., 2., 3., 4., 5., 6.]], dtype=float32)
    """

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name)

    def output_row(self, row: Shape) -> Shape:
        """Return the number of elements of a row."""
        return (math.prod(row),)

    def lower(self, lowering: "Lowering", x: int) -> int:
        """Add nothing: the native core sees rows as vectors anyway."""
        return x
