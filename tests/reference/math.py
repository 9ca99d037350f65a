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


def assert_within_ulp(got, expected, max_ulp, x, signed_zeros=False):
    """Every element of `got` = f(`x`) within `max_ulp` of the float64 `expected`."""
    # The float32 nearest to `expected`, and its neighbours within 1.5 ulp, need no closer look.
    with np.errstate(over="ignore", under="ignore"):
        nearest = expected.astype(np.float32)
    distance = got.view(np.int32) - nearest.view(np.int32)
    ordinary = np.isfinite(nearest) & (nearest != 0)
    far = np.flatnonzero((distance != 0) & ~(ordinary & (np.abs(distance) <= 1)))
    got, expected, x = (a.ravel()[far] for a in (got, expected, x))
    errors = ulp_errors(got, expected)
    zeros = (expected == 0) & (got == 0) & signed_zeros
    errors[zeros & (np.signbit(got) != np.signbit(expected))] = np.inf
    if errors.size == 0 or errors.max() <= max_ulp:
        return
    worst = int(np.argmax(errors))
    raise AssertionError(
        f"f({float(x[worst])!r}) = {float(got[worst])!r}, expected {expected[worst]!r}: "
        f"{errors[worst]:.3f} ulp"
    )
