"""Types of command-line arguments: a wrong value is answered with what was expected."""

import argparse
import math

import numpy as np

from fastdnn.layers import Dropout

_LARGEST = 2**31 - 1
_BELOW_ONE = 1 - 2.0**-24  # the last of float32
_LARGEST_SEED = 2**64 - 1
_MOST_THREADS = 256  # of set_num_threads


def positive_int(text: str) -> int:
    """A whole number from 1 on."""
    return _whole_number(text, 1, _LARGEST)


def thread_count(text: str) -> int:
    """A number of threads."""
    return _whole_number(text, 1, _MOST_THREADS)


def seed(text: str) -> int:
    """A whole number from 0 on, of 64 bits."""
    return _whole_number(text, 0, _LARGEST_SEED)


def positive_float(text: str) -> float:
    """A finite number above 0, also when rounded to float32."""
    value = _number(text)
    with np.errstate(over="ignore", under="ignore"):
        rounded = np.float32(value)
    if not 0 < rounded < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0 that float32 can hold")
    return value


def fraction(text: str) -> float:
    """A number from 0 up to, but without, 1, also when rounded to float32."""
    value = _number(text)
    if not 0 <= value <= _BELOW_ONE:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 up to 1, such as 0.2")
    return value


def dropout_rate(text: str) -> float:
    """A share of inputs to drop."""
    value = fraction(text)
    try:
        return Dropout(value).rate
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


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
    if not all(1 <= size <= _LARGEST for size in sizes):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a list of layer sizes such as 300,100 (0 for no hidden layer)"
        )
    return sizes


def _whole_number(text: str, least: int, most: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
