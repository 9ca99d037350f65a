import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import require_keras
from guarded import Guarded
from reference import batch_norm as reference
from shapes import MATRICES

from fastdnn import _core, layers, ops
from fastdnn.models import Sequential

KERNELS = ["batch_norm_training_f32", "batch_norm_inference_f32", "batch_norm_backward_f32"]

EPSILON = 2.0**-24  # relative error of one rounding
BATCH_EPSILON = 1e-3
# Rows of a block are summed plainly, one rounding each; what follows is compensated or divides.
ROW_BLOCK = 64


def sum_error(rows):
    """Bound of the error of a sum of `rows` rounded products, relative to the sum of sizes."""
    return (min(rows, ROW_BLOCK) + 4) * EPSILON


def parameters(rng, cols):
    gamma = rng.uniform(0.5, 2, cols).astype(np.float32)
    beta = rng.standard_normal(cols).astype(np.float32)
    return gamma, beta


def moving(rng, cols):
    mean = rng.standard_normal(cols).astype(np.float32)
    return mean, rng.uniform(0.5, 2, cols).astype(np.float32)


def data(rng, shape, center=0.0):
    """Columns of various centres and spreads."""
    spread = np.exp(rng.standard_normal(shape[1]))
    return (rng.standard_normal(shape) * spread + center).astype(np.float32)


def check_forward(y, x, gamma, beta):
    """Compare with float64.

    Of the mean only the rest after the first pass has to be summed: sums of d = x - mean. Its
    error, that of the deviation, 3 roundings of d * scale and 1 of the sum with beta are left.
    """
    mean, variance = reference.statistics(x)
    exact = reference.forward(x, gamma, beta, mean, variance, BATCH_EPSILON)
    error = sum_error(len(x))
    scale = (1.0 if gamma is None else gamma) / np.sqrt(variance + BATCH_EPSILON)
    d = np.abs(x - mean)
    # d's own rounding is relative to d, for x and the mean are float32 (and its rest is kept).
    mean_d = d.mean(0) + 2 * EPSILON * np.abs(mean) * error
    bound = scale * (d * (error + 8 * EPSILON) + mean_d * 2 * error) + 2 * EPSILON * np.abs(exact)
    if beta is not None:
        bound = bound + 2 * EPSILON * np.abs(beta)
    assert np.all(np.abs(y - exact) <= bound + 1e-37)


@pytest.mark.parametrize("center", [0.0, 3.0, 1e4])
@pytest.mark.parametrize("shape", [s for s in MATRICES if s[0] > 0] + [(1000, 19)])
def test_training(isa, rng, shape, center):
    x = data(rng, shape, center)
    gamma, beta = parameters(rng, shape[1])
    y = Guarded(shape)
    _, cache = ops.batch_normalization(x, gamma, beta, None, None, training=True, out=y.array)
    y.check()
    check_forward(y.array, x, gamma, beta)
    mean, variance = reference.statistics(x)
    error = sum_error(len(x))
    d = np.abs(x - mean).mean(0)
    assert np.all(np.abs(cache.mean - mean) <= 2 * EPSILON * np.abs(mean) + 2 * error * d)
    inv_std = 1 / np.sqrt(variance + BATCH_EPSILON)
    # The square root halves the error of the variance.
    assert np.all(np.abs(cache.inv_std / inv_std - 1) <= error + 4 * EPSILON)


@pytest.mark.parametrize("with_gamma", [False, True])
@pytest.mark.parametrize("with_beta", [False, True])
def test_gamma_and_beta_are_optional(isa, rng, with_gamma, with_beta):
    x = data(rng, (50, 37))
    gamma, beta = parameters(rng, 37)
    gamma, beta = gamma if with_gamma else None, beta if with_beta else None
    y, cache = ops.batch_normalization(x, gamma, beta, None, None, training=True)
    check_forward(y, x, gamma, beta)
    dy = rng.standard_normal(x.shape).astype(np.float32)
    ones = np.ones(37, np.float32)
    dx, dgamma, dbeta = ops.batch_normalization_backward(dy, cache)
    _, full = ops.batch_normalization(
        x, ones if gamma is None else gamma, beta, None, None, training=True
    )
    for a, b in zip((dx, dgamma, dbeta), ops.batch_normalization_backward(dy, full), strict=True):
        np.testing.assert_array_equal(a, b)


