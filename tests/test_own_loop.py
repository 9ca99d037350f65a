"""forward, backward, gradients and apply_gradients: the pieces of a step."""

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import layers

ROWS = 24


def _model(seed=3, rate=0.2, **options):
    fd.set_seed(seed)
    a, b = fd.Input((5,), name="a"), fd.Input((4,), name="b")
    x = layers.BatchNormalization()(layers.Dense(16, activation="tanh", name="first", **options)(a))
    x = layers.Dropout(rate)(layers.Concatenate()([x, layers.Dense(3, activation="relu")(b)]))
    return fd.Model([a, b], [layers.Dense(2, name="one")(x), layers.Dense(1, name="two")(x)])


@pytest.fixture
def data(rng):
    """Two inputs and two targets."""
    return tuple(
        [rng.standard_normal((ROWS, width)).astype(np.float32) for width in widths]
        for widths in ((5, 4), (2, 1))
    )


def _step(model, x, y):
    """What fit does in a step on the mean squared errors of both outputs."""
    outputs = model.forward(x, training=True)
    model.zero_gradients()
    model.backward([2.0 * (p - t) / t.size for p, t in zip(outputs, y, strict=True)])
    model.apply_gradients()
    return outputs


def test_gradients_may_be_assigned(rng):
    model = fd.Sequential([fd.Input((3,)), layers.Dense(2)])
    model.compile(fd.optimizers.SGD(1.0))
    outputs = model.forward(rng.standard_normal((5, 3)).astype(np.float32), training=True)
    model.backward(np.ones_like(outputs))
    before = model.get_weights()
    gradients = model.gradients
    assert list(gradients) == ["dense/kernel", "dense/bias"] and len(gradients) == 2
    for name in gradients:
        gradients[name] = np.zeros(gradients[name].shape)
    model.gradients["dense/bias"] = [1, 2]
    model.apply_gradients()
    np.testing.assert_array_equal(model.layers[0].kernel.value, before[0])
    np.testing.assert_array_equal(model.layers[0].bias.value, before[1] - np.float32([1, 2]))
    with pytest.raises(ValueError, match=r"gradients: dense/bias"):
        model.gradients["dense/bias"] = np.zeros(3)
    with pytest.raises(KeyError):
        model.gradients["bias"] = np.zeros(2)


def test_health_leaves_gradients_alone(rng):
    x, y = (rng.standard_normal((20, width)).astype(np.float32) for width in (3, 2))
    model = fd.Sequential([fd.Input((3,)), layers.Dense(2)])
    model.compile("sgd", "mse")
    model.backward(np.ones_like(model.forward(x, training=True)))
    before = {name: gradient.copy() for name, gradient in model.gradients.items()}
    model.health(x, y)
    for name, gradient in model.gradients.items():
        np.testing.assert_array_equal(gradient, before[name])


@pytest.mark.parametrize(
    "optimizer",
    [
        fd.optimizers.SGD(0.1),
        fd.optimizers.SGD(0.1, momentum=0.9, weight_decay=0.01),
        fd.optimizers.Adam(0.01, global_clipnorm=0.5),
        fd.optimizers.RMSprop(0.01, use_ema=True, ema_overwrite_frequency=2),
    ],
    ids=repr,
)
def test_a_loop_of_steps_is_fit(data, optimizer):
    x, y = data
    ours, fitted = _model(), _model()
    for model in (ours, fitted):
        model.compile(type(optimizer).from_config(optimizer.get_config()), "mse")
    start = ours.get_weights()
    fitted.fit(x, y, batch_size=ROWS, epochs=4, shuffle=False, verbose=0)
    for _ in range(4):
        _step(ours, x, y)
    if optimizer.get_config()["use_ema"]:
        ours._current_binding().overwrite_with_averages()
    assert ours.optimizer.iterations == fitted.optimizer.iterations == 4
    for one, two, before in zip(ours.get_weights(), fitted.get_weights(), start, strict=True):
        # Gradients of two outputs that NumPy and the core round differently; four steps from there,
        # divided by roots of such gradients: a thousandth of the way bounds that.
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-3 * abs(two - before).max() + 1e-7)


