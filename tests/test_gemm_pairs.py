"""Products of pairs of bfloat16 numbers: in software where the processor has none."""

import contextlib

import numpy as np
import pytest
from conftest import ISA_LEVELS, at_level
from guarded import Guarded
from reference.gemm import bound, gemm, operands

import fastdnn
from fastdnn import _core, ops

KERNELS = ["gemm_strip_pairs", "gemm_pack_copy_pairs", "gemm_pack_transpose_pairs"]

PAIR_LEVELS = [*ISA_LEVELS, "avx512_bf16"]

# Around tiles (4 or 9 rows, up to 48 columns), blocks (1056 pairs, 2064 columns), odd numbers of
# steps, and vectors of pairs.
PRODUCTS = [
    (1, 1, 1),
    (1, 60, 50),
    (2, 7, 3),
    (4, 24, 2),
    (9, 48, 33),
    (10, 49, 64),
    (13, 17, 529),
    (50, 100, 31),
    (33, 65, 50),
    (180, 31, 97),
    (19, 97, 2113),
    (12, 2113, 30),
    (11, 20, 4225),
]


@contextlib.contextmanager
def pairs_at(level):
    with at_level(level):
        _core.testing.multiply_by_pairs_everywhere(True)
        try:
            yield level
        finally:
            _core.testing.multiply_by_pairs_everywhere(False)


@pytest.fixture(params=PAIR_LEVELS)
def pair_isa(request, matmul_precision):
    """Run the test with the kernels of each level, for all products."""
    matmul_precision("medium")
    with pairs_at(request.param) as level:
        yield level


def bfloat16(x):
    """Round to the nearest number of 8 bits, ties to even."""
    bits = x.view(np.uint32).astype(np.uint64)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return rounded.astype(np.uint32).view(np.float32)


def turned(x, transposed):
    return np.ascontiguousarray(x.T) if transposed else x


@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize(("m", "n", "k"), PRODUCTS)
def test_product_of_rounded_numbers(pair_isa, rng, m, n, k, transpose_a, transpose_b):
    """Sums are as accurate as float32 allows, once the operands are rounded."""
    a, b = operands(rng, m, n, k)
    c = Guarded((m, n))
    ops.gemm(
        turned(a, transpose_a),
        turned(b, transpose_b),
        transpose_a=transpose_a,
        transpose_b=transpose_b,
        out=c.array,
    )
    c.check()
    a, b = bfloat16(a), bfloat16(b)
    assert np.abs(c.array - gemm(a, b)).max() <= bound(a, b)


@pytest.mark.parametrize("beta", [0.0, 1.0, -0.5])
@pytest.mark.parametrize(("m", "n", "k"), [(33, 65, 50), (19, 97, 2113)])
def test_scaled_sum_with_bias_and_activation(pair_isa, rng, m, n, k, beta):
    a, b = operands(rng, m, n, k)
    bias = rng.standard_normal(n).astype(np.float32)
    old = rng.standard_normal((m, n)).astype(np.float32)
    c = old.copy() if beta else np.full((m, n), np.nan, np.float32)
    ops.gemm(a, b, alpha=2.5, beta=beta, bias=bias, activation="relu", out=c)
    options = {"alpha": 2.5, "beta": beta, "bias": bias, "c": old}
    a, b = bfloat16(a), bfloat16(b)
    assert np.abs(c - np.maximum(gemm(a, b, **options), 0)).max() <= bound(a, b, **options)
    assert (c == 0).any() and (c > 0).any()


def test_activation_beyond_the_kernel(pair_isa, rng):
    a, b = operands(rng, 20, 60, 50)
    z = ops.gemm(a, b)
    np.testing.assert_array_equal(ops.gemm(a, b, activation="tanh"), ops.activation(z, "tanh"))


@pytest.mark.parametrize("transpose", [False, True])
def test_misaligned_operands(pair_isa, rng, transpose):
    a, b, c = Guarded((70, 71), misalign=3), Guarded((71, 70), misalign=5), Guarded((70, 70))
    a.array[:], b.array[:] = operands(rng, 70, 70, 71)
    left, right = (b.array, a.array) if transpose else (a.array, b.array)
    ops.gemm(left, right, transpose_a=transpose, transpose_b=transpose, out=c.array)
    c.check()
    x, y = bfloat16(a.array.copy()), bfloat16(b.array.copy())
    exact = gemm(x, y) if not transpose else gemm(y.T, x.T)
    assert np.abs(c.array - exact).max() <= bound(x, y)


def test_numbers_of_8_bits_are_multiplied_exactly(pair_isa, rng):
    a = rng.integers(-256, 257, (30, 111)).astype(np.float32)
    b = rng.integers(-256, 257, (111, 70)).astype(np.float32)
    np.testing.assert_array_equal(ops.gemm(a, b), (a.astype(np.int64) @ b.astype(np.int64)))


def test_ties_are_rounded_to_even(pair_isa):
    ulp = np.float32(2.0**-7)  # of bfloat16, between 1 and 2
    x = np.array([[1 + ulp / 2, 1 + 1.5 * ulp, 1 + 0.75 * ulp, -1 - ulp / 2]], np.float32)
    expected = np.array([[1, 1 + 2 * ulp, 1 + ulp, -1]], np.float32)
    np.testing.assert_array_equal(ops.gemm(x, np.eye(4, dtype=np.float32)), expected)
    np.testing.assert_array_equal(ops.gemm(np.eye(4, dtype=np.float32), x.T.copy()), expected.T)


