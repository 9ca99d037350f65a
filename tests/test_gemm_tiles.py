"""Products by bfloat16 tiles: in software where the processor has none."""

import numpy as np
import pytest
from conftest import at_level
from guarded import Guarded
from reference.gemm import bound, chain, gemm, operands

import fastdnn
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


def by_tiles(
    a, b, out, *, transpose_a=False, transpose_b=False, members=1, a_is_bfloat16=False, **epilogue
):
    options = {"alpha": 1.0, "beta": 0.0, "bias": None, "activation": "linear"} | epilogue
    a = np.ascontiguousarray(a.T) if transpose_a else a
    b = np.ascontiguousarray(b.T) if transpose_b else b
    _core.testing.gemm_by_tiles(
        a, b, transpose_a, transpose_b, *options.values(), out, members, a_is_bfloat16
    )
    return out


def product(a, b, **options):
    return by_tiles(a, b, np.empty((a.shape[0], b.shape[1]), np.float32), **options)


# Where panels of both operands come in several groups, and sums wait.
LARGE = [(8300, 33, 65), (17, 8300, 130), (400, 700, 1100)]


@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize(("m", "n", "k"), PRODUCTS)
def test_product(product_isa, rng, m, n, k, transpose_a, transpose_b):
    a, b = operands(rng, m, n, k)
    c = Guarded((m, n))
    by_tiles(a, b, c.array, transpose_a=transpose_a, transpose_b=transpose_b)
    c.check()
    assert np.abs(c.array - gemm(a, b)).max() <= bound(a, b)


@pytest.mark.parametrize(("m", "n", "k"), LARGE)
def test_groups_of_panels(rng, m, n, k):
    a, b = operands(rng, m, n, k)
    with at_level("amx"):
        c = product(a, b)
        for members in (2, 3):
            np.testing.assert_array_equal(product(a, b, members=members), c)
    assert np.abs(c - gemm(a, b)).max() <= bound(a, b)


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


@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize(("m", "n", "k"), [*PRODUCTS, (300, 50, 90)])
def test_bits_do_not_depend_on_what_is_known_of_a(
    product_isa, rng, m, n, k, transpose_a, transpose_b
):
    """Numbers that bfloat16 holds have one part: three products do for six, if that is known."""
    a = rng.integers(-256, 257, (m, k)).astype(np.float32)
    b = rng.standard_normal((k, n)).astype(np.float32)
    options = {"alpha": 1 / 255, "transpose_a": transpose_a, "transpose_b": transpose_b}
    expected = product(a, b, **options)
    for members in (1, 2):
        found = product(a, b, a_is_bfloat16=True, members=members, **options)
        np.testing.assert_array_equal(found, expected)
    assert np.abs(expected - gemm(a, b, alpha=1 / 255)).max() <= bound(a, b, alpha=1 / 255)


@pytest.mark.parametrize("precision", ["high", "medium"])
def test_lower_precisions_know_nothing_of_a(product_isa, rng, matmul_precision, precision):
    matmul_precision(precision)
    a = rng.integers(0, 256, (70, 300)).astype(np.float32)
    b = rng.standard_normal((300, 40)).astype(np.float32)
    np.testing.assert_array_equal(product(a, b, a_is_bfloat16=True), product(a, b))


@pytest.mark.parametrize("exponent", [0, -50, -110, -130])
def test_instruction_and_model_agree(rng, exponent):
    """Also where numbers, parts or products are subnormal, and only some rows are small."""
    a, b = operands(rng, 70, 100, 1030)
    a[::3] = np.ldexp(a[::3], exponent)
    found = {}
    for level in ("avx512", "amx"):
        with at_level(level):
            found[level] = product(a, b)
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
        (gaussian, gaussian, 1e-34),
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


def relative_error(c, a, b):
    exact = gemm(a, b)
    return np.linalg.norm(c - exact) / np.linalg.norm(exact)


