"""Checks of arguments: each returns the value in its type, or raises a ValueError in words."""

import contextlib
import math
from numbers import Integral, Real
from typing import Any

import numpy as np

FLOAT32_MAX = float(np.finfo(np.float32).max)
# The smallest number above 0 that the native core tells from 0.
FLOAT32_MIN = float(np.finfo(np.float32).tiny)


def is_number(value: object) -> bool:
    """Whether this is a real number, Python's or NumPy's, and no truth value."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_integer(value: object) -> bool:
    """Whether this is an integer, Python's or NumPy's, and no truth value."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def kind_of(value: object) -> str:
    """Return what was received, for messages: "int", or "the class int"."""
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


# More of anything is a mistake, or somebody's bad joke in a file.
_MOST = 2**62


def at_least(where: str, name: str, value: Any, least: int, most: int = _MOST) -> int:
    """Return `value` as an int, or raise a ValueError unless it is one from `least` to `most`."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise ValueError(
            f"[{where}] {name}: received {value!r}; expected an integer of at least {least}"
        )
    if value > most:
        raise ValueError(
            f"[{where}] {name}: received {value!r}; expected an integer of at most {most}"
        )
    return int(value)


def number(
    where: str,
    name: str,
    value: Any,
    least: float = -math.inf,
    most: float = math.inf,
    *,
    above: float = -math.inf,
    below: float = math.inf,
    note: str = "",
) -> float:
    """Return `value` as a float, or raise a ValueError unless it is a finite number in a range.

    Args:
        where: what the caller was doing, for messages: "Dropout".
        name: which argument it was, for messages: "rate".
        value: what was received.
        least: the lower end of the range, which belongs to it.
        most: the upper end, which belongs to it.
        above: a lower end that does not belong to it.
        below: an upper end that does not.
        note: what the message ends with.

    >>> number("Dropout", "rate", 1, least=0.0, below=1.0)
    Traceback (most recent call last):
    ValueError: [Dropout] rate: received 1; expected a number of at least 0 and below 1
    """
    result = math.nan
    if is_number(value):
        with contextlib.suppress(OverflowError):  # integers have no largest one
            result = float(value)
    if math.isfinite(result) and least <= result <= most and above < result < below:
        return result
    if math.isfinite(least) and math.isfinite(most):
        bounds = [f"from {least:g} to {most:g}"]
    elif math.isfinite(above) and math.isfinite(below):
        bounds = [f"between {above:g} and {below:g}"]
    else:
        ends = (("of at least", least), ("above", above), ("at most", most), ("below", below))
        bounds = [f"{words} {end:g}" for words, end in ends if math.isfinite(end)]
    wanted = f"a number {' and '.join(bounds)}" if bounds else "a finite number"
    raise ValueError(f"[{where}] {name}: received {value!r}; expected {wanted}{note}")


def flag(where: str, name: str, value: Any) -> bool:
    """Return `value` as a bool, or raise a ValueError unless it is True or False.

    >>> flag("Dense", "use_bias", "False")
    Traceback (most recent call last):
    ValueError: [Dense] use_bias: received 'False'; expected True or False
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise ValueError(f"[{where}] {name}: received {value!r}; expected True or False")
