"""Layer normalization on NumPy arrays."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fastdnn import _core


@dataclass(frozen=True, eq=False)
class LayerNormCache:
    """What `layer_normalization_backward` needs of the forward pass.

    Attributes:
        x: The input itself, not a copy.
        gamma: The scale, or None.
        statistics: Of every row the mean as float32 holds it, what that leaves out, and
            `1 / sqrt(variance + epsilon)`.
    """

    x: npt.NDArray[np.float32]
    gamma: npt.NDArray[np.float32] | None
    statistics: npt.NDArray[np.float32]


def layer_normalization(
    x: npt.NDArray[np.float32],
    gamma: npt.NDArray[np.float32] | None = None,
    beta: npt.NDArray[np.float32] | None = None,
    *,
    epsilon: float = 1e-3,
    out: npt.NDArray[np.float32] | None = None,
) -> tuple[npt.NDArray[np.float32], LayerNormCache]:
    """Normalize every row to mean 0 and variance 1, then scale and shift its columns.

    `y = gamma * (x - mean) / sqrt(variance + epsilon) + beta`, with the mean and the biased
    variance of the row.

    Args:
        x: Array of shape (..., columns); all dimensions but the last count as rows.
        gamma: Scale of shape (columns,), or None for 1.
        beta: Shift of shape (columns,), or None for 0.
        epsilon: Added to the variance.
        out: Array of the shape of `x` to write to; may be `x` where no backward pass follows.

    Returns:
        `y` of the shape of `x`, and what the backward pass needs.

    Raises:
        ValueError: For arrays that are not float32 and C-contiguous or of wrong shapes; for an
            epsilon that is not positive.

    Ba, Kiros and Hinton 2016, "Layer normalization", with the conventions of Keras 3.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> y, cache = ops.layer_normalization(np.array([[1, 3], [10, 30]], np.float32))
    >>> y.round(2).tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """
    y, statistics = _core.layer_norm(x, gamma, beta, epsilon, out)
    return y, LayerNormCache(x, gamma, statistics)


def layer_normalization_backward(
    dy: npt.NDArray[np.float32],
    cache: LayerNormCache,
    *,
    out: npt.NDArray[np.float32] | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Differentiate `layer_normalization`.

    With `xhat = (x - mean) * inv_std`, `g = gamma * dy` and means over the row:
    `dx = inv_std * (g - mean(g) - xhat * mean(g * xhat))`; over the rows `dgamma = sum(dy * xhat)`
    and `dbeta = sum(dy)`.

    Args:
        dy: Gradient of the output, of the shape of `x`.
        cache: What the forward pass returned; its `x` must be unchanged since.
        out: Array of that shape to write `dx` to; may be `dy`.

    Returns:
        `dx` of the shape of `x`, `dgamma` and `dbeta` of shape (columns,).

    Raises:
        ValueError: For arrays that are not float32 and C-contiguous or of wrong shapes; for `out`
            in the memory of `x`.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> y, cache = ops.layer_normalization(np.array([[1, 3], [10, 30]], np.float32))
    >>> dx, dgamma, dbeta = ops.layer_normalization_backward(np.ones_like(y), cache)
    >>> dx.tolist(), dbeta.tolist()
    ([[0.0, 0.0], [0.0, 0.0]], [2.0, 2.0])
    """
    return _core.layer_norm_backward(dy, cache.x, cache.gamma, cache.statistics, out)
