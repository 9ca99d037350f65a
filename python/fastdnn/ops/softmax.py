"""Softmax over the last axis of NumPy arrays."""

import numpy as np
import numpy.typing as npt

from fastdnn import _core


def softmax(
    x: npt.NDArray[np.float32], *, out: npt.NDArray[np.float32] | None = None
) -> npt.NDArray[np.float32]:
    """Turn each row of logits into probabilities: `y = exp(x - m) / sum(exp(x - m))`.

    `m` is the maximum of the row, so nothing overflows. As the formula has it, a row that holds NaN
    or +Inf, or -Inf only, becomes NaN; any other -Inf gets probability 0.

    Args:
        x: Logits, float32 and C-contiguous, of shape (..., classes).
        out: Where to put the result; shape of `x`. May be `x`.

    Returns:
        Array of the shape of `x`: `out` if given.

    Raises:
        ValueError: If an array has the wrong dtype, layout or shape.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.softmax(np.array([[1, 1, -np.inf, 1, 1]], np.float32)).tolist()
    [[0.25, 0.25, 0.0, 0.25, 0.25]]
    """
    return _core.softmax(x, out)


def log_softmax(
    x: npt.NDArray[np.float32], *, out: npt.NDArray[np.float32] | None = None
) -> npt.NDArray[np.float32]:
    """Logarithm of `softmax`: `y = x - m - log(sum(exp(x - m)))`.

    A probability that rounds to 1 still has its small negative logarithm, not 0.

    Args:
        x: Logits, float32 and C-contiguous, of shape (..., classes).
        out: Where to put the result; shape of `x`. May be `x`.

    Returns:
        Array of the shape of `x`: `out` if given.

    Raises:
        ValueError: If an array has the wrong dtype, layout or shape.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> y = ops.log_softmax(np.array([[0, -20]], np.float32))
    >>> print(f"{y[0, 0]:.4g}")
    -2.061e-09
    """
    return _core.log_softmax(x, out)


def softmax_backward(
    y: npt.NDArray[np.float32],
    dy: npt.NDArray[np.float32],
    *,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Gradient of `softmax` from its output: `dx = y * (dy - sum(dy * y))` over each row.

    Args:
        y: The result of `softmax`.
        dy: Gradient with respect to `y`; shape of `y`.
        out: Where to put the result; shape of `dy`. May be `dy` or `y`.

    Returns:
        Array of the shape of `dy`: `out` if given.

    Raises:
        ValueError: If an array has the wrong dtype, layout or shape.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> y = np.array([[0.5, 0.5]], np.float32)
    >>> ops.softmax_backward(y, np.array([[1, 0]], np.float32)).tolist()
    [[0.25, -0.25]]
    """
    return _core.softmax_backward(y, dy, out)