# Rounding to 16 or 8 bits errs by up to 2^-16 or 2^-8 a factor, and half of that at random; the
# products left out at the middle precision are of that size as well.
@pytest.mark.parametrize(("precision", "limit"), [("high", 1.5e-5), ("medium", 2.0**-7)])
@pytest.mark.parametrize(
    ("draw", "scale"),
    [(gaussian, 1.0), (gaussian, 1e30), (gaussian, 1e-30), (lognormal, 1.0), (rectified, 1.0)],
)
@pytest.mark.parametrize("transposed", [False, True])
def test_lower_precisions(
    product_isa, rng, matmul_precision, precision, limit, draw, scale, transposed
):
    matmul_precision(precision)
    a = (scale * draw(rng, (33, 300))).astype(np.float32)
    b = draw(rng, (300, 47)).astype(np.float32)
    c = product(a, b, transpose_a=transposed, transpose_b=transposed)
    assert relative_error(c, a, b) <= limit


@pytest.mark.parametrize(("precision", "bits"), [("high", 16), ("medium", 8)])
def test_bits_that_a_precision_keeps(product_isa, rng, matmul_precision, precision, bits):
    """Numbers of that many bits are multiplied exactly, others are rounded to so many."""
    identity = np.eye(40, dtype=np.float32)
    values = rng.integers(2 ** (bits - 1), 2**bits, (40, 70)).astype(np.float32)
    matmul_precision(precision)
    np.testing.assert_array_equal(product(identity, values), values)
    between = values + np.float32(0.375)
    np.testing.assert_allclose(product(identity, between), between, rtol=2.0**-bits)
    if product_isa in ("amx", "tile model"):
        assert (product(identity, between) != between).any()


@pytest.mark.parametrize("precision", ["high", "medium"])
def test_lower_precisions_of_instruction_and_model_agree(rng, matmul_precision, precision):
    matmul_precision(precision)
    a, b = operands(rng, 70, 100, 1030)
    found = {}
    for level in ("avx512", "amx"):
        with at_level(level):
            found[level] = product(a, b, members=2)
    np.testing.assert_array_equal(found["amx"], found["avx512"])


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e38, 1e-40])
def test_lower_precisions_multiply_what_parts_cannot_hold(
    product_isa, rng, matmul_precision, value
):
    matmul_precision("medium")
    a, b = operands(rng, 50, 70, 600)
    a[40, 3] = value
    c = product(a, b)
    plain = np.delete(np.arange(50), 40)
    assert relative_error(c[plain], a[plain], b) <= 2.0**-7
    assert np.isnan(c[40]).all() if np.isnan(value) else not np.isnan(c[40]).any()


def test_error_where_everything_cancels(product_isa, rng):
    a = rng.standard_normal((40, 300)).astype(np.float32)
    b = rng.standard_normal((300, 40)).astype(np.float32)
    a = np.hstack([a, -a])
    b = np.vstack([b, b * np.float32(1.0001)])
    assert error(product(a, b), a, b) <= 1.2 * error(chain(a, b), a, b)


@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("m", [50, 70])  # k in ten blocks, and in two
@pytest.mark.parametrize("step", [300, 570])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3.4e38, 1e36])
def test_what_parts_cannot_hold_is_multiplied_without_them(
    product_isa, rng, m, value, step, transpose_a, transpose_b
):
    """Such a value spoils its own row, as everywhere else; its panel is as accurate as ever."""
    a, b = operands(rng, m, 70, 600)
    a[40, step], a[:, step - 1] = value, 0.0
    b[step] = np.where(np.arange(70) % 2, 1.0, 0.0)
    bias = rng.standard_normal(70).astype(np.float32)
    old = rng.standard_normal((m, 70)).astype(np.float32)
    c = old.copy()
    options = {"alpha": 2.0, "beta": -1.0, "bias": bias}
    by_tiles(
        a, b, c, transpose_a=transpose_a, transpose_b=transpose_b, activation="relu", **options
    )
    plain = np.delete(np.arange(m), 40)
    exact = np.maximum(gemm(a[plain], b, c=old[plain], **options), 0)
    limit = bound(a[plain], b, c=old[plain], **options)
    assert np.abs(c[plain] - exact).max() <= limit
    if np.isnan(value):
        assert np.isnan(c[40]).all()
    elif abs(value) > 1e38:
        assert (c[40, 1::2] == (np.inf if value > 0 else 0)).all()  # 2 * 3.4e38 is infinite, too
    else:
        np.testing.assert_allclose(c[40, 1::2], 2 * a[40, step], rtol=1e-6)


