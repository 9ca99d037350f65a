"""Products of matrices."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from fastdnn import ops
from fastdnn.benchmark.cases.case import Array, Case, Run, by, normal

# (m, k, n). The last is one row through the first layer of a digits classifier.
_PRODUCTS = [(1024, 1024, 1024), (2048, 2048, 2048), (256, 256, 256), (50, 300, 100), (1, 784, 300)]
_QUICK_PRODUCTS = [(64, 64, 64)]
# A batch through that layer, in all layouts: forward, backward and the gradient of the weights.
_LAYER = (50, 784, 300)


def cases(quick: bool) -> Iterator[Case]:
    """Yield the products."""
    for m, k, n in _QUICK_PRODUCTS if quick else _PRODUCTS:
        yield _gemm_case(m, k, n)
    for transpose_a in (False, True):
        for transpose_b in (False, True):
            yield _gemm_case(*_LAYER, transpose_a, transpose_b)
    yield _dense_case()
    yield _dense_backward_case()


def _gemm_case(
    m: int,
    k: int,
    n: int,
    transpose_a: bool = False,
    transpose_b: bool = False,
) -> Case:
    name = f"gemm {by((m, k, n))} {'NT'[transpose_a]}{'NT'[transpose_b]}"
    build = partial(_gemm, m, k, n, transpose_a, transpose_b)
    return Case("gemm", name, "GFLOP/s", 2.0 * m * k * n, build)


def _gemm(m: int, k: int, n: int, transpose_a: bool, transpose_b: bool) -> tuple[Run, Run]:
    a, b = normal((k, m) if transpose_a else (m, k)), normal((n, k) if transpose_b else (k, n))
    ours, theirs = np.empty((2, m, n), np.float32)
    left, right = a.T if transpose_a else a, b.T if transpose_b else b
    return (
        partial(ops.gemm, a, b, transpose_a=transpose_a, transpose_b=transpose_b, out=ours),
        partial(np.matmul, left, right, out=theirs),
    )


def _dense_case() -> Case:
    m, k, n = _LAYER
    return Case("dense", f"dense {by(_LAYER)} relu", "GFLOP/s", 2.0 * m * k * n, _dense)


def _dense() -> tuple[Run, Run]:
    m, k, n = _LAYER
    x, kernel, bias = normal((m, k)), normal((k, n)), normal((1, n))[0]
    ours, theirs = np.empty((2, m, n), np.float32)

    def in_numpy() -> Array:
        np.matmul(x, kernel, out=theirs)
        np.add(theirs, bias, out=theirs)
        return np.maximum(theirs, 0, out=theirs)

    return partial(ops.dense, x, kernel, bias, "relu", out=ours), in_numpy


def _dense_backward_case() -> Case:
    m, k, n = _LAYER
    flops = 4.0 * m * k * n
    return Case("dense_backward", f"dense_backward {by(_LAYER)} relu", "GFLOP/s", flops, _backward)


def _backward() -> tuple[Run, Run]:
    m, k, n = _LAYER
    x, kernel, dy = normal((m, k)), normal((k, n)), normal((m, n))
    y = ops.dense(x, kernel, activation="relu")

    def in_numpy() -> tuple[Array, ...]:
        dz = dy * (y > 0)
        return dz @ kernel.T, x.T @ dz, dz.sum(axis=0)

    return partial(ops.dense_backward, x, kernel, y, dy, "relu"), in_numpy
