"""Losses and metrics that are Python functions."""

import pickle

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import layers


def squared(y_true, y_pred):
    error = y_pred - y_true
    return (error**2).mean(axis=1), 2 * error / y_pred.shape[1]


def largest_error(y_true, y_pred):
    return np.abs(y_pred - y_true).max(axis=1)


def absolute(y_true, y_pred):
    return np.abs(y_pred - y_true).mean(axis=1)


def _model(loss, metrics=None, optimizer="adam", seed=3, outputs=2, **arguments):
    fd.set_seed(seed)
    model = fd.Sequential(
        [
            fd.Input(shape=(5,)),
            layers.Dense(16, activation="tanh", kernel_regularizer=fd.regularizers.L2(0.01)),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(outputs),
        ]
    )
    model.compile(optimizer, loss=loss, metrics=metrics, **arguments)
    return model


@pytest.fixture
def data(rng):
    x = rng.standard_normal((70, 5)).astype(np.float32)
    return x, rng.standard_normal((70, 2)).astype(np.float32)


# Derivatives that NumPy and the core round differently, by 2**-23, move weights by no more in 20
# steps of a smooth net: each is at most the rate times this, and some of it is passed on.
ROUNDED = 1e-5


def _assert_alike(ours, natives):
    for a, b in zip(ours.get_weights(), natives.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=ROUNDED, atol=ROUNDED)


