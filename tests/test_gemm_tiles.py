"""Products by bfloat16 tiles: in software where the processor has none."""

import numpy as np
import pytest
from guarded import Guarded
from reference.gemm import bound, gemm

from fastdnn import _core

# Around the edges of tiles (16 rows or columns by 32 steps), panels of two, and blocks of k.
PRODUCTS = [
    (1, 1, 1),
    (3, 17, 31),
    (16, 16, 32),
    (17, 33, 33),
    (32, 32, 64),
    (33, 48, 65),
    (50, 30, 100),
    (70, 65, 50),
    (40, 100, 33),
    (20, 20, 530),
    (20, 50, 1030),
]


def by_tiles(a, b, out, *, transpose_a=False, transpose_b=False, members=1, **epilogue):
    options = {"alpha": 1.0, "beta": 0.0, "bias": None, "activation": "linear"} | epilogue
    a = np.ascontiguousarray(a.T) if transpose_a else a
    b = np.ascontiguousarray(b.T) if transpose_b else b
    _core.testing.gemm_by_tiles(a, b, transpose_a, transpose_b, *options.values(), out, members)
    return out


def product(a, b, **options):
    return by_tiles(a, b, np.empty((a.shape[0], b.shape[1]), np.float32), **options)


def operands(rng, m, n, k):
    a = rng.standard_normal((m, k)).astype(np.float32)
    return a, rng.standard_normal((k, n)).astype(np.float32)


@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize(("m", "n", "k"), PRODUCTS)
def test_product(product_isa, rng, m, n, k, transpose_a, transpose_b):
    a, b = operands(rng, m, n, k)
    c = Guarded((m, n))
    by_tiles(a, b, c.array, transpose_a=transpose_a, transpose_b=transpose_b)
    c.check()
    assert np.abs(c.array - gemm(a, b)).max() <= bound(a, b)


@pytest.mark.parametrize(("m", "n", "k"), [(33, 48, 65), (17, 33, 1030)])
@pytest.mark.parametrize("beta", [0.0, 1.0, -0.5])
def test_epilogue(product_isa, rng, m, n, k, beta):
    a, b = operands(rng, m, n, k)
    bias = rng.standard_normal(n).astype(np.float32)
    old = rng.standard_normal((m, n)).astype(np.float32)
    c = Guarded((m, n))
    c.array[:] = old if beta else np.nan
    by_tiles(a, b, c.array, alpha=2.5, beta=beta, bias=bias, activation="relu")
    c.check()
    exact = np.maximum(gemm(a, b, alpha=2.5, beta=beta, bias=bias, c=old), 0)
    limit = bound(a, b, alpha=2.5, beta=beta, bias=bias, c=old)
    assert np.abs(c.array - exact).max() <= limit
    assert (c.array == 0).any() and (c.array > 0).any()


def test_activation_beyond_the_kernel(product_isa, rng):
    a, b = operands(rng, 20, 40, 50)
    z = product(a, b)
    expected = np.empty_like(z)
    _core.testing.activation_columns("tanh", z, expected, 40)
    np.testing.assert_array_equal(product(a, b, activation="tanh"), expected)


def test_the_three_parts_of_a_number_are_exact(product_isa, rng):
    """A product with the identity adds the parts of every number, smallest first."""
    values = rng.standard_normal((40, 70)) * 2.0 ** rng.integers(-20, 20, (40, 70))
    b = values.astype(np.float32)
    np.testing.assert_array_equal(product(np.eye(40, dtype=np.float32), b), b)
    np.testing.assert_array_equal(product(b, np.eye(70, dtype=np.float32)), b)


def test_instruction_and_model_agree(rng):
    if "amx" not in _core.supported_isa_levels():
        pytest.skip(f"this CPU has no amx; it supports {_core.supported_isa_levels()}")
    a, b = operands(rng, 70, 100, 1030)
    before = _core.isa_level()
    found = {}
    try:
        for level in ("avx512", "amx"):
            _core.testing.set_isa_level(level)
            found[level] = product(a, b)
    finally:
        _core.testing.set_isa_level(before)
    np.testing.assert_array_equal(found["amx"], found["avx512"])


