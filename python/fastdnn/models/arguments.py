"""Checks of the plain arguments of fit, evaluate and predict."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastdnn.configuration import at_least, is_number


def splits_at(share: Any, rows: int) -> int:
    """Return the first row to validate on, for the share of the rows at the end."""
    if not is_number(share) or not 0.0 < share < 1.0:
        raise ValueError(
            f"[fit] validation_split: received {share!r}; expected a number between 0 and 1"
        )
    # float32's 0.2 is a little more than 0.2; its digits say what was meant.
    exact = float(str(share)) if isinstance(share, np.floating) else float(share)
    first = math.floor(rows * (1.0 - exact))
    if first in (0, rows):
        raise ValueError(
            f"[fit] validation_split: received {share!r} for {rows} rows; one part would be empty"
        )
    return first


def time_limit(seconds: Any) -> float:
    """Return how long `fit` may last; None is for ever."""
    if seconds is None:
        return math.inf
    if not is_number(seconds) or not seconds >= 0.0:
        raise ValueError(
            f"[fit] max_seconds: received {seconds!r}; expected a number of at least 0, or None"
        )
    return float(seconds)


def validates(frequency: int | Sequence[int], epoch: int) -> bool:
    """Return whether to validate after this epoch; the first is 0."""
    if isinstance(frequency, Sequence) and not isinstance(frequency, str):
        return epoch + 1 in frequency
    return (epoch + 1) % at_least("fit", "validation_freq", frequency, 1) == 0
