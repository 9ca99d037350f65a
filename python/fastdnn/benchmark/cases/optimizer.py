"""Optimizers. Both sides work in place, on arrays of their own."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from fastdnn import ops
from fastdnn.benchmark import numpy_kernels
from fastdnn.benchmark.cases.case import Array, Run, Shape, Variant, normal


def variants() -> Iterator[Variant]:
    """Yield function, variant and builder."""
    rate = 0.001
    yield (
        "sgd_update",
        "",
        partial(
            _update,
            lambda w, g: ops.sgd_update(w, g, learning_rate=rate),
            lambda w, g: numpy_kernels.sgd(w, g, None, rate),
            0,
        ),
    )
    yield (
        "sgd_update",
        "momentum",
        partial(
            _update,
            lambda w, g, m: ops.sgd_update(w, g, m, learning_rate=rate, momentum=0.9),
            lambda w, g, m: numpy_kernels.sgd(w, g, m, rate, 0.9),
            1,
        ),
    )
    yield (
        "adagrad_update",
        "",
        partial(
            _update,
            lambda w, g, a: ops.adagrad_update(w, g, a, learning_rate=rate),
            lambda w, g, a: numpy_kernels.adagrad(w, g, a, rate),
            1,
        ),
    )
    yield (
        "rmsprop_update",
        "",
        partial(
            _update,
            lambda w, g, v: ops.rmsprop_update(w, g, v, learning_rate=rate),
            lambda w, g, v: numpy_kernels.rmsprop(w, g, v, rate),
            1,
        ),
    )
    yield (
        "adam_update",
        "",
        partial(
            _update,
            lambda w, g, m, v: ops.adam_update(w, g, m, v, iteration=10, learning_rate=rate),
            lambda w, g, m, v: numpy_kernels.adam(w, g, m, v, 10, rate),
            2,
        ),
    )
    yield (
        "ftrl_update",
        "",
        partial(
            _update,
            lambda w, g, n, z: ops.ftrl_update(
                w, g, n, z, learning_rate=rate, l1_regularization_strength=0.001
            ),
            lambda w, g, n, z: numpy_kernels.ftrl(w, g, n, z, rate),
            2,
        ),
    )
    yield (
        "adadelta_update",
        "",
        partial(
            _update,
            lambda w, g, a, d: ops.adadelta_update(w, g, a, d, learning_rate=rate),
            lambda w, g, a, d: numpy_kernels.adadelta(w, g, a, d, rate),
            2,
        ),
    )
    yield (
        "nadam_update",
        "",
        partial(
            _update,
            lambda w, g, m, v: ops.nadam_update(w, g, m, v, iteration=10, learning_rate=rate),
            lambda w, g, m, v: numpy_kernels.nadam(w, g, m, v, 10, rate),
            2,
        ),
    )
    yield (
        "adamax_update",
        "",
        partial(
            _update,
            lambda w, g, m, u: ops.adamax_update(w, g, m, u, iteration=10, learning_rate=rate),
            lambda w, g, m, u: numpy_kernels.adamax(w, g, m, u, 10, rate),
            2,
        ),
    )
    yield (
        "lion_update",
        "",
        partial(
            _update,
            lambda w, g, m: ops.lion_update(w, g, m, learning_rate=rate),
            lambda w, g, m: numpy_kernels.lion(w, g, m, rate),
            1,
        ),
    )


def _update(
    op: Callable[..., None], in_numpy: Callable[..., None], slots: int, shape: Shape
) -> tuple[Run, Run]:
    weights, gradient = normal(shape), normal(shape)

    def side(update: Callable[..., None]) -> Run:
        w: Array = weights.copy()
        state = [np.full(shape, 0.1, np.float32) for _ in range(slots)]

        def run() -> Array:
            update(w, gradient, *state)
            return w

        return run

    return side(op), side(in_numpy)
