"""Lion."""

from typing import TYPE_CHECKING

from fastdnn.optimizers.optimizer import CommonArguments, Optimizer
from fastdnn.optimizers.schedules import LearningRateSchedule

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Lion(Optimizer):
    """Steps of the same size for every weight: only signs count (Chen et al. 2023).

    `w -= lr * sign(beta_1 * m + (1 - beta_1) * g); m = beta_2 * m + (1 - beta_2) * g`

    Learning rates are three to ten times smaller than Adam's, weight decays as much larger.

    Args:
        learning_rate: the step size lr.
        beta_1: the share of `m` in a step, above 0 and at most 1.
        beta_2: the share of `m` that is kept, in [0, 1].
        common: what every optimizer takes, `weight_decay` to `name`; see `Optimizer`.

    Raises:
        ValueError: if a number is out of range.

    >>> Lion(1e-4, weight_decay=0.1)
    Lion(learning_rate=0.0001, weight_decay=0.1)
    """

    native_name = "lion"

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **common: "Unpack[CommonArguments]",
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1 = self._number("beta_1", beta_1, least=0.0, most=1.0)
        if self.beta_1 == 0.0:
            raise ValueError(
                f"[Lion] beta_1: received {beta_1!r}; expected a number above 0 and at most 1"
            )
        self.beta_2 = self._number("beta_2", beta_2, least=0.0, most=1.0)
