"""RMSprop."""

from typing import TYPE_CHECKING

from fastdnn.optimizers.optimizer import CommonArguments, Optimizer
from fastdnn.optimizers.schedules import LearningRateSchedule

if TYPE_CHECKING:
    from typing_extensions import Unpack


class RMSprop(Optimizer):
    """Steps divided by a running root mean square of the gradients (Tieleman, Hinton 2012).

    `v = rho * v + (1 - rho) * g**2; w -= lr * g / sqrt(v + epsilon)`

    With `centered`, `v` is replaced by the variance `v - mean(g)**2`. With momentum,
    `m = momentum * m + step; w -= m`.

    Args:
        learning_rate: the step size lr.
        rho: the share of the running mean that is kept, in [0, 1).
        momentum: the share of the last step that is kept, in [0, 1).
        epsilon: a small number inside the root.
        centered: whether to divide by the standard deviation instead.
        common: what every optimizer takes, `weight_decay` to `name`; see `Optimizer`.

    Raises:
        ValueError: if a number is out of range.

    >>> import fastdnn as fd
    >>> model = fd.Sequential([fd.Input(shape=(4,)), fd.layers.Dense(1)])
    >>> model.compile(fd.optimizers.RMSprop(learning_rate=0.01), loss="mse")
    """

    native_name = "rmsprop"

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **common: "Unpack[CommonArguments]",
    ) -> None:
        super().__init__(learning_rate, **common)
        self.rho = self._number("rho", rho, least=0.0, below=1.0)
        self.momentum = self._number("momentum", momentum, least=0.0, below=1.0)
        self.epsilon = self._number("epsilon", epsilon, least=0.0)
        self.centered = self._flag("centered", centered)
