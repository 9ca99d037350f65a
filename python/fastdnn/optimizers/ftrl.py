"""Follow the regularized leader."""

from typing import TYPE_CHECKING

from fastdnn.optimizers.optimizer import CommonArguments, Optimizer
from fastdnn.optimizers.schedules import LearningRateSchedule

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Ftrl(Optimizer):
    """Follow the regularized leader, which makes weights exactly zero (McMahan et al. 2013).

    `g' = g + 2 * shrinkage * w; a' = a + g**2`
    `z += g' - (a'**-p - a**-p) / lr * w`
    `w = (clip(z, -l1, l1) - z) / (a'**-p / lr + 2 * l2 + beta / lr)`

    Args:
        learning_rate: the step size lr.
        learning_rate_power: p, zero or negative.
        initial_accumulator_value: what the sum `a` starts from.
        l1_regularization_strength: l1.
        l2_regularization_strength: l2.
        l2_shrinkage_regularization_strength: shrinkage, a penalty on magnitude.
        beta: the paper's beta.
        common: what every optimizer takes, `weight_decay` to `name`; see `Optimizer`.

    Raises:
        ValueError: if a number is out of range.

    >>> import fastdnn as fd
    >>> model = fd.Sequential([fd.Input(shape=(4,)), fd.layers.Dense(1)])
    >>> model.compile(fd.optimizers.Ftrl(learning_rate=0.01), loss="mse")
    """

    native_name = "ftrl"

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **common: "Unpack[CommonArguments]",
    ) -> None:
        super().__init__(learning_rate, **common)
        self.learning_rate_power = self._number("learning_rate_power", learning_rate_power)
        if self.learning_rate_power > 0.0:
            raise ValueError(
                f"[Ftrl] learning_rate_power: received {learning_rate_power!r}; "
                "expected zero or a negative number"
            )
        self.initial_accumulator_value = self._number(
            "initial_accumulator_value", initial_accumulator_value, least=0.0
        )
        self.l1_regularization_strength = self._number(
            "l1_regularization_strength", l1_regularization_strength, least=0.0
        )
        self.l2_regularization_strength = self._number(
            "l2_regularization_strength", l2_regularization_strength, least=0.0
        )
        self.l2_shrinkage_regularization_strength = self._number(
            "l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength, least=0.0
        )
        self.beta = self._number("beta", beta, least=0.0)
