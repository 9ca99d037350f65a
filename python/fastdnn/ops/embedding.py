"""Learned vectors for codes, on NumPy arrays."""

import numpy as np
import numpy.typing as npt

from fastdnn import _core


def embedding(
    codes: npt.NDArray[np.float32],
    embeddings: npt.NDArray[np.float32],
    *,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Return a row of `embeddings` for every code.

    Args:
        codes: Whole numbers from 0 to `input_dim - 1`, an array of any shape.
        embeddings: Array of shape (input_dim, output_dim), of at most 2**24 rows.
        out: Array of shape (..., output_dim), behind the dimensions of `codes`, to write to.

    Returns:
        Array of that shape: `out` if given.

    Raises:
        ValueError: For arrays that are not float32 and C-contiguous or of wrong shapes; for codes
            that are no rows of `embeddings`.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> table = np.array([[0, 1], [2, 3], [4, 5]], np.float32)
    >>> ops.embedding(np.array([2, 0], np.float32), table).tolist()
    [[4.0, 5.0], [0.0, 1.0]]
    """
    return _core.embedding(codes, embeddings, out)


def embedding_backward(
    codes: npt.NDArray[np.float32],
    dy: npt.NDArray[np.float32],
    input_dim: int,
    *,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Differentiate `embedding` by the embeddings.

    Args:
        codes: The forward pass's codes.
        dy: Gradient of the output, of shape (..., output_dim), behind the dimensions of `codes`.
        input_dim: The number of embeddings.
        out: Array of shape (input_dim, output_dim) to write to.

    Returns:
        The sum of `dy` over the places of each code, added up in their order: `out` if given.

    Raises:
        ValueError: For arrays that are not float32 and C-contiguous or of wrong shapes; for codes
            that are not whole numbers from 0 to `input_dim - 1`.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> codes, dy = np.array([2, 0, 2], np.float32), np.array([[1], [2], [3]], np.float32)
    >>> ops.embedding_backward(codes, dy, 4).tolist()
    [[2.0], [0.0], [4.0], [0.0]]
    """
    return _core.embedding_backward(codes, dy, input_dim, out)
