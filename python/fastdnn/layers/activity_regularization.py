"""A penalty on the outputs of a layer."""

from typing import TYPE_CHECKING

from fastdnn.layers.layer import Layer
from fastdnn.regularizers import L1L2

if TYPE_CHECKING:
    from fastdnn.models.lowering import Lowering


class ActivityRegularization(Layer):
    """Returns its input, and adds a penalty on it to the loss.

    The loss grows by `(l1 * sum(|x|) + l2 * sum(x^2)) / rows`.

    Args:
        l1: the factor of the magnitudes, a finite number of at least 0.
        l2: that of the squares.
        name: unique in the model.

    Shapes: the output is the input.

    Raises:
        ValueError: if a factor is not such a number.

    >>> ActivityRegularization(l1=0.01)
    ActivityRegularization(l1=0.01, name='activity_regularization')
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, name: str | None = None) -> None:
        super().__init__(name)
        self._regularizer = L1L2(l1, l2)
        self.l1, self.l2 = self._regularizer.factors

    def lower(self, lowering: "Lowering", x: int) -> int:
        """Add the penalty."""
        return lowering.activity_penalty(x, self._regularizer)
