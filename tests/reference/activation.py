"""float64 oracles of the activations: functions of (x, alpha), and where they have kinks."""

import math

import numpy as np

from reference.math import sigmoid, softplus

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805

_erfc = np.frompyfunc(math.erfc, 1, 1)


def erfc(x):
    """NumPy has none; between the bounds where it is 2 or 0 it is computed value by value."""
    y = np.where(x < 0, 2.0, np.where(np.isnan(x), np.nan, 0.0))
    inner = np.abs(x) < 28
    y[inner] = _erfc(x[inner]).astype(np.float64)
    return y


def _times(x, p):
    """x p, where p vanishes faster than x grows: the limit at -Inf is -0."""
    return np.where(np.isneginf(x), -0.0, np.where(np.isneginf(x), 0.0, x) * p)


def _gelu_tanh(x):
    u = 2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
    return _times(x, sigmoid(u))


def _softsign(x):
    return np.where(np.isinf(x), np.sign(x), x / (1 + np.abs(x)))


def _elu(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


FORWARD = {
    "linear": lambda x, alpha: x,
    "relu": lambda x, alpha: np.maximum(x, 0.0),
    "leaky_relu": lambda x, alpha: np.where(x > 0, x, alpha * x),
    "elu": _elu,
    "selu": lambda x, alpha: _SELU_SCALE * _elu(x, _SELU_ALPHA),
    "sigmoid": lambda x, alpha: sigmoid(x),
    "tanh": lambda x, alpha: np.tanh(x),
    "softplus": lambda x, alpha: softplus(x),
    "softsign": lambda x, alpha: _softsign(x),
    "gelu": lambda x, alpha: _times(x, 0.5 * erfc(-x / math.sqrt(2))),
    "gelu_tanh": lambda x, alpha: _gelu_tanh(x),
    "silu": lambda x, alpha: _times(x, sigmoid(x)),
    "mish": lambda x, alpha: _times(x, np.tanh(softplus(x))),
    "hard_sigmoid": lambda x, alpha: np.clip(x + 3, 0, 6) / 6,
    "hard_tanh": lambda x, alpha: np.clip(x, -1, 1),
    "relu6": lambda x, alpha: np.clip(x, 0, 6),
    "exponential": lambda x, alpha: np.exp(x),
}

# Keras 3's defaults.
DEFAULT_ALPHA = {"leaky_relu": 0.2, "elu": 1.0}

# Where the first or second derivative jumps; central differences across them mean nothing.
KINKS = {
    "relu": (0,),
    "leaky_relu": (0,),
    "elu": (0,),
    "selu": (0,),
    "hard_sigmoid": (-3, 3),
    "hard_tanh": (-1, 1),
    "relu6": (0, 6),
    "softsign": (0,),
}
