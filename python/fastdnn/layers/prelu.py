"""ReLU with learned slopes."""

from typing import TYPE_CHECKING, Any

from fastdnn import initializers
from fastdnn.layers.layer import Layer, Shape

if TYPE_CHECKING:
    from fastdnn.models.lowering import Lowering


class PReLU(Layer):
    """`x` where positive, else `alpha * x`, with a learned alpha for every feature.

    He et al. 2015, "Delving deep into rectifiers", equation 1.

    Args:
        alpha_initializer: a name, an initializer or an array of shape (features,).
        name: unique in the model.

    Shapes: input and output (rows, features); alpha (features,).

    Raises:
        ValueError: if the initializer is unknown.

    >>> PReLU()
    PReLU(name='p_re_lu')
    """

    def __init__(self, alpha_initializer: Any = "zeros", *, name: str | None = None) -> None:
        super().__init__(name)
        self.alpha_initializer = initializers.get(alpha_initializer, "PReLU")

    def build(self, row: Shape) -> None:
        """Declare alpha."""
        self.alpha = self.add_weight("alpha", (self.flat_width(row),), self.alpha_initializer)

    def output_row(self, row: Shape) -> Shape:
        """Return the input's shape, which must be that of a vector."""
        self.flat_width(row)
        return row

    def lower(self, lowering: "Lowering", x: int) -> int:
        """Add the activation."""
        return lowering.prelu(x, self.alpha)
