"""Types of command-line arguments: a wrong value is answered with what was expected."""

import argparse
import math


def positive_int(text: str) -> int:
    """A whole number from 1 on."""
    return _whole_number(text, 1)


def natural_number(text: str) -> int:
    """A whole number from 0 on."""
    return _whole_number(text, 0)


def positive_float(text: str) -> float:
    """A finite number above 0."""
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def fraction(text: str) -> float:
    """A number from 0 up to, but without, 1."""
    value = _number(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 up to 1, such as 0.2")
    return value


def positive_fraction(text: str) -> float:
    """A number between 0 and 1."""
    value = fraction(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1, such as 0.2")
    return value


def layer_sizes(text: str) -> tuple[int, ...]:
    """Units of the hidden layers: "300,100"; nothing or 0 for none."""
    if text.strip() in ("", "0"):
        return ()
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        sizes = (0,)
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a list of layer sizes such as 300,100 (0 for no hidden layer)"
        )
    return sizes


def _whole_number(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} on")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