@pytest.mark.parametrize("clip", [{}, {"clipnorm": 0.1}, {"global_clipnorm": 0.3}])
def test_regularizers_and_constraints(data, clip):
    x, y = data
    options = {
        "kernel_regularizer": fd.regularizers.L1L2(0.01, 0.02),
        "activity_regularizer": "l2",
        "kernel_constraint": fd.constraints.MaxNorm(0.8),
    }
    ours, fitted = _model(**options), _model(**options)
    start = ours.get_weights()
    for model in (ours, fitted):
        model.compile(fd.optimizers.SGD(0.1, **clip), "mse")
    fitted.fit(x, y, batch_size=ROWS, epochs=3, shuffle=False, verbose=0)
    for _ in range(3):
        _step(ours, x, y)
    assert np.linalg.norm(ours.get_layer("first").kernel.value, axis=0).max() < 0.8001
    for one, two, before in zip(ours.get_weights(), fitted.get_weights(), start, strict=True):
        # As above.
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-3 * abs(two - before).max() + 1e-7)


def test_gradients_are_derivatives(data):
    x, y = data
    model = _model(rate=0.0)
    weighted = [np.asarray(t, np.float64) for t in y]

    def value():
        outputs = model.forward(x, training=True)
        return sum(float((p * t).sum()) for p, t in zip(outputs, weighted, strict=True))

    value()
    model.zero_gradients()
    model.backward(y)
    gradients = {name: array.copy() for name, array in model.gradients.items()}
    assert list(gradients) == [
        name for weight, name in model.named_weights().items() if weight.trainable
    ]
    names = {name: weight for weight, name in model.named_weights().items()}
    for name, gradient in gradients.items():
        weight = names[name].value
        direction = np.sign(gradient).astype(np.float32)
        kept, step = weight.copy(), np.float32(1e-3)
        weight[...] = kept + step * direction
        above = value()
        weight[...] = kept - step * direction
        below = value()
        weight[...] = kept
        # Sums of float32 numbers of size 100 with relative errors of 1e-6, divided by 2e-3, and a
        # second-order term of the step.
        expected = (above - below) / (2.0 * float(step))
        assert abs(gradient).sum() == pytest.approx(expected, rel=0.02, abs=0.1)


def test_backward_adds_until_gradients_are_zeroed(data):
    x, y = data
    model = _model(rate=0.0)
    model.forward(x, training=True)
    model.zero_gradients()
    model.backward(y)
    once = {name: array.copy() for name, array in model.gradients.items()}
    model.forward(x, training=True)
    model.backward({"one": y[0], "two": y[1]})
    for name, array in model.gradients.items():
        np.testing.assert_array_equal(array, 2.0 * once[name])
    model.zero_gradients()
    assert not any(array.any() for array in model.gradients.values())


def test_every_pass_drops_others_and_backward_the_same(data):
    x, _ = data
    model = _model(rate=0.5)
    first, second = (model.forward(x, training=True)[0] for _ in range(2))
    assert not np.array_equal(first, second)
    model.zero_gradients()
    model.backward([np.ones_like(second), np.zeros((ROWS, 1), np.float32)])
    # Of a sum of outputs the kernel's gradient is the sum of what came in, as it was dropped.
    dense = model.get_layer("one")
    incoming = model.gradients["one/kernel"][:, 0]
    total = float(incoming @ dense.kernel.value[:, 0] + ROWS * dense.bias.value[0])
    assert total == pytest.approx(float(second[:, 0].sum()), rel=1e-4, abs=1e-3)


def test_passes_of_several_steps_drop_others(data):
    x, _ = data
    model = _model(rate=0.5)
    model.compile(fd.optimizers.SGD(0.0), "mse")
    seen = set()
    for _ in range(3):
        for _ in range(3):
            outputs = model.forward(x, training=True)
            seen.add(outputs[0].tobytes())
            model.backward([np.zeros_like(output) for output in outputs])
        model.apply_gradients()
    assert len(seen) == 9


def test_a_pass_outlives_predictions_of_many_sizes(data):
    x, _ = data
    gradients = []
    for sizes in (range(1, 30), ()):
        model = _model(rate=0.5)
        outputs = model.forward(x, training=True)
        for rows in sizes:
            few = [array[:rows] for array in x]
            model.predict(few, batch_size=rows)
            model.forward(few)
        model.backward([np.ones_like(output) for output in outputs])
        gradients.append(model.gradients)
    assert gradients[0]["one/kernel"].any()
    for name, array in gradients[0].items():
        np.testing.assert_array_equal(array, gradients[1][name])


def test_a_step_ends_a_pass_that_was_begun(data):
    x, y = data
    model = _model()
    model.compile("sgd", "mse")
    model.forward(x, training=True)
    model.fit(x, y, verbose=0)
    with pytest.raises(ValueError, match="without a forward pass of as many"):
        model.backward(y)


