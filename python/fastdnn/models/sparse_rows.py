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

    def take(self, rows: npt.NDArray[np.int64]) -> "SparseRows":
        """Return a copy of some rows."""
        parts = [self[int(row) : int(row) + 1] for row in rows]
        indptr = np.cumsum([0, *(len(part.indices) for part in parts)], dtype=np.int64)
        data = None
        if self.data is not None:
            data = np.concatenate([part.data for part in parts if part.data is not None])
        indices = np.concatenate([part.indices for part in parts])
        return SparseRows(indptr, indices, data, self.columns)


def to_sparse_rows(where: str, value: Any, allow_empty: bool) -> SparseRows:
    """Return a sparse matrix of scipy's as float32 rows; memory is shared where it fits.

    Args:
        where: what the caller was doing, for messages.
        value: the matrix.
        allow_empty: whether there may be no rows.

    Raises:
        ValueError: if it holds no real numbers, or bytes, or its arrays contradict each other.
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
    rows, columns = value.shape
    if rows == 0 and not allow_empty:
        raise ValueError(
            f"[{where}] x: received a sparse matrix of shape {value.shape}; expected at least "
            "one row"
        )
    csr = value.tocsr()
    indptr = np.ascontiguousarray(csr.indptr, np.int64)
    if (
        indptr.shape != (rows + 1,)
        or indptr[0] != 0
        or (np.diff(indptr) < 0).any()
        or csr.indices.ndim != 1
        or csr.indices.dtype.kind not in "iu"
        or csr.data.ndim != 1
        or min(len(csr.indices), len(csr.data)) < indptr[-1]
    ):
        raise ValueError(
            f"[{where}] x: received a sparse matrix whose indptr, indices and data do not belong "
            "together; x.check_format() says more"
        )
    size = int(indptr[-1])  # there may be spare room behind the last row
    indices, values = csr.indices[:size], csr.data[:size]
    if size and (indices.min() < 0 or indices.max() >= min(columns, 2**31)):
        place = int(np.argmax((indices < 0) | (indices >= min(columns, 2**31))))
        raise ValueError(
            f"[{where}] x: received column {indices[place]} in row "
            f"{np.searchsorted(indptr, place, 'right') - 1} of a sparse matrix; expected 0 to "
            f"{min(columns, 2**31) - 1}"
        )
    # What scipy remembers of the order may be out of date.
    falls = indices[1:] <= indices[:-1]
    starts = indptr[(indptr > 0) & (indptr < size)]
    falls[starts - 1] = False
    if falls.any():
        csr = csr.copy()
        # Of types that scipy's own code takes.
        csr.indptr, csr.indices, csr.data = indptr.copy(), indices.astype(np.int64), values.copy()
        csr.has_sorted_indices = csr.has_canonical_format = False
        csr.sum_duplicates()
        indptr = np.ascontiguousarray(csr.indptr, np.int64)
        indices, values = csr.indices, csr.data
    data = None
    if not (values == 1).all():
        with np.errstate(over="ignore", under="ignore"):
            data = np.ascontiguousarray(values, np.float32)
    return SparseRows(indptr, np.ascontiguousarray(indices, np.int32), data, int(columns))
