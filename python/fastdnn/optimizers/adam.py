"""Adam."""

from fastdnn.optimizers.optimizer import Optimizer


class Adam(Optimizer):
    """Running means of the gradient and of its square (Kingma and Ba 2014).

    `m += (g - m) * (1 - beta_1); v += (g**2 - v) * (1 - beta_2)`
    `w -= lr * sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (sqrt(v) + epsilon)`

    Args:
        learning_rate: the step size lr.
        beta_1: the share of `m` that is kept, in [0, 1).
        beta_2: the share of `v` that is kept, in [0, 1).
        epsilon: a small number added to the root: the paper's "epsilon hat".
        name: a name for display.

    Raises:
        ValueError: if a number is out of range.
    """

    native_name = "adam"

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        name: str = "adam",
    ) -> None:
        super().__init__(learning_rate, name)
        self.beta_1 = self._number("beta_1", beta_1, least=0.0, below=1.0)
        self.beta_2 = self._number("beta_2", beta_2, least=0.0, below=1.0)
        self.epsilon = self._number("epsilon", epsilon, least=0.0)
