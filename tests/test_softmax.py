import numpy as np
import pytest
from guarded import Guarded
from reference import softmax as reference
from shapes import MATRICES

from fastdnn import _core, ops

KERNELS = ["softmax_f32", "log_softmax_f32", "softmax_backward_f32"]

FUNCTIONS = [(ops.softmax, reference.softmax), (ops.log_softmax, reference.log_softmax)]
EPS = 2.0**-24

both = pytest.mark.parametrize("function, oracle", FUNCTIONS, ids=["softmax", "log_softmax"])


def logits(rng, shape, scale=5.0):
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def reduce_rows(oracle, *arrays):
    """The oracle in float64; a maximum over no columns is an error in NumPy."""
    arrays = [a.astype(np.float64) for a in arrays]
    return oracle(*arrays) if arrays[0].size else np.zeros(arrays[0].shape)


def assert_close_softmax(y, x):
    """Relative error: x - m is rounded once, e^ within 1 ulp, its sum, its inverse, the product.

    A float32 partial sum of 64 terms is off by at most 63 EPS.
    """
    expected = reduce_rows(reference.softmax, x)
    depth = np.abs(x.astype(np.float64) - x.max(axis=-1, keepdims=True)) if x.size else 0.0
    bound = expected * EPS * (depth + 2 + 63 + depth.max(initial=0.0) + 4) if x.size else 0.0
    assert np.all(np.abs(y - expected) <= bound + 2.0**-149)


@pytest.mark.parametrize("shape", MATRICES)
def test_softmax(isa, rng, shape):
    x = logits(rng, shape)
    y = Guarded(shape)
    ops.softmax(x, out=y.array)
    y.check()
    assert_close_softmax(y.array, x)


@pytest.mark.parametrize("shape", MATRICES)
def test_log_softmax(isa, rng, shape):
    x = logits(rng, shape)
    y = Guarded(shape)
    ops.log_softmax(x, out=y.array)
    y.check()
    expected = reduce_rows(reference.log_softmax, x)
    # x - m and its difference from the logarithm are rounded once each. The sum of all but the
    # maximum has a relative error like softmax's above, which the logarithm does not increase.
    depth = np.abs(x.astype(np.float64) - x.max(axis=-1, keepdims=True)) if x.size else 0.0
    log_sum = np.abs(expected - -depth)
    bound = EPS * (2 * depth + 2 * np.abs(expected) + log_sum * (75 + np.max(depth, initial=0)))
    assert np.all(np.abs(y.array - expected) <= bound)


def test_log_softmax_of_a_sure_class(isa):
    """The loss of a sample that is all but certainly right is small, not zero."""
    x = np.array([[0, -20, -25], [30, 0, -np.inf]], np.float32)
    y = ops.log_softmax(x)
    expected = reference.log_softmax(x.astype(np.float64))
    np.testing.assert_allclose(y[:, 0], expected[:, 0], rtol=4 * 2.0**-23, atol=0)
    assert np.all(y[:, 0] < 0)


@pytest.mark.parametrize("shape", MATRICES)
def test_softmax_backward(isa, rng, shape):
    y = reduce_rows(reference.softmax, logits(rng, shape)).astype(np.float32)
    dy = logits(rng, shape, 1.0)
    dx = Guarded(shape)
    ops.softmax_backward(y, dy, out=dx.array)
    dx.check()
    expected = reduce_rows(reference.softmax_backward, y, dy)
    # A partial sum of 64 products: at most 64 roundings of sum |dy y|; three more outside.
    dot = (np.abs(dy * y).astype(np.float64)).sum(axis=-1, keepdims=True)
    bound = EPS * y.astype(np.float64) * (66 * dot + 3 * (np.abs(dy) + dot))
    assert np.all(np.abs(dx.array - expected) <= bound + 2.0**-149)


def test_gradient_by_central_differences(isa, rng):
    x, dy = logits(rng, (4, 7), 1.0), logits(rng, (4, 7), 1.0)
    dx = ops.softmax_backward(ops.softmax(x), dy)
    h = 1e-5
    for j in range(x.shape[1]):
        step = np.zeros(x.shape)
        step[:, j] = h
        difference = reference.softmax(x + step) - reference.softmax(x - step)
        slope = (difference / (2 * h) * dy).sum(axis=-1)
        # The differences are good to about h^2; float32 rounds y, dy y and their sums.
        np.testing.assert_allclose(dx[:, j], slope, rtol=0, atol=64 * EPS * np.abs(dy).max())


@both
def test_long_row_keeps_its_precision(isa, rng, function, oracle):
    x = logits(rng, (1, 1_000_003), 1.0)
    y = function(x)
    expected = oracle(x.astype(np.float64))
    # 64 terms in float32, then float64: the error is that of a short row.
    np.testing.assert_allclose(y, expected, rtol=100 * EPS, atol=0)


