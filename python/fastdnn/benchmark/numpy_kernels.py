"""What one writes in NumPy for the things that `fastdnn.ops` does in one pass.

Results go to `out` where NumPy can do that; where it takes several passes, temporaries are made, as
in anybody's code. (NumPy's own types for arithmetic are `Any`.)
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

_SELU_SCALE = np.float32(1.0507009873554805)
_SELU_ALPHA = np.float32(1.6732632423543773)


def sigmoid(x: Array, out: Array | None = None) -> Any:
    """Return `1 / (1 + exp(-x))`."""
    return np.reciprocal(1 + np.exp(-x), out=out)


def softplus(x: Array, out: Array | None = None) -> Any:
    """Return `log(1 + exp(x))`."""
    return np.logaddexp(x, np.float32(0), out=out)


def gelu(x: Array, out: Array) -> Any:
    """Return the approximation by tanh: NumPy has no erf."""
    inner = np.float32(0.7978845608) * (x + np.float32(0.044715) * x * x * x)
    return np.multiply(np.float32(0.5) * x, 1 + np.tanh(inner), out=out)


def _silu_slope(x: Array) -> Any:
    s = sigmoid(x)
    return s * (1 + x * (1 - s))


def _gelu_slope(x: Array) -> Any:
    t = np.tanh(np.float32(0.7978845608) * (x + np.float32(0.044715) * x * x * x))
    inner = np.float32(0.7978845608) * (1 + np.float32(0.134145) * x * x)
    return np.float32(0.5) * (1 + t + x * (1 - t * t) * inner)


def _mish_slope(x: Array) -> Any:
    t = np.tanh(softplus(x))
    return t + x * (1 - t * t) * sigmoid(x)


# name -> (f(x, out), f' as a function of what `activation_backward` takes).
ACTIVATIONS: dict[str, tuple[Callable[[Array, Array], Any], Callable[[Array], Any]]] = {
    "linear": (lambda x, out: np.copyto(out, x), lambda y: np.float32(1)),
    "relu": (lambda x, out: np.maximum(x, 0, out=out), lambda y: y > 0),
    "leaky_relu": (
        lambda x, out: np.maximum(x, np.float32(0.2) * x, out=out),
        lambda y: np.where(y > 0, np.float32(1), np.float32(0.2)),
    ),
    "elu": (
        lambda x, out: np.copyto(out, np.where(x > 0, x, np.expm1(x))),
        lambda y: np.where(y > 0, np.float32(1), y + 1),
    ),
    "selu": (
        lambda x, out: np.multiply(
            _SELU_SCALE, np.where(x > 0, x, _SELU_ALPHA * np.expm1(x)), out=out
        ),
        lambda y: np.where(y > 0, _SELU_SCALE, y + _SELU_SCALE * _SELU_ALPHA),
    ),
    "sigmoid": (sigmoid, lambda y: y * (1 - y)),
    "tanh": (lambda x, out: np.tanh(x, out=out), lambda y: 1 - y * y),
    "softplus": (softplus, lambda y: -np.expm1(-y)),
    "softsign": (
        lambda x, out: np.divide(x, 1 + np.abs(x), out=out),
        lambda y: np.square(1 - np.abs(y)),
    ),
    "hard_sigmoid": (
        lambda x, out: np.divide(np.clip(x + 3, 0, 6), 6, out=out),
        lambda y: np.where((y > 0) & (y < 1), np.float32(1 / 6), np.float32(0)),
    ),
    "hard_tanh": (lambda x, out: np.clip(x, -1, 1, out=out), lambda y: np.abs(y) < 1),
    "relu6": (lambda x, out: np.clip(x, 0, 6, out=out), lambda y: (y > 0) & (y < 6)),
    "exponential": (lambda x, out: np.exp(x, out=out), lambda y: y),
    "gelu": (gelu, _gelu_slope),
    "gelu_tanh": (gelu, _gelu_slope),
    "silu": (lambda x, out: np.multiply(x, sigmoid(x), out=out), _silu_slope),
    "mish": (lambda x, out: np.multiply(x, np.tanh(softplus(x)), out=out), _mish_slope),
}


def softmax(x: Array, out: Array | None = None) -> Any:
    """Return the probabilities of every row."""
    y = np.exp(x - x.max(axis=1, keepdims=True))
    return np.divide(y, y.sum(axis=1, keepdims=True), out=out)


def log_softmax(x: Array, out: Array | None = None) -> Any:
    """Return the logarithms of the probabilities of every row."""
    shifted = x - x.max(axis=1, keepdims=True)
    return np.subtract(shifted, np.log(np.exp(shifted).sum(axis=1, keepdims=True)), out=out)


def batch_norm(
    x: Array, gamma: Array, beta: Array, moving: tuple[Array, Array], out: Array
) -> tuple[Array, Array]:
    """Normalize the columns and move the statistics; return the normalized x and 1 / deviation."""
    mean, variance = x.mean(axis=0), x.var(axis=0)
    for average, statistic in zip(moving, (mean, variance), strict=True):
        average *= np.float32(0.99)
        average += np.float32(0.01) * statistic
    inv_std = 1 / np.sqrt(variance + np.float32(1e-3))
    normalized = (x - mean) * inv_std
    np.multiply(normalized, gamma, out=out)
    out += beta
    return normalized, inv_std


def batch_norm_backward(
    dy: Array, normalized: Array, inv_std: Array, gamma: Array, out: Array
) -> tuple[Array, Array]:
    """Write the gradient of x to `out`; return those of gamma and beta."""
    dbeta = dy.sum(axis=0)
    dgamma = (dy * normalized).sum(axis=0)
    rows = np.float32(len(dy))
    np.subtract(dy, dbeta / rows + normalized * (dgamma / rows), out=out)
    out *= gamma * inv_std
    return dgamma, dbeta


def layer_norm(x: Array, gamma: Array, beta: Array, out: Array) -> tuple[Array, Array]:
    """Normalize the rows; return the normalized x and 1 / deviation."""
    inv_std = 1 / np.sqrt(x.var(axis=1, keepdims=True) + np.float32(1e-3))
    normalized = (x - x.mean(axis=1, keepdims=True)) * inv_std
    np.multiply(normalized, gamma, out=out)
    out += beta
    return normalized, inv_std


def layer_norm_backward(
    dy: Array, normalized: Array, inv_std: Array, gamma: Array, out: Array
) -> tuple[Array, Array]:
    """Write the gradient of x to `out`; return those of gamma and beta."""
    g = dy * gamma
    slope = (g * normalized).mean(axis=1, keepdims=True)
    np.subtract(g, g.mean(axis=1, keepdims=True) + normalized * slope, out=out)
    out *= inv_std
    return (dy * normalized).sum(axis=0), dy.sum(axis=0)


def alpha_dropout(x: Array, rate: float, rng: np.random.Generator, out: Array) -> Array:
    """Replace elements by where SELU saturates, and keep mean and variance."""
    saturated = -1.6732632423543772 * 1.0507009873554805
    scale = ((1 - rate) * (1 + rate * saturated**2)) ** -0.5
    kept = rng.random(x.shape, np.float32) >= rate
    np.multiply(np.where(kept, x, np.float32(saturated)), np.float32(scale), out=out)
    out -= np.float32(scale * saturated * rate)
    return out


def dropout(
    x: Array, rate: float, rng: np.random.Generator, out: Array
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Drop elements and scale the others; return the result and which were kept."""
    kept = rng.random(x.shape, np.float32) >= rate
    return dropout_backward(x, kept, rate, out), kept