def test_large_mean_small_variance(isa, rng):
    # One-pass E[x^2] - E[x]^2 has no correct digit here; a float32 mean alone is off by 4e-4.
    x = (1e4 + rng.standard_normal((512, 40))).astype(np.float32)
    y, cache = ops.batch_normalization(x, None, None, None, None, training=True)
    check_forward(y, x, None, None)
    # Means of y, from errors of check_forward: |y| averages below 1.
    assert np.all(np.abs(y.astype(np.float64).mean(0)) <= 4 * sum_error(512))
    assert np.all(np.abs(cache.inv_std - 1) < 0.5)


def test_many_rows(isa, rng):
    # A plain float32 sum of so many squares errs by about ten times the bound.
    x = (3 + rng.standard_normal((400_003, 3))).astype(np.float32)
    y, cache = ops.batch_normalization(x, None, None, None, None, training=True)
    check_forward(y, x, None, None)
    _, variance = reference.statistics(x)
    error = cache.inv_std * np.sqrt(variance + BATCH_EPSILON) - 1
    assert np.all(np.abs(error) <= sum_error(len(x)) / 2 + 4 * EPSILON)


def test_moving_statistics(isa, rng):
    x = data(rng, (50, 37), 2.0)
    mean, variance = reference.statistics(x)
    old_mean, old_variance = moving(rng, 37)
    for momentum in [0.99, 0.5, 0.0, 1.0]:
        new_mean, new_variance = Guarded((37,)), Guarded((37,))
        new_mean.array[:], new_variance.array[:] = old_mean, old_variance
        ops.batch_normalization(
            x, None, None, new_mean.array, new_variance.array, training=True, momentum=momentum
        )
        new_mean.check()
        new_variance.check()
        for new, old, now in [
            (new_mean.array, old_mean, mean),
            (new_variance.array, old_variance, variance),
        ]:
            exact = momentum * old.astype(np.float64) + (1 - momentum) * now
            # Two rounded factors, products and a sum; the statistic's own error.
            size = momentum * np.abs(old) + (1 - momentum) * np.abs(now)
            scatter = (1 - momentum) * (np.abs(x).mean(0) + np.abs(now))
            bound = 4 * EPSILON * size + 2 * sum_error(50) * scatter
            assert np.all(np.abs(new - exact) <= bound)


@pytest.mark.parametrize("shape", MATRICES)
def test_inference(isa, rng, shape):
    x = data(rng, shape, 1.0)
    gamma, beta = parameters(rng, shape[1])
    mean, variance = moving(rng, shape[1])
    kept = mean.copy(), variance.copy()
    y = Guarded(shape)
    _, cache = ops.batch_normalization(x, gamma, beta, mean, variance, training=False, out=y.array)
    y.check()
    np.testing.assert_array_equal((mean, variance), kept)
    exact = reference.forward(
        x, gamma, beta, mean.astype(np.float64), variance.astype(np.float64), BATCH_EPSILON
    )
    # Roundings: difference, epsilon and its sum, root, quotient, product with gamma, fused sum.
    bound = 8 * EPSILON * (np.abs(exact - beta) + np.abs(beta))
    assert np.all(np.abs(y.array - exact) <= bound)
    assert not cache.training
    np.testing.assert_array_equal(cache.mean, mean)


