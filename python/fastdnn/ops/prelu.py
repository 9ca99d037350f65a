"""ReLU with a slope for every column, on NumPy arrays."""

import numpy as np
import numpy.typing as npt

from fastdnn import _core


def prelu(
    x: npt.NDArray[np.float32],
    alpha: npt.NDArray[np.float32],
    *,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Compute `x` where positive, else `alpha * x`.

    Args:
        x: Array of shape (..., columns).
        alpha: The columns' slopes below zero, of shape (columns,).
        out: Array of the shape of `x` to write to; may be `x` where no backward pass follows.

    Returns:
        Array of the shape of `x`: `out` if given.

    Raises:
        ValueError: For arrays that are not float32 and C-contiguous or of wrong shapes.

    He et al. 2015, "Delving deep into rectifiers", equation 1.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.prelu(np.array([[-2, -2, 2]], np.float32), np.array([0, 0.5, 0], np.float32)).tolist()
    [[-0.0, -1.0, 2.0]]
    """
    return _core.prelu(x, alpha, out)


def prelu_backward(
    x: npt.NDArray[np.float32],
    dy: npt.NDArray[np.float32],
    alpha: npt.NDArray[np.float32],
    *,
    out: npt.NDArray[np.float32] | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Differentiate `prelu`; at 0 the slope is that below.

    Args:
        x: The forward pass's input.
        dy: Gradient of the output, of the shape of `x`.
        alpha: The slopes.
        out: Array of that shape to write `dx` to; may be `dy`.

    Returns:
        `dx` of the shape of `x`, and `dalpha`, the sum over the rows of `dy * min(x, 0)`.

    Raises:
        ValueError: For arrays that are not float32 and C-contiguous or of wrong shapes; for `out`
            in the memory of `x`.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> x, alpha = np.array([[-2, 2]], np.float32), np.full(2, 0.5, np.float32)
    >>> dx, dalpha = ops.prelu_backward(x, np.ones_like(x), alpha)
    >>> dx.tolist(), dalpha.tolist()
    ([[0.5, 1.0]], [-2.0, 0.0])
    """
    return _core.prelu_backward(x, dy, alpha, out)