@pytest.mark.parametrize(("m", "n", "k"), [(50, 300, 90), (300, 50, 90), (33, 33, 600)])
def test_same_bits_for_any_number_of_members(product_isa, rng, m, n, k):
    a, b = operands(rng, m, n, k)
    expected = product(a, b)
    for members in (2, 3, 4, 6, 8):
        np.testing.assert_array_equal(product(a, b, members=members), expected)


def error(c, a, b):
    """Root mean square over the elements, each relative to the sum of its products' magnitudes.

    Relative to the norm of the whole, a single product would decide where magnitudes differ widely.
    """
    return np.sqrt(np.mean(((c - gemm(a, b)) / gemm(np.abs(a), np.abs(b))) ** 2))


def chain(a, b):
    """Float32 fused multiply-adds in order: the exact product rounds once, with the sum."""
    c = np.zeros((a.shape[0], b.shape[1]), np.float32)
    for p in range(a.shape[1]):
        c = (np.outer(a[:, p].astype(np.float64), b[p].astype(np.float64)) + c).astype(np.float32)
    return c


def gaussian(rng, shape):
    return rng.standard_normal(shape)


def lognormal(rng, shape):
    return rng.lognormal(0.0, 4.0, shape) * rng.choice([-1.0, 1.0], shape)


def rectified(rng, shape):
    return np.maximum(rng.standard_normal(shape), 0)


@pytest.mark.parametrize("k", [64, 500])
@pytest.mark.parametrize(
    ("left", "right", "scale"),
    [
        (gaussian, gaussian, 1.0),
        (lognormal, lognormal, 1.0),
        (rectified, gaussian, 1.0),
        (rectified, rectified, 1.0),
        (gaussian, gaussian, 1e30),
        (gaussian, gaussian, 1e-30),
        (lognormal, gaussian, 1e-15),
    ],
)
def test_error_is_that_of_float32(product_isa, rng, left, right, scale, k):
    """At most 1.2 times that of a chain, also where one operand is scaled, or both."""
    a = left(rng, (60, k)).astype(np.float32)
    b = right(rng, (k, 60)).astype(np.float32)
    a[:, 0] = b[0] = 1  # no sum without a product
    scaled_a, scaled_b = a * np.float32(scale), b / np.float32(scale)
    for x, y in [(scaled_a, b), (a, scaled_b), (scaled_a, scaled_b)]:
        assert error(product(x, y), x, y) <= 1.2 * error(chain(x, y), x, y)


def test_error_where_everything_cancels(product_isa, rng):
    a = rng.standard_normal((40, 300)).astype(np.float32)
    b = rng.standard_normal((300, 40)).astype(np.float32)
    a = np.hstack([a, -a])
    b = np.vstack([b, b * np.float32(1.0001)])
    assert error(product(a, b), a, b) <= 1.2 * error(chain(a, b), a, b)


@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3.4e38, 1e36])
def test_what_parts_cannot_hold_is_multiplied_without_them(
    product_isa, rng, value, transpose_a, transpose_b
):
    """Such a value spoils its own row, as everywhere else; its panel is as accurate as ever."""
    a, b = operands(rng, 70, 70, 600)
    a[40, 300], a[:, 299] = value, 0.0
    b[300] = np.where(np.arange(70) % 2, 1.0, 0.0)
    plain = np.delete(np.arange(70), 40)
    c = product(a, b, transpose_a=transpose_a, transpose_b=transpose_b)
    exact = gemm(a[plain], b)
    assert np.abs(c[plain] - exact).max() <= bound(a[plain], b)
    if np.isfinite(value):
        np.testing.assert_allclose(c[40, 1::2], a[40, 300], rtol=1e-6)
    elif np.isnan(value):
        assert np.isnan(c[40]).all()
    else:
        assert (c[40, 1::2] == value).all()
        assert np.isnan(c[40, ::2]).all()  # infinity times zero


@pytest.mark.parametrize("exponent", [-149, -140, -126, -110, -80])
def test_small_values_lose_nothing(product_isa, rng, exponent):
    """Tiles take subnormal numbers for zero, so panels of small numbers do without tiles."""
    a, b = operands(rng, 20, 20, 40)
    a = np.ldexp(np.sign(a), exponent).astype(np.float32)
    # Subnormal results are whole multiples of the smallest number: each step rounds to one.
    assert np.abs(product(a, b) - gemm(a, b)).max() <= bound(a, b) + 41 * 2.0**-149
