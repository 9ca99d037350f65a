"""Reductions, constraints, and arrays of random numbers."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from fastdnn import ops
from fastdnn.benchmark import numpy_kernels
from fastdnn.benchmark.cases.case import Array, Run, Shape, Variant, normal


def variants() -> Iterator[Variant]:
    """Yield function, variant and builder."""
    yield from _reductions()
    yield from _constraints()
    yield from _random()


def _reductions() -> Iterator[Variant]:
    equivalents: dict[str, Callable[[Array], Any]] = {
        "column_sums": lambda x: x.sum(axis=0),
        "row_sums": lambda x: x.sum(axis=1),
        "sum": lambda x: x.sum(),
        "mean": lambda x: x.mean(),
        "sum_of_squares": lambda x: np.vdot(x, x),
        "sum_abs": lambda x: np.abs(x).sum(),
        "max_abs": lambda x: np.abs(x).max(),
        "first_nonfinite": numpy_kernels.first_nonfinite,
        "all_finite": lambda x: np.isfinite(x).all(),
    }
    for name, equivalent in equivalents.items():
        yield name, "", partial(_reduction, getattr(ops, name), equivalent)


def _reduction(
    op: Callable[[Array], Any], in_numpy: Callable[[Array], Any], shape: Shape
) -> tuple[Run, Run]:
    x = normal(shape)
    return partial(op, x), partial(in_numpy, x)


def _constraints() -> Iterator[Variant]:
    equivalents: dict[str, Callable[[Array, Array], Any]] = {
        "max_norm": lambda x, out: numpy_kernels.limit_norms(x, 0.0, 2.0, out),
        "min_max_norm": lambda x, out: numpy_kernels.limit_norms(x, 0.0, 1.0, out),
        "unit_norm": lambda x, out: numpy_kernels.limit_norms(x, 1.0, 1.0, out),
        "non_negative": lambda x, out: np.maximum(x, np.float32(0), out=out),
    }
    for name, equivalent in equivalents.items():
        yield name, "", partial(_constraint, getattr(ops, name), equivalent)


def _constraint(
    op: Callable[..., Any], in_numpy: Callable[[Array, Array], Any], shape: Shape
) -> tuple[Run, Run]:
    x = normal(shape)
    ours, theirs = np.empty((2, *shape), np.float32)
    return partial(op, x, out=ours), partial(in_numpy, x, theirs)


def _random() -> Iterator[Variant]:
    yield "random_bits", "", _random_bits
    for name, in_numpy in (
        ("random_uniform", lambda rng, out: rng.random(dtype=np.float32, out=out)),
        ("random_normal", lambda rng, out: rng.standard_normal(dtype=np.float32, out=out)),
        ("random_truncated_normal", numpy_kernels.truncated_normal),
    ):
        yield name, "", partial(_random_floats, getattr(ops, name), in_numpy)
    yield "random_permutation", "", _random_permutation


def _random_bits(shape: Shape) -> tuple[Run, Run]:
    rng, out = np.random.default_rng(1), np.empty(shape, np.uint32)
    return (
        partial(ops.random_bits, shape, seed=1, out=out),
        lambda: rng.integers(0, 2**32, shape, np.uint32),
    )


def _random_floats(
    op: Callable[..., Any], in_numpy: Callable[[np.random.Generator, Array], Any], shape: Shape
) -> tuple[Run, Run]:
    rng = np.random.default_rng(1)
    ours, theirs = np.empty((2, *shape), np.float32)
    return partial(op, shape, seed=1, out=ours), partial(in_numpy, rng, theirs)


def _random_permutation(shape: Shape) -> tuple[Run, Run]:
    rng, n = np.random.default_rng(1), shape[0] * shape[1]
    return partial(ops.random_permutation, n, seed=1), lambda: rng.permutation(n)
