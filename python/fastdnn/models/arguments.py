"""Checks of the plain arguments of fit, evaluate and predict."""

import math
from collections.abc import Sequence
from typing import Any


def at_least(where: str, name: str, value: Any, least: int) -> int:
    """Return `value` as an int, or raise a ValueError unless it is one of at least `least`."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise ValueError(
            f"[{where}] {name}: received {value!r}; expected an integer of at least {least}"
        )
    return int(value)


def splits_at(share: Any, rows: int) -> int:
    """Return the first row to validate on, for the share of the rows at the end."""
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0.0 < share < 1.0:
        raise ValueError(
            f"[fit] validation_split: received {share!r}; expected a number from 0 to 1"
        )
    first = math.floor(rows * (1.0 - share))
    if first in (0, rows):
        raise ValueError(
            f"[fit] validation_split: received {share!r} for {rows} rows; one part would be empty"
        )
    return first


def validates(frequency: int | Sequence[int], epoch: int) -> bool:
    """Return whether to validate after this epoch; the first is 0."""
    if isinstance(frequency, Sequence) and not isinstance(frequency, str):
        return epoch + 1 in frequency
    return (epoch + 1) % at_least("fit", "validation_freq", frequency, 1) == 0
