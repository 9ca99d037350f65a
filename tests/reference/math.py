"""Elementary functions in float64, and distances in units in the last place of float32."""

import numpy as np


def sigmoid(x):
    decay = np.exp(-np.abs(x))
    return np.where(x < 0, decay, 1.0) / (1.0 + decay)


def softplus(x):
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


FUNCTIONS = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "tanh": np.tanh,
}


def ulp_errors(got, expected):
    """|got - expected| in float32 units in the last place of `expected`, given in float64.

    NaN must meet NaN. A float32 infinity stands for 2**128, the value that rounds to it.
    """
    limit = 2.0**128
    with np.errstate(invalid="ignore"):
        got = np.clip(got.astype(np.float64), -limit, limit)
        expected = np.clip(expected, -limit, limit)
        _, exponent = np.frexp(expected)
        # A value in [2^(e-1), 2^e) has the unit 2^(e-24); denormals share one.
        unit = np.ldexp(1.0, np.clip(exponent, -125, 128) - 24)
        errors = np.abs(got - expected) / unit
    both_nan = np.isnan(got) & np.isnan(expected)
    return np.where(both_nan, 0.0, np.where(np.isnan(errors), np.inf, errors))
