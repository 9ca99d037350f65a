"""Matrix products on NumPy arrays."""

import numpy as np
import numpy.typing as npt

from fastdnn import _core

Array = npt.NDArray[np.float32]


def gemm(
    a: Array,
    b: Array,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    alpha: float = 1.0,
    beta: float = 0.0,
    bias: Array | None = None,
    activation: str | None = None,
    activation_alpha: float | None = None,
    precision: str | None = None,
    out: Array | None = None,
) -> Array:
    """Multiply two matrices, with bias and activation in the same pass.

    `out = f(alpha * op(a) @ op(b) + beta * out + bias)`, in float32 unless a lower precision is
    asked for; the bits do not depend on the number of threads.

    Args:
        a: Matrix of shape `(m, k)`, or `(k, m)` if `transpose_a`.
        b: Matrix of shape `(k, n)`, or `(n, k)` if `transpose_b`.
        transpose_a: Multiply with the transpose of `a`.
        transpose_b: Multiply with the transpose of `b`.
        alpha: Factor of the product.
        beta: Factor of what `out` holds before. `out` is not read when it is 0.
        bias: Vector of shape `(n,)` added to every row.
        activation: Name of an element-wise activation (see `activation`); None for none.
        activation_alpha: Its parameter; None for the default.
        precision: "highest", "high" or "medium", as in `set_matmul_precision`; None for what that
            has set.
        out: Matrix of shape `(m, n)` for the result, separate from the inputs.

    Returns:
        `out`, or a new matrix of shape `(m, n)`.

    Raises:
        ValueError: An array is not float32, C-contiguous and of the right shape, or a name is
            unknown.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> a = np.array([[1, 2], [3, 4]], np.float32)
    >>> ops.gemm(a, a, bias=np.array([1, -20], np.float32), activation="relu").tolist()
    [[8.0, 0.0], [16.0, 2.0]]
    """
    if not isinstance(precision, str | None):
        raise ValueError(
            f"[gemm] precision: received {precision!r}; expected 'highest', 'high' or 'medium'"
        )
    name = "linear" if activation is None else activation
    return _core.gemm(
        a, b, transpose_a, transpose_b, alpha, beta, bias, name, activation_alpha, precision, out
    )
