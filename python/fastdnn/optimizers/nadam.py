"""Nadam."""

from typing import TYPE_CHECKING

from fastdnn.optimizers.optimizer import CommonArguments, Optimizer
from fastdnn.optimizers.schedules import LearningRateSchedule

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Nadam(Optimizer):
    """Adam with Nesterov's momentum, which grows from step to step (Dozat 2015).

    `u(t) = beta_1 * (1 - 0.96**t / 2); U(t) = u(1) * u(2) * ... * u(t)`
    `m += (g - m) * (1 - beta_1); v += (g**2 - v) * (1 - beta_2)`
    `h = u(t + 1) * m / (1 - U(t + 1)) + (1 - u(t)) * g / (1 - U(t))`
    `w -= lr * h / (sqrt(v / (1 - beta_2**t)) + epsilon)`

    Args:
        learning_rate: the step size lr.
        beta_1: the share of `m` that is kept, in [0, 1).
        beta_2: the share of `v` that is kept, in [0, 1).
        epsilon: a small number added to the root.
        common: what every optimizer takes, `weight_decay` to `name`; see `Optimizer`.

    Raises:
        ValueError: if a number is out of range.

    >>> Nadam(0.002)
    Nadam(learning_rate=0.002)
    """

    native_name = "nadam"

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
