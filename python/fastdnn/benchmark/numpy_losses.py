"""What one writes in NumPy for losses and their gradients.

(NumPy's own types for arithmetic are `Any`.)
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
LossAndGradient = tuple[Array, Array]

_EPSILON = np.float32(1e-7)


def _clip(p: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return probabilities in [1e-7, 1 - 1e-7], and where they were already."""
    clipped = np.clip(p, 1e-7, 1 - 1e-7)
    return clipped, clipped == p


def _categorical(t: Array, y: Array) -> LossAndGradient:
    total = y.sum(axis=1, keepdims=True)
    p, inside = _clip(y / total)
    slope = np.where(inside, -t / p, np.float32(0))
    gradient = (slope - (slope * p).sum(axis=1, keepdims=True)) / total
    return -(t * np.log(p)).sum(axis=1), gradient


def _sparse_categorical(labels: npt.NDArray[np.int32], y: Array) -> LossAndGradient:
    rows, total = np.arange(len(y)), y.sum(axis=1)
    p, inside = _clip(y[rows, labels] / total)
    gradient = np.repeat(inside / total, y.shape[1]).reshape(y.shape).astype(np.float32)
    gradient[rows, labels] -= inside / (p * total)
    return -np.log(p), gradient


def _binary(t: Array, y: Array) -> LossAndGradient:
    p, inside = _clip(y)
    loss = -(t * np.log(p) + (1 - t) * np.log1p(-p)).mean(axis=1)
    return loss, inside * (p - t) / (p * (1 - p) * np.float32(y.shape[1]))


def _squared(t: Array, y: Array) -> LossAndGradient:
    error = y - t
    return (error * error).mean(axis=1), error * np.float32(2 / y.shape[1])


def _absolute(t: Array, y: Array) -> LossAndGradient:
    error = y - t
    return np.abs(error).mean(axis=1), np.sign(error) * np.float32(1 / y.shape[1])


def _categorical_focal(t: Array, y: Array) -> LossAndGradient:
    total = y.sum(axis=1, keepdims=True)
    p, inside = _clip(y / total)
    wrong, log_p, weight = 1 - p, np.log(p), t / 4
    loss = -(weight * wrong**2 * log_p).sum(axis=1)
    slope = np.where(inside, weight * wrong * (2 * log_p - wrong / p), np.float32(0))
    return loss, (slope - (slope * p).sum(axis=1, keepdims=True)) / total


def _binary_focal(t: Array, y: Array) -> LossAndGradient:
    p, inside = _clip(y)
    wrong = t * (1 - p) + (1 - t) * p
    entropy = -(t * np.log(p) + (1 - t) * np.log1p(-p))
    slope = wrong * (wrong * (p - t) / (p * (1 - p)) + 2 * entropy * (1 - 2 * t))
    return (wrong**2 * entropy).mean(axis=1), inside * slope / np.float32(y.shape[1])


def _divergence(t: Array, y: Array) -> LossAndGradient:
    t, p = np.clip(t, _EPSILON, 1), np.clip(y, _EPSILON, 1)
    return (t * np.log(t / p)).sum(axis=1), np.where(p == y, -t / p, np.float32(0))


def _percentage(t: Array, y: Array) -> LossAndGradient:
    error, scale = y - t, 100 / np.maximum(np.abs(t), _EPSILON)
    loss, slope = np.abs(error) * scale, np.sign(error) * scale
    return loss.mean(axis=1), slope / np.float32(y.shape[1])


def _logarithmic(t: Array, y: Array) -> LossAndGradient:
    p = np.maximum(y, _EPSILON)
    error = np.log1p(p) - np.log1p(np.maximum(t, _EPSILON))
    slope = np.where(p == y, error / (1 + p), np.float32(0))
    return (error * error).mean(axis=1), slope * np.float32(2 / y.shape[1])


def _huber(t: Array, y: Array) -> LossAndGradient:
    error = y - t
    slope = np.clip(error, -1, 1)
    return (slope * (error - slope / 2)).mean(axis=1), slope / np.float32(y.shape[1])


def _log_cosh(t: Array, y: Array) -> LossAndGradient:
    error = y - t
    loss = np.logaddexp(error, -error) - np.float32(np.log(2))
    return loss.mean(axis=1), np.tanh(error) / np.float32(y.shape[1])


def _poisson(t: Array, y: Array) -> LossAndGradient:
    rate = y + _EPSILON
    slope = np.float32(1) - t / rate
    return (y - t * np.log(rate)).mean(axis=1), slope / np.float32(y.shape[1])


def _quantile(t: Array, y: Array) -> LossAndGradient:
    loss, gradient = _absolute(t, y)
    return loss * np.float32(0.5), gradient * np.float32(0.5)


def _hinge(t: Array, y: Array, power: int) -> LossAndGradient:
    sign = np.where(t == 0, np.float32(-1), t)
    loss = np.maximum(1 - sign * y, 0)
    slope: Any = -sign * (loss > 0) if power == 1 else -2 * sign * loss
    return (loss**power).mean(axis=1), slope / np.float32(y.shape[1])


def _categorical_hinge(t: Array, y: Array) -> LossAndGradient:
    wrong = (1 - t) * y
    best = wrong == wrong.max(axis=1, keepdims=True)
    loss = np.maximum(wrong.max(axis=1) - (t * y).sum(axis=1) + 1, 0)
    slope = (1 - t) * best / best.sum(axis=1, keepdims=True, dtype=np.float32) - t
    return loss, slope * (loss > 0)[:, None]


# name -> function of targets and outputs that returns the loss of every row and the gradient, with
# the default options.
LOSSES: dict[str, Callable[[Any, Array], LossAndGradient]] = {
    "sparse_categorical_crossentropy": _sparse_categorical,
    "categorical_crossentropy": _categorical,
    "categorical_focal_crossentropy": _categorical_focal,
    "binary_crossentropy": _binary,
    "binary_focal_crossentropy": _binary_focal,
    "kl_divergence": _divergence,
    "mean_squared_error": _squared,
    "mean_absolute_error": _absolute,
    "mean_absolute_percentage_error": _percentage,
    "mean_squared_logarithmic_error": _logarithmic,
    "huber": _huber,
    "log_cosh": _log_cosh,
    "poisson": _poisson,
    "quantile": _quantile,
    "hinge": partial(_hinge, power=1),
    "squared_hinge": partial(_hinge, power=2),
    "categorical_hinge": _categorical_hinge,
}
