"""Stochastic gradient descent."""

from typing import TYPE_CHECKING

from fastdnn.optimizers.optimizer import CommonArguments, Optimizer
from fastdnn.optimizers.schedules import LearningRateSchedule

if TYPE_CHECKING:
    from typing_extensions import Unpack


class SGD(Optimizer):
    """Gradient descent, with momentum if wanted.

    Without momentum `w -= lr * g`. With it `v = momentum * v - lr * g` and `w += v`;
    Nesterov's form is `w += momentum * v - lr * g` (Sutskever et al. 2013).

    Args:
        learning_rate: the step size lr.
        momentum: the share of the last step that is kept, in [0, 1).
        nesterov: whether to use Nesterov's form.
        common: what every optimizer takes, `weight_decay` to `name`; see `Optimizer`.

    Raises:
        ValueError: if a number is out of range.

    >>> SGD(0.1, momentum=0.9)
    SGD(learning_rate=0.1, momentum=0.9)
    """

    native_name = "sgd"

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **common: "Unpack[CommonArguments]",
    ) -> None:
        super().__init__(learning_rate, **common)
        self.momentum = self._number("momentum", momentum, least=0.0, below=1.0)
        self.nesterov = self._flag("nesterov", nesterov)
