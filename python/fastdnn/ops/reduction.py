"""Sums and checks of NumPy arrays."""

import numpy as np
import numpy.typing as npt

from fastdnn import _core

_Array = npt.NDArray[np.float32]


def column_sums(x: _Array, *, out: _Array | None = None) -> _Array:
    """Add up each column of a matrix: the gradient of a bias.

    `y[j] = sum over i of x[i, j]`, in float32, pairwise: the same bits for any number of threads.

    Args:
        x: Array of shape `(rows, columns)`.
        out: Array of shape `(columns,)` to write to; its memory is not x's.

    Raises:
        ValueError: If an array has a wrong dtype, shape or layout.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.column_sums(np.array([[1, 2], [3, 4]], np.float32)).tolist()
    [4.0, 6.0]
    """
    return _core.column_sums(x, out)


def row_sums(x: _Array, *, out: _Array | None = None) -> _Array:
    """Add up each row of a matrix.

    `y[i] = sum over j of x[i, j]`, in float64, rounded to float32 once.

    Args:
        x: Array of shape `(rows, columns)`.
        out: Array of shape `(rows,)` to write to; its memory is not x's.

    Raises:
        ValueError: If an array has a wrong dtype, shape or layout.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.row_sums(np.array([[1, 2], [3, 4]], np.float32)).tolist()
    [3.0, 7.0]
    """
    return _core.row_sums(x, out)


def sum(x: _Array) -> float:
    """Add up all elements in float64.

    Args:
        x: Array of any shape; an empty one has the sum 0.

    Raises:
        ValueError: If `x` has a wrong dtype or layout.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.sum(np.array([0.5, 2], np.float32))
    2.5
    """
    return _core.sum(x)


def mean(x: _Array) -> float:
    """Average all elements in float64.

    Args:
        x: Array of any shape with at least one element.

    Raises:
        ValueError: If `x` is empty or has a wrong dtype or layout.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.mean(np.array([0.5, 2], np.float32))
    1.25
    """
    return _core.mean(x)


def sum_of_squares(x: _Array) -> float:
    """Add up the squares of all elements in float64: the L2 norm, squared.

    Args:
        x: Array of any shape; an empty one has the sum 0.

    Raises:
        ValueError: If `x` has a wrong dtype or layout.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.sum_of_squares(np.array([3, -4], np.float32))
    25.0
    """
    return _core.sum_of_squares(x)


def sum_abs(x: _Array) -> float:
    """Add up the magnitudes of all elements in float64: the L1 norm.

    Args:
        x: Array of any shape; an empty one has the sum 0.

    Raises:
        ValueError: If `x` has a wrong dtype or layout.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.sum_abs(np.array([3, -4], np.float32))
    7.0
    """
    return _core.sum_abs(x)


def max_abs(x: _Array) -> float:
    """Find the largest magnitude.

    Args:
        x: Array of any shape; an empty one has the largest magnitude 0, one with a NaN has NaN.

    Raises:
        ValueError: If `x` has a wrong dtype or layout.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.max_abs(np.array([3, -4], np.float32))
    4.0
    """
    return _core.max_abs(x)


def first_nonfinite(x: _Array) -> int:
    """Find the first element that is NaN or infinite.

    Args:
        x: Array of any shape.

    Returns:
        The element's index in `x.ravel()`, or -1 if all elements are finite.

    Raises:
        ValueError: If `x` has a wrong dtype or layout.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.first_nonfinite(np.array([3, np.inf, np.nan], np.float32))
    1
    """
    return _core.first_nonfinite(x)


def all_finite(x: _Array) -> bool:
    """Say whether no element is NaN or infinite.

    Args:
        x: Array of any shape.

    Raises:
        ValueError: If `x` has a wrong dtype or layout.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.all_finite(np.array([3, np.inf], np.float32))
    False
    """
    return first_nonfinite(x) < 0
