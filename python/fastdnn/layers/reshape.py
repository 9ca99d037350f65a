"""Rows of another shape."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastdnn.checks import is_integer
from fastdnn.layers.layer import Layer, Shape

if TYPE_CHECKING:
    from fastdnn.models.lowering import Lowering


class Reshape(Layer):
    """Gives every row another shape with the same elements in the same order.

    Args:
        target_shape: the shape of a row, without the batch; one of its sizes may be -1, for
            whatever the others leave.
        name: unique in the model.

    Shapes: input (rows, ...); output (rows, ...) with those of `target_shape`.

    Raises:
        ValueError: if the shape is none, or, when called, has not as many elements as a row.

    >>> import fastdnn as fd
    >>> fd.layers.Reshape((28, -1))(fd.Input(shape=(784,)))
    <Tensor 'reshape', shape=(None, 28, 28)>
    """

    def __init__(self, target_shape: int | Sequence[int], name: str | None = None) -> None:
        super().__init__(name)
        sizes = target_shape if isinstance(target_shape, Sequence) else (target_shape,)
        valid = len(sizes) > 0 and all(is_integer(n) and (n >= 1 or n == -1) for n in sizes)
        if not valid or list(sizes).count(-1) > 1:
            raise ValueError(
                f"[Reshape] target_shape: received {target_shape!r}; expected a tuple of positive "
                "integers, one of which may be -1"
            )
        self.target_shape = tuple(int(n) for n in sizes)

    def output_row(self, row: Shape) -> Shape:
        """Return the new shape, which must have as many elements as the old one."""
        known = math.prod(n for n in self.target_shape if n != -1)
        left, rest = divmod(math.prod(row), known)
        if rest or (left != 1 and -1 not in self.target_shape):
            raise ValueError(
                f"[{self.name}] received rows of shape {row}; expected rows that {known} elements "
                f"{'divide' if -1 in self.target_shape else 'make up'}, for {self.target_shape}"
            )
        return tuple(left if n == -1 else n for n in self.target_shape)

    def lower(self, lowering: "Lowering", x: int) -> int:
        """Add nothing: the native core sees rows as vectors anyway."""
        return x