def test_inference_in_place(isa, rng):
    x = data(rng, (33, 70))
    mean, variance = moving(rng, 70)
    expected, _ = ops.batch_normalization(x, None, None, mean, variance, training=False)
    y, _ = ops.batch_normalization(x, None, None, mean, variance, training=False, out=x)
    assert y is x
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("center", [0.0, 1e4])
@pytest.mark.parametrize("shape", [s for s in MATRICES if s[0] > 0] + [(1000, 19)])
def test_backward(isa, rng, shape, center, training):
    x = data(rng, shape, center)
    gamma, beta = parameters(rng, shape[1])
    dy = (rng.standard_normal(shape) + 0.5).astype(np.float32)
    mean = np.full(shape[1], center, np.float32)
    variance = np.ones(shape[1], np.float32)
    _, cache = ops.batch_normalization(x, gamma, beta, mean, variance, training=training)
    dx = Guarded(shape)
    _, dgamma, dbeta = ops.batch_normalization_backward(dy, cache, out=dx.array)
    dx.check()

    mean, variance = reference.statistics(x) if training else (cache.mean.astype(float), 1.0)
    exact = reference.backward(x, dy, gamma, mean, variance, BATCH_EPSILON, training)
    # Sums err relative to the sums of sizes, and the deviation by as much as in the forward pass.
    error = 4 * sum_error(len(x)) + 16 * EPSILON
    inv_std = 1 / np.sqrt(variance + BATCH_EPSILON)
    xhat = np.abs(x - mean) * inv_std
    size = np.abs(dy)
    sizes = size.sum(0)
    products = (size * xhat).sum(0) + xhat.mean(0) * sizes
    assert np.all(np.abs(dgamma - exact[1]) <= error * products)
    assert np.all(np.abs(dbeta - exact[2]) <= error * sizes)
    terms = size + sizes / len(x) + (xhat + xhat.mean(0)) * products / len(x)
    assert np.all(np.abs(dx.array - exact[0]) <= error * gamma * inv_std * terms + 1e-37)


@pytest.mark.parametrize("training", [True, False])
def test_oracle_gradient_by_central_differences(rng, training):
    """The oracle's formula, against differences of the oracle's forward pass in float64."""
    x, dy = rng.standard_normal((6, 3)), rng.standard_normal((6, 3))
    gamma, beta = rng.uniform(0.5, 2, 3), rng.standard_normal(3)
    fixed = np.zeros(3), np.ones(3)

    def loss(x, gamma, beta):
        statistics = reference.statistics(x) if training else fixed
        return np.sum(dy * reference.forward(x, gamma, beta, *statistics, BATCH_EPSILON))

    statistics = reference.statistics(x) if training else fixed
    gradients = reference.backward(x, dy, gamma, *statistics, BATCH_EPSILON, training)
    step = 1e-5  # truncation of order step^2, rounding of order 1e-16 / step
    for position, gradient in enumerate(gradients):
        numeric = np.zeros_like(gradient)
        for index in np.ndindex(gradient.shape):
            up, down = ([a.copy() for a in (x, gamma, beta)] for _ in range(2))
            up[position][index] += step
            down[position][index] -= step
            numeric[index] = (loss(*up) - loss(*down)) / (2 * step)
        # Third derivatives of the loss reach some hundreds: 1e-10 * 1e3, and a margin of ten.
        np.testing.assert_allclose(gradient, numeric, rtol=0, atol=1e-6)


def test_backward_in_place(isa, rng):
    x, dy = data(rng, (70, 33)), data(rng, (70, 33))
    _, cache = ops.batch_normalization(x, None, None, None, None, training=True)
    expected, _, _ = ops.batch_normalization_backward(dy, cache)
    dx, _, _ = ops.batch_normalization_backward(dy, cache, out=dy)
    assert dx is dy
    np.testing.assert_array_equal(dx, expected)


