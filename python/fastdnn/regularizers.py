"""Regularizers: what weights, or the outputs of a layer, add to the loss.

Names, arguments and defaults are Keras's. The penalties of a model's trainable weights are part of
the loss that training and evaluation report, and of its gradient.
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn import ops
from fastdnn.checks import FLOAT32_MAX, number
from fastdnn.configuration import Configurable, lookup, table


class Regularizer(Configurable, ABC):
    """Base of the regularizers: `regularizer(array)` returns the penalty, a number."""

    @property
    @abstractmethod
    def factors(self) -> tuple[float, float]:
        """What the sums of magnitudes and of squares are multiplied by."""

    def __call__(self, x: npt.ArrayLike) -> float:
        """Return the penalty of an array of any shape, as float32 numbers."""
        l1, l2 = self.factors
        array = np.ascontiguousarray(x, np.float32)
        penalty = l1 * ops.sum_abs(array) if l1 else 0.0
        return penalty + (l2 * ops.sum_of_squares(array) if l2 else 0.0)


class L1(Regularizer):
    """Adds `l1 * sum(|w|)` to the loss, which makes many weights nearly zero (Tibshirani 1996).

    Args:
        l1: the factor, a finite number of at least 0.

    Raises:
        ValueError: if it is not such a number.

    >>> round(L1(0.5)([1.0, -2.0]), 6)
    1.5
    """

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = number("L1", "l1", l1, 0.0, FLOAT32_MAX)

    @property
    def factors(self) -> tuple[float, float]:
        """The factor and 0."""
        return self.l1, 0.0


class L2(Regularizer):
    """Adds `l2 * sum(w^2)` to the loss, which keeps weights small.

    Args:
        l2: the factor, a finite number of at least 0.

    Raises:
        ValueError: if it is not such a number.

    >>> round(L2(0.5)([1.0, -2.0]), 6)
    2.5
    """

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = number("L2", "l2", l2, 0.0, FLOAT32_MAX)

    @property
    def factors(self) -> tuple[float, float]:
        """0 and the factor."""
        return 0.0, self.l2


class L1L2(Regularizer):
    """Adds `l1 * sum(|w|) + l2 * sum(w^2)` to the loss (the elastic net, Zou and Hastie 2005).

    Args:
        l1: the factor of the magnitudes, a finite number of at least 0.
        l2: that of the squares.

    Raises:
        ValueError: if one of them is not such a number.

    >>> round(L1L2(l1=0.5, l2=0.5)([1.0, -2.0]), 6)
    4.0
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = number("L1L2", "l1", l1, 0.0, FLOAT32_MAX)
        self.l2 = number("L1L2", "l2", l2, 0.0, FLOAT32_MAX)

    @property
    def factors(self) -> tuple[float, float]:
        """Both factors."""
        return self.l1, self.l2


_CLASSES: dict[str, type[Regularizer]] = table(L1, L2, L1L2, l1_l2=L1L2)


def get(identifier: Any, where: str = "regularizers.get") -> Regularizer | None:
    """Return the regularizer that a name, a config or an object stands for; None for None.

    >>> get("l2")
    L2()
    """
    return None if identifier is None else lookup(where, "regularizer", identifier, _CLASSES)