@pytest.mark.parametrize("clip", [{}, {"clipnorm": 0.1}, {"global_clipnorm": 0.1}])
def test_apply_gradients_leaves_the_gradients_as_they_are(data, clip):
    """Penalties are added to copies: a second step adds them once, too."""
    model = _model(kernel_regularizer="l2")
    model.compile(fd.optimizers.SGD(0.1, **clip))
    model.backward(model.forward(data[0], training=True))
    before = {name: gradient.copy() for name, gradient in model.gradients.items()}
    for _ in range(2):
        start = model.get_layer("first").kernel.value.copy()
        model.apply_gradients()
        for name, gradient in model.gradients.items():
            np.testing.assert_array_equal(gradient, before[name])
        if not clip:
            change = model.get_layer("first").kernel.value - start
            expected = -0.1 * (before["first/kernel"] + 2 * 0.01 * start)
            np.testing.assert_allclose(change, expected, rtol=1e-5, atol=2.0**-22)


def test_same_bits_for_any_number_of_threads(data, assert_same_bits):
    def run():
        model = _model(kernel_regularizer="l2")
        model.compile(fd.optimizers.Adam(global_clipnorm=0.1))
        outputs = [_step(model, *data) for _ in range(3)]
        return [*(array for pair in outputs for array in pair), *model.get_weights()]

    assert_same_bits(run)


def test_forward_is_predict_unless_it_trains(data):
    x, _ = data
    model = _model()
    before = model.get_weights()
    for one, two in zip(model.forward(x), model.predict(x, verbose=0), strict=True):
        np.testing.assert_array_equal(one, two)
    for one, two in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    model.forward(x, training=True)
    moved = [name for w, name in model.named_weights().items() if name.endswith("moving_mean")]
    assert moved == ["batch_normalization/moving_mean"]
    assert model.get_layer("batch_normalization").moving_mean.value.any()


def test_rows_of_any_shape(rng):
    x, dy = rng.standard_normal((5, 4)), rng.standard_normal((5, 2, 3))
    model = fd.Sequential([fd.Input(shape=(4,)), fd.layers.Dense(6), fd.layers.Reshape((2, 3))])
    for training in (True, False):
        np.testing.assert_array_equal(model.forward(x, training=training), model.predict(x))
    model.forward(x, training=True)
    model.backward(dy)
    # Sums of five terms.
    expected = dy.reshape(5, 6).sum(axis=0)
    np.testing.assert_allclose(model.gradients["dense/bias"], expected, rtol=1e-5, atol=1e-5)


def test_frozen_layers_have_no_gradients(data):
    x, y = data
    model = _model()
    model.freeze("first")
    model.compile("sgd")
    before = model.get_layer("first").kernel.numpy()
    assert "first/kernel" not in model.gradients
    _step(model, x, y)
    np.testing.assert_array_equal(model.get_layer("first").kernel.value, before)


def test_sparse_rows(rng):
    sparse = pytest.importorskip("scipy.sparse")
    dense = rng.standard_normal((ROWS, 30)) * (rng.random((ROWS, 30)) < 0.2)
    y = [rng.standard_normal((ROWS, 2)).astype(np.float32)]
    models = []
    for x in (dense.astype(np.float32), sparse.csr_matrix(dense.astype(np.float32))):
        fd.set_seed(1)
        model = fd.Sequential(
            [fd.Input((30,)), layers.Dense(8, activation="relu"), layers.Dense(2)]
        )
        model.compile("sgd")
        p = model.forward(x, training=True)
        model.zero_gradients()
        model.backward(p - y[0])
        models.append(model)
    for name, gradient in models[0].gradients.items():
        # Sums of 24 products of numbers of size 1, in another order.
        np.testing.assert_allclose(models[1].gradients[name], gradient, rtol=1e-5, atol=1e-4)


def test_errors(data):
    x, y = data
    model = _model()
    with pytest.raises(ValueError, match=r"\[backward\] received gradients without a forward"):
        model.backward(y)
    model.forward(x, training=True)
    with pytest.raises(ValueError, match=r"gradient: received shape \(24, 1\); expected \(24, 2\)"):
        model.backward(y[::-1])
    model.zero_gradients()
    model.backward(y)
    with pytest.raises(ValueError, match="without a forward pass"):
        model.backward(y)
    with pytest.raises(ValueError, match=r"\[apply_gradients\] the model is not compiled"):
        model.apply_gradients()
    model.compile(fd.optimizers.SGD(0.1, gradient_accumulation_steps=2))
    with pytest.raises(ValueError, match=r"received gradient_accumulation_steps=2; expected an"):
        model.apply_gradients()
    model.compile("sgd")
    with pytest.raises(ValueError, match=r"\[fit\] the model is compiled without a loss"):
        model.fit(x, y, verbose=0)
    model.forward(x, training=True)
    model.forward(x)  # nothing that backward could go on from; what was begun stays
    model.backward(y)
