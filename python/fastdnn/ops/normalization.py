"""Normalization of columns by statistics that are known, on NumPy arrays."""

import numpy as np
import numpy.typing as npt

from fastdnn import _core


def normalization(
    x: npt.NDArray[np.float32],
    mean: npt.NDArray[np.float32] | None,
    variance: npt.NDArray[np.float32],
    *,
    invert: bool = False,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Compute `(x - mean) / max(sqrt(variance), 1e-7)`, or what undoes that.

    The gradient is `normalization(dy, None, variance, invert=invert)`.

    Args:
        x: Array of shape (..., columns).
        mean: The columns' means, of shape (columns,), or None for 0.
        variance: Their variances, of that shape.
        invert: Whether to compute `x * max(sqrt(variance), 1e-7) + mean` instead.
        out: Array of the shape of `x` to write to; may be `x`.

    Returns:
        Array of the shape of `x`: `out` if given.

    Raises:
        ValueError: For arrays that are not float32 and C-contiguous or of wrong shapes.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> mean, variance = np.array([10, 20], np.float32), np.array([4, 25], np.float32)
    >>> ops.normalization(np.array([[12, 10]], np.float32), mean, variance).tolist()
    [[1.0, -2.0]]
    """
    return _core.normalization(x, mean, variance, invert, out)
