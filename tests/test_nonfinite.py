"""Losses that are not finite: training ends before they reach the weights."""

import warnings

import numpy as np
import pytest
from scipy import sparse

import fastdnn as fd
from fastdnn import layers


def _model(optimizer, loss="mse", **options):
    fd.set_seed(2)
    model = fd.Sequential(
        [
            fd.Input(shape=(4,)),
            layers.Dense(8, activation="relu", name="low"),
            layers.Dense(8, name="middle", **options),
            layers.Dense(2, name="top"),
        ]
    )
    model.compile(optimizer, loss=loss, metrics=["mae"])
    return model


@pytest.fixture
def data(rng):
    x = rng.standard_normal((64, 4)).astype(np.float32)
    return x, rng.standard_normal((64, 2)).astype(np.float32)


def _spoilt(model, layer="middle"):
    """Let a layer make infinity of one row, the one whose first input is 1."""
    model.get_layer("low").kernel.value[...] = np.eye(4, 8)
    model.get_layer("low").bias.value[...] = 0.0
    kernel = model.get_layer(layer).kernel.value
    kernel[0] = 3e38
    return model


def _rows(data):
    x = np.zeros_like(data[0])
    x[37, 0] = 2.0
    return x


@pytest.mark.parametrize("loss", ["mse", lambda t, p: ((p - t)[:, 0], np.ones_like(p))])
@pytest.mark.parametrize("steps", [None, 2])
def test_the_step_is_not_made_and_the_batch_and_the_layer_are_named(data, loss, steps):
    optimizer = fd.optimizers.Adam(0.0, gradient_accumulation_steps=steps, use_ema=True)
    model = _spoilt(_model(optimizer, loss))
    before = model.get_weights()
    with pytest.warns(
        RuntimeWarning,
        match=r"\[fit\] the loss is not finite in epoch 1, batch 5: the layer 'middle' is the "
        r"first whose outputs are not finite\. Training ends",
    ):
        history = model.fit(
            _rows(data), data[1], batch_size=8, epochs=3, shuffle=False, verbose=0
        ).history
    assert len(history["loss"]) == 1 and np.isnan(history["loss"][0])
    assert np.isfinite(history["mae"][0])  # of the batches before
    assert model._binding.network.iterations == 4
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for view in model._binding.slots().values():
        assert np.isfinite(view).all()
    # And it goes on with other rows.
    history = model.fit(data[0] * 0, data[1], verbose=0)
    assert np.isfinite(history.history["loss"][0])


def test_divergence_leaves_finite_weights(data):
    model = _model(fd.optimizers.SGD(30.0))
    with pytest.warns(RuntimeWarning, match=r"the loss is not finite in epoch \d+, batch \d+: "):
        model.fit(*data, batch_size=8, epochs=50, verbose=0)
    losses = [np.isfinite(weight).all() for weight in model.get_weights()]
    # Unless the gradients of the step before had no room: then there is nothing to go back to.
    assert all(losses) or "weights of the layer" in str(model._first_nonfinite([data[0]]))


def test_weights_that_are_not_finite_are_named(data):
    model = _model("sgd")
    model.get_layer("low").kernel.value[0, 0] = np.nan
    model.get_layer("middle").bias.value[3] = np.inf
    with pytest.warns(RuntimeWarning, match=r"batch 1: weights of the layer 'middle' are not"):
        model.fit(*data, verbose=0)


def test_a_loss_that_is_not_finite_of_finite_outputs(data):
    def loss(y_true, y_pred):
        return np.full(len(y_pred), np.inf), np.zeros_like(y_pred)

    with pytest.warns(RuntimeWarning, match="all layers' outputs are finite, and the loss of them"):
        _model("sgd", loss).fit(*data, verbose=0)


def test_callbacks_batches_iterators_and_sparse_rows(data):
    x, y = _rows(data), data[1]
    model, seen = _spoilt(_model(fd.optimizers.SGD(0.0))), []
    watch = fd.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append((batch, np.isnan(logs["loss"])))
    )
    with pytest.warns(RuntimeWarning, match="epoch 1, batch 5"):
        model.fit(
            x,
            y,
            batch_size=8,
            shuffle=False,
            verbose=0,
            callbacks=[watch, fd.callbacks.TerminateOnNaN()],
        )
    assert seen == [(0, False), (1, False), (2, False), (3, False), (4, True)]
    batches = [(x[i : i + 8], y[i : i + 8]) for i in range(0, 64, 8)]
    with pytest.warns(RuntimeWarning, match="batch 5: the layer 'middle'"):
        model.fit(iter(batches), verbose=0)
    with pytest.warns(RuntimeWarning, match="the layer 'middle'"):
        model.fit(sparse.csr_matrix(x), y, batch_size=8, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(model.train_on_batch(x, y)[0])
        assert not np.isfinite(model.evaluate(x, y, verbose=0)[0])


def test_outputs_of_other_depths_wait_for_each_other(data):
    """The shallow one's weights do not change when the deep one's loss is not finite."""
    fd.set_seed(1)
    x = fd.Input(shape=(4,))
    shallow = layers.Dense(2, name="shallow")(x)
    deep = x
    for i in range(4):
        deep = layers.Dense(6, activation="relu", name=f"d{i}")(deep)
    deep = layers.Dense(2, name="deep")(deep)
    model = fd.Model(x, [shallow, deep])
    model.get_layer("deep").bias.value[0] = np.inf
    model.compile("sgd", loss="mse")
    before = model.get_weights()
    with pytest.warns(RuntimeWarning, match="weights of the layer 'deep'"):
        model.fit(data[0], [data[1], data[1]], verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_any_number_of_threads(assert_same_bits, data):
    def run():
        model = _spoilt(_model(fd.optimizers.SGD(1e-30)))
        with pytest.warns(RuntimeWarning, match="batch 5"):
            model.fit(_rows(data), data[1], batch_size=8, shuffle=False, verbose=0)
        return [*model.get_weights(), [model._binding.network.iterations]]

    assert_same_bits(run)


def test_above_a_cache_of_frozen_layers(data):
    model = _spoilt(_model(fd.optimizers.SGD(0.0)))
    model.freeze("low")
    with pytest.warns(RuntimeWarning, match="epoch 1, batch 5: the layer 'middle' is the first"):
        model.fit(
            _rows(data),
            data[1],
            batch_size=8,
            shuffle=False,
            cache_frozen=True,
            verbose=0,
            epochs=2,
        )