def test_a_function_trains_as_the_loss_that_it_computes(data, rng):
    """With weights of rows, accumulation, a schedule, penalties and dropout."""
    x, y = data
    weight = rng.random(len(x)).astype(np.float32)
    models, histories = [], []
    for loss, metrics in (("mse", ["mae"]), (squared, [absolute])):
        rate = fd.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)
        optimizer = fd.optimizers.SGD(rate, momentum=0.5, gradient_accumulation_steps=2)
        model = _model(loss, metrics, optimizer, weighted_metrics=metrics)
        histories.append(
            model.fit(
                x,
                y,
                16,
                4,
                sample_weight=weight,
                validation_split=0.2,
                verbose=0,
            ).history
        )
        models.append(model)
    _assert_alike(*models)
    natives, ours = histories
    assert list(ours) == [
        name.replace("mean_absolute_error", "absolute").replace("mae", "absolute")
        for name in natives
    ]
    for a, b in zip(natives.values(), ours.values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_evaluate_and_train_on_batch(data):
    x, y = data
    model = _model(squared, [largest_error])
    loss, metric = model.evaluate(x, y, batch_size=16, verbose=0)
    outputs = model.predict(x).astype(np.float64)
    penalty = model.evaluate(x, outputs, verbose=0)[0]
    assert loss == pytest.approx(((outputs - y) ** 2).mean() + penalty, rel=1e-6)
    assert metric == pytest.approx(np.abs(outputs - y).max(axis=1).mean(), rel=1e-6)
    fixed = _model(squared, optimizer=fd.optimizers.SGD(0.0))
    assert np.isfinite(fixed.train_on_batch(x, y))
    assert fixed.optimizer.iterations == 1


def test_one_output_by_a_function_and_one_by_the_core(data):
    x, y = data
    models = []
    for loss in ("mse", squared):
        fd.set_seed(5)
        a = fd.Input(shape=(5,))
        shared = layers.Dense(8, activation="relu")(a)
        heads = [layers.Dense(2, name="one")(shared), layers.Dense(2, name="two")(shared)]
        model = fd.Model(a, heads)
        model.compile(
            fd.optimizers.SGD(0.1),
            loss={"one": loss, "two": "mae"},
            loss_weights=[0.3, 0.7],
            metrics={"two": [largest_error, "mse"], "one": ["mae"]},
        )
        model.fit(x, [y, -y], epochs=3, verbose=0)
        models.append(model)
    _assert_alike(*models)
    values = models[1].evaluate(x, [y, -y], verbose=0, return_dict=True)
    outputs = models[1].predict(x)
    assert values["two_largest_error"] == pytest.approx(largest_error(-y, outputs[1]).mean(), 1e-6)
    assert values["one_mae"] == pytest.approx(np.abs(outputs[0] - y).mean(), 1e-6)


def test_targets_come_as_they_are(data):
    x, _ = data
    seen = []

    def loss(y_true, y_pred):
        seen.append(y_true)
        return np.zeros(len(y_pred)), np.zeros_like(y_pred)

    labels = np.arange(70) % 7
    for y, shape, kind in (
        (labels, (70,), "i"),
        (labels.astype(str).astype(float), (70,), "f"),
        (np.ones((70, 3, 4)), (70, 3, 4), "f"),
    ):
        _model(loss).evaluate(x, y, batch_size=70, verbose=0)
        assert seen[-1].shape == shape and seen[-1].dtype.kind == kind
        np.testing.assert_array_equal(seen[-1], y)
    # One column, as the outputs have: no accidental matrix of all against all.
    _model(loss, outputs=1).evaluate(x, np.ones(70), batch_size=70, verbose=0)
    assert seen[-1].shape == (70, 1)
    # A metric of the core's says what they are.
    model = _model(loss, ["sparse_categorical_accuracy"])
    model.evaluate(x, labels % 2, batch_size=70, verbose=0)
    assert seen[-1].dtype == np.int32
    with pytest.raises(ValueError, match=r"received the label 2 in row 2; expected integers from"):
        model.evaluate(x, labels, verbose=0)


def test_rows_are_those_of_the_shuffled_batch(rng):
    x = rng.permutation(64).astype(np.float32)[:, None]

    def loss(y_true, y_pred):
        np.testing.assert_allclose(y_pred, y_true, rtol=1e-6)
        return np.zeros(len(y_pred)), np.zeros_like(y_pred)

    model = fd.Sequential([fd.Input(shape=(1,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile(fd.optimizers.SGD(0.1), loss=loss)
    model.fit(x, x, batch_size=10, epochs=2, validation_split=0.2, verbose=0)


def test_same_bits_for_any_number_of_threads(assert_same_bits, data):
    def run():
        model = _model(squared, [absolute])
        history = model.fit(*data, batch_size=24, epochs=2, validation_split=0.2, verbose=0)
        return [*model.get_weights(), *history.history.values()]

    assert_same_bits(run)


def test_an_error_ends_fit_before_the_step(data):
    calls = []

    def loss(y_true, y_pred):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return squared(y_true, y_pred)

    model = _model(loss, optimizer=fd.optimizers.SGD(0.1))
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data, batch_size=16, verbose=0)
    assert model.optimizer.iterations == 2
    fine = _model(squared, optimizer=fd.optimizers.SGD(0.1))
    fine.fit(*data, batch_size=16, steps_per_epoch=2, verbose=0)
    for weight, other in zip(model.weights, fine.weights, strict=True):
        np.testing.assert_array_equal(weight.value, other.value)
    model.fit(*data, batch_size=16, verbose=0)  # goes on


@pytest.mark.parametrize("value", [np.nan, 1e300])
def test_derivatives_that_are_not_finite_end_fit_before_the_step(data, value):
    model = _model(lambda t, p: (np.zeros(len(p)), np.full(p.shape, value)))
    before = model.get_weights()
    with pytest.warns(RuntimeWarning, match="the loss is not finite in epoch 1, batch 1"):
        model.fit(*data, verbose=0)
    for weight, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, other)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (lambda y: np.zeros(len(y)), r"received a ndarray from the function; expected a pair"),
        (lambda y: (0.0, y), r"received losses of shape \(\) and type float64 from the function; "),
        (lambda y: (y, y), r"expected numbers of shape \(70,\)"),
        (lambda y: (y[:, 0], y[:, 0]), r"derivatives of shape \(70,\).*numbers of shape \(70, 2\)"),
        (lambda y: (y[:, 0], y.astype(str)), r"derivatives of shape .* and type <U32"),
    ],
)
def test_what_else_a_function_returns(data, answer, text):
    model = _model(lambda y_true, y_pred: answer(y_pred))
    before = [weight.copy() for weight in model.get_weights()]
    with pytest.raises(ValueError, match=r"\[loss <lambda>\] " + f".*{text}"):
        model.fit(*data, batch_size=70, verbose=0)
    for a, b in zip(before[:2], model.get_weights()[:2], strict=True):
        np.testing.assert_array_equal(a, b)
    metric = _model("mse", [lambda y_true, y_pred: y_pred])
    with pytest.raises(ValueError, match=r"\[metric <lambda>\] received values of shape \(32, 2\)"):
        metric.fit(*data, verbose=0)


def test_a_function_must_not_change_outputs_nor_call_its_model(data):
    def changes(y_true, y_pred):
        y_pred -= y_true
        return y_pred[:, 0], y_pred

    with pytest.raises(ValueError, match="read-only"):
        _model(changes).fit(*data, verbose=0)

    teacher = _model("mse")

    def distils(y_true, y_pred):
        return squared(teacher.predict(data[0][: len(y_pred)]), y_pred)

    def calls(y_true, y_pred):
        model.predict(data[0])
        return squared(y_true, y_pred)

    _model(distils).fit(*data, verbose=0)
    model = _model(calls)
    with pytest.raises(ValueError, match=r"received a call from a function that computes this"):
        model.fit(*data, verbose=0)
    model.predict(data[0])


def test_accuracy_needs_to_know_the_targets(data):
    with pytest.raises(ValueError, match=r"'accuracy' with the function 'squared' as the loss"):
        _model(squared, ["accuracy"]).fit(*data, verbose=0)
    model = _model(squared, ["accuracy"], outputs=1)
    assert "accuracy" in model.fit(data[0], data[1][:, 0] > 0, verbose=0).history
    with pytest.raises(ValueError, match=r"'mean_squared_error' with 'sparse_categorical_accur"):
        metrics = ["sparse_categorical_accuracy", "mean_squared_error"]
        _model(squared, metrics).fit(*data, verbose=0)


def test_files_ask_for_functions(data, tmp_path):
    model = _model(squared, [largest_error])
    model.fit(*data, verbose=0)
    outputs = model.predict(data[0])
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match=r"with the function 'squared', which no file holds; use"):
        fd.load_model(tmp_path / "m.safetensors")
    with pytest.raises(
        ValueError, match=r"custom_objects: received 3 for 'squared'; expected a fu"
    ):
        fd.load_model(tmp_path / "m.safetensors", custom_objects={"squared": 3})
    with pytest.raises(ValueError, match=r"custom_objects: received a list; expected a dict"):
        fd.load_model(tmp_path / "m.safetensors", custom_objects=[squared])
    functions = {"squared": squared, "largest_error": largest_error}
    same = fd.load_model(tmp_path / "m.safetensors", custom_objects=functions)
    copied = pickle.loads(pickle.dumps(model))
    for other in (same, copied):
        other.fit(*data, verbose=0)
    model.fit(*data, verbose=0)
    for a, b, c in zip(*(m.get_weights() for m in (model, same, copied)), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
    bare = fd.load_model(tmp_path / "m.safetensors", compile=False)
    assert bare.optimizer is None
    np.testing.assert_array_equal(bare.predict(data[0]), outputs)


def test_functions_of_one_name_are_not_told_apart_by_a_file(data, tmp_path):
    model = _model(squared, [lambda t, p: p[:, 0], lambda t, p: p[:, 1]])
    values = model.evaluate(*data, verbose=0, return_dict=True)
    outputs = model.predict(data[0])
    assert list(values.values())[1:] == pytest.approx(outputs.mean(axis=0), rel=1e-5)
    with pytest.raises(ValueError, match=r"received two functions or schedules named '<lambda>'"):
        model.save(tmp_path / "m.safetensors")
    assert not (tmp_path / "m.safetensors").exists()


def test_health_and_gradients_of_a_function_s_loss(data):
    ours, natives = _model(squared), _model("mse")
    assert str(ours.health(*data)) == str(natives.health(*data))


def test_one_column_is_one_number_a_row(data):
    def column(y_true, y_pred):
        losses, derivatives = squared(y_true, y_pred)
        return losses[:, None], derivatives

    def largest(y_true, y_pred):
        return largest_error(y_true, y_pred)[:, None]

    values = [
        _model(loss, [metric]).evaluate(*data, verbose=0)
        for loss, metric in ((squared, largest_error), (column, largest))
    ]
    assert values[0] == values[1]


def test_what_is_no_function():
    for what in (fd.losses.FunctionLoss, fd.metrics.FunctionMetric):
        with pytest.raises(ValueError, match=r"function: received 'mse'; expected a function of"):
            what("mse")


def test_derivatives_are_held_against_differences(rng):
    y_true, y_pred = rng.standard_normal((2, 7, 3))

    def sines(factor):
        def loss(t, p):
            return np.sin(p - t).sum(axis=1), factor * np.cos(p - t)

        return loss

    fd.losses.check_derivatives(sines(1.0), y_true, y_pred)
    for factor in (-1.0, 1.0 / 7, 1.01):
        with pytest.raises(ValueError, match=r"\[loss loss\] received the derivative .* for row"):
            fd.losses.check_derivatives(sines(factor), y_true, y_pred)
    with pytest.raises(
        ValueError, match=r"y_pred: received shape \(7,\); expected \(rows, outputs"
    ):
        fd.losses.check_derivatives(sines(1.0), y_true[:, 0], y_pred[:, 0])
    with pytest.raises(ValueError, match=r"received the derivative nan for row \d, output \d"):
        fd.losses.check_derivatives(sines(np.nan), y_true, y_pred)
