"""A fully-connected layer on NumPy arrays."""

import numpy as np
import numpy.typing as npt

from fastdnn import _core
from fastdnn.ops.gemm import gemm

Array = npt.NDArray[np.float32]


def dense(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    activation: str | None = None,
    *,
    alpha: float | None = None,
    out: Array | None = None,
) -> Array:
    """Apply a fully-connected layer: `y = f(x @ kernel + bias)`.

    Args:
        x: Matrix of shape `(rows, in)`.
        kernel: Matrix of shape `(in, units)`.
        bias: Vector of shape `(units,)`; None for none.
        activation: Name of an element-wise activation (see `activation`); None for none.
        alpha: Its parameter; None for the default.
        out: Matrix of shape `(rows, units)` for the result, separate from the inputs.

    Returns:
        `out`, or a new matrix of shape `(rows, units)`.

    Raises:
        ValueError: An array is not float32, C-contiguous and of the right shape.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> kernel = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    >>> x, bias = np.array([[10, 11]], np.float32), np.array([7, 8, 9], np.float32)
    >>> ops.dense(x, kernel, bias, "relu").tolist()
    [[61.0, 83.0, 105.0]]
    """
    return gemm(x, kernel, bias=bias, activation=activation, activation_alpha=alpha, out=out)


def dense_backward(
    x: Array,
    kernel: Array,
    y_or_z: Array,
    dy: Array,
    activation: str | None = None,
    *,
    alpha: float | None = None,
) -> tuple[Array, Array, Array]:
    """Gradients of a fully-connected layer.

    With `z = x @ kernel + bias`, `y = f(z)` and `dz = dy * f'(z)`: `dx = dz @ kernel.T`,
    `dkernel = x.T @ dz` and `dbias = sum(dz)` over the rows.

    Args:
        x: Input of the layer, of shape `(rows, in)`.
        kernel: Matrix of shape `(in, units)`.
        y_or_z: Output `y` of the layer, of shape `(rows, units)`; or `z` if
            `activation_needs_input(activation)`.
        dy: Gradient with respect to `y`; shape of `y_or_z`.
        activation: Name of the layer's activation; None for none.
        alpha: Its parameter; None for the default.

    Returns:
        `dx`, `dkernel` and `dbias`, of the shapes of `x`, `kernel` and the bias.

    Raises:
        ValueError: An array is not float32, C-contiguous and of the right shape.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> x, kernel = np.array([[2, 3]], np.float32), np.array([[1], [1]], np.float32)
    >>> y, dy = ops.dense(x, kernel), np.array([[10]], np.float32)
    >>> [gradient.tolist() for gradient in ops.dense_backward(x, kernel, y, dy)]
    [[[10.0, 10.0]], [[20.0], [30.0]], [10.0]]
    """
    name = "linear" if activation is None else activation
    return _core.dense_backward(x, kernel, y_or_z, dy, name, alpha)
