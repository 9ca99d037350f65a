"""Products of sparse rows, beside the dense ones that NumPy has."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from fastdnn import ops
from fastdnn.benchmark.cases.case import Array, Case, Run, by, normal

# Rows, columns and units: a batch of texts over their most frequent words, into a small layer.
_TEXTS, _QUICK_TEXTS = (512, 10_000, 16), (64, 1_000, 16)
# Of a row's columns.
_SHARE = 0.013


def cases(quick: bool) -> Iterator[Case]:
    """Yield forward and backward."""
    m, k, n = shape = _QUICK_TEXTS if quick else _TEXTS
    flops = 2.0 * m * int(_SHARE * k) * n
    for op, build in (("csr_dense", _forward), ("csr_dense_backward", _backward)):
        yield Case(op, f"{op} {by(shape)}", "GFLOP/s", flops, partial(build, shape))


def _rows(m: int, k: int) -> tuple[Array, tuple[np.ndarray, np.ndarray, Array]]:
    """Return a matrix of zeros and ones, dense and as CSR arrays."""
    rng, each = np.random.default_rng(1), int(_SHARE * k)
    indices = np.sort([rng.choice(k, each, replace=False) for _ in range(m)], axis=1)
    dense = np.zeros((m, k), np.float32)
    np.put_along_axis(dense, indices, 1.0, axis=1)
    indptr = np.arange(0, m * each + 1, each)
    return dense, (indptr, indices.astype(np.int32).ravel(), np.ones(m * each, np.float32))


def _forward(shape: tuple[int, int, int]) -> tuple[Run, Run]:
    m, k, n = shape
    dense, csr = _rows(m, k)
    kernel = normal((k, n))
    ours, theirs = np.empty((2, m, n), np.float32)
    return (
        partial(ops.csr_dense, *csr, kernel, out=ours),
        partial(np.matmul, dense, kernel, out=theirs),
    )


def _backward(shape: tuple[int, int, int]) -> tuple[Run, Run]:
    m, k, n = shape
    dense, csr = _rows(m, k)
    dz = normal((m, n))
    ours, theirs = np.empty((2, k, n), np.float32)
    return (
        partial(ops.csr_dense_backward, *csr, k, dz, out=ours),
        partial(np.matmul, dense.T, dz, out=theirs),
    )
