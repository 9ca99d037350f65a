"""What layers do besides products: activations, softmax, batch normalization, and so on."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn import ops
from fastdnn.benchmark import numpy_kernels
from fastdnn.benchmark.cases.case import Array, Run, Shape, Variant, normal


def variants() -> Iterator[Variant]:
    """Yield function, variant and builder."""
    for name in numpy_kernels.ACTIVATIONS:
        yield "activation", name, partial(_activation, name)
    for name in numpy_kernels.ACTIVATIONS:
        yield "activation_backward", name, partial(_activation_backward, name)
    yield "softmax", "", partial(_unary, ops.softmax, numpy_kernels.softmax)
    yield "log_softmax", "", partial(_unary, ops.log_softmax, numpy_kernels.log_softmax)
    yield "softmax_backward", "", _softmax_backward
    yield "batch_normalization", "", _batch_norm
    yield "batch_normalization_backward", "", _batch_norm_backward
    yield "dropout", "", _dropout
    yield "dropout_backward", "", _dropout_backward
    yield "alpha_dropout", "", _alpha_dropout
    yield "alpha_dropout_backward", "", _alpha_dropout_backward
    yield "gaussian_noise", "", _gaussian_noise
    yield "random_affine", "", _random_affine
    yield "random_light", "", _random_light
    yield "prelu", "", _prelu
    yield "prelu_backward", "", _prelu_backward
    yield "rescaling", "", _rescaling
    yield "add", "", partial(_combination, ops.add, np.add)
    yield "multiply", "", partial(_combination, ops.multiply, np.multiply)
    yield "embedding", "", _embedding
    yield "embedding_backward", "", _embedding_backward


# Categories of a column, a few of which a batch has more than once.
_CODES = 1000


def _activation(name: str, shape: Shape) -> tuple[Run, Run]:
    x = normal(shape)
    ours, theirs = np.empty((2, *shape), np.float32)
    forward, _ = numpy_kernels.ACTIVATIONS[name]

    def in_numpy() -> Array:
        forward(x, theirs)
        return theirs

    return partial(ops.activation, x, name, out=ours), in_numpy


def _activation_backward(name: str, shape: Shape) -> tuple[Run, Run]:
    x, dy = normal(shape), normal(shape)
    ours, theirs = np.empty((2, *shape), np.float32)
    _, slope = numpy_kernels.ACTIVATIONS[name]
    saved = x if ops.activation_needs_input(name) else ops.activation(x, name)
    return (
        partial(ops.activation_backward, saved, dy, name, out=ours),
        lambda: np.multiply(dy, slope(saved), out=theirs),
    )


def _unary(op: Callable[..., Any], in_numpy: Callable[..., Any], shape: Shape) -> tuple[Run, Run]:
    x = normal(shape)
    ours, theirs = np.empty((2, *shape), np.float32)
    return partial(op, x, out=ours), partial(in_numpy, x, out=theirs)


def _softmax_backward(shape: Shape) -> tuple[Run, Run]:
    y, dy = ops.softmax(normal(shape)), normal(shape)
    ours, theirs = np.empty((2, *shape), np.float32)
    return (
        partial(ops.softmax_backward, y, dy, out=ours),
        lambda: np.multiply(y, dy - (dy * y).sum(axis=1, keepdims=True), out=theirs),
    )


def _batch_norm(shape: Shape) -> tuple[Run, Run]:
    x = normal(shape)
    gamma, beta, *moving = (np.ones(shape[1], np.float32) for _ in range(6))
    ours, theirs = np.empty((2, *shape), np.float32)

    def in_fastdnn() -> Array:
        y, _ = ops.batch_normalization(
            x, gamma, beta, moving[0], moving[1], training=True, out=ours
        )
        return y

    def in_numpy() -> Array:
        numpy_kernels.batch_norm(x, gamma, beta, (moving[2], moving[3]), theirs)
        return theirs

    return in_fastdnn, in_numpy


def _batch_norm_backward(shape: Shape) -> tuple[Run, Run]:
    x, dy = normal(shape), normal(shape)
    gamma, beta, mean, variance = (np.ones(shape[1], np.float32) for _ in range(4))
    ours, theirs = np.empty((2, *shape), np.float32)
    _, cache = ops.batch_normalization(x, gamma, beta, None, None, training=True)
    kept = numpy_kernels.batch_norm(x, gamma, beta, (mean, variance), theirs)

    def in_numpy() -> Array:
        numpy_kernels.batch_norm_backward(dy, *kept, gamma, theirs)
        return theirs

    return lambda: ops.batch_normalization_backward(dy, cache, out=ours)[0], in_numpy


def _dropout(shape: Shape) -> tuple[Run, Run]:
    x, rng = normal(shape), np.random.default_rng(1)
    ours, theirs = np.empty((2, *shape), np.float32)
    return (
        partial(ops.dropout, x, 0.5, seed=1, out=ours),
        lambda: numpy_kernels.dropout(x, 0.5, rng, theirs)[0],
    )


def _dropout_backward(shape: Shape) -> tuple[Run, Run]:
    dy, kept = normal(shape), normal(shape) > 0
    ours, theirs = np.empty((2, *shape), np.float32)
    return (
        partial(ops.dropout_backward, dy, 0.5, seed=1, out=ours),
        partial(numpy_kernels.dropout_backward, dy, kept, 0.5, theirs),
    )


def _alpha_dropout(shape: Shape) -> tuple[Run, Run]:
    x, rng = normal(shape), np.random.default_rng(1)
    ours, theirs = np.empty((2, *shape), np.float32)
    return (
        partial(ops.alpha_dropout, x, 0.1, seed=1, out=ours),
        lambda: numpy_kernels.alpha_dropout(x, 0.1, rng, theirs),
    )


def _alpha_dropout_backward(shape: Shape) -> tuple[Run, Run]:
    dy, kept = normal(shape), normal(shape) > 0
    ours, theirs = np.empty((2, *shape), np.float32)
    return (
        partial(ops.alpha_dropout_backward, dy, 0.5, seed=1, out=ours),
        partial(numpy_kernels.dropout_backward, dy, kept, 0.5, theirs),
    )


def _gaussian_noise(shape: Shape) -> tuple[Run, Run]:
    x, rng = normal(shape), np.random.default_rng(1)
    ours, theirs = np.empty((2, *shape), np.float32)

    def in_numpy() -> Array:
        rng.standard_normal(dtype=np.float32, out=theirs)
        np.multiply(theirs, np.float32(0.1), out=theirs)
        return np.add(theirs, x, out=theirs)

    return partial(ops.gaussian_noise, x, 0.1, seed=1, out=ours), in_numpy


def _image_shape(columns: int) -> tuple[int, int, int]:
    """Return an image of so many pixels that is nearly square."""
    height = max(n for n in range(1, int(columns**0.5) + 1) if columns % n == 0)
    return height, columns // height, 1


def _random_affine(shape: Shape) -> tuple[Run, Run]:
    x, size = normal(shape), _image_shape(shape[1])
    ours, theirs = np.empty((2, *shape), np.float32)
    ranges: dict[str, Any] = {
        "angle": (-0.1, 0.1),
        "height_shift": (-0.1, 0.1),
        "width_shift": (-0.1, 0.1),
    }
    rng = np.random.default_rng(1)
    corners = [rng.integers(0, shape[1], shape) for _ in range(4)]
    weights = [rng.random(shape, np.float32) for _ in range(4)]

    def in_numpy() -> Array:
        theirs[...] = 0.0
        for places, weight in zip(corners, weights, strict=True):
            theirs[...] += weight * np.take_along_axis(x, places, 1)
        return theirs

    return partial(ops.random_affine, x, size, **ranges, seed=1, out=ours), in_numpy


def _random_light(shape: Shape) -> tuple[Run, Run]:
    x, size = normal(shape), _image_shape(shape[1])
    ours, theirs = np.empty((2, *shape), np.float32)
    rng = np.random.default_rng(1)
    options: dict[str, Any] = {"gain": (0.5, 1.5), "offset": (-0.1, 0.1)}

    def in_numpy() -> Array:
        mean = x.mean(axis=1, keepdims=True)
        np.subtract(x, mean, out=theirs)
        np.multiply(theirs, rng.random((shape[0], 1), np.float32) + np.float32(0.5), out=theirs)
        np.add(theirs, mean + rng.random((shape[0], 1), np.float32), out=theirs)
        return np.clip(theirs, 0.0, 1.0, out=theirs)

    return partial(ops.random_light, x, size, **options, seed=1, out=ours), in_numpy


def _prelu(shape: Shape) -> tuple[Run, Run]:
    x, alpha = normal(shape), np.full(shape[1], 0.25, np.float32)
    ours, theirs = np.empty((2, *shape), np.float32)

    def in_numpy() -> Array:
        np.multiply(x, alpha, out=theirs)
        return np.maximum(x, theirs, out=theirs)

    return partial(ops.prelu, x, alpha, out=ours), in_numpy


def _prelu_backward(shape: Shape) -> tuple[Run, Run]:
    x, dy, alpha = normal(shape), normal(shape), np.full(shape[1], 0.25, np.float32)
    ours, theirs = np.empty((2, *shape), np.float32)

    def in_numpy() -> tuple[Array, Array]:
        np.multiply(dy, np.where(x > 0, np.float32(1), alpha), out=theirs)
        return theirs, (dy * np.minimum(x, 0)).sum(axis=0)

    return partial(ops.prelu_backward, x, dy, alpha, out=ours), in_numpy


def _rescaling(shape: Shape) -> tuple[Run, Run]:
    x = normal(shape)
    ours, theirs = np.empty((2, *shape), np.float32)

    def in_numpy() -> Array:
        np.multiply(x, np.float32(2), out=theirs)
        return np.add(theirs, np.float32(-1), out=theirs)

    return partial(ops.rescaling, x, 2.0, -1.0, out=ours), in_numpy


def _combination(
    op: Callable[..., Any], in_numpy: Callable[..., Any], shape: Shape
) -> tuple[Run, Run]:
    x, y = normal(shape), normal(shape)[::-1].copy()
    ours, theirs = np.empty((2, *shape), np.float32)
    return partial(op, x, y, out=ours), partial(in_numpy, x, y, out=theirs)


def _codes(rows: int) -> tuple[Array, npt.NDArray[np.int64]]:
    places = np.random.default_rng(rows).integers(0, _CODES, rows)
    return places.astype(np.float32), places


def _embedding(shape: Shape) -> tuple[Run, Run]:
    (codes, places), table = _codes(shape[0]), normal((_CODES, shape[1]))
    ours, theirs = np.empty((2, *shape), np.float32)
    return (
        partial(ops.embedding, codes, table, out=ours),
        partial(np.take, table, places, axis=0, out=theirs, mode="clip"),
    )


def _embedding_backward(shape: Shape) -> tuple[Run, Run]:
    (codes, places), dy = _codes(shape[0]), normal(shape)
    ours, theirs = np.empty((2, _CODES, shape[1]), np.float32)

    def in_numpy() -> Array:
        theirs.fill(0)
        np.add.at(theirs, places, dy)
        return theirs

    return partial(ops.embedding_backward, codes, dy, _CODES, out=ours), in_numpy
