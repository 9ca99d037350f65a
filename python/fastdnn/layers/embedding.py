"""Learned vectors for categories."""

from typing import TYPE_CHECKING, Any

from fastdnn import constraints, initializers, regularizers
from fastdnn.checks import is_integer
from fastdnn.layers.input import LARGEST_WIDTH, row_shape
from fastdnn.layers.layer import Layer, Shape
from fastdnn.layers.weight import checked_value

if TYPE_CHECKING:
    from fastdnn.models.lowering import Lowering

# Codes go through float32, which holds all whole numbers up to this one.
_MOST_CODES = 2**24


class Embedding(Layer):
    """A learned vector for every category; categories are the codes 0, 1, 2, ...

    `y = embeddings[x]`

    The codes come from an `Input`, in arrays of any type of number, also through `Flatten` or
    `Reshape`. Those of several columns may have one layer in common, or each column an `Input`
    and a layer of its own. Guo and Berkhahn 2016, "Entity embeddings of categorical variables".

    Args:
        input_dim: how many codes there are: the largest is `input_dim - 1`.
        output_dim: the length of a vector.
        embeddings_initializer: a name, an initializer or an array of shape (input_dim,
            output_dim).
        embeddings_regularizer: a penalty on the whole table, a name or a regularizer, or None.
        embeddings_constraint: what the table has to fulfil after each step, or None.
        mask_zero: only False: masks are for sequences, which Dense layers do not know.
        weights: the first values of the embeddings, instead of an initializer's.
        name: unique in the model.

    Shapes: input (rows,) for an `Input(shape=())`, or (rows, columns); output (rows, output_dim),
    or (rows, columns, output_dim), which `Flatten` makes vectors for Dense; embeddings
    (input_dim, output_dim).

    Raises:
        ValueError: if a number is no positive integer, or the weights have another shape; when a
            model is given anything but whole numbers from 0 to `input_dim - 1`.

    >>> import numpy as np
    >>> import fastdnn as fd
    >>> layer = fd.layers.Embedding(3, 2, weights=np.array([[0, 1], [2, 3], [4, 5]]))
    >>> model = fd.Sequential([fd.Input(shape=(2,)), layer])
    >>> model.predict(np.array([[2, 0]]), verbose=0).tolist()
    [[[4.0, 5.0], [0.0, 1.0]]]
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.input_dim = _size("input_dim", input_dim, _MOST_CODES)
        self.output_dim = _size("output_dim", output_dim, LARGEST_WIDTH)
        self.embeddings_initializer = initializers.get(embeddings_initializer, "Embedding")
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer, "Embedding")
        self.embeddings_constraint = constraints.get(embeddings_constraint, "Embedding")
        if self._flag("mask_zero", mask_zero):
            raise ValueError(
                f"[Embedding] mask_zero: received {mask_zero!r}; expected False, as no layer here "
                "takes sequences; give missing values a code, which learns a vector, too"
            )
        self.mask_zero = False
        self._first_values = self.embeddings_initializer
        if weights is not None:
            value = weights[0] if isinstance(weights, list) and len(weights) == 1 else weights
            shape = (self.input_dim, self.output_dim)
            self._first_values = initializers.get(checked_value("Embedding: weights", value, shape))

    def argument(self, name: str) -> Any:
        """Return a constructor's argument; the given weights are among those of the model."""
        return None if name == "weights" else super().argument(name)

    def build(self, row: Shape) -> None:
        """Declare the embeddings."""
        self.embeddings = self.add_weight(
            "embeddings",
            (self.input_dim, self.output_dim),
            self._first_values,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )

    def declare(self, row: Shape) -> None:
        """Build the layer once; rows of any shape share the embeddings."""
        super().declare(row if self._row_shape is None else self._row_shape)

    def output_row(self, row: Shape) -> Shape:
        """Return the input's shape and the length of a vector."""
        return row_shape(self.name, (*row, self.output_dim))

    def codes(self, place: int) -> int | None:
        """Return how many codes there are."""
        return self.input_dim

    def lower(self, lowering: "Lowering", x: int) -> int:
        """Add the look-up."""
        return lowering.embedding(x, self.embeddings)


def _size(name: str, value: Any, most: int) -> int:
    if not is_integer(value) or not 1 <= value <= most:
        raise ValueError(
            f"[Embedding] {name}: received {value!r}; expected a positive integer of at most {most}"
        )
    return int(value)
