"""Codes: the whole numbers that Embedding layers look up."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

# Elements that are looked at together: few enough for a processor's cache.
_PIECE = 2**16


def check_codes(where: str, x: npt.NDArray[Any], count: int) -> None:
    """Raise a ValueError unless all entries are whole numbers from 0 to `count - 1`."""
    step = max(1, _PIECE // max(1, math.prod(x.shape[1:])))
    for first in range(0, len(x), step):
        piece = x[first : first + step]
        if piece.dtype.itemsize == 2 and piece.dtype.kind in "fV":
            piece = piece.astype(np.float32)  # which compares with any count, bfloat16 too
        # NaN compares false with everything: the condition is about what is right, not wrong.
        right = (piece >= 0) & (piece < count)
        if piece.dtype.kind == "f":
            right &= piece == np.floor(piece)
        if not right.all():
            row, *column = (int(i) for i in np.argwhere(~right)[0])
            at = f"row {first + row}" + (f", column {', '.join(map(str, column))}" * bool(column))
            raise ValueError(
                f"[{where}] x: received {piece[(row, *column)]} in {at}; expected whole numbers "
                f"from 0 to {count - 1}, the codes of an Embedding layer"
            )
