"""Scaling and shifting of NumPy arrays."""

import numpy as np
import numpy.typing as npt

from fastdnn import _core


def rescaling(
    x: npt.NDArray[np.float32],
    scale: float,
    offset: float = 0.0,
    *,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Compute `y = scale * x + offset`. Its gradient is `rescaling(dy, scale)`.

    Args:
        x: float32 and C-contiguous, of any shape.
        scale: What to multiply by, a finite number.
        offset: What to add, a finite number.
        out: Where to put the result; shape of `x`. May be `x`.

    Returns:
        Array of the shape of `x`: `out` if given.

    Raises:
        ValueError: If an array has the wrong dtype, layout or shape, or a number is not finite.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.rescaling(np.array([0, 64, 128], np.float32), 1 / 128, -1).tolist()
    [-1.0, -0.5, 0.0]
    """
    return _core.rescaling(x, scale, offset, out)
