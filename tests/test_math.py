import numpy as np
import pytest
from every_float import distinct_results_for_every_float
from guarded import Guarded
from reference.math import FUNCTIONS, assert_within_ulp
from shapes import LENGTHS

from fastdnn import _core

KERNELS = ["math_f32"]

# What csrc/cpu/simd/math.h promises.
MAX_ULP = 2.0


def evaluate(name, x):
    y = np.empty_like(x)
    _core.testing.math(name, x, y)
    return y


def check(name, x, y):
    with np.errstate(all="ignore"):
        expected = FUNCTIONS[name](x.astype(np.float64))
    assert_within_ulp(y, expected, MAX_ULP, x, signed_zeros=True)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_sampled(isa, rng, name):
    """Random bit patterns, values of ordinary size, and every kind of special value."""
    bits = rng.integers(0, 2**32, 200_000, dtype=np.uint32).view(np.float32)
    ordinary = rng.standard_normal(200_000).astype(np.float32) * 4
    powers = np.ldexp(np.float32(1), np.arange(-149, 128)).astype(np.float32)
    near = np.concatenate([np.nextafter(powers, np.float32(s)) for s in (-np.inf, np.inf)])
    special = np.array([0.0, np.inf, np.nan, 88.72283, 88.72284, -103.97, -103.98], np.float32)
    x = np.concatenate([powers, near, special])
    x = np.concatenate([bits, ordinary, x, -x])
    check(name, x, evaluate(name, x))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_float(name):
    """All 2**32 inputs at every level."""
    for x, y in distinct_results_for_every_float(lambda x: evaluate(name, x)):
        check(name, x, y)


@pytest.mark.parametrize("length", LENGTHS)
def test_lengths(isa, rng, length):
    """Tails are computed as the middle is, and nothing outside is written."""
    x = rng.standard_normal(length).astype(np.float32)
    y = Guarded((length,))
    _core.testing.math("exp", x, y.array)
    y.check()
    whole = evaluate("exp", np.concatenate([x, np.zeros(64, np.float32)]))
    np.testing.assert_array_equal(y.array, whole[:length])
