"""A fully-connected layer on sparse rows, as `scipy.sparse.csr_array` holds them."""

import numpy as np
import numpy.typing as npt

from fastdnn import _core

Array = npt.NDArray[np.float32]


def csr_dense(
    indptr: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int32],
    data: Array,
    kernel: Array,
    bias: Array | None = None,
    activation: str | None = None,
    *,
    alpha: float | None = None,
    out: Array | None = None,
) -> Array:
    """Apply a fully-connected layer to sparse rows: `y = f(x @ kernel + bias)`.

    Row `i` of `x` holds `data[k]` in column `indices[k]` for `indptr[i] <= k < indptr[i + 1]`, and
    0 elsewhere. Zeros that are not stored do not take part: a kernel that is not finite there does
    no harm.

    Args:
        indptr: Where rows begin and the last one ends, of shape `(rows + 1,)`.
        indices: Columns, ascending within a row, of shape `(numbers,)`.
        data: Their values, of shape `(numbers,)`.
        kernel: Matrix of shape `(in, units)`.
        bias: Vector of shape `(units,)`; None for none.
        activation: Name of an element-wise activation (see `activation`); None for none.
        alpha: Its parameter; None for the default.
        out: Matrix of shape `(rows, units)` for the result, separate from the inputs.

    Returns:
        `out`, or a new matrix of shape `(rows, units)`.

    Raises:
        ValueError: An array has the wrong type or shape, or columns do not ascend.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> indptr, indices = np.array([0, 1, 3]), np.array([2, 0, 1], np.int32)
    >>> kernel = np.array([[1], [10], [100]], np.float32)
    >>> ops.csr_dense(indptr, indices, np.array([1, 2, 3], np.float32), kernel).tolist()
    [[100.0], [32.0]]
    """
    name = "linear" if activation is None else activation
    return _core.csr_dense(indptr, indices, data, kernel, bias, name, alpha, out)


def csr_dense_backward(
    indptr: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int32],
    data: Array,
    columns: int,
    dz: Array,
    *,
    out: Array | None = None,
) -> Array:
    """Gradient of the kernel of `csr_dense`: `dkernel = x.T @ dz`.

    Args:
        indptr: As for `csr_dense`.
        indices: As for `csr_dense`.
        data: As for `csr_dense`.
        columns: The number of columns of `x`.
        dz: Gradient with respect to `x @ kernel`, of shape `(rows, units)`.
        out: Matrix of shape `(columns, units)` for the result, separate from the inputs.

    Returns:
        `out`, or a new matrix of shape `(columns, units)`.

    Raises:
        ValueError: An array has the wrong type or shape, or columns do not ascend.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> indptr, indices = np.array([0, 1, 3]), np.array([2, 0, 1], np.int32)
    >>> data, dz = np.array([1, 2, 3], np.float32), np.array([[1], [10]], np.float32)
    >>> ops.csr_dense_backward(indptr, indices, data, 3, dz).tolist()
    [[20.0], [30.0], [1.0]]
    """
    return _core.csr_dense_backward(indptr, indices, data, columns, dz, out)
