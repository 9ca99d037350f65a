import numpy as np
import pytest
from guarded import Guarded
from shapes import MATRICES

from fastdnn import _core, ops

KERNELS = ["prelu_f32", "prelu_slope_f32"]

EPSILON = 2.0**-24  # relative error of one rounding


def data(rng, shape):
    x, dy = rng.standard_normal((2, *shape)).astype(np.float32)
    return x, dy, rng.standard_normal(shape[1]).astype(np.float32)


@pytest.mark.parametrize("shape", [*MATRICES, (1000, 19)])
def test_both_directions(isa, rng, shape):
    x, dy, alpha = data(rng, shape)
    y, dx = Guarded(shape), Guarded(shape)
    ops.prelu(x, alpha, out=y.array)
    _, dalpha = ops.prelu_backward(x, dy, alpha, out=dx.array)
    y.check()
    dx.check()
    np.testing.assert_array_equal(y.array, np.where(x > 0, x, alpha * x))
    np.testing.assert_array_equal(dx.array, np.where(x > 0, dy, alpha * dy))
    terms = np.where(x > 0, 0.0, x.astype(np.float64) * dy)
    # Products and sums of up to 64 rows round plainly; how those are added is compensated.
    bound = (min(len(x), 64) + 4) * EPSILON * np.abs(terms).sum(0)
    assert np.all(np.abs(dalpha - terms.sum(0)) <= bound)
    ops.prelu_backward(x, dy, alpha, out=dy)
    np.testing.assert_array_equal(dy, dx.array)
    ops.prelu(x, alpha, out=x)
    np.testing.assert_array_equal(x, y.array)


def test_gradient_by_central_differences(rng):
    x, dy, alpha = data(rng, (5, 7))
    x += np.copysign(np.float32(0.1), x)  # away from the kink
    dx, dalpha = ops.prelu_backward(x, dy, alpha)

    def loss(x, alpha):
        return (dy * np.where(x > 0, x, alpha * x)).sum()

    step = 2.0**-10  # the loss is linear in either: only float64 rounds
    exact = x.astype(np.float64), alpha.astype(np.float64)
    for position, gradient in enumerate((dx, dalpha)):
        for index in np.ndindex(gradient.shape):
            up, down = [a.copy() for a in exact], [a.copy() for a in exact]
            up[position][index] += step
            down[position][index] -= step
            numeric = (loss(*up) - loss(*down)) / (2 * step)
            assert gradient[index] == pytest.approx(numeric, rel=1e-5, abs=1e-6)


def test_threads_agree_bit_for_bit(threads, rng):
    x, dy, alpha = data(rng, (301, 77))
    many = ops.prelu(x, alpha), *ops.prelu_backward(x, dy, alpha)
    _core.set_num_threads(1)
    one = ops.prelu(x, alpha), *ops.prelu_backward(x, dy, alpha)
    for a, b in zip(many, one, strict=True):
        np.testing.assert_array_equal(a, b)


def test_special_values(isa):
    x = np.array([[np.nan, 0.0, -np.inf, np.inf]] * 2, np.float32)
    alpha = np.full(4, 0.5, np.float32)
    np.testing.assert_array_equal(ops.prelu(x, alpha), x * np.float32([1, 1, 0.5, 1]))
    dx, dalpha = ops.prelu_backward(x, np.ones_like(x), alpha)
    np.testing.assert_array_equal(dx, [[0.5, 0.5, 0.5, 1.0]] * 2)
    np.testing.assert_array_equal(dalpha, [np.nan, 0, -np.inf, 0])


def test_errors():
    x, alpha = np.ones((4, 3), np.float32), np.ones(3, np.float32)
    with pytest.raises(
        ValueError, match=r"\[prelu\] alpha: .* shape \(2,\); expected shape \(3,\)"
    ):
        ops.prelu(x, alpha[:2])
    with pytest.raises(ValueError, match=r"\[prelu_backward\] dy: .*expected the shape of x"):
        ops.prelu_backward(x, x[:2], alpha)
    with pytest.raises(ValueError, match="shares memory with an input"):
        ops.prelu_backward(x, np.ones_like(x), alpha, out=x)