@pytest.mark.parametrize("bits", [0x7F800001, 0x7FFFFFFF, 0xFF800001, 0xFFFFFFFF])
def test_every_nan_stays_nan(pair_isa, bits):
    """Rounded as a number, the first would become infinite, and the second zero."""
    x = np.full((3, 3), bits, np.uint32).view(np.float32)
    one = np.eye(3, dtype=np.float32)
    for a, b in [(x, one), (one, x)]:
        for transpose in (False, True):
            assert np.isnan(ops.gemm(a, b, transpose_a=transpose, transpose_b=transpose)).all()


@pytest.mark.parametrize("transpose_b", [False, True])
def test_not_finite_and_huge_values_stay_in_their_rows(pair_isa, rng, transpose_b):
    a, b = np.ones((20, 41), np.float32), np.ones((41, 35), np.float32)
    a[3, 7], a[4, 40], a[5, 0], a[6, 2] = np.nan, -np.nan, np.inf, 3.0e38
    a[7, 1], a[8, 1] = 3.4e38, -3.4e38  # nearer to the infinity of bfloat16 than to its greatest
    c = ops.gemm(a, turned(b, transpose_b), transpose_b=transpose_b)
    assert np.isnan(c[3:5]).all()
    assert np.isposinf(c[[5, 7]]).all() and np.isneginf(c[8]).all()
    np.testing.assert_array_equal(c[6], bfloat16(np.float32([3.0e38]))[0])
    assert (c[[0, 1, 2, *range(9, 20)]] == 41).all()


@pytest.mark.parametrize("value", [1e-39, -1e-45, np.float32(2.0**-126) * np.float32(0.999)])
def test_subnormal_numbers_count_as_zero(pair_isa, value):
    x = np.full((5, 5), value, np.float32)
    large = np.full((5, 5), 1e30, np.float32)
    for transpose in (False, True):
        options = {"transpose_a": transpose, "transpose_b": transpose}
        assert (ops.gemm(x, large, **options) == 0).all()
        assert (ops.gemm(large, x, **options) == 0).all()


def test_subnormal_sums_count_as_zero(pair_isa):
    """Also on the way to a sum that is large enough."""
    a = np.full((9, 256), 2.0**-64, np.float32)
    b = np.full((256, 48), 2.0**-63, np.float32)
    assert (ops.gemm(a, b) == 0).all()


@pytest.mark.parametrize(
    "exponents", [(0, 0), (100, 0), (-100, 0), (-123, 0), (-60, -60), (-62, -62), (-66, -66)]
)
def test_levels_have_the_same_bits(rng, matmul_precision, exponents):
    """Products of 8 bits are exact, and sums of few steps are taken in the same order."""
    matmul_precision("medium")
    a, b = map(np.ldexp, operands(rng, 70, 100, 527), exponents)
    # Without FMA, products that are subnormal themselves lose digits.
    levels = [level for level in PAIR_LEVELS if level != "scalar" or sum(exponents) > -120]
    products = []
    for level in [level for level in levels if level in _core.supported_isa_levels()]:
        with pairs_at(level):
            products += [
                ops.gemm(a, b),
                ops.gemm(turned(a, True), turned(b, True), transpose_a=True, transpose_b=True),
            ]
    for product in products[1:]:
        np.testing.assert_array_equal(product, products[0])


# By columns and by rows, the latter also in two blocks of columns, and of k.
@pytest.mark.parametrize(
    ("m", "n", "k"), [(50, 300, 784), (784, 300, 50), (150, 2100, 70), (150, 70, 2200)]
)
def test_same_bits_for_any_number_of_threads(pair_isa, threads, rng, m, n, k):
    a, b = operands(rng, m, n, k)
    found = ops.gemm(a, b)
    _core.set_num_threads(1)
    np.testing.assert_array_equal(found, ops.gemm(a, b))


def test_only_the_lowest_precision_rounds(rng):
    a, b = operands(rng, 256, 256, 256)
    with at_level("avx512_bf16"):
        highest, high, medium = (
            ops.gemm(a, b, precision=precision) for precision in ("highest", "high", "medium")
        )
    with at_level("avx512"):
        np.testing.assert_array_equal(ops.gemm(a, b), highest)
    np.testing.assert_array_equal(high, highest)
    a, b = bfloat16(a), bfloat16(b)
    assert np.abs(medium - gemm(a, b)).max() <= bound(a, b)
    assert (medium != highest).any()


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_networks_train_with_the_same_bits_for_any_number_of_threads(
    rng, matmul_precision, threads, optimizer
):
    """Batches of 100 rows and one of 57."""
    matmul_precision("medium")
    x = rng.standard_normal((257, 784)).astype(np.float32)
    y = rng.integers(0, 10, 257)
    layers = fastdnn.layers

    def trained_weights():
        fastdnn.set_seed(3)
        model = fastdnn.Sequential(
            [
                fastdnn.Input((784,)),
                layers.Dense(300, activation="relu"),
                layers.BatchNormalization(),
                layers.Dense(200, activation="elu"),
                layers.Dropout(0.3),
                layers.Dense(10, activation="softmax"),
            ]
        )
        model.compile(optimizer, "sparse_categorical_crossentropy")
        model.fit(x, y, batch_size=100, epochs=2, verbose=0)
        return model.get_weights()

    with at_level("avx512"):
        unrounded = trained_weights()
    with at_level("avx512_bf16"):
        found = trained_weights()
        _core.set_num_threads(1)
        expected = trained_weights()
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (found[0] != unrounded[0]).any()