def test_backward_accumulates(isa, rng):
    x, dy = data(rng, (70, 33)), data(rng, (70, 33))
    _, cache = ops.batch_normalization(x, None, None, None, None, training=True)
    dx, dgamma, dbeta = ops.batch_normalization_backward(dy, cache)
    before = rng.standard_normal((2, 33)).astype(np.float32)
    sums = before.copy()
    again, _, _ = _core.batch_norm_backward(
        dy, x, None, cache.mean, cache.inv_std, True, None, sums[0], sums[1], True
    )
    np.testing.assert_array_equal(again, dx)
    np.testing.assert_array_equal(sums, before + np.stack([dgamma, dbeta]))


def test_one_row(isa, rng):
    x = data(rng, (1, 50), 5.0)
    gamma, beta = parameters(rng, 50)
    mean, variance = np.zeros(50, np.float32), np.ones(50, np.float32)
    y, cache = ops.batch_normalization(x, gamma, beta, mean, variance, training=True)
    np.testing.assert_array_equal(y[0], beta)
    np.testing.assert_array_equal(variance, np.float32(0.99))
    dx, dgamma, dbeta = ops.batch_normalization_backward(x, cache)
    np.testing.assert_array_equal(dx, 0)
    np.testing.assert_array_equal(dgamma, 0)
    np.testing.assert_array_equal(dbeta, x[0])