def dropout_backward(dy: Array, kept: npt.NDArray[np.bool_], rate: float, out: Array) -> Array:
    """Return the gradient: `dy` where it was kept, scaled."""
    np.multiply(dy, kept, out=out)
    out *= np.float32(1 / (1 - rate))
    return out


def sgd(w: Array, g: Array, m: Array | None, learning_rate: float, momentum: float = 0.0) -> None:
    """Do one step of gradient descent, with momentum if `m` is given."""
    if m is None:
        w -= np.float32(learning_rate) * g
        return
    m *= np.float32(momentum)
    m -= np.float32(learning_rate) * g
    w += m


def adagrad(w: Array, g: Array, a: Array, learning_rate: float) -> None:
    """Do one step of Adagrad."""
    a += g * g
    w -= np.float32(learning_rate) * g / np.sqrt(a + np.float32(1e-7))


def rmsprop(w: Array, g: Array, v: Array, learning_rate: float) -> None:
    """Do one step of RMSprop."""
    v *= np.float32(0.9)
    v += np.float32(0.1) * (g * g)
    w -= np.float32(learning_rate) * g / np.sqrt(v + np.float32(1e-7))


def adam(w: Array, g: Array, m: Array, v: Array, iteration: int, learning_rate: float) -> None:
    """Do one step of Adam."""
    rate = learning_rate * (1 - 0.999**iteration) ** 0.5 / (1 - 0.9**iteration)
    m += np.float32(0.1) * (g - m)
    v += np.float32(0.001) * (g * g - v)
    w -= np.float32(rate) * m / (np.sqrt(v) + np.float32(1e-7))


def ftrl(w: Array, g: Array, n: Array, z: Array, learning_rate: float) -> None:
    """Do one step of "follow the regularized leader", with an L1 of 0.001."""
    grown = n + g * g
    root = np.sqrt(grown)
    z += g - (root - np.sqrt(n)) / np.float32(learning_rate) * w
    np.copyto(w, (np.clip(z, -0.001, 0.001) - z) * np.float32(learning_rate) / root)
    np.copyto(n, grown)


