"""Normalization of rows, and of columns by statistics that are known."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from fastdnn import ops
from fastdnn.benchmark import numpy_kernels
from fastdnn.benchmark.cases.case import Array, Run, Shape, Variant, normal


def variants() -> Iterator[Variant]:
    """Yield function, variant and builder."""
    yield "layer_normalization", "", _layer_norm
    yield "layer_normalization_backward", "", _layer_norm_backward
    yield "normalization", "", _normalization


def _layer_norm(shape: Shape) -> tuple[Run, Run]:
    x, (gamma, beta) = normal(shape), np.ones((2, shape[1]), np.float32)
    ours, theirs = np.empty((2, *shape), np.float32)

    def in_numpy() -> Array:
        numpy_kernels.layer_norm(x, gamma, beta, theirs)
        return theirs

    return lambda: ops.layer_normalization(x, gamma, beta, out=ours)[0], in_numpy


def _layer_norm_backward(shape: Shape) -> tuple[Run, Run]:
    x, dy = normal(shape), normal(shape)
    gamma, beta = np.ones((2, shape[1]), np.float32)
    ours, theirs = np.empty((2, *shape), np.float32)
    _, cache = ops.layer_normalization(x, gamma, beta)
    kept = numpy_kernels.layer_norm(x, gamma, beta, theirs)

    def in_numpy() -> Array:
        numpy_kernels.layer_norm_backward(dy, *kept, gamma, theirs)
        return theirs

    return lambda: ops.layer_normalization_backward(dy, cache, out=ours)[0], in_numpy


def _normalization(shape: Shape) -> tuple[Run, Run]:
    x, mean = normal(shape), np.full(shape[1], 0.5, np.float32)
    variance = np.full(shape[1], 4.0, np.float32)
    ours, theirs = np.empty((2, *shape), np.float32)

    def in_numpy() -> Array:
        np.subtract(x, mean, out=theirs)
        return np.divide(theirs, np.maximum(np.sqrt(variance), np.float32(1e-7)), out=theirs)

    return partial(ops.normalization, x, mean, variance, out=ours), in_numpy
