"""L-BFGS: by itself on functions of a few numbers, and in fit."""

import itertools

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import layers
from fastdnn.optimizers.lbfgs import LBFGS, Point


def _minimize(function, x, steps, **arguments):
    """Return the points of so many steps, and how often the function was computed."""
    optimizer, calls = LBFGS(**arguments), []

    def evaluate(x):
        calls.append(1)
        return Point(x, *function(x), np.zeros(0))

    points = [evaluate(np.array(x, np.float64))]
    for _ in range(steps):
        found = optimizer.step(evaluate, points[-1])
        if found is None:
            break
        points.append(found)
    return points, len(calls)


def _rosenbrock(x):
    a, b = x[1:] - x[:-1] ** 2, 1 - x[:-1]
    gradient = np.zeros_like(x)
    gradient[1:] += 200 * a
    gradient[:-1] += -400 * a * x[:-1] - 2 * b
    return float((100 * a**2 + b**2).sum()), gradient


@pytest.mark.parametrize("start", [[-1.2, 1.0], [-1.2, 1.0, 0.5, -2.0, 3.0]])
def test_rosenbrock_s_valley(start):
    points, calls = _minimize(_rosenbrock, start, 200)
    np.testing.assert_allclose(points[-1].x, 1.0, atol=1e-5)
    # Steepest descent needs thousands.
    assert len(points) < 80 and calls < 120


def test_a_quadratic_takes_no_more_steps_than_it_has_dimensions_and_some(rng):
    root = rng.standard_normal((6, 6))
    hessian, solution = root @ root.T + np.eye(6), rng.standard_normal(6)

    def quadratic(x):
        gradient = hessian @ (x - solution)
        return float(0.5 * (x - solution) @ gradient), gradient

    points, _ = _minimize(quadratic, np.zeros(6), 60, history_size=20, tolerance=1e-9)
    np.testing.assert_allclose(points[-1].x, solution, atol=1e-6)


def test_every_step_fulfils_the_wolfe_conditions(rng):
    points, _ = _minimize(_rosenbrock, rng.standard_normal(8), 40)
    for a, b in itertools.pairwise(points):
        step = b.x - a.x
        slope = a.gradient @ step
        assert b.loss <= a.loss + 1e-4 * slope
        assert abs(b.gradient @ step) <= 0.9 * abs(slope) * (1 + 1e-9)


def test_where_the_function_is_not_finite():
    """Steps that leave the domain of a logarithm are cut back."""

    def function(x):
        with np.errstate(invalid="ignore"):
            return float((x - np.log(x)).sum()), 1 - 1 / x

    points, _ = _minimize(function, [0.01, 30.0], 100, learning_rate=100.0)
    np.testing.assert_allclose(points[-1].x, 1.0, atol=1e-4)
    points, calls = _minimize(lambda x: (float("nan"), x), [1.0], 5)
    assert len(points) == 1 and calls <= 1 + 25


def _model(seed=4, optimizer=None, **options):
    fd.set_seed(seed)
    model = fd.Sequential(
        [
            fd.Input(shape=(5,)),
            layers.Dense(10, activation="tanh", kernel_regularizer="l2", **options),
            layers.Dense(2),
        ]
    )
    model.compile(optimizer or fd.optimizers.LBFGS(), loss="mse", metrics=["mae"])
    return model


@pytest.fixture
def data(rng):
    x = rng.standard_normal((90, 5)).astype(np.float32)
    return x, np.sin(x[:, :2] + x[:, 1:3]).astype(np.float32)


def test_fit_lowers_the_loss_in_every_epoch(data):
    model = _model()
    before = model.evaluate(*data, verbose=0)[0]
    history = model.fit(*data, epochs=30, batch_size=32, verbose=0).history
    assert all(np.diff([before, *history["loss"]]) < 0)
    assert model.optimizer.iterations == 30
    # What is shown is what is there after the step.
    after = model.evaluate(*data, verbose=0)
    assert history["loss"][-1] == pytest.approx(after[0], rel=1e-5)
    assert history["mae"][-1] == pytest.approx(after[1], rel=1e-5)
    slow = _model(optimizer=fd.optimizers.SGD(0.1))
    slow.fit(*data, epochs=30, batch_size=90, verbose=0)
    assert after[0] < slow.evaluate(*data, verbose=0)[0]