def test_no_rows(isa):
    x = np.empty((0, 20), np.float32)
    mean, variance = np.full(20, 3, np.float32), np.full(20, 4, np.float32)
    y, cache = ops.batch_normalization(x, None, None, mean, variance, training=True)
    assert y.shape == (0, 20)
    assert np.all(mean == 3) and np.all(variance == 4)
    np.testing.assert_array_equal(cache.mean, 0)
    dx, dgamma, dbeta = ops.batch_normalization_backward(x, cache)
    assert dx.shape == (0, 20)
    np.testing.assert_array_equal((dgamma, dbeta), np.zeros((2, 20)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_special_values_stay_in_their_column(isa, rng, value):
    x = data(rng, (40, 21))
    clean, clean_cache = ops.batch_normalization(x, None, None, None, None, training=True)
    x[3, 5] = value
    y, cache = ops.batch_normalization(x, None, None, None, None, training=True)
    others = np.arange(21) != 5
    assert np.all(np.isnan(y[:, 5]))
    np.testing.assert_array_equal(y[:, others], clean[:, others])
    dy = data(rng, (40, 21))
    expected = ops.batch_normalization_backward(dy, clean_cache)
    actual = ops.batch_normalization_backward(dy, cache)
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(a[..., others], b[..., others])
    assert np.all(np.isnan(actual[0][:, 5]))


def test_infinite_gradient_has_an_infinite_sum(isa, rng):
    x = data(rng, (40, 3))
    _, cache = ops.batch_normalization(x, None, None, None, None, training=True)
    dy = np.ones_like(x)
    dy[7, 1] = np.inf
    _, _, dbeta = ops.batch_normalization_backward(dy, cache)
    np.testing.assert_array_equal(dbeta, [40, np.inf, 40])


def test_constant_columns(isa):
    # No variance at all: epsilon alone scales, and nothing is divided by zero.
    x = np.full((100, 17), 1 / 3, np.float32)
    y, cache = ops.batch_normalization(x, None, None, None, None, training=True)
    np.testing.assert_array_equal(cache.mean, x[0])
    np.testing.assert_array_equal(y, 0)


def test_columns_do_not_depend_on_their_neighbours(isa, rng):
    x = data(rng, (130, 150))
    y, _ = ops.batch_normalization(x, None, None, None, None, training=True)
    for cols in [1, 7, 16, 33, 64, 149]:
        part, _ = ops.batch_normalization(
            np.ascontiguousarray(x[:, :cols]), None, None, None, None, training=True
        )
        # The 4-wide and the cut-short pass compute the same.
        np.testing.assert_array_equal(part, y[:, :cols])


def test_more_dimensions_are_rows(rng):
    x = data(rng, (15, 7))
    y, _ = ops.batch_normalization(x, None, None, None, None, training=True)
    cube, _ = ops.batch_normalization(x.reshape(3, 5, 7), None, None, None, None, training=True)
    np.testing.assert_array_equal(cube.reshape(15, 7), y)


def run_all(seed):
    rng = np.random.default_rng(seed)
    x, dy = data(rng, (517, 333), 1.0), data(rng, (517, 333))
    gamma, beta = parameters(rng, 333)
    mean, variance = moving(rng, 333)
    y, cache = ops.batch_normalization(x, gamma, beta, mean, variance, training=True)
    z, _ = ops.batch_normalization(x, gamma, beta, mean, variance, training=False)
    results = [y, z, mean, variance, *ops.batch_normalization_backward(dy, cache)]
    return hashlib.sha256(b"".join(a.tobytes() for a in results)).hexdigest()


def test_threads_agree_bit_for_bit(isa, threads):
    many = run_all(7)
    _core.set_num_threads(1)
    assert many == run_all(7)


# With the numpy backend: the layer's outputs in training, its statistics then, and its outputs.
KERAS = """
import sys
import keras
import numpy as np
data = np.load(sys.argv[1])
layer = keras.layers.BatchNormalization()
layer.build(data["x"].shape)
layer.set_weights([data[name] for name in ("gamma", "beta", "mean", "variance")])
trained = np.asarray(layer(data["x"], training=True))
moving = [np.asarray(weight) for weight in (layer.moving_mean, layer.moving_variance)]
predicted = np.asarray(layer(data["x"], training=False))
np.savez(sys.argv[2], trained=trained, mean=moving[0], variance=moving[1], predicted=predicted)
"""


def test_keras(rng, tmp_path):
    require_keras()
    x = data(rng, (64, 20), 1.0)
    gamma, beta = parameters(rng, 20)
    mean, variance = moving(rng, 20)
    np.savez(tmp_path / "data.npz", x=x, gamma=gamma, beta=beta, mean=mean, variance=variance)
    command = [sys.executable, "-c", KERAS, tmp_path / "data.npz", tmp_path / "results.npz"]
    subprocess.run(command, check=True, env={**os.environ, "KERAS_BACKEND": "numpy"})
    keras = np.load(tmp_path / "results.npz")
    y, _ = ops.batch_normalization(x, gamma, beta, mean, variance, training=True)
    # Both round sums of 64 terms. Keras's variance, E x^2 - (E x)^2, cancels: it inherits the
    # rounding of both terms.
    x64 = x.astype(np.float64)
    of_mean = 2 * sum_error(64) * abs(x64).mean(axis=0)
    of_variance = 2 * sum_error(64) * ((x64**2).mean(axis=0) + x64.mean(axis=0) ** 2)
    var = x64.var(axis=0) + 1e-3
    normal = abs(x64 - x64.mean(axis=0)) / np.sqrt(var)
    bound = abs(gamma) * (of_mean / np.sqrt(var) + normal * of_variance / (2 * var))
    wanted = keras["trained"]
    assert (abs(y - wanted) <= bound + 4 * EPSILON * (abs(wanted) + abs(beta))).all()
    share = 1 - 0.99
    for ours, theirs, error in (
        (mean, keras["mean"], of_mean),
        (variance, keras["variance"], of_variance),
    ):
        rounding = 4 * EPSILON * (1 + abs(ours))
        assert (abs(ours - theirs) <= share * error + rounding).all()
    bound = {"rtol": 2 * sum_error(64), "atol": 8 * sum_error(64)}
    y, _ = ops.batch_normalization(x, gamma, beta, mean, variance, training=False)
    np.testing.assert_allclose(y, keras["predicted"], **bound)


def test_results_that_share_memory_with_inputs_are_refused():
    memory = np.ones(64, np.float32)
    x, shifted, ones = memory[:12].reshape(4, 3), memory[3:15].reshape(4, 3), memory[60:63]
    own = np.ones((2, 3), np.float32)
    shared = "shares memory with an input"
    with pytest.raises(ValueError, match=shared):
        ops.batch_normalization(x, ones, None, *own, training=False, out=shifted)
    with pytest.raises(ValueError, match=shared):
        ops.batch_normalization(x, None, None, own[0], own[0], training=True)
    with pytest.raises(ValueError, match=shared):
        ops.batch_normalization(x, None, None, x[0], own[0], training=True)
    with pytest.raises(ValueError, match=shared):
        _core.batch_norm_backward(shifted, own.repeat(2, 0), None, *own, True, out=x)
    with pytest.raises(ValueError, match=shared):
        _core.batch_norm_backward(
            np.ones((4, 3), np.float32), own.repeat(2, 0), None, *own, True, dgamma=own[0]
        )
    # In place is fine where nothing else reads it.
    y, _ = ops.batch_normalization(x, ones, None, *own, training=False, out=x)
    assert y is x


def test_errors():
    x = np.ones((4, 3), np.float32)
    ones = np.ones(3, np.float32)

    def normalize(x=x, gamma=ones, mean=ones, variance=ones, training=True, **options):
        ops.batch_normalization(x, gamma, None, mean, variance, training=training, **options)

    with pytest.raises(ValueError, match=r"\[batch_normalization\] x: received a float64 array"):
        normalize(np.ones((4, 3)))
    with pytest.raises(ValueError, match="x: received a non-contiguous float32 array"):
        normalize(np.ones((4, 6), np.float32)[:, ::2])
    with pytest.raises(
        ValueError, match=r"x: .* of shape \(3,\); expected at least two dimensions"
    ):
        normalize(ones)
    with pytest.raises(ValueError, match=r"gamma: .* shape \(4,\); expected shape \(3,\)"):
        normalize(gamma=np.ones(4, np.float32))
    with pytest.raises(ValueError, match=r"moving_var: received a float64 array"):
        normalize(variance=np.ones(3))
    with pytest.raises(ValueError, match="epsilon: received 0; expected a positive number"):
        normalize(epsilon=0)
    with pytest.raises(ValueError, match=r"momentum: received 1\.5; expected the share to keep"):
        normalize(momentum=1.5)
    with pytest.raises(ValueError, match="out: received memory of x, which the backward pass"):
        normalize(out=x)
    with pytest.raises(ValueError, match="received no moving statistics; expected moving_mean"):
        normalize(mean=None, training=False)
    frozen = np.ones(3, np.float32)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="moving_mean: received a read-only array"):
        normalize(mean=frozen)
    normalize(mean=frozen, training=False)

    _, cache = ops.batch_normalization(x, None, None, None, None, training=True)
    with pytest.raises(ValueError, match=r"\[batch_normalization_backward\] dy: .*shape of x"):
        ops.batch_normalization_backward(np.ones((3, 3), np.float32), cache)
    with pytest.raises(ValueError, match="out: received memory of x"):
        ops.batch_normalization_backward(np.ones_like(x), cache, out=x)


@pytest.mark.parametrize("learned", [False, True])
def test_a_frozen_layer_is_at_inference_in_training_too(rng, learned):
    norm = layers.BatchNormalization(scale=learned, center=learned)
    model = Sequential([layers.Input(4), norm, layers.Dense(2)])
    norm.trainable = False
    model.compile("sgd", "mse")
    x = rng.normal(3.0, 2.0, (64, 4)).astype(np.float32)
    model.fit(x, x[:, :2], epochs=2, verbose=0)
    np.testing.assert_array_equal(norm.moving_mean.numpy(), np.zeros(4))
    np.testing.assert_array_equal(norm.moving_variance.numpy(), np.ones(4))
    norm.trainable = True
    model.fit(x, x[:, :2], epochs=1, verbose=0)
    assert (norm.moving_mean.numpy() > 0).all()
