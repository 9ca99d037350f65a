"""Stochastic gradient descent."""

from fastdnn.optimizers.optimizer import Optimizer


class SGD(Optimizer):
    """Gradient descent, with momentum if wanted.

    Without momentum `w -= lr * g`. With it `v = momentum * v - lr * g` and `w += v`;
    Nesterov's form is `w += momentum * v - lr * g` (Sutskever et al. 2013).

    Args:
        learning_rate: the step size lr.
        momentum: the share of the last step that is kept, in [0, 1).
        nesterov: whether to use Nesterov's form.
        name: a name for display.

    Raises:
        ValueError: if a number is out of range.

    >>> SGD(0.1, momentum=0.9)
    SGD(learning_rate=0.1, momentum=0.9)
    """

    native_name = "sgd"

    def __init__(
        self,
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        name: str = "sgd",
    ) -> None:
        super().__init__(learning_rate, name)
        self.momentum = self._number("momentum", momentum, least=0.0, below=1.0)
        self.nesterov = bool(nesterov)
