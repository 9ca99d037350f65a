"""Batch normalization on NumPy arrays."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fastdnn import _core


@dataclass(frozen=True, eq=False)
class BatchNormCache:
    """What `batch_normalization_backward` needs of the forward pass.

    Attributes:
        x: The input itself, not a copy.
        gamma: The scale, or None.
        mean: The mean subtracted, of shape (columns,).
        inv_std: `1 / sqrt(variance + epsilon)`, of shape (columns,).
        training: Whether both are those of `x`, not the moving ones.
    """

    x: npt.NDArray[np.float32]
    gamma: npt.NDArray[np.float32] | None
    mean: npt.NDArray[np.float32]
    inv_std: npt.NDArray[np.float32]
    training: bool


def batch_normalization(
    x: npt.NDArray[np.float32],
    gamma: npt.NDArray[np.float32] | None,
    beta: npt.NDArray[np.float32] | None,
    moving_mean: npt.NDArray[np.float32] | None,
    moving_var: npt.NDArray[np.float32] | None,
    *,
    training: bool,
    momentum: float = 0.99,
    epsilon: float = 1e-3,
    out: npt.NDArray[np.float32] | None = None,
) -> tuple[npt.NDArray[np.float32], BatchNormCache]:
    """Normalize every column to mean 0 and variance 1, then scale and shift it.

    `y = gamma * (x - mean) / sqrt(variance + epsilon) + beta`. In training the statistics are those
    of the columns of `x`, the variance biased, and the moving ones become
    `momentum * moving + (1 - momentum) * statistic`, in place. Otherwise the moving ones are used.

    Args:
        x: Array of shape (..., columns); all dimensions but the last count as rows.
        gamma: Scale of shape (columns,), or None for 1.
        beta: Shift of shape (columns,), or None for 0.
        moving_mean: Moving mean of shape (columns,); in training None if there is none to update.
        moving_var: Moving variance of shape (columns,); in training None likewise.
        training: Which statistics to use.
        momentum: Share of the moving statistics that is kept.
        epsilon: Added to the variance.
        out: Array of the shape of `x` to write to; may be `x` unless training.

    Returns:
        `y` of the shape of `x`, and what the backward pass needs.

    Raises:
        ValueError: For arrays that are not float32 and C-contiguous or of wrong shapes; for `out`
            in the memory of `x` in training; for momentum or epsilon out of range.

    Ioffe and Szegedy 2015, "Batch normalization: accelerating deep network training by reducing
    internal covariate shift", with the conventions of Keras 3.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> x = np.array([[1, 10], [3, 30]], np.float32)
    >>> mean, variance = np.zeros(2, np.float32), np.ones(2, np.float32)
    >>> y, cache = ops.batch_normalization(
    ...     x, None, None, mean, variance, training=True, momentum=0.75
    ... )
    >>> y.round(2).tolist(), mean.tolist()
    ([[-1.0, -1.0], [1.0, 1.0]], [0.5, 5.0])
    """
    if training:
        y, mean, inv_std = _core.batch_norm(
            x, gamma, beta, moving_mean, moving_var, momentum, epsilon, out
        )
        return y, BatchNormCache(x, gamma, mean, inv_std, training=True)
    if moving_mean is None or moving_var is None:
        raise ValueError(
            "[batch_normalization] received no moving statistics; expected moving_mean and "
            "moving_var, arrays of shape (columns,), unless training"
        )
    y, inv_std = _core.batch_norm_inference(x, gamma, beta, moving_mean, moving_var, epsilon, out)
    return y, BatchNormCache(x, gamma, moving_mean.copy(), inv_std, training=False)


def batch_normalization_backward(
    dy: npt.NDArray[np.float32],
    cache: BatchNormCache,
    *,
    out: npt.NDArray[np.float32] | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Differentiate `batch_normalization`.

    With `xhat = (x - mean) * inv_std` and n rows: `dgamma = sum(dy * xhat)`, `dbeta = sum(dy)` and
    `dx = gamma * inv_std * (dy - dbeta / n - xhat * dgamma / n)`; after a forward pass that was not
    training `dx = gamma * inv_std * dy`.

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
    >>> x = np.array([[1, 10], [3, 30]], np.float32)
    >>> y, cache = ops.batch_normalization(x, None, None, None, None, training=True)
    >>> dx, dgamma, dbeta = ops.batch_normalization_backward(np.ones_like(x), cache)
    >>> dx.tolist(), dgamma.tolist(), dbeta.tolist()
    ([[0.0, 0.0], [0.0, 0.0]], [0.0, 0.0], [2.0, 2.0])
    """
    return _core.batch_norm_backward(
        dy, cache.x, cache.gamma, cache.mean, cache.inv_std, cache.training, out
    )
