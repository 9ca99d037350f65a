"""Adagrad."""

from typing import TYPE_CHECKING

from fastdnn.optimizers.optimizer import CommonArguments, Optimizer
from fastdnn.optimizers.schedules import LearningRateSchedule

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Adagrad(Optimizer):
    """Steps that shrink with the sum of the squared gradients (Duchi et al. 2011).

    `a += g**2; w -= lr * g / sqrt(a + epsilon)`

    Args:
        learning_rate: the step size lr.
        initial_accumulator_value: what the sum `a` starts from.
        epsilon: a small number against division by zero.
        common: what every optimizer takes, `weight_decay` to `name`; see `Optimizer`.

    Raises:
        ValueError: if a number is out of range.

    >>> import fastdnn as fd
    >>> model = fd.Sequential([fd.Input(shape=(4,)), fd.layers.Dense(1)])
    >>> model.compile(fd.optimizers.Adagrad(learning_rate=0.01), loss="mse")
    """

    native_name = "adagrad"

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **common: "Unpack[CommonArguments]",
    ) -> None:
        super().__init__(learning_rate, **common)
        self.initial_accumulator_value = self._number(
            "initial_accumulator_value", initial_accumulator_value, least=0.0
        )
        self.epsilon = self._number("epsilon", epsilon, least=0.0)