@pytest.mark.parametrize("exponent", [-149, -140, -126, -118, -110, -80])
def test_small_numbers_lose_nothing_among_themselves(product_isa, rng, exponent):
    """Tiles take subnormal numbers for zero, so panels of small numbers do without tiles."""
    a, b = operands(rng, 20, 20, 40)
    a = np.ldexp(a, exponent)
    errors = [np.sqrt(np.mean((c - gemm(a, b)) ** 2)) for c in (product(a, b), chain(a, b))]
    # Subnormal results are whole multiples of the smallest number: each step rounds to one.
    assert errors[0] <= 1.2 * errors[1] + 41 * 2.0**-149


def test_a_small_row_is_as_accurate_as_its_panel(product_isa, rng):
    a, b = operands(rng, 64, 64, 300)
    a[5] = np.ldexp(a[5], -120)
    exact = gemm(a, b)
    found = product(a, b)
    assert np.abs(found[5] - exact[5]).max() <= 2.0**-60 * np.abs(exact).max()
    others = np.delete(np.arange(64), 5)
    assert error(found[others], a[others], b) <= 1.2 * error(chain(a[others], b), a[others], b)


def test_no_rows_no_columns_no_steps(product_isa):
    def of(*shape):
        return np.ones(shape, np.float32)

    assert fastdnn.ops.gemm(of(0, 40), of(40, 30)).shape == (0, 30)
    assert fastdnn.ops.gemm(of(30, 40), of(0, 40), transpose_b=True).shape == (30, 0)
    assert (fastdnn.ops.gemm(of(5, 0), of(0, 6)) == 0).all()


@pytest.mark.parametrize(
    ("inputs", "units", "batch", "rows"), [(256, 784, 34, 66), (512, 512, 40, 72)]
)
def test_a_smaller_last_batch_has_its_scratch(
    product_isa, rng, threads, inputs, units, batch, rows
):
    model = fastdnn.Sequential([fastdnn.Input((inputs,)), fastdnn.layers.Dense(units)])
    x = rng.standard_normal((rows, inputs)).astype(np.float32)
    predicted = model.predict(x, batch_size=batch, verbose=0)
    kernel = model.get_weights()[0]
    assert np.abs(predicted - gemm(x, kernel)).max() <= bound(x, kernel)


@pytest.mark.parametrize("full", [33, 37, 49, 65])
def test_products_of_a_smaller_last_batch_do_not_meet_in_scratch(product_isa, rng, full):
    """Gradients of kernels and of inputs may share a phase, but then neither uses scratch."""
    x = rng.standard_normal((full + 32, 128)).astype(np.float32)
    y = rng.standard_normal((full + 32, 3)).astype(np.float32)
    start = None
    found = []
    before = _core.num_threads()
    _core.testing.set_least_microseconds_per_thread(0.0)
    try:
        for count in (1, 2, 3):
            _core.set_num_threads(count)
            layers = [fastdnn.layers.Dense(units) for units in (128, 500, 64, 500, 3)]
            model = fastdnn.Sequential([fastdnn.Input((128,)), *layers])
            model.compile("adam", "mse")
            start = model.get_weights() if start is None else start
            model.set_weights(start)
            model.fit(x, y, batch_size=full, epochs=2, shuffle=False, verbose=0)
            found.append(model.get_weights())
    finally:
        _core.testing.set_least_microseconds_per_thread(10.0)
        _core.set_num_threads(before)
    for weights in found[1:]:
        for one, other in zip(found[0], weights, strict=True):
            np.testing.assert_array_equal(one, other)
