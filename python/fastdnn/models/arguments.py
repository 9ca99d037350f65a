"""Checks of the plain arguments of fit, evaluate and predict."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fastdnn.checks import at_least, is_number, number


def splits_at(share: Any, rows: int) -> int:
    """Return the first row to validate on, for the share of the rows at the end."""
    number("fit", "validation_split", share, above=0.0, below=1.0)
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
        return epoch + 1 in [at_least("fit", "validation_freq", item, 1) for item in frequency]
    return (epoch + 1) % at_least("fit", "validation_freq", frequency, 1) == 0


def arranged(where: str, what: str, value: Any, names: Sequence[str]) -> list[Any]:
    """Return one item for each name.

    Args:
        where: what the caller was doing, for messages.
        what: which argument it was.
        value: a dict by these names; a list of as many items as there are names; or, where
            there is one name, anything else.
        names: those of the inputs or the outputs.

    Raises:
        ValueError: if names are missing or unknown, or the number of items is another.
    """
    if isinstance(value, Mapping):
        unknown = [str(name) for name in value if name not in names]
        missing = [name for name in names if name not in value]
        if unknown or missing:
            raise ValueError(
                f"[{where}] {what}: received a dict with the keys {list(value)}; expected "
                f"{', '.join(names)}"
            )
        return [value[name] for name in names]
    if len(names) == 1:
        return [value]
    if not isinstance(value, list | tuple) or len(value) != len(names):
        size = f" of {len(value)}" if isinstance(value, list | tuple) else ""
        raise ValueError(
            f"[{where}] {what}: received a {type(value).__name__}{size}; expected a list of "
            f"{len(names)}, or a dict with {', '.join(names)}"
        )
    return list(value)


def makes_batches(x: Any) -> bool:
    """Whether `fit` gets batches one by one from this, and no array, list, frame or matrix."""
    numbers = ("__array__", "__dlpack__", "to_numpy", "toarray")
    if isinstance(x, Sequence | Mapping) or any(hasattr(x, name) for name in numbers):
        return False
    return isinstance(x, Iterable)


def refuse_beside_batches(y: Any, sample_weight: Any, share: Any) -> None:
    """Raise a ValueError for what has to come with the batches."""
    for name, value in (("y", y), ("sample_weight", sample_weight), ("validation_split", share)):
        if value is not None and not (name == "validation_split" and not value):
            raise ValueError(
                f"[fit] {name}: received a {type(value).__name__} beside an iterator of batches; "
                "expected batches (x, y) or (x, y, sample_weight), and validation_data"
            )


def parts_of_batch(batch: Any) -> tuple[Any, Any, Any]:
    """Return x, y and sample_weight of a batch that an iterator made."""
    if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
        raise ValueError(
            f"[fit] x: the iterator made a {type(batch).__name__}; expected batches (x, y) or "
            "(x, y, sample_weight)"
        )
    x, y, *rest = batch
    return x, y, rest[0] if rest else None
