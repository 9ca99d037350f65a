"""Adadelta."""

from typing import TYPE_CHECKING

from fastdnn.optimizers.optimizer import CommonArguments, Optimizer
from fastdnn.optimizers.schedules import LearningRateSchedule

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Adadelta(Optimizer):
    """Steps as long as the past ones were, by running mean squares (Zeiler 2012).

    `a = rho * a + (1 - rho) * g**2; s = g * sqrt(d + epsilon) / sqrt(a + epsilon)`
    `d = rho * d + (1 - rho) * s**2; w -= lr * s`

    Args:
        learning_rate: the step size lr; the paper's is 1.
        rho: the share of the running means that is kept, in [0, 1).
        epsilon: a small number inside the roots.
        common: what every optimizer takes, `weight_decay` to `name`; see `Optimizer`.

    Raises:
        ValueError: if a number is out of range.

    >>> Adadelta(learning_rate=1.0)
    Adadelta(learning_rate=1.0)
    """

    native_name = "adadelta"

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **common: "Unpack[CommonArguments]",
    ) -> None:
        super().__init__(learning_rate, **common)
        self.rho = self._number("rho", rho, least=0.0, below=1.0)
        self.epsilon = self._number("epsilon", epsilon, least=0.0)
