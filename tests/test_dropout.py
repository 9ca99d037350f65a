import math

import numpy as np
import pytest
from guarded import Guarded
from reference import dropout as reference
from shapes import MATRICES

from fastdnn import _core, ops

KERNELS = ["dropout_f32", "alpha_dropout_f32"]

EPSILON = 2.0**-24
RATES = [0.0, 3e-6, 0.1, 0.5, 0.999, 0.99998]
KEY = {"seed": 0x123456789ABCDEF0, "stream": 3, "step": 1000}


def assert_same_bits(actual, expected):
    np.testing.assert_array_equal(actual.view(np.uint32), expected.view(np.uint32))


def test_mask_known_answer(isa):
    # Elements 0, 16, 32, ... of row 0 are the halves of Philox's words 6627e8d5 e169c58d bc57ac4c
    # 9b00dbd8, low half first; the rate splits them at 0xac00.
    halves = [0xE8D5, 0x6627, 0xC58D, 0xE169, 0xAC4C, 0xBC57, 0xDBD8, 0x9B00]
    y = ops.dropout(np.ones((1, 128), np.float32), 0xAC00 / 65536, seed=0)
    assert [bool(v == 0) for v in y[0, ::16]] == [h < 0xAC00 for h in halves]


@pytest.mark.parametrize("op", [ops.dropout, ops.dropout_backward])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("shape", MATRICES)
def test_both_directions(isa, rng, op, rate, shape):
    x = rng.standard_normal(shape).astype(np.float32)
    y = Guarded(shape)
    op(x, rate, **KEY, out=y.array)
    y.check()
    assert_same_bits(y.array, reference.dropout(x, rate, **KEY))


@pytest.mark.parametrize("op", [ops.dropout, ops.dropout_backward])
def test_in_place(isa, rng, op):
    x = rng.standard_normal((33, 300)).astype(np.float32)
    expected = op(x, 0.3, **KEY)
    assert op(x, 0.3, **KEY, out=x) is x
    assert_same_bits(x, expected)


@pytest.mark.parametrize(
    "op", [ops.dropout, ops.dropout_backward, ops.alpha_dropout, ops.alpha_dropout_backward]
)
def test_results_that_share_memory_with_inputs_are_refused(op):
    memory = np.ones(65, np.float32)
    with pytest.raises(ValueError, match="shares memory with an input"):
        op(memory[:-1].reshape(8, 8), 0.3, **KEY, out=memory[1:].reshape(8, 8))


def test_threads_agree_bit_for_bit(threads, rng):
    x = rng.standard_normal((301, 517)).astype(np.float32)
    y = ops.dropout(x, 0.4, **KEY)
    assert_same_bits(y, reference.dropout(x, 0.4, **KEY))


def test_mask_does_not_depend_on_the_shape(isa):
    whole = ops.dropout(np.ones((40, 400), np.float32), 0.5, **KEY)
    for rows, cols in [(1, 1), (7, 129), (40, 16), (39, 400)]:
        part = ops.dropout(np.ones((rows, cols), np.float32), 0.5, **KEY)
        np.testing.assert_array_equal(part, whole[:rows, :cols])


@pytest.mark.parametrize("other", [{"seed": 1}, {"stream": 4}, {"step": 1001}])
def test_each_part_of_the_key_counts(other):
    x = np.ones((100, 100), np.float32)
    a, b = ops.dropout(x, 0.5, **KEY), ops.dropout(x, 0.5, **{**KEY, **other})
    # Masks agree in half of the 10^4 places; Hoeffding's bound for once in 10^12 runs.
    assert abs(np.mean(a == b) - 0.5) <= math.sqrt(math.log(2e12) / 2e4)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_share_dropped(rng, rate):
    rows, cols = 1000, 640
    seed = int(rng.integers(2**63))
    gone = ops.dropout(np.ones((rows, cols), np.float32), rate, seed=seed) == 0
    # Hoeffding's bounds for once in 10^12 runs; the rate is rounded by up to 2^-17.
    for axis, count, tests in [(None, rows * cols, 1), (0, rows, cols), (1, cols, rows)]:
        bound = math.sqrt(math.log(2e12 * tests) / (2 * count)) + 2**-17
        assert np.all(np.abs(gone.mean(axis) - rate) <= bound)
    # Neighbours in a row and in a column are independent.
    for pair in [gone[:, 1::2] & gone[:, ::2], gone[1::2] & gone[::2]]:
        bound = math.sqrt(math.log(2e12) / (2 * pair.size)) + 2**-16
        assert abs(pair.mean() - rate**2) <= bound


