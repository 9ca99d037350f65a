"""Batch normalization."""

from typing import TYPE_CHECKING, Any

from fastdnn import constraints, initializers, regularizers
from fastdnn.checks import FLOAT32_MIN
from fastdnn.layers.layer import Layer, Shape
from fastdnn.layers.weight import Weight

if TYPE_CHECKING:
    from fastdnn.models.lowering import Lowering


class BatchNormalization(Layer):
    """Gives every feature mean 0 and variance 1, then a learned scale and offset.

    `y = gamma * (x - mean) / sqrt(variance + epsilon) + beta`

    While training, mean and (biased) variance are those of the batch, and the moving ones
    follow: `moving = momentum * moving + (1 - momentum) * batch`. Evaluation and prediction
    use the moving ones (Ioffe and Szegedy 2015), and so does training while the layer is frozen
    (`trainable = False`), which then leaves them as they are.

    Args:
        axis: the axis of the features: the last.
        momentum: the share of the moving statistics that is kept, in [0, 1].
        epsilon: a small number added to the variance.
        center: whether to have the offset beta.
        scale: whether to have the scale gamma.
        beta_initializer: a name, an initializer or an array of shape (features,).
        gamma_initializer: likewise.
        moving_mean_initializer: likewise.
        moving_variance_initializer: likewise.
        beta_regularizer: what beta adds to the loss: a name, an object of
            `fastdnn.regularizers` or None.
        gamma_regularizer: likewise.
        beta_constraint: what beta is changed to after a step: a name, an object of
            `fastdnn.constraints` or None.
        gamma_constraint: likewise.
        name: unique in the model.

    Shapes: input and output (rows, features); every weight (features,).

    Raises:
        ValueError: if a number is out of range or a name is unknown.

    >>> import numpy as np, fastdnn as fd
    >>> model = fd.Sequential([fd.Input(shape=(2,)), fd.layers.BatchNormalization()])
    >>> model.predict(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[-1.   ,  1.999]], dtype=float32)
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if axis not in (-1, 1):
            raise ValueError(
                f"[BatchNormalization] axis: received {axis!r}; expected -1, the last axis"
            )
        where = "BatchNormalization"
        self.axis = axis
        self.momentum = self._number("momentum", momentum, 0.0, 1.0, note=", the share kept")
        self.epsilon = self._number("epsilon", epsilon, FLOAT32_MIN, 1e30)
        self.center = self._flag("center", center)
        self.scale = self._flag("scale", scale)
        self.beta_initializer = initializers.get(beta_initializer, where)
        self.gamma_initializer = initializers.get(gamma_initializer, where)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer, where)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer, where)
        self.beta_regularizer = regularizers.get(beta_regularizer, where)
        self.gamma_regularizer = regularizers.get(gamma_regularizer, where)
        self.beta_constraint = constraints.get(beta_constraint, where)
        self.gamma_constraint = constraints.get(gamma_constraint, where)

    def build(self, row: Shape) -> None:
        """Declare gamma, beta and the moving statistics."""
        shape = (self.flat_width(row),)
        self.gamma: Weight | None = None
        self.beta: Weight | None = None
        if self.scale:
            self.gamma = self.add_weight(
                "gamma",
                shape,
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
            )
        if self.center:
            self.beta = self.add_weight(
                "beta",
                shape,
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
            )
        self.moving_mean = self.add_weight(
            "moving_mean", shape, self.moving_mean_initializer, trainable=False
        )
        self.moving_variance = self.add_weight(
            "moving_variance", shape, self.moving_variance_initializer, trainable=False
        )

    def output_row(self, row: Shape) -> Shape:
        """Return the input's shape, which must be that of a vector."""
        self.flat_width(row)
        return row

    def lower(self, lowering: "Lowering", x: int) -> int:
        """Add the normalization."""
        return lowering.batch_normalization(x, self)
