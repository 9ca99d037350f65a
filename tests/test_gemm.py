import hashlib

import numpy as np
import pytest
from guarded import Guarded
from reference.gemm import bound, chain, gemm

from fastdnn import _core, ops

KERNELS = [
    "gemm_geometry_f32",
    "gemm_strip_f32",
    "gemm_add_part_f32",
    "gemm_pack_copy_f32",
    "gemm_pack_transpose_f32",
    "fma_peak_f32",
    "gemm_begin_tiles",
    "gemm_end_tiles",
    "gemm_split_f32",
    "gemm_tiles_f32",
]

# Around every tile edge of every level, both ways of reading B, several blocks of k, and none.
PRODUCTS = [
    (1, 1, 1),
    (1, 63, 40),
    (1, 65, 300),
    (1, 160, 7),
    (1, 88, 40),
    (1, 176, 40),
    (1, 300, 784),
    (2, 7, 3),
    (5, 5, 0),
    (9, 48, 264),
    (10, 49, 265),
    (13, 31, 256),
    (18, 96, 64),
    (28, 64, 5),
    (50, 10, 100),
    (50, 100, 300),
    (19, 97, 1300),
    (129, 65, 300),
    (530, 40, 513),
    (90, 200, 1057),
    (12, 2113, 300),
    (33, 4200, 9),
    (513, 20, 1024),
    (513, 49, 1057),
    (549, 49, 265),
    (520, 20, 2113),
    (1030, 20, 1057),
    (1024, 20, 1024),
    (255, 512, 70),
    (256, 512, 70),
    (513, 20, 256),
    (513, 20, 257),
]


def _operands(rng, m, n, k, transpose_a, transpose_b):
    a = rng.standard_normal((m, k)).astype(np.float32)
    b = rng.standard_normal((k, n)).astype(np.float32)
    given_a = np.ascontiguousarray(a.T) if transpose_a else a
    given_b = np.ascontiguousarray(b.T) if transpose_b else b
    return a, b, given_a, given_b


@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize(("m", "n", "k"), PRODUCTS)
def test_product(product_isa, rng, m, n, k, transpose_a, transpose_b):
    a, b, given_a, given_b = _operands(rng, m, n, k, transpose_a, transpose_b)
    c = Guarded((m, n))
    ops.gemm(given_a, given_b, transpose_a=transpose_a, transpose_b=transpose_b, out=c.array)
    c.check()
    assert np.abs(c.array - gemm(a, b)).max() <= bound(a, b)


@pytest.mark.parametrize(("m", "n", "k"), PRODUCTS)
@pytest.mark.parametrize("beta", [1.0, -0.5])
def test_scaled_sum_with_bias(product_isa, rng, m, n, k, beta):
    a, b, _, _ = _operands(rng, m, n, k, False, False)
    bias = rng.standard_normal(n).astype(np.float32)
    old = rng.standard_normal((m, n)).astype(np.float32)
    c = Guarded((m, n))
    c.array[:] = old
    ops.gemm(a, b, alpha=2.5, beta=beta, bias=bias, out=c.array)
    c.check()
    expected = gemm(a, b, alpha=2.5, beta=beta, bias=bias, c=old)
    limit = bound(a, b, alpha=2.5, beta=beta, bias=bias, c=old)
    assert np.abs(c.array - expected).max() <= limit


@pytest.mark.parametrize("k", [3, 300, 1800])  # the last one in two parts
@pytest.mark.parametrize("transpose_b", [False, True])
def test_activation_is_that_of_the_product(product_isa, threads, rng, k, transpose_b):
    a, _, _, given_b = _operands(rng, 50, 37, k, False, transpose_b)
    bias = rng.standard_normal(37).astype(np.float32)
    plain = ops.gemm(a, given_b, transpose_b=transpose_b, bias=bias)
    for name in ("relu", "elu"):
        fused = ops.gemm(a, given_b, transpose_b=transpose_b, bias=bias, activation=name)
        np.testing.assert_array_equal(fused, ops.activation(plain, name))


