"""One duel between a function of `fastdnn.ops` and NumPy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Shape = tuple[int, int]
Run = Callable[[], Any]

# Makes the data and returns the runs of fastdnn and of NumPy. Each run returns what it computed;
# the first results of both are equal but for rounding, unless they are random.
Builder = Callable[[], tuple[Run, Run]]

# For a case that exists for any shape: the function's name, which variant, and its builder.
Variant = tuple[str, str, Callable[[Shape], tuple[Run, Run]]]


@dataclass(frozen=True)
class Case:
    """One duel.

    Args:
        op: The name of the function in `fastdnn.ops`.
        name: What is done, for people.
        unit: A key of `timing.UNITS`.
        amount: Floating-point operations or elements of one run.
        build: Makes the data and the two runs.
    """

    op: str
    name: str
    unit: str
    amount: float
    build: Builder


def normal(shape: Shape) -> Array:
    """Return the same numbers for the same shape: never zeros, which are faster."""
    return np.random.default_rng(shape).standard_normal(shape, np.float32)


def by(shape: tuple[int, ...]) -> str:
    """Return a shape for people.

    >>> by((50, 300))
    '50x300'
    """
    return "x".join(map(str, shape))
