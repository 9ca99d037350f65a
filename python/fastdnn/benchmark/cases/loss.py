"""Losses with their gradients, and metrics."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn import ops
from fastdnn.benchmark import numpy_kernels, numpy_losses
from fastdnn.benchmark.cases.case import Array, Run, Shape, Variant, normal

_K = 5


def variants() -> Iterator[Variant]:
    """Yield function, variant and builder."""
    for name, in_numpy in numpy_losses.LOSSES.items():
        yield "loss", name, partial(_loss, partial(ops.loss, name), in_numpy, name)
    yield "softmax_cross_entropy", "", _softmax_cross_entropy
    yield "sigmoid_cross_entropy", "", _sigmoid_cross_entropy
    for name in ("mean_squared_error", "mean_absolute_error"):
        yield name, "", partial(_loss, getattr(ops, name), numpy_losses.LOSSES[name], name)
    for name, in_numpy in numpy_kernels.METRICS.items():
        yield "metric_rows", name, partial(_metric, name, in_numpy)
    yield "in_top_k", "", _in_top_k
    yield "confusion_counts", "", _confusion_counts
    yield "regression_sums", "", _regression_sums


def _loss(
    op: Callable[..., Any], in_numpy: Callable[..., Any], name: str, shape: Shape
) -> tuple[Run, Run]:
    y_true, y_pred = _targets(name, shape), numpy_kernels.softmax(normal(shape))
    out = np.empty(shape[0], np.float32), np.empty(shape, np.float32)
    return partial(op, y_true, y_pred, out=out), partial(in_numpy, y_true, y_pred)


def _softmax_cross_entropy(shape: Shape) -> tuple[Run, Run]:
    logits, labels = normal(shape), _labels(shape)
    out = np.empty(shape[0], np.float32), np.empty(shape, np.float32)
    return (
        partial(ops.softmax_cross_entropy, logits, labels, out=out),
        partial(numpy_kernels.softmax_cross_entropy, logits, labels),
    )


def _sigmoid_cross_entropy(shape: Shape) -> tuple[Run, Run]:
    logits, targets = normal(shape), _targets("binary_crossentropy", shape)
    out = np.empty(shape[0], np.float32), np.empty(shape, np.float32)
    return (
        partial(ops.sigmoid_cross_entropy, logits, targets, out=out),
        partial(numpy_kernels.sigmoid_cross_entropy, logits, targets),
    )


def _metric(name: str, in_numpy: Callable[..., Any], shape: Shape) -> tuple[Run, Run]:
    y_true, y_pred = _targets(name, shape), numpy_kernels.softmax(normal(shape))
    out = np.empty(shape[0], np.float32)
    return (
        partial(ops.metric_rows, name, y_true, y_pred, k=_K, out=out),
        partial(in_numpy, y_true, y_pred),
    )


def _in_top_k(shape: Shape) -> tuple[Run, Run]:
    labels, predictions = _labels(shape), normal(shape)
    return (
        partial(ops.in_top_k, labels, predictions, _K),
        partial(numpy_kernels.in_top_k, labels, predictions, _K),
    )


def _confusion_counts(shape: Shape) -> tuple[Run, Run]:
    y_true, y_pred = _targets("binary_accuracy", shape), normal(shape)
    return (
        partial(ops.confusion_counts, y_true, y_pred, [0.5]),
        partial(numpy_kernels.confusion_counts, y_true, y_pred),
    )


def _regression_sums(shape: Shape) -> tuple[Run, Run]:
    y_true, y_pred = normal(shape), normal(shape)
    return (
        partial(ops.regression_sums, y_true, y_pred),
        partial(numpy_kernels.regression_sums, y_true, y_pred),
    )


def _targets(name: str, shape: Shape) -> npt.NDArray[Any]:
    """Return labels, one-hot rows, or zeros and ones: what a loss or metric of this name takes."""
    labels = _labels(shape)
    if name.startswith("sparse"):
        return labels
    if "categorical" in name:
        one_hot: Array = np.zeros(shape, np.float32)
        one_hot[np.arange(shape[0]), labels] = 1
        return one_hot
    return (normal(shape) > 0).astype(np.float32)


def _labels(shape: Shape) -> npt.NDArray[np.int32]:
    rows, classes = shape
    return np.random.default_rng(1).integers(0, classes, rows, np.int32)
