import numpy as np
import pytest
from guarded import Guarded
from reference import layer_norm as reference
from shapes import MATRICES

from fastdnn import _core, ops

KERNELS = ["layer_norm_f32", "layer_norm_backward_f32", "layer_norm_parameters_f32"]

EPSILON = 2.0**-24  # relative error of one rounding
EPS = 1e-3
# Numbers summed plainly, one rounding each, before their sum is widened or compensated: 64 vectors
# of a row that end in one lane, 64 rows.
SUMMED = 64
SHAPES = [shape for shape in MATRICES if min(shape) > 0]


def parameters(rng, cols):
    return rng.uniform(0.5, 2, cols).astype(np.float32), rng.standard_normal(cols).astype(
        np.float32
    )


def data(rng, shape, center):
    spread = np.exp(rng.standard_normal((shape[0], 1)))
    return (rng.standard_normal(shape) * spread + center).astype(np.float32)


@pytest.mark.parametrize("center", [0.0, 1e4])
@pytest.mark.parametrize("shape", SHAPES)
def test_forward(isa, rng, shape, center):
    """Sums of d = x - mean err relative to their sizes, their own mean is kept in two parts.

    Left are the error of inv_std, half of that of the variance, and the roundings of d, its rest,
    two products and a sum.
    """
    x, (gamma, beta) = data(rng, shape, center), parameters(rng, shape[1])
    y = Guarded(shape)
    ops.layer_normalization(x, gamma, beta, epsilon=EPS, out=y.array)
    y.check()
    exact = reference.forward(x, gamma, beta, EPS)
    mean, _, inv_std = reference.statistics(x, EPS)
    d = np.abs(x - mean)
    error = (min(shape[1], SUMMED) + 12) * EPSILON
    # The first mean is off by its own rounding, which the second sum then finds.
    d = d + d.mean(1, keepdims=True) + np.abs(mean) * error
    bound = gamma * inv_std * d * error + 2 * EPSILON * (np.abs(exact) + np.abs(beta))
    assert np.all(np.abs(y.array - exact) <= bound)
    np.testing.assert_array_equal(
        ops.layer_normalization(x, epsilon=EPS)[0],
        ops.layer_normalization(x, np.ones_like(gamma), 0 * beta, epsilon=EPS)[0],
    )
    ops.layer_normalization(x, gamma, beta, epsilon=EPS, out=x)
    np.testing.assert_array_equal(x, y.array)


@pytest.mark.parametrize("center", [0.0, 1e4])
@pytest.mark.parametrize("shape", [*SHAPES, (1000, 19)])
def test_backward(isa, rng, shape, center):
    x, (gamma, beta) = data(rng, shape, center), parameters(rng, shape[1])
    dy = (rng.standard_normal(shape) + 0.5).astype(np.float32)
    _, cache = ops.layer_normalization(x, gamma, beta, epsilon=EPS)
    dx = Guarded(shape)
    _, dgamma, dbeta = ops.layer_normalization_backward(dy, cache, out=dx.array)
    dx.check()
    exact = reference.backward(x, dy, gamma, EPS)
    mean, _, inv_std = reference.statistics(x, EPS)
    # xhat errs as in the forward pass; a sum errs relative to the sum of sizes.
    row, column = ((min(n, SUMMED) + 12) * EPSILON for n in (shape[1], shape[0]))
    d = np.abs(x - mean)
    xhat = inv_std * (d + d.mean(1, keepdims=True) + np.abs(mean) * row)
    size, g = np.abs(dy), gamma * np.abs(dy)
    assert np.all(np.abs(dgamma - exact[1]) <= 2 * (row + column) * (size * xhat).sum(0))
    assert np.all(np.abs(dbeta - exact[2]) <= column * size.sum(0))
    products = xhat * (g * xhat).mean(1, keepdims=True)
    bound = 4 * row * inv_std * (g + g.mean(1, keepdims=True) + products)
    assert np.all(np.abs(dx.array - exact[0]) <= bound + 1e-37)
    ops.layer_normalization_backward(dy, cache, out=dy)
    np.testing.assert_array_equal(dy, dx.array)


def test_oracle_gradient_by_central_differences(rng):
    x, dy = rng.standard_normal((4, 5)), rng.standard_normal((4, 5))
    gamma, beta = rng.uniform(0.5, 2, 5), rng.standard_normal(5)
    step = 1e-5  # truncation of order step^2, rounding of order 1e-16 / step
    for position, gradient in enumerate(reference.backward(x, dy, gamma, EPS)):
        for index in np.ndindex(gradient.shape):
            losses = []
            for sign in (1, -1):
                moved = [a.copy() for a in (x, gamma, beta)]
                moved[position][index] += sign * step
                losses.append(np.sum(dy * reference.forward(*moved, EPS)))
            numeric = (losses[0] - losses[1]) / (2 * step)
            assert gradient[index] == pytest.approx(numeric, rel=1e-6, abs=1e-6)


def test_threads_agree_bit_for_bit(threads, rng):
    x, dy = data(rng, (301, 77), 3.0), data(rng, (301, 77), 0.0)
    y, cache = ops.layer_normalization(x)
    many = y, *ops.layer_normalization_backward(dy, cache)
    parts = [ops.layer_normalization(row[None])[0] for row in x]
    np.testing.assert_array_equal(y, np.concatenate(parts))
    _core.set_num_threads(1)
    y, cache = ops.layer_normalization(x)
    one = y, *ops.layer_normalization_backward(dy, cache)
    for a, b in zip(many, one, strict=True):
        np.testing.assert_array_equal(a, b)


def test_special_rows(isa):
    x = np.full((3, 40), 7.0, np.float32)
    x[1, 3], x[2, 5] = np.nan, np.inf
    y, _ = ops.layer_normalization(x)
    np.testing.assert_array_equal(y[0], 0)
    assert np.isnan(y[1:]).all()
    assert ops.layer_normalization(np.zeros((0, 4), np.float32))[0].shape == (0, 4)


def test_errors():
    x, ones = np.ones((4, 3), np.float32), np.ones(3, np.float32)
    with pytest.raises(ValueError, match=r"\[layer_normalization\] x: received a float64 array"):
        ops.layer_normalization(np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"gamma: .* shape \(4,\); expected shape \(3,\)"):
        ops.layer_normalization(x, np.ones(4, np.float32))
    with pytest.raises(ValueError, match="epsilon: received 0; expected a positive number"):
        ops.layer_normalization(x, epsilon=0)
    _, cache = ops.layer_normalization(x, ones)
    with pytest.raises(ValueError, match=r"\[layer_normalization_backward\] dy: .*shape of x"):
        ops.layer_normalization_backward(x[:3], cache)
    with pytest.raises(ValueError, match="shares memory with an input"):
        ops.layer_normalization_backward(np.ones_like(x), cache, out=x)
