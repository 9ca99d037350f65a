"""Sums and products of NumPy arrays, element by element."""

import numpy as np
import numpy.typing as npt

from fastdnn import _core

Array = npt.NDArray[np.float32]


def add(x: Array, y: Array, *, out: Array | None = None) -> Array:
    """Compute `x + y`. Its gradient is that of each of both.

    Args:
        x: float32 and C-contiguous, of any shape.
        y: Likewise, of the shape of `x`.
        out: Where to put the result; shape of `x`. May be `x` or `y`.

    Returns:
        Array of the shape of `x`: `out` if given.

    Raises:
        ValueError: If an array has the wrong dtype, layout or shape.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.add(np.array([1, 2], np.float32), np.array([3, 4], np.float32)).tolist()
    [4.0, 6.0]
    """
    return _core.add(x, y, out)


def multiply(x: Array, y: Array, *, out: Array | None = None) -> Array:
    """Compute `x * y`. Its gradients are `multiply(dz, y)` and `multiply(dz, x)`.

    Args:
        x: float32 and C-contiguous, of any shape.
        y: Likewise, of the shape of `x`.
        out: Where to put the result; shape of `x`. May be `x` or `y`.

    Returns:
        Array of the shape of `x`: `out` if given.

    Raises:
        ValueError: If an array has the wrong dtype, layout or shape.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.multiply(np.array([1, 2], np.float32), np.array([3, 4], np.float32)).tolist()
    [3.0, 8.0]
    """
    return _core.multiply(x, y, out)
