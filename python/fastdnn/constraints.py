"""Constraints: what weights are changed to after every step of training.

Names, arguments, defaults and formulas are Keras's, the epsilon of 1e-7 in quotients by norms, too.
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn import ops
from fastdnn.checks import FLOAT32_MAX, is_integer, number
from fastdnn.configuration import Configurable, lookup, table

Array = npt.NDArray[np.float32]


class Constraint(Configurable, ABC):
    """Base of the constraints: `constraint(array)` returns a new float32 array."""

    @abstractmethod
    def __call__(self, w: npt.ArrayLike) -> Array:
        """Return what the array is changed to."""

    @abstractmethod
    def add_to(self, graph: Any, parameter: int) -> None:
        """Let a native graph apply the constraint to a parameter after every step."""


class NonNeg(Constraint):
    """Sets negative weights to zero.

    >>> NonNeg()([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """

    def __call__(self, w: npt.ArrayLike) -> Array:
        """Return `max(w, 0)`."""
        return ops.non_negative(np.ascontiguousarray(w, np.float32))

    def add_to(self, graph: Any, parameter: int) -> None:
        """Let a native graph apply the constraint to a parameter after every step."""
        graph.constrain_non_negative(parameter)


class _Norm(Constraint):
    """A constraint on L2 norms along an axis."""

    axis: int

    @property
    @abstractmethod
    def bounds(self) -> tuple[float, float, float]:
        """The smallest norm, the largest, and the share of the way to go there."""

    def __call__(self, w: npt.ArrayLike) -> Array:
        """Return the scaled weights."""
        return ops.min_max_norm(np.ascontiguousarray(w, np.float32), *self.bounds, self.axis)

    def add_to(self, graph: Any, parameter: int) -> None:
        """Let a native graph apply the constraint to a parameter after every step."""
        graph.constrain_norms(parameter, *self.bounds, self.axis)


class MaxNorm(_Norm):
    """Scales down the weights of units whose norm is above a limit (Srivastava et al. 2014).

    `w * min(n, max_value) / (1e-7 + n)`, where `n = sqrt(sum(w^2))` along the axis.

    Args:
        max_value: the largest norm, at least 0.
        axis: along which a norm is taken: 0 for the inputs of each unit of a dense kernel.

    Raises:
        ValueError: if a number is out of range.

    >>> MaxNorm(5)([[6.0, 3.0], [8.0, 4.0]]).round(3).tolist()
    [[3.0, 3.0], [4.0, 4.0]]
    """

    def __init__(self, max_value: float = 2.0, axis: int = 0) -> None:
        self.max_value = number("MaxNorm", "max_value", max_value, 0.0, FLOAT32_MAX)
        self.axis = _axis("MaxNorm", axis)

    @property
    def bounds(self) -> tuple[float, float, float]:
        """0, the limit, and all the way."""
        return 0.0, self.max_value, 1.0


class UnitNorm(_Norm):
    """Gives the weights of each unit norm 1.

    `w / (1e-7 + n)`, where `n = sqrt(sum(w^2))` along the axis.

    Args:
        axis: along which a norm is taken: 0 for the inputs of each unit of a dense kernel.

    Raises:
        ValueError: if the axis is not one of a vector or a matrix.

    >>> UnitNorm()([[6.0], [8.0]]).round(3).tolist()
    [[0.6000000238418579], [0.800000011920929]]
    """

    def __init__(self, axis: int = 0) -> None:
        self.axis = _axis("UnitNorm", axis)

    @property
    def bounds(self) -> tuple[float, float, float]:
        """1, 1, and all the way."""
        return 1.0, 1.0, 1.0


class MinMaxNorm(_Norm):
    """Brings the norm of each unit's weights into an interval, or nearer to it with every step.

    `w * (rate * clip(n, min_value, max_value) + (1 - rate) * n) / (1e-7 + n)`, where
    `n = sqrt(sum(w^2))` along the axis.

    Args:
        min_value: the smallest norm, at least 0.
        max_value: the largest norm, at least `min_value`.
        rate: the share of the way to go in a step, in [0, 1].
        axis: along which a norm is taken: 0 for the inputs of each unit of a dense kernel.

    Raises:
        ValueError: if a number is out of range.

    >>> MinMaxNorm(max_value=5.0, rate=0.5)([[6.0], [8.0]]).round(3).tolist()
    [[4.5], [6.0]]
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: int = 0
    ) -> None:
        self.min_value = number("MinMaxNorm", "min_value", min_value, 0.0, FLOAT32_MAX)
        self.max_value = number("MinMaxNorm", "max_value", max_value, self.min_value, FLOAT32_MAX)
        self.rate = number("MinMaxNorm", "rate", rate, 0.0, 1.0)
        self.axis = _axis("MinMaxNorm", axis)

    @property
    def bounds(self) -> tuple[float, float, float]:
        """The interval and the rate."""
        return self.min_value, self.max_value, self.rate


_CLASSES: dict[str, type[Constraint]] = table(MaxNorm, NonNeg, UnitNorm, MinMaxNorm)


def get(identifier: Any, where: str = "constraints.get") -> Constraint | None:
    """Return the constraint that a name, a config or an object stands for; None for None.

    >>> get("max_norm")
    MaxNorm()
    """
    return None if identifier is None else lookup(where, "constraint", identifier, _CLASSES)


def _axis(where: str, axis: Any) -> int:
    if not is_integer(axis) or not -2 <= axis <= 1:
        raise ValueError(
            f"[{where}] axis: received {axis!r}; expected 0, 1 or -1: an axis of the weight"
        )
    return int(axis)
