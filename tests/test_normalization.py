import numpy as np
import pytest
from guarded import Guarded
from shapes import MATRICES

import fastdnn as fd
from fastdnn import layers, ops

KERNELS = ["normalization_f32"]

EPSILON = 2.0**-24  # relative error of one rounding


def statistics(rng, cols):
    mean = (1e4 * rng.standard_normal(cols)).astype(np.float32)
    return mean, rng.uniform(0.1, 4.0, cols).astype(np.float32)


@pytest.mark.parametrize("shape", MATRICES)
def test_both_ways(isa, rng, shape):
    mean, variance = statistics(rng, shape[1])
    x = (mean + rng.standard_normal(shape)).astype(np.float32)
    y = Guarded(shape)
    ops.normalization(x, mean, variance, out=y.array)
    y.check()
    size = np.sqrt(variance.astype(np.float64))
    # Roundings: the difference, root, quotient and product; none of them cancels.
    exact = (x.astype(np.float64) - mean) / size
    assert np.all(np.abs(y.array - exact) <= 4.5 * EPSILON * np.abs(exact))
    back = ops.normalization(y.array, mean, variance, invert=True)
    # The root, the product on the level that rounds it, and the sum.
    exact = y.array.astype(np.float64) * size + mean
    bound = EPSILON * (2.1 * np.abs(y.array) * size + 1.1 * np.abs(exact))
    assert np.all(np.abs(back - exact) <= bound)
    np.testing.assert_array_equal(
        ops.normalization(x, None, variance), ops.normalization(x, 0 * mean, variance)
    )
    ops.normalization(x, mean, variance, out=x)
    np.testing.assert_array_equal(x, y.array)


def test_no_variance(isa):
    x, zero = np.array([[2.0]], np.float32), np.zeros(1, np.float32)
    # 1e-7 as float32, its inverse and the product round.
    assert ops.normalization(x, zero, zero)[0, 0] == pytest.approx(2e7, rel=3 * EPSILON)
    assert ops.normalization(x, zero, zero, invert=True)[0, 0] == pytest.approx(2e-7, rel=2e-7)
    assert np.isnan(ops.normalization(x, zero, zero - 1)).all()


def test_threads_agree_bit_for_bit(threads, rng):
    mean, variance = statistics(rng, 77)
    x = rng.standard_normal((301, 77)).astype(np.float32)
    y = ops.normalization(x, mean, variance)
    parts = [ops.normalization(row[None], mean, variance) for row in x]
    np.testing.assert_array_equal(y, np.concatenate(parts))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8])
def test_adapt(rng, dtype):
    x = (rng.standard_normal((2000, 77)) * 5 + 100).astype(dtype)
    layer = layers.Normalization()
    layer.adapt(x)
    model = fd.Sequential([fd.Input(shape=(77,)), layer])
    numbers = x.astype(np.float64) / (255 if dtype == np.uint8 else 1)
    mean, variance = layer.get_weights()
    # float64 sums, rounded once.
    np.testing.assert_allclose(mean, numbers.mean(0), rtol=1.1 * EPSILON)
    np.testing.assert_allclose(variance, numbers.var(0), rtol=1.1 * EPSILON)
    y = model.predict(x).astype(np.float64)
    # The mean's rounding, relative to the deviation, and that of the numbers.
    shift = 4 * EPSILON * abs(numbers).max() / numbers.std(0).min()
    assert abs(y.mean(0)).max() <= shift
    np.testing.assert_allclose(y.std(0), 1.0, rtol=shift)
    # Again, once it is built: the model sees the new statistics.
    layer.adapt(x[:10])
    np.testing.assert_allclose(layer.get_weights()[0], numbers[:10].mean(0), rtol=1.1 * EPSILON)


def test_weights_do_not_train_and_are_saved(rng, tmp_path):
    x = (3 + 2 * rng.standard_normal((64, 5))).astype(np.float32)
    layer = layers.Normalization(name="norm")
    layer.adapt(x)
    model = fd.Sequential([fd.Input(shape=(5,)), layer, layers.Dense(1)])
    before = layer.get_weights()
    assert [weight.path for weight in layer.weights] == ["norm/mean", "norm/variance"]
    assert layer.trainable_weights == []
    model.compile("sgd", "mse")
    model.fit(x, x[:, :1], verbose=0)
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.save(tmp_path / "model.safetensors")
    again = fd.load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


def test_given_statistics_and_back(rng):
    x = rng.standard_normal((8, 3)).astype(np.float32)
    forth = layers.Normalization(mean=[1.0, 2.0, 3.0], variance=(4.0, 1.0, 0.25))
    back = layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 1.0, 0.25], invert=True)
    model = fd.Sequential([fd.Input(shape=(3,)), forth, back])
    # Two differences and sums with numbers of up to 5.
    np.testing.assert_allclose(model.predict(x), x, atol=10 * EPSILON * 5)
    one = fd.Sequential([fd.Input(shape=(3,)), layers.Normalization(mean=1, variance=4)])
    np.testing.assert_array_equal(one.predict(x), (x - 1) / 2)


@pytest.mark.parametrize(
    "create, message",
    [
        (lambda: layers.Normalization(axis=0), r"axis: received 0; expected -1"),
        (lambda: layers.Normalization(mean=1.0), r"received mean=1.0 and variance=None; expected"),
        (
            lambda: layers.Normalization(mean=1, variance=-1),
            r"variance: received -1; .* least 0",
        ),
        (lambda: layers.Normalization(mean="x", variance=1), r"mean: received 'x'; expected a fin"),
        (lambda: layers.Normalization(mean=1e39, variance=1), r"mean: received 1e\+39"),
        (lambda: layers.Normalization(mean=[1], variance=1), r"a mean of shape \(1,\) and a var"),
        (
            lambda: layers.Normalization(mean=[1, 2], variance=[1, 2])(fd.Input(shape=(3,))),
            r"mean: received 2 numbers for rows of shape \(3,\); expected one, or one for every",
        ),
        (
            lambda: layers.Normalization(mean=1, variance=1).adapt(np.ones((2, 3))),
            r"\[normalization.adapt\] the layer was given mean and variance",
        ),
        (lambda: layers.Normalization().adapt(np.ones(3)), r"and shape \(3,\); expected n"),
        (
            lambda: layers.Normalization().adapt(np.ones((0, 3))),
            r"\(0, 3\); expected numbers",
        ),
        (lambda: layers.Normalization().adapt([["a"]]), r"received an array of <U1"),
        (
            lambda: layers.Normalization().adapt([[1.0, np.nan]]),
            r"received data whose mean is nan in column 1; expected finite numbers",
        ),
        (
            lambda: layers.Normalization()(fd.Input(shape=(2, 3))),
            r"put a Flatten\(\) layer in",
        ),
    ],
)
def test_errors(create, message):
    with pytest.raises(ValueError, match=message):
        create()


def test_sparse_rows_are_refused():
    sparse = pytest.importorskip("scipy.sparse", reason="sparse rows are scipy's")
    x = sparse.csr_matrix(np.eye(3, dtype=np.float32))
    with pytest.raises(ValueError, match=r"received a sparse matrix of shape \(3, 3\); .*toarray"):
        layers.Normalization().adapt(x)
    model = fd.Sequential([fd.Input(shape=(3,)), layers.Normalization(), layers.Dense(1)])
    with pytest.raises(ValueError, match="sparse matrix for a model with Normalization at its sta"):
        model.predict(x)