@pytest.mark.parametrize(
    ("m", "n", "k", "transpose_b"),
    [
        (50, 100, 300, False),
        (50, 300, 100, True),
        (30, 1024, 64, False),  # columns of B fall into the same sets of a cache
        (600, 10, 300, False),  # packed, where fewer rows are not
        (600, 16, 1057, False),
        (600, 16, 1500, False),
    ],
)
def test_rows_do_not_depend_on_what_comes_with_them(product_isa, rng, m, n, k, transpose_b):
    """Members of a team compute rows of small products alone: so many as the team leaves them."""
    a, _, _, given_b = _operands(rng, m, n, k, False, transpose_b)
    options = {"transpose_b": transpose_b, "bias": rng.standard_normal(n).astype(np.float32)}
    whole = ops.gemm(a, given_b, **options)
    for begin, end in [(0, 1), (1, 10), (10, m // 2), (m // 2, m)]:
        some = ops.gemm(a[begin:end], given_b, **options)
        np.testing.assert_array_equal(some, whole[begin:end])


def test_packing_does_not_change_bits(isa, rng):
    """Such a B, whose rows fall into two sets of a cache, is packed from 256 rows of A on."""
    a, b, *_ = _operands(rng, 256, 512, 300, False, False)
    np.testing.assert_array_equal(ops.gemm(a[:255], b), ops.gemm(a, b)[:255])


def test_misaligned_operands(product_isa, rng):
    a, b = Guarded((17, 70), misalign=3), Guarded((70, 33), misalign=5)
    a.array[:] = rng.standard_normal((17, 70))
    b.array[:] = rng.standard_normal((70, 33))
    assert np.abs(ops.gemm(a.array, b.array) - gemm(a.array, b.array)).max() <= bound(
        a.array, b.array
    )


@pytest.mark.parametrize("transpose_b", [False, True])
def test_not_finite_values_stay_where_they_belong(product_isa, transpose_b):
    a = np.ones((20, 40), np.float32)
    b = np.ones((40, 35), np.float32)
    a[3, 7], a[5, 0] = np.nan, np.inf
    given_b = np.ascontiguousarray(b.T) if transpose_b else b
    c = ops.gemm(a, given_b, transpose_b=transpose_b, activation="relu")
    assert np.isnan(c[3]).all()
    assert np.isposinf(c[5]).all()
    others = np.delete(c, [3, 5], axis=0)
    assert (others == 40).all()


def test_beta_zero_does_not_read_out(product_isa):
    out = np.full((4, 4), np.nan, np.float32)
    ops.gemm(np.ones((4, 4), np.float32), np.ones((4, 4), np.float32), out=out)
    assert (out == 4).all()


_HASHED = [
    (50, 300, 784),
    (784, 300, 50),
    (784, 300, 512),
    (200, 130, 1100),
    (600, 20, 2113),
    (3, 900, 300),
    (50, 100, 300),
    (10, 49, 265),
]


def _digest(rng_seed):
    rng = np.random.default_rng(rng_seed)
    digest = hashlib.sha256()
    for m, n, k in _HASHED:
        for transpose_a in (False, True):
            for transpose_b in (False, True):
                _, _, a, b = _operands(rng, m, n, k, transpose_a, transpose_b)
                digest.update(
                    ops.gemm(a, b, transpose_a=transpose_a, transpose_b=transpose_b).tobytes()
                )
    return digest.hexdigest()


@pytest.mark.parametrize("level", _core.supported_isa_levels())
def test_same_bits_for_any_number_of_threads(level, threads):
    before = _core.isa_level()
    _core.testing.set_isa_level(level)
    try:
        found = _digest(1)
        _core.set_num_threads(1)
        assert found == _digest(1)
    finally:
        _core.testing.set_isa_level(before)


def test_wide_products_have_the_same_bits_for_any_number_of_threads(rng):
    """Few rows and more columns than are packed at a time: members own columns, block by block."""
    a = rng.standard_normal((100, 512)).astype(np.float32)
    b = rng.standard_normal((512, 8096)).astype(np.float32)
    before = _core.num_threads()
    try:
        _core.set_num_threads(1)
        expected = ops.gemm(a, b)
        for count in (2, 3, 8):
            _core.set_num_threads(count)
            for _ in range(5):
                np.testing.assert_array_equal(ops.gemm(a, b), expected)
    finally:
        _core.set_num_threads(before)


def test_peak_is_measured(isa):
    assert _core.testing.fma_peak(1, 1.0) > 0.1


def test_error_bound_is_that_of_plain_float32(product_isa, rng):
    """Norm-wise error at most 1.2 times that of a chain of float32 multiply-adds."""
    a = rng.standard_normal((64, 512)).astype(np.float32)
    b = rng.standard_normal((512, 64)).astype(np.float32)
    exact = gemm(a, b)
    factor = 1.2 if product_isa != "scalar" else 2.0  # without FMA every product is rounded, too
    assert np.linalg.norm(ops.gemm(a, b) - exact) <= factor * np.linalg.norm(chain(a, b) - exact)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (np.ones((2, 3), np.float32), np.ones((2, 3), np.float32), {}),
            "inner extents, not 3 and 2",
        ),
        ((np.ones((2, 3)), np.ones((3, 2), np.float32), {}), "a: received a float64 array"),
        ((np.ones((2, 3), np.float32).T, np.ones((2, 2), np.float32), {}), "non-contiguous"),
        ((np.ones(3, np.float32), np.ones((3, 2), np.float32), {}), "expected two dimensions"),
        (
            (np.ones((2, 3), np.float32), np.ones((3, 2), np.float32), {"beta": 1.0}),
            "without out",
        ),
        (
            (
                np.ones((2, 3), np.float32),
                np.ones((3, 2), np.float32),
                {"bias": np.ones(3, np.float32)},
            ),
            r"bias: received a float32 array of shape \(3,\); expected shape \(2,\)",
        ),
        (
            (np.ones((2, 3), np.float32), np.ones((3, 2), np.float32), {"activation": "rely"}),
            "received 'rely'; expected one of",
        ),
    ],
)
def test_bad_input(arguments, message):
    a, b, options = arguments
    with pytest.raises(ValueError, match=message):
        ops.gemm(a, b, **options)


def test_out_must_not_be_an_input():
    a, out = np.ones((3, 3), np.float32), np.ones((3, 3), np.float32)
    with pytest.raises(ValueError, match="shares memory"):
        ops.gemm(a, a, out=a)
    with pytest.raises(ValueError, match="shares memory"):
        ops.gemm(a, a, bias=out[0], out=out)


def test_bias_must_be_an_array():
    a = np.ones((3, 3), np.float32)
    with pytest.raises(ValueError, match="bias: expected a NumPy array"):
        ops.gemm(a, a, bias=[np.float32(1)] * 3)


def test_unaligned_arrays_are_refused():
    a = np.frombuffer(bytes(25), np.float32, 6, 1).reshape(2, 3)
    with pytest.raises(ValueError, match="expected an aligned one"):
        ops.gemm(a, np.ones((3, 2), np.float32))