@both
def test_large_logits_do_not_overflow(isa, function, oracle):
    x = np.array([[3e38, 3e38], [-3e38, -3e38], [3e38, -3e38], [1000, 999]], np.float32)
    with np.errstate(all="ignore"):
        expected = oracle(x.astype(np.float64)).astype(np.float32)
        np.testing.assert_allclose(function(x), expected, rtol=1e-6)


@both
@pytest.mark.parametrize("cols", [2, 9, 40])
def test_infinities_and_nans(isa, rng, function, oracle, cols):
    """What NumPy makes of the same formula."""
    x = logits(rng, (6, cols), 1.0)
    x[0, -1] = -np.inf
    x[1, 0] = np.inf
    x[2, 1] = np.nan
    x[3] = -np.inf
    x[4] = np.inf
    y = function(x)
    with np.errstate(invalid="ignore"):
        d = x - x.max(axis=-1, keepdims=True)
        expected = np.exp(d) / np.exp(d).sum(axis=-1, keepdims=True)
    assert np.isnan(expected[1:5]).all()
    assert np.isnan(y[1:5]).all()
    assert not np.isnan(y[[0, 5]]).any()
    assert y[0, -1] == (0 if function is ops.softmax else -np.inf)


@both
def test_in_place(isa, rng, function, oracle):
    x = logits(rng, (13, 33))
    expected = function(x)
    assert function(x, out=x) is x
    np.testing.assert_array_equal(x, expected)


def test_backward_in_place(isa, rng):
    y, dy = ops.softmax(logits(rng, (13, 33))), logits(rng, (13, 33))
    expected = ops.softmax_backward(y, dy)
    for i in range(2):
        arrays = [y.copy(), dy.copy()]
        ops.softmax_backward(*arrays, out=arrays[i])
        np.testing.assert_array_equal(arrays[i], expected)


def test_padded_rows(isa, rng):
    """Elements between columns and stride are neither read nor written."""
    rows, cols = 9, 21
    x, y, dy, dx = (np.full((rows, width), np.nan, np.float32) for width in (32, 25, 24, 29))
    x[:, :cols], dy[:, :cols] = logits(rng, (rows, cols)), logits(rng, (rows, cols))
    for log in (True, False):
        _core.testing.softmax_columns(log, x, y, cols)
        function = ops.log_softmax if log else ops.softmax
        np.testing.assert_array_equal(y[:, :cols], function(x[:, :cols].copy()))
        assert np.isnan(y[:, cols:]).all()
    _core.testing.softmax_backward_columns(y, dy, dx, cols)
    expected = ops.softmax_backward(y[:, :cols].copy(), dy[:, :cols].copy())
    np.testing.assert_array_equal(dx[:, :cols], expected)
    assert np.isnan(dx[:, cols:]).all()


def test_same_bits_for_any_number_of_threads(isa, rng, threads):
    x, dy = logits(rng, (1000, 301)), logits(rng, (1000, 301))
    results = [ops.softmax(x), ops.log_softmax(x), ops.softmax_backward(ops.softmax(x), dy)]
    _core.set_num_threads(1)
    alone = [ops.softmax(x), ops.log_softmax(x), ops.softmax_backward(ops.softmax(x), dy)]
    for result, expected in zip(results, alone, strict=True):
        assert result.tobytes() == expected.tobytes()


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 3), (7,), (2, 3, 4)])
def test_any_number_of_dimensions(rng, shape):
    x = logits(rng, shape)
    for function in (ops.softmax, ops.log_softmax):
        y = function(x)
        assert y.shape == shape
        flat = function(np.ascontiguousarray(x.reshape(-1, shape[-1]))) if x.size else x
        np.testing.assert_array_equal(y.ravel(), flat.ravel())


@both
def test_errors(function, oracle):
    name = function.__name__
    with pytest.raises(ValueError, match=rf"\[{name}\] x: received a float64 array of shape"):
        function(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="x: received a non-contiguous float32"):
        function(np.zeros((4, 6), np.float32)[:, ::2])
    with pytest.raises(ValueError, match="expected at least one dimension"):
        function(np.array(1.0, np.float32))
    x = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match=r"out: received .*; expected shape \(2, 3\)"):
        function(x, out=np.zeros((3, 2), np.float32))
    with pytest.raises(ValueError, match="shares memory with an input"):
        both_parts = np.zeros(8, np.float32)
        function(both_parts[:6].reshape(2, 3), out=both_parts[2:].reshape(2, 3))
    with pytest.raises(ValueError, match=r"\[softmax_backward\] received y, a .*equal shapes"):
        ops.softmax_backward(x, np.zeros((3, 2), np.float32))
