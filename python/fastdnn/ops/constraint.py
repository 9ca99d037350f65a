"""Constraints on weights, as NumPy arrays."""

import numpy as np
import numpy.typing as npt

from fastdnn import _core

_Array = npt.NDArray[np.float32]


def max_norm(
    x: _Array, max_value: float = 2.0, axis: int = 0, *, out: _Array | None = None
) -> _Array:
    """Scale down what has a norm above a limit.

    `y = x * min(n, max_value) / (1e-7 + n)`, where n is the L2 norm along `axis`. The norms of a
    kernel's columns, `axis=0`, are those of its units' weights (Srivastava et al. 2014, 5.1).

    Args:
        x: Array of shape `(n,)` or `(rows, columns)`.
        max_value: The largest norm.
        axis: Along which axis a norm is taken.
        out: Where to put the result; shape of `x`. May be `x`.

    Returns:
        Array of the shape of `x`: `out` if given.

    Raises:
        ValueError: If an array has a wrong dtype, layout or shape, or a number is out of range.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.max_norm(np.array([[6, 3], [8, 4]], np.float32), 5).round(3).tolist()
    [[3.0, 3.0], [4.0, 4.0]]
    """
    return _core.constrain_norms(x, 0.0, max_value, 1.0, axis, out)


def min_max_norm(
    x: _Array,
    min_value: float = 0.0,
    max_value: float = 1.0,
    rate: float = 1.0,
    axis: int = 0,
    *,
    out: _Array | None = None,
) -> _Array:
    """Bring norms into an interval, or nearer to it.

    `y = x * (rate * clip(n, min_value, max_value) + (1 - rate) * n) / (1e-7 + n)`, where n is the
    L2 norm along `axis`.

    Args:
        x: Array of shape `(n,)` or `(rows, columns)`.
        min_value: The smallest norm.
        max_value: The largest norm.
        rate: The share of the way to go, in [0, 1].
        axis: Along which axis a norm is taken.
        out: Where to put the result; shape of `x`. May be `x`.

    Returns:
        Array of the shape of `x`: `out` if given.

    Raises:
        ValueError: If an array has a wrong dtype, layout or shape, or a number is out of range.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.min_max_norm(np.array([[6], [8]], np.float32), 1, 5, rate=0.5).round(3).tolist()
    [[4.5], [6.0]]
    """
    return _core.constrain_norms(x, min_value, max_value, rate, axis, out)


def unit_norm(x: _Array, axis: int = 0, *, out: _Array | None = None) -> _Array:
    """Divide by the norm: `y = x / (1e-7 + n)`, where n is the L2 norm along `axis`.

    Args:
        x: Array of shape `(n,)` or `(rows, columns)`.
        axis: Along which axis a norm is taken.
        out: Where to put the result; shape of `x`. May be `x`.

    Returns:
        Array of the shape of `x`: `out` if given.

    Raises:
        ValueError: If an array has a wrong dtype, layout or shape, or `axis` is not one of it.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.unit_norm(np.array([3, 4], np.float32)).round(3).tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    return _core.constrain_norms(x, 1.0, 1.0, 1.0, axis, out)


def non_negative(x: _Array, *, out: _Array | None = None) -> _Array:
    """Set what is negative to zero: `y = max(x, 0)`. NaN stays NaN.

    Args:
        x: Array of any shape.
        out: Where to put the result; shape of `x`. May be `x`.

    Returns:
        Array of the shape of `x`: `out` if given.

    Raises:
        ValueError: If an array has a wrong dtype, layout or shape.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.non_negative(np.array([-3, 4], np.float32)).tolist()
    [0.0, 4.0]
    """
    return _core.non_negative(x, out)
