import hashlib

import numpy as np
import pytest
from guarded import Guarded
from reference import reduction as reference
from shapes import LENGTHS, MATRICES

from fastdnn import _core, ops

KERNELS = ["column_sums_f32", "row_sums_f32", "reduce_f32"]

EPS = float(np.finfo(np.float32).eps)
TALL = [(63, 5), (64, 7), (65, 16), (128, 3), (191, 130), (1000, 33), (70_001, 2)]
shapes = pytest.mark.parametrize("shape", MATRICES + TALL)


def column_bound(rows):
    """Roundings of eps / 2 on the longest way through: half a block of 64 rows, then a tree."""
    return (32 + 1 + np.ceil(np.log2(max(rows / 64, 1))) + 1) * EPS / 2


@shapes
def test_column_sums(isa, rng, shape):
    x = rng.standard_normal(shape).astype(np.float32)
    out = Guarded((shape[1],))
    assert ops.column_sums(x, out=out.array) is out.array
    out.check()
    wanted, terms = reference.sums(x, 0)
    assert np.all(np.abs(out.array - wanted) <= column_bound(shape[0]) * terms)


@shapes
def test_column_sums_have_the_same_order_at_every_level(rng, shape):
    x = rng.standard_normal(shape).astype(np.float32)
    before, results = _core.isa_level(), set()
    for level in _core.supported_isa_levels():
        _core.testing.set_isa_level(level)
        results.add(ops.column_sums(x).tobytes())
    _core.testing.set_isa_level(before)
    assert len(results) == 1


@shapes
def test_row_sums(isa, rng, shape):
    x = rng.standard_normal(shape).astype(np.float32)
    out = Guarded((shape[0],))
    assert ops.row_sums(x, out=out.array) is out.array
    out.check()
    wanted, terms = reference.sums(x, 1)
    # Rounded to float32 once; what float64 loses is far below.
    assert np.all(np.abs(out.array - wanted) <= EPS / 2 * np.abs(wanted) + 1e-12 * terms)


@pytest.mark.parametrize("length", [*LENGTHS, 16_384, 16_385, 100_003])
def test_whole_arrays(isa, rng, length):
    guarded = Guarded((length,))
    x = guarded.array
    x[...] = rng.standard_normal(length)
    wanted, terms = reference.sums(x, 0)
    assert abs(ops.sum(x) - wanted) <= 1e-12 * terms
    np.testing.assert_allclose(ops.sum_of_squares(x), (x.astype(np.float64) ** 2).sum(), rtol=1e-12)
    np.testing.assert_allclose(ops.sum_abs(x), terms, rtol=1e-12)
    assert ops.max_abs(x) == np.abs(x).max(initial=0)
    assert ops.first_nonfinite(x) == -1
    assert ops.all_finite(x)
    if length:
        assert abs(ops.mean(x) - wanted / length) <= 1e-12 * terms / length


def test_squares_neither_overflow_nor_vanish(isa):
    np.testing.assert_allclose(ops.sum_of_squares(np.full(50, 1e30, np.float32)), 5e61, rtol=1e-7)
    np.testing.assert_allclose(ops.sum_of_squares(np.full(50, 1e-30, np.float32)), 5e-59, rtol=1e-7)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("length", [1, 5, 16, 100, 600, 50_000])
def test_nonfinite(isa, rng, bad, length):
    x = rng.standard_normal(length).astype(np.float32)
    at = sorted(rng.integers(0, length, 2))
    x[at] = bad
    assert ops.first_nonfinite(x) == at[0] == reference.first_nonfinite(x)
    assert not ops.all_finite(x)
    np.testing.assert_equal(ops.max_abs(x), float(np.abs(x).max()))
    assert not np.isfinite(ops.sum(x))
    columns = ops.column_sums(np.stack([x, np.ones_like(x)], axis=1))
    assert not np.isfinite(columns[0])
    assert columns[1] == length


def test_largest_finite_number_is_finite(isa):
    assert ops.all_finite(np.full(20, np.finfo(np.float32).max))


def test_thread_counts_agree(threads):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((1003, 517)).astype(np.float32)
    results = [ops.column_sums(x), ops.row_sums(x), np.float64(ops.sum(x))]
    results += [np.float64(ops.sum_of_squares(x)), np.float64(ops.max_abs(x))]
    results += [np.float64(ops.sum_abs(x))]
    digest = hashlib.sha256(b"".join(r.tobytes() for r in results)).hexdigest()
    _core.set_num_threads(1)
    alone = [ops.column_sums(x), ops.row_sums(x), np.float64(ops.sum(x))]
    alone += [np.float64(ops.sum_of_squares(x)), np.float64(ops.max_abs(x))]
    alone += [np.float64(ops.sum_abs(x))]
    assert digest == hashlib.sha256(b"".join(r.tobytes() for r in alone)).hexdigest()


X = np.ones((3, 4), np.float32)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: ops.column_sums(X.ravel()), r"\[column_sums\] x: .* expected two dimensions"),
        (lambda: ops.column_sums(X.T), "x: received a non-contiguous float32 array"),
        (lambda: ops.column_sums(X, out=np.ones(3, np.float32)), r"out: .* expected shape \(4,\)"),
        (lambda: ops.row_sums(X, out=X[:, 0].copy()[::-1]), "out: received a non-contiguous"),
        (lambda: ops.row_sums(X, out=X.ravel()[:3]), "out that shares memory with an input"),
        (lambda: ops.sum(X.astype(np.float64)), r"\[sum\] x: received a float64 array"),
        (lambda: ops.mean(X[:0]), r"\[mean\] x: received a .* expected at least one element"),
        (lambda: ops.max_abs(X[:, ::2]), r"\[max_abs\] x: received a non-contiguous"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()
    assert (X == 1).all()
