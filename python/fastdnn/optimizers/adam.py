"""Adam, and Adam with weight decay."""

from typing import TYPE_CHECKING

from fastdnn.optimizers.optimizer import CommonArguments, CommonArgumentsButDecay, Optimizer
from fastdnn.optimizers.schedules import LearningRateSchedule

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Adam(Optimizer):
    """Running means of the gradient and of its square (Kingma and Ba 2014).

    `m += (g - m) * (1 - beta_1); v += (g**2 - v) * (1 - beta_2)`
    `w -= lr * sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (sqrt(v) + epsilon)`

    Args:
        learning_rate: the step size lr.
        beta_1: the share of `m` that is kept, in [0, 1).
        beta_2: the share of `v` that is kept, in [0, 1).
        epsilon: a small number added to the root: the paper's "epsilon hat".
        amsgrad: whether to divide by the largest `v` so far (Reddi et al. 2018).
        common: what every optimizer takes, `weight_decay` to `name`; see `Optimizer`.

    Raises:
        ValueError: if a number is out of range.

    >>> import fastdnn as fd
    >>> model = fd.Sequential([fd.Input(shape=(4,)), fd.layers.Dense(1)])
    >>> model.compile(fd.optimizers.Adam(learning_rate=0.01), loss="mse")
    """

    native_name = "adam"

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: "Unpack[CommonArguments]",
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1 = self._number("beta_1", beta_1, least=0.0, below=1.0)
        self.beta_2 = self._number("beta_2", beta_2, least=0.0, below=1.0)
        self.epsilon = self._number("epsilon", epsilon, least=0.0)
        self.amsgrad = self._flag("amsgrad", amsgrad)


class AdamW(Adam):
    """Adam with weights that decay, by 0.004 if not said otherwise (Loshchilov, Hutter 2019).

    `w -= lr * weight_decay * w`, and then Adam's step.

    Args:
        learning_rate: the step size lr.
        weight_decay: the share, times lr, that a weight loses in a step.
        beta_1: the share of `m` that is kept, in [0, 1).
        beta_2: the share of `v` that is kept, in [0, 1).
        epsilon: a small number added to the root.
        amsgrad: whether to divide by the largest `v` so far.
        common: what every optimizer takes, `clipnorm` to `name`; see `Optimizer`.

    Raises:
        ValueError: if a number is out of range, or `weight_decay` is None.

    >>> AdamW(weight_decay=0.01)
    AdamW(weight_decay=0.01)
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: "Unpack[CommonArgumentsButDecay]",
    ) -> None:
        if weight_decay is None:
            raise ValueError(
                "[AdamW] weight_decay: received None; expected a number; use Adam for none"
            )
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **common
        )