def test_the_size_of_batches_changes_nothing_but_roundings(data):
    losses = []
    for size in (90, 32, 7):
        weights = np.linspace(0.5, 2, 90)
        history = _model().fit(
            *data, batch_size=size, epochs=1, sample_weight=weights, verbose=0, shuffle=True
        )
        losses.append(history.history["loss"][0])
    # A sum of 90 numbers that float32 rounds, in other orders; later steps make more of it.
    np.testing.assert_allclose(losses, losses[0], rtol=90 * 2.0**-24)


def test_fit_ends_where_nothing_is_left_to_gain(data):
    x = data[0]
    model = fd.Sequential([fd.Input(shape=(5,)), layers.Dense(1)])
    model.compile("lbfgs", loss="mse")
    history = model.fit(x, x.sum(axis=1), epochs=500, verbose=0).history
    assert len(history["loss"]) < 100 and history["loss"][-1] < 1e-8
    np.testing.assert_allclose(model.get_weights()[0], 1.0, atol=1e-3)


def test_same_bits_for_any_number_of_threads(assert_same_bits, data):
    def run():
        model = _model()
        model.fit(*data, epochs=6, batch_size=32, verbose=0)
        return model.get_weights()

    assert_same_bits(run)


def test_frozen_layers_stay_and_files_hold_the_optimizer(data, tmp_path):
    model = _model()
    model.layers[0].trainable = False
    before = model.get_weights()
    model.fit(*data, epochs=3, verbose=0)
    for a, b, moves in zip(before, model.get_weights(), (0, 0, 1, 1), strict=True):
        assert np.array_equal(a, b) != bool(moves)
    model.layers[0].trainable = True
    model.fit(*data, epochs=3, verbose=0)
    model.save(tmp_path / "m.safetensors")
    same = fd.load_model(tmp_path / "m.safetensors")
    assert same.optimizer.iterations == model.optimizer.iterations
    assert repr(same.optimizer) == "LBFGS()"
    assert same.train_on_batch(*data)[0] < model.evaluate(*data, verbose=0)[0]


def test_an_interrupted_search_leaves_the_weights_where_they_were(data):
    calls = []

    def loss(y_true, y_pred):
        calls.append(1)
        if len(calls) == 2:  # where the first search looks first
            raise KeyboardInterrupt
        return ((y_pred - y_true) ** 2).sum(axis=1), 2 * (y_pred - y_true)

    fd.set_seed(1)
    model = fd.Sequential([fd.Input(shape=(5,)), layers.Dense(2)])
    model.compile(fd.optimizers.LBFGS(learning_rate=1e-3), loss=loss)
    start = model.get_weights()
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data, batch_size=90, epochs=5, verbose=0)
    for a, b in zip(start, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.fit(*data, batch_size=90, epochs=5, verbose=0)
    assert model.optimizer.iterations == 5


def test_a_loss_that_is_not_finite_is_named(data):
    model = _model()
    model.layers[1].kernel.value[...] = 1e30
    with pytest.warns(RuntimeWarning, match="the loss is not finite in epoch 1, batch 1"):
        model.fit(*data, verbose=0)
    assert model.optimizer.iterations == 0


def test_a_loaded_model_goes_on_as_the_saved_one(data, tmp_path):
    model = _model()
    model.fit(*data, epochs=3, verbose=0)
    model.save(tmp_path / "m.safetensors")
    same = fd.load_model(tmp_path / "m.safetensors")
    for other in (model, same):
        other.fit(*data, epochs=3, verbose=0)
    for a, b in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_refused(data):
    with pytest.raises(
        ValueError, match=r"\[LBFGS\] history_size: received 0; expected an integer"
    ):
        LBFGS(history_size=0)
    for rate in (0, np.nan, "1"):
        with pytest.raises(ValueError, match=r"\[LBFGS\] learning_rate: received .*above 0"):
            LBFGS(learning_rate=rate)
    with pytest.raises(ValueError, match=r"\[LBFGS\] tolerance: received -1; expected a number"):
        LBFGS(tolerance=-1)
    with pytest.raises(ValueError, match=r"'dense/kernel' has a constraint; expected none"):
        _model(kernel_constraint="non_neg", name="dense").fit(*data, verbose=0)
    with pytest.raises(ValueError, match=r"received an iterator with LBFGS"):
        _model().fit(iter([data]), verbose=0)
    model = _model()
    model.backward(model.forward(data[0], training=True))
    with pytest.raises(ValueError, match=r"received the optimizer LBFGS, which has to compute"):
        model.apply_gradients()
