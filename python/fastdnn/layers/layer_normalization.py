"""Layer normalization."""

from typing import TYPE_CHECKING, Any

from fastdnn import initializers
from fastdnn.checks import FLOAT32_MIN
from fastdnn.layers.layer import Layer, Shape
from fastdnn.layers.weight import Weight

if TYPE_CHECKING:
    from fastdnn.models.lowering import Lowering


class LayerNormalization(Layer):
    """Gives every row mean 0 and variance 1, then every feature a learned scale and offset.

    `y = gamma * (x - mean) / sqrt(variance + epsilon) + beta`

    Mean and (biased) variance are those of the row, in training and prediction alike (Ba,
    Kiros and Hinton 2016).

    Args:
        axis: the axis of the features: the last.
        epsilon: a small number added to the variance.
        center: whether to have the offset beta.
        scale: whether to have the scale gamma.
        beta_initializer: a name, an initializer or an array of shape (features,).
        gamma_initializer: likewise.
        name: unique in the model.

    Shapes: input and output (rows, features); every weight (features,).

    Raises:
        ValueError: if a number is out of range or a name is unknown.

    >>> LayerNormalization(epsilon=1e-6)
    LayerNormalization(epsilon=1e-06, name='layer_normalization')
    """

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if axis not in (-1, 1):
            raise ValueError(
                f"[LayerNormalization] axis: received {axis!r}; expected -1, the last axis"
            )
        self.axis = axis
        self.epsilon = self._number("epsilon", epsilon, FLOAT32_MIN, 1e30)
        self.center = self._flag("center", center)
        self.scale = self._flag("scale", scale)
        self.beta_initializer = initializers.get(beta_initializer, "LayerNormalization")
        self.gamma_initializer = initializers.get(gamma_initializer, "LayerNormalization")

    def build(self, row: Shape) -> None:
        """Declare gamma and beta."""
        shape = (self.flat_width(row),)
        self.gamma: Weight | None = None
        self.beta: Weight | None = None
        if self.scale:
            self.gamma = self.add_weight("gamma", shape, self.gamma_initializer)
        if self.center:
            self.beta = self.add_weight("beta", shape, self.beta_initializer)

    def output_row(self, row: Shape) -> Shape:
        """Return the input's shape, which must be that of a vector."""
        self.flat_width(row)
        return row

    def lower(self, lowering: "Lowering", x: int) -> int:
        """Add the normalization."""
        return lowering.layer_normalization(x, self.gamma, self.beta, self.epsilon)
