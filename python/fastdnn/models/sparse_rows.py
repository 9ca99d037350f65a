"""Rows of a sparse matrix of scipy, as the native core takes them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


def is_sparse(value: Any) -> bool:
    """Whether this is one of scipy's sparse matrices or arrays, in whatever format."""
    return hasattr(value, "tocsr") and hasattr(value, "nnz")


@dataclass(frozen=True)
class SparseRows:
    """A matrix in CSR form, with ascending columns in each row.

    Attributes:
        indptr: where rows begin in the other two, int64 of shape (rows + 1,).
        indices: columns, int32.
        data: values, float32; None if all are 1, as in multi-hot rows.
        columns: the number of columns.
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    data: npt.NDArray[np.float32] | None
    columns: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self), self.columns

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __getitem__(self, rows: slice) -> "SparseRows":
        first, last, _ = rows.indices(len(self))
        offsets = self.indptr[first : max(first, last) + 1]
        part = slice(offsets[0], offsets[-1])
        data = None if self.data is None else self.data[part]
        return SparseRows(offsets - offsets[0], self.indices[part], data, self.columns)


def to_sparse_rows(where: str, value: Any, allow_empty: bool) -> SparseRows:
    """Return a sparse matrix of scipy's as float32 rows; memory is shared where it fits.

    Args:
        where: what the caller was doing, for messages.
        value: the matrix.
        allow_empty: whether there may be no rows.

    Raises:
        ValueError: if it holds no real numbers, or bytes.
    """
    if value.ndim != 2:
        raise ValueError(
            f"[{where}] x: received a sparse array of shape {value.shape}; expected two "
            "dimensions (rows, columns)"
        )
    if value.dtype.kind not in "fiub":
        raise ValueError(
            f"[{where}] x: received a sparse matrix of {value.dtype}; expected numbers"
        )
    if value.dtype == np.uint8:
        raise ValueError(
            f"[{where}] x: received a sparse matrix of uint8; expected float32, as bytes of "
            "dense arrays are divided by 255; use x.astype('float32')"
        )
    if value.shape[0] == 0 and not allow_empty:
        raise ValueError(
            f"[{where}] x: received a sparse matrix of shape {value.shape}; expected at least "
            "one row"
        )
    rows = value.tocsr()
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    data = None
    if not (rows.data == 1).all():
        with np.errstate(over="ignore"):
            data = np.ascontiguousarray(rows.data, np.float32)
    return SparseRows(
        np.ascontiguousarray(rows.indptr, np.int64),
        np.ascontiguousarray(rows.indices, np.int32),
        data,
        int(rows.shape[1]),
    )