def adadelta(w: Array, g: Array, a: Array, d: Array, learning_rate: float) -> None:
    """Do one step of Adadelta."""
    a *= np.float32(0.95)
    a += np.float32(0.05) * (g * g)
    change = np.sqrt(d + np.float32(1e-7)) * g / np.sqrt(a + np.float32(1e-7))
    d *= np.float32(0.95)
    d += np.float32(0.05) * (change * change)
    w -= np.float32(learning_rate) * change


def nadam(w: Array, g: Array, m: Array, v: Array, iteration: int, learning_rate: float) -> None:
    """Do one step of Nadam."""
    shares = [0.9 * (1 - 0.5 * 0.96**t) for t in range(1, iteration + 2)]
    product = float(np.prod(shares[:-1]))
    m += np.float32(0.1) * (g - m)
    v += np.float32(0.001) * (g * g - v)
    ahead = np.float32(shares[-1] / (1 - product * shares[-1])) * m
    ahead += np.float32((1 - shares[-2]) / (1 - product)) * g
    root = np.sqrt(v / np.float32(1 - 0.999**iteration))
    w -= np.float32(learning_rate) * ahead / (root + np.float32(1e-7))


def adamax(w: Array, g: Array, m: Array, u: Array, iteration: int, learning_rate: float) -> None:
    """Do one step of Adamax."""
    m += np.float32(0.1) * (g - m)
    np.maximum(np.float32(0.999) * u, np.abs(g), out=u)
    w -= np.float32(learning_rate / (1 - 0.9**iteration)) * m / (u + np.float32(1e-7))


def lion(w: Array, g: Array, m: Array, learning_rate: float) -> None:
    """Do one step of Lion."""
    w -= np.float32(learning_rate) * np.sign(np.float32(0.9) * m + np.float32(0.1) * g)
    m *= np.float32(0.99)
    m += np.float32(0.01) * g


def limit_norms(x: Array, least: float, most: float, out: Array) -> Array:
    """Write x with the norms of its columns between `least` and `most`."""
    norms = np.sqrt(np.square(x).sum(axis=0))
    factors = np.clip(norms, least, most) / (np.float32(1e-7) + norms)
    np.multiply(x, factors, out=out)
    return out


def first_nonfinite(x: Array) -> int:
    """Return the index of the first NaN or infinity, or -1."""
    finite = np.isfinite(x).ravel()
    first = int(finite.argmin())
    return -1 if finite[first] else first


def truncated_normal(rng: np.random.Generator, out: Array) -> Array:
    """Fill `out` with normal numbers, drawing those beyond two deviations again."""
    rng.standard_normal(dtype=np.float32, out=out)
    while (beyond := np.abs(out) > 2).any():
        out[beyond] = rng.standard_normal(np.count_nonzero(beyond), np.float32)
    return out


def softmax_cross_entropy(logits: Array, labels: npt.NDArray[np.int32]) -> tuple[Array, Array]:
    """Return the loss of every row, and the gradient of the logits."""
    rows, gradient = np.arange(len(logits)), softmax(logits)
    loss = -np.log(np.maximum(gradient[rows, labels], 1e-38))
    gradient[rows, labels] -= 1
    return loss, gradient


def sigmoid_cross_entropy(z: Array, t: Array) -> tuple[Array, Array]:
    """Return the mean loss of every row, and the gradient of the logits."""
    loss = (np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))).mean(axis=1)
    return loss, (sigmoid(z) - t) / np.float32(z.shape[1])


def in_top_k(labels: npt.NDArray[np.int32], y: Array, k: int) -> Any:
    """Return for every row whether fewer than k outputs exceed the label's."""
    own = y[np.arange(len(y)), labels]
    return (y > own[:, None]).sum(axis=1) < k


# name -> function of targets and outputs that returns the metric of every row; k is 5.
METRICS: dict[str, Callable[[Any, Array], Any]] = {
    "sparse_categorical_accuracy": lambda t, y: y.argmax(axis=1) == t,
    "categorical_accuracy": lambda t, y: y.argmax(axis=1) == t.argmax(axis=1),
    "binary_accuracy": lambda t, y: ((y > 0.5) == t).mean(axis=1),
    "sparse_top_k_categorical_accuracy": lambda t, y: in_top_k(t, y, 5),
    "top_k_categorical_accuracy": lambda t, y: in_top_k(t.argmax(axis=1).astype(np.int32), y, 5),
}


def confusion_counts(t: Array, y: Array) -> Any:
    """Return negatives and positives that are at most 0.5, and those above."""
    above, positive = y > 0.5, t != 0
    groups = [~positive & ~above, ~positive & above, positive & ~above, positive & above]
    return np.reshape([np.count_nonzero(group) for group in groups], (1, 2, 2))


def regression_sums(t: Array, y: Array) -> Any:
    """Return the rows thrice, and of columns t[0] and the sums of t - t[0] and two squares."""
    t, y = t.astype(np.float64), y.astype(np.float64)
    d = t - t[0]
    sums = np.stack([t[0], d.sum(0), (d * d).sum(0), ((t - y) ** 2).sum(0)])
    return np.concatenate([np.full(3, len(t)), sums.T.ravel()])
