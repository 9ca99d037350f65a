"""Dropout."""

from typing import TYPE_CHECKING, Any

from fastdnn.checks import is_integer, number
from fastdnn.layers.layer import Layer
from fastdnn.random import STREAM_SIZE

if TYPE_CHECKING:
    from fastdnn.models.lowering import Lowering


class Dropout(Layer):
    """Sets inputs to zero at random while training (Srivastava et al. 2014).

    Every input is zero with probability `rate`, else multiplied by `1 / (1 - rate)`, so that
    the expected sum stays. Evaluation and prediction change nothing.

    Args:
        rate: the share of the inputs to drop, rounded to a multiple of 2**-16, in [0, 1).
        seed: an integer that picks the layer's stream of random numbers; None for the
            layer's place in the model. Layers with the same seed drop the same places.
        name: unique in the model.

    Raises:
        ValueError: if `rate` or `seed` is out of range.

    >>> Dropout(0.5)
    Dropout(rate=0.5, name='dropout')
    """

    def __init__(self, rate: float, *, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(name)
        self.rate = checked_rate("Dropout", rate)
        self.seed = checked_layer_seed("Dropout", seed)

    def lower(self, lowering: "Lowering", x: int) -> int:
        """Add the dropout, unless it drops nothing."""
        return lowering.dropout(x, self.rate, self.seed) if self.rate > 0.0 else x


def checked_rate(where: str, rate: Any) -> float:
    """Return the share that is dropped as a float, or raise a ValueError."""
    below = 1.0 - 2.0**-17 - 2.0**-25  # what is not 1 as a multiple of 2^-16, rounded from float32
    note = ": the share to drop, which is rounded to a multiple of 2**-16"
    return number(where, "rate", rate, 0.0, below=below, note=note)


def checked_layer_seed(where: str, seed: Any) -> int | None:
    """Return the seed of a layer as an int, or None, or raise a ValueError."""
    if seed is not None and not (is_integer(seed) and 0 <= seed < STREAM_SIZE):
        raise ValueError(
            f"[{where}] seed: received {seed!r}; expected an integer from 0 to "
            f"{STREAM_SIZE - 1}, or None"
        )
    return None if seed is None else int(seed)
