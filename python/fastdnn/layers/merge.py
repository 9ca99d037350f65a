"""Layers that make one tensor of several."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from fastdnn.layers.layer import Layer, Shape

if TYPE_CHECKING:
    from fastdnn.models.lowering import Lowering


class _Merge(Layer):
    """What merging layers have in common: two inputs or more."""

    native_name: ClassVar[str]

    def connect(self, rows: Sequence[Shape]) -> list[Shape]:
        """Check the inputs' rows; return the output's."""
        if len(rows) < 2:
            raise ValueError(
                f"[{self.name}] received {len(rows)} tensor; expected a list of at least 2"
            )
        self._row_shape = self.output_row(*rows)
        return [self._row_shape]

    def lower(self, lowering: "Lowering", x: int, *more: int) -> int:
        """Add the operation."""
        return lowering.graph.add_merge(self.native_name, [x, *more])


class _Elementwise(_Merge):
    def output_row(self, row: Shape, *more: Shape) -> Shape:
        """Return the shape of all inputs' rows."""
        if any(other != row for other in more):
            shapes = ", ".join(map(str, (row, *more)))
            raise ValueError(f"[{self.name}] received rows of shapes {shapes}; expected equal ones")
        return row


class Add(_Elementwise):
    """The sum of its inputs, element by element.

    `y = x_1 + x_2 + ...`

    Args:
        name: unique in the model.

    Shapes: a list of tensors of one shape, (rows, ...); output the same.

    Raises:
        ValueError: when called on fewer than two tensors, or on ones of different shapes.

    >>> import fastdnn as fd
    >>> x = fd.Input(shape=(4,))
    >>> fd.layers.Add()([x, fd.layers.Dense(4, activation="relu")(x)])
    <Tensor 'add', shape=(None, 4)>
    """

    native_name = "sum"

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class Multiply(_Elementwise):
    """The product of its inputs, element by element, such as of values and their gates.

    `y = x_1 * x_2 * ...`

    Args:
        name: unique in the model.

    Shapes: a list of tensors of one shape, (rows, ...); output the same.

    Raises:
        ValueError: when called on fewer than two tensors, or on ones of different shapes.

    >>> import fastdnn as fd
    >>> x = fd.Input(shape=(4,))
    >>> fd.layers.Multiply()([x, fd.layers.Dense(4, activation="sigmoid")(x)])
    <Tensor 'multiply', shape=(None, 4)>
    """

    native_name = "product"

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class Concatenate(_Merge):
    """Its inputs side by side.

    Args:
        name: unique in the model.

    Shapes: a list of tensors (rows, n_1), (rows, n_2), ...; output (rows, n_1 + n_2 + ...).

    Raises:
        ValueError: when called on fewer than two tensors, or on rows that are no vectors.

    >>> import fastdnn as fd
    >>> towers = [fd.layers.Dense(100)(fd.Input(shape=(784,))) for _ in range(2)]
    >>> fd.layers.Concatenate()(towers)
    <Tensor 'concatenate', shape=(None, 200)>
    """

    native_name = "concatenation"

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name)

    def output_row(self, row: Shape, *more: Shape) -> Shape:
        """Return the sum of the inputs' widths."""
        return (sum(self.flat_width(each) for each in (row, *more)),)