@pytest.mark.parametrize("rate", [9e-6, 0.9991, 0.9999, 0.99998])
def test_mean_at_rates_near_the_ends(rng, rate):
    """What is kept is scaled by the share that is kept, not by the rate before it was rounded."""
    n, kept = 4_000_000, 1 - reference.share(rate)
    y = ops.dropout(np.ones((1000, n // 1000), np.float32), rate, seed=int(rng.integers(2**63)))
    # Bernstein's bound for once in 10^12 runs, n draws of the variance (1 - kept) / kept.
    t = math.log(2e12)
    bound = math.sqrt(2 * t * (1 - kept) / kept / n) + t / kept / n
    assert abs(y.mean(dtype=np.float64) - 1) <= bound + EPSILON
    assert abs(y.max() * kept - 1) <= EPSILON


def test_gradient_has_the_mask_of_the_forward_pass(isa, rng):
    x = np.abs(rng.standard_normal((20, 77)).astype(np.float32)) + 1
    y = ops.dropout(x, 0.5, **KEY)
    dx = ops.dropout_backward(np.ones_like(x), 0.5, **KEY)
    np.testing.assert_array_equal(dx, np.where(y == 0, 0, 2).astype(np.float32))


def test_special_values(isa):
    x = np.full((4, 128), np.nan, np.float32)
    gone = reference.dropped(4, 128, 0.5, **KEY)
    np.testing.assert_array_equal(np.isnan(ops.dropout(x, 0.5, **KEY)), ~gone)
    x[:] = np.inf
    np.testing.assert_array_equal(ops.dropout(x, 0.5, **KEY), np.where(gone, 0, np.inf))
    x[:] = 3e38  # overflows where kept
    np.testing.assert_array_equal(ops.dropout(x, 0.5, **KEY), np.where(gone, 0, np.inf))


def test_more_dimensions_are_rows(rng):
    x = rng.standard_normal((3, 5, 7)).astype(np.float32)
    y = ops.dropout(x, 0.5, **KEY)
    np.testing.assert_array_equal(y.reshape(15, 7), ops.dropout(x.reshape(15, 7), 0.5, **KEY))


@pytest.mark.parametrize("rate", [-0.1, 0.999995, 1.0, 1.5, math.nan, math.inf])
def test_bad_rate(rate):
    x = np.ones((2, 2), np.float32)
    with pytest.raises(ValueError, match=r"\[dropout\] rate: received .*at least 0 and below 1"):
        ops.dropout(x, rate, seed=1)
    with pytest.raises(ValueError, match=r"\[dropout_backward\] rate: received"):
        ops.dropout_backward(x, rate, seed=1)


def test_bad_arrays():
    x = np.ones((4, 4), np.float32)
    with pytest.raises(ValueError, match=r"\[dropout\] x: received a float64 array of shape"):
        ops.dropout(np.ones((4, 4)), 0.5, seed=1)
    with pytest.raises(ValueError, match="x: received a non-contiguous float32 array"):
        ops.dropout(x[:, ::2], 0.5, seed=1)
    with pytest.raises(ValueError, match="dy: received a non-contiguous float32 array"):
        ops.dropout_backward(x.T[::2], 0.5, seed=1)
    with pytest.raises(ValueError, match=r"out: received a float32 array of shape \(4, 4\)"):
        ops.dropout(x[:2], 0.5, seed=1, out=x)
    with pytest.raises(ValueError, match="seed: received -1"):
        ops.dropout(x, 0.5, seed=-1)
    x.flags.writeable = False
    with pytest.raises(ValueError, match="out: received a read-only array"):
        ops.dropout(x, 0.5, seed=1, out=x)


def test_no_dimensions_of_one_element(isa):
    assert _core.dropout(np.array(2, np.float32), 0.0, 1, 0, 0).tolist() == 2.0


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("shape", MATRICES)
def test_alpha_dropout(isa, rng, rate, shape):
    x = rng.standard_normal(shape).astype(np.float32)
    y, dx = Guarded(shape), Guarded(shape)
    ops.alpha_dropout(x, rate, **KEY, out=y.array)
    ops.alpha_dropout_backward(x, rate, **KEY, out=dx.array)
    y.check()
    dx.check()
    assert_same_bits(y.array, reference.alpha_dropout(x, rate, **KEY))
    assert_same_bits(dx.array, reference.alpha_dropout_backward(x, rate, **KEY))


def test_alpha_dropout_by_threads(threads, rng):
    x = rng.standard_normal((301, 517)).astype(np.float32)
    y = ops.alpha_dropout(x, 0.4, **KEY)
    assert_same_bits(y, reference.alpha_dropout(x, 0.4, **KEY))


@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_alpha_dropout_keeps_mean_and_variance(rng, rate):
    x = rng.standard_normal((1000, 1000)).astype(np.float32)
    y = ops.alpha_dropout(x, rate, seed=int(rng.integers(2**63))).astype(np.float64)
    # The fourth moment of y is below 10: eight deviations of the means over 10^6 numbers.
    assert abs(y.mean()) <= 8e-3
    assert abs(np.square(y).mean() - 1) <= 8 * math.sqrt(10) * 1e-3


def test_bad_rate_of_alpha_dropout():
    x = np.ones((2, 2), np.float32)
    with pytest.raises(ValueError, match=r"\[alpha_dropout\] rate: received 1; expected the share"):
        ops.alpha_dropout(x, 1.0, seed=1)
    with pytest.raises(ValueError, match=r"\[alpha_dropout_backward\] rate: received -1"):
        ops.alpha_dropout_backward(x, -1.0, seed=1)
