"""Symbolic tensors: what layers are called on, to say how a model's layers are connected."""

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastdnn.layers.layer import Layer, Shape

_numbers = itertools.count()


class Tensor:
    """The output of a layer that was called, without any numbers.

    `Input(...)` is one, and so is what a layer returns when it is called on tensors;
    `Model(inputs, outputs)` makes a model of all that lies between some and others.

    Attributes:
        row: the shape of a row.
        call: the call whose output it is; None for an `Input`.

    >>> import fastdnn as fd
    >>> x = fd.Input(shape=(784,))
    >>> fd.layers.Dense(10)(x)
    <Tensor 'dense', shape=(None, 10)>
    """

    def __init__(self, row: "Shape", call: "Call | None" = None, name: str = "tensor") -> None:
        self.row = row
        self.call = call
        self._tensor_name = name

    @property
    def name(self) -> str:
        """The name of the layer that computes it, or the input's own."""
        return self._tensor_name if self.call is None else self.call.layer.name

    @property
    def width(self) -> int:
        """The number of elements of a row."""
        return math.prod(self.row)

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape, with None for the batch."""
        return (None, *self.row)

    def __add__(self, other: "Tensor") -> Any:
        """Return `Add()([self, other])`."""
        from fastdnn.layers.merge import Add  # layers are made of tensors

        return self._merged(Add, other)

    def __mul__(self, other: "Tensor") -> Any:
        """Return `Multiply()([self, other])`."""
        from fastdnn.layers.merge import Multiply

        return self._merged(Multiply, other)

    def _merged(self, layer: "type[Layer]", other: Any) -> Any:
        return layer()([self, other]) if isinstance(other, Tensor) else NotImplemented

    def __repr__(self) -> str:
        return f"<Tensor {self.name!r}, shape={self.shape}>"


class Call:
    """A layer applied to tensors.

    Args:
        layer: the layer.
        inputs: what it is applied to.
        rows: the shape of a row of every output.

    Attributes:
        number: grows from call to call, so that sorted calls can run one after the other.
        outputs: one tensor for every row shape.
    """

    def __init__(self, layer: "Layer", inputs: Sequence[Tensor], rows: Sequence["Shape"]) -> None:
        self.layer = layer
        self.inputs = tuple(inputs)
        self.number = next(_numbers)
        self.outputs = tuple(Tensor(row, self) for row in rows)


def as_tensors(where: str, value: Any) -> list[Tensor]:
    """Return one tensor, or those in a list or a dict, in a list.

    Raises:
        ValueError: if anything else is there.
    """
    found = list(value.values()) if isinstance(value, dict) else value
    found = list(found) if isinstance(found, list | tuple) else [found]
    for item in found:
        if not isinstance(item, Tensor):
            raise ValueError(
                f"[{where}] received {type(item).__name__}; expected symbolic tensors, such as "
                "Input(shape=(784,)) or what a layer returns when it is called on one; numbers go "
                "into a model's predict(x), or forward(x, training=True)"
            )
    if not found:
        raise ValueError(f"[{where}] received no tensor; expected at least one")
    return found
