"""Activations as layers of their own."""

from typing import TYPE_CHECKING, Any

from fastdnn import activations
from fastdnn.activations import Nonlinearity, checked_slope
from fastdnn.layers.layer import Layer, Shape

if TYPE_CHECKING:
    from fastdnn.models.lowering import Lowering


class _ActivationLayer(Layer):
    nonlinearity: Nonlinearity

    def lower(self, lowering: "Lowering", x: int) -> int:
        """Add the activation."""
        return lowering.activation(x, self.nonlinearity)


class Activation(_ActivationLayer):
    """Applies an activation by name.

    Args:
        activation: a name, or a function of `fastdnn.activations`.
        name: unique in the model.

    >>> Activation("tanh")
    Activation(activation='tanh', name='activation')
    """

    def __init__(self, activation: Any, name: str | None = None) -> None:
        super().__init__(name)
        self.nonlinearity = activations.get(activation, "Activation")

    @property
    def activation(self) -> str | dict[str, Any]:
        """The activation, as `get_config` stores it."""
        return activations.serialize(self.nonlinearity)


class ReLU(_ActivationLayer):
    """`max(x, 0)`, with a slope below zero or a bound above if wanted.

    Args:
        max_value: None, or 6 for `min(max(x, 0), 6)`.
        negative_slope: the slope below zero.
        name: unique in the model.

    Raises:
        ValueError: if `max_value` is neither None nor 6, or is combined with a slope.

    >>> import numpy as np, fastdnn as fd
    >>> model = fd.Sequential([fd.Input(shape=(2,)), fd.layers.ReLU()])
    >>> model.predict(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[0., 2.]], dtype=float32)
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.max_value = None if max_value is None else float(max_value)
        self.negative_slope = checked_slope("ReLU", "negative_slope", negative_slope)
        if self.max_value not in (None, 6.0) or (self.max_value and self.negative_slope):
            raise ValueError(
                f"[ReLU] received max_value={max_value!r}, negative_slope={negative_slope!r}; "
                "expected max_value None, or 6 without a slope"
            )
        if self.max_value is not None:
            self.nonlinearity = Nonlinearity("relu6")
        elif self.negative_slope:
            self.nonlinearity = Nonlinearity("leaky_relu", self.negative_slope)
        else:
            self.nonlinearity = Nonlinearity("relu")


class LeakyReLU(_ActivationLayer):
    """`x` where positive, else `negative_slope * x`.

    Args:
        negative_slope: the slope below zero.
        name: unique in the model.

    >>> import numpy as np, fastdnn as fd
    >>> model = fd.Sequential([fd.Input(shape=(2,)), fd.layers.LeakyReLU()])
    >>> model.predict(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[-0.3,  2. ]], dtype=float32)
    """

    def __init__(self, negative_slope: float = 0.3, name: str | None = None) -> None:
        super().__init__(name)
        self.negative_slope = checked_slope("LeakyReLU", "negative_slope", negative_slope)
        self.nonlinearity = Nonlinearity("leaky_relu", self.negative_slope)


class ELU(_ActivationLayer):
    """`x` where positive, else `alpha * (exp(x) - 1)` (Clevert et al. 2015).

    Args:
        alpha: the bound below.
        name: unique in the model.

    >>> import numpy as np, fastdnn as fd
    >>> model = fd.Sequential([fd.Input(shape=(2,)), fd.layers.ELU()])
    >>> model.predict(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[-0.632,  2.   ]], dtype=float32)
    """

    def __init__(self, alpha: float = 1.0, name: str | None = None) -> None:
        super().__init__(name)
        self.alpha = checked_slope("ELU", "alpha", alpha)
        self.nonlinearity = Nonlinearity("elu", self.alpha)


class Softmax(_ActivationLayer):
    """`exp(x) / sum(exp(x))` over a row: scores become probabilities.

    Args:
        axis: -1 or 1: rows are vectors.
        name: unique in the model.

    Raises:
        ValueError: if the axis is another one.

    >>> import numpy as np, fastdnn as fd
    >>> model = fd.Sequential([fd.Input(shape=(2,)), fd.layers.Softmax()])
    >>> model.predict(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[0.047, 0.953]], dtype=float32)
    """

    nonlinearity = Nonlinearity("softmax")

    def __init__(self, axis: int = -1, name: str | None = None) -> None:
        super().__init__(name)
        if axis not in (-1, 1):
            raise ValueError(f"[Softmax] axis: received {axis!r}; expected -1, the last axis")
        self.axis = axis

    def output_row(self, row: Shape) -> Shape:
        """Return the input's shape, which must be that of a vector."""
        self.flat_width(row)
        return row
