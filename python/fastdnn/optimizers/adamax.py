"""Adamax."""

from typing import TYPE_CHECKING

from fastdnn.optimizers.optimizer import CommonArguments, Optimizer
from fastdnn.optimizers.schedules import LearningRateSchedule

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Adamax(Optimizer):
    """Adam with the largest gradient instead of the root mean square (Kingma and Ba 2014).

    `m += (g - m) * (1 - beta_1); u = max(beta_2 * u, abs(g))`
    `w -= lr / (1 - beta_1**t) * m / (u + epsilon)`

    Args:
        learning_rate: the step size lr.
        beta_1: the share of `m` that is kept, in [0, 1).
        beta_2: the share of `u` that is kept, in [0, 1).
        epsilon: a small number against division by zero.
        common: what every optimizer takes, `weight_decay` to `name`; see `Optimizer`.

    Raises:
        ValueError: if a number is out of range.

    >>> Adamax(beta_1=0.8)
    Adamax(beta_1=0.8)
    """

    native_name = "adamax"

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **common: "Unpack[CommonArguments]",
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1 = self._number("beta_1", beta_1, least=0.0, below=1.0)
        self.beta_2 = self._number("beta_2", beta_2, least=0.0, below=1.0)
        self.epsilon = self._number("epsilon", epsilon, least=0.0)
