import copy
import gc
import pickle

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import layers
from fastdnn.layers import Weight


def _model(**kwargs):
    return fd.Sequential(
        [
            fd.Input(shape=(4,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax"),
        ],
        **kwargs,
    )


def _data(rng, rows=50):
    return rng.standard_normal((rows, 4)).astype(np.float32), rng.integers(0, 3, rows)


def test_layers_and_names():
    model = _model(name="net")
    assert [layer.name for layer in model.layers] == [
        "dense",
        "batch_normalization",
        "dropout",
        "dense_1",
    ]
    assert model.name == "net"
    assert model.get_layer("dense_1") is model.layers[-1] is model.get_layer(index=-1)
    assert [weight.path for weight in model.weights] == [
        "dense/kernel",
        "dense/bias",
        "batch_normalization/gamma",
        "batch_normalization/beta",
        "batch_normalization/moving_mean",
        "batch_normalization/moving_variance",
        "dense_1/kernel",
        "dense_1/bias",
    ]
    assert len(model.trainable_weights) == 6 and len(model.non_trainable_weights) == 2
    assert model.count_params() == 4 * 8 + 8 + 4 * 8 + 8 * 3 + 3
    assert model.input_shape == (None, 4) and model.output_shape == (None, 3)
    with pytest.raises(
        ValueError, match=r"\[get_layer\] received 'x'; expected one of dense, batc"
    ):
        model.get_layer("x")
    with pytest.raises(ValueError, match=r"\[get_layer\] received index 4"):
        model.get_layer(index=4)


def test_deferred_build(rng):
    x, y = _data(rng)
    model = fd.Sequential([layers.Dense(8), layers.Dense(3, activation="softmax")])
    assert not model.built
    with pytest.raises(
        ValueError, match=r"\[sequential\] the model has no weights yet; give it an"
    ):
        model.predict(x)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    assert model.built and model.input_shape == (None, 4)
    other = fd.Sequential([layers.Dense(8)])
    other.build((None, 4))
    assert other.layers[0].kernel.shape == (4, 8)
    other.build((None, 4))
    with pytest.raises(ValueError, match=r"received rows of shape \(5,\); the model was built"):
        other.build((None, 5))
    with pytest.raises(ValueError, match=r"\[build\] input_shape: received \(4,\); expected the b"):
        fd.Sequential([layers.Dense(8)]).build((4,))


def test_a_refused_layer_keeps_its_name():
    declared = layers.Dense(4)
    declared.connect([(5,)])
    model = fd.Sequential([layers.Input(3), layers.Dense(2)])
    with pytest.raises(ValueError):
        model.add(declared)
    assert declared.name == "dense" and not declared.models and len(model.layers) == 1


def test_adding_a_layer_keeps_weights_and_optimizer(rng):
    x, y = _data(rng)
    model = _model()
    model.compile(fd.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    before, output = model.get_weights(), model.predict(x)
    slots = {key: v.copy() for key, v in model._binding.slots().items()}
    model.add(layers.Activation("linear"))
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(output, model.predict(x))
    assert all((view == slots[key]).all() for key, view in model._binding.slots().items())
    assert model._binding.network.iterations == 2
    model.add(layers.Dense(3, activation="softmax"))
    model.fit(x, y, verbose=0)
    assert len(model.get_weights()) == len(before) + 2


def test_pop_and_reuse(rng):
    x, _ = _data(rng)
    model = _model()
    top, before = model.layers[-1], model.get_weights()
    assert model.pop() is top
    assert model.output_shape == (None, 8)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    model.add(top)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    while model.layers:
        model.pop()
    with pytest.raises(ValueError, match=r"\[pop\] the model has no layers"):
        model.pop()
    with pytest.raises(ValueError, match="no weights yet"):
        model.predict(x)


def test_models_with_a_layer_in_common_share_its_weights(rng):
    x, y = _data(rng)
    one = _model()
    layer = one.layers[0]
    two = fd.Sequential([fd.Input(shape=(4,)), layer, layers.Dense(3, activation="softmax")])
    two.compile("adam", "sparse_categorical_crossentropy")
    before = one.get_weights()[0]
    two.fit(x, y, verbose=0)
    assert not np.array_equal(one.get_weights()[0], before)
    np.testing.assert_array_equal(one.get_weights()[0], two.get_weights()[0])
    layer.name = "shared"
    assert one.get_layer("shared") is two.get_layer("shared") is layer
    with pytest.raises(ValueError, match="the name of another layer"):
        layer.name = two.layers[-1].name
    del one
    gc.collect()
    two.predict(x)
    del two
    gc.collect()
    assert not layer.models and layer.kernel.value.shape == (4, 8)


def test_a_failed_add_or_constructor_changes_nothing():
    model = _model()
    before = model.get_weights()
    bad = layers.Dense(3, kernel_initializer=np.zeros((9, 9)))
    with pytest.raises(ValueError, match=r"array of shape \(9, 9\); expected the weight's shape"):
        model.add(bad)
    assert not bad.models and len(model.layers) == 4
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    good = layers.Dense(3)
    with pytest.raises(ValueError, match="expected the weight's shape"):
        fd.Sequential([fd.Input(shape=(4,)), good, bad])
    assert fd.Sequential([fd.Input(shape=(7,)), good]).count_params() == 24


@pytest.mark.parametrize(
    "create, message",
    [
        (lambda: fd.Sequential([3]), r"\[Sequential\] received 3 of type int; expected a layer"),
        (
            lambda: fd.Sequential([layers.Dense(1), fd.Input(shape=(2,))]),
            r"received an Input that is not the first layer",
        ),
        (
            lambda: fd.Sequential([layers.Dense(1, name="a"), layers.Dense(1, name="a")]),
            r"received two layers named 'a'; expected different names",
        ),
        (lambda: fd.Sequential.from_config({}), r"\[from_config\] received no list of layers"),
        (
            lambda: fd.Sequential.from_config({"layers": [{"class_name": "Dens"}]}),
            r"layer: received 'Dens'; .*did you mean 'Dense'",
        ),
    ],
)
def test_errors(create, message):
    with pytest.raises(ValueError, match=message):
        create()


def test_config_round_trip():
    model = _model(name="net")
    model.layers[0].trainable = False
    again = fd.Sequential.from_config(model.get_config())
    assert again.get_config() == model.get_config()
    assert again.built and not again.layers[0].trainable
    assert not np.array_equal(again.get_weights()[0], model.get_weights()[0])


def test_set_weights(rng):
    one, two = _model(), _model()
    two.set_weights(one.get_weights())
    x, _ = _data(rng)
    np.testing.assert_array_equal(one.predict(x), two.predict(x))
    before = two.get_weights()
    wrong = [*one.get_weights()[:-1], np.zeros(9)]
    with pytest.raises(ValueError, match=r"dense_1/bias\] received an array of shape \(9,\)"):
        two.set_weights([np.zeros_like(w) for w in wrong])
    with pytest.raises(ValueError, match=r"received 1 arrays; expected 8"):
        two.set_weights(wrong[:1])
    for a, b in zip(before, two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_summary():
    lines = []
    model = _model()
    model.summary(print_fn=lines.append)
    text = lines[0]
    assert 'Model: "sequential"' in text
    assert "dense_1 (Dense)" in text and "(None, 3)" in text
    assert "Total params: 99 (396.00 B)" in text
    assert "Trainable params: 83" in text and "Non-trainable params: 16" in text
    fd.Sequential([layers.Dense(3)]).summary(print_fn=lines.append)
    assert "?" in lines[1]


def test_a_frozen_layer_is_not_trained(rng):
    x, y = _data(rng)
    model = _model()
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.layers[0].trainable = False
    before = model.get_weights()
    model.fit(x, y, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    np.testing.assert_array_equal(before[1], after[1])
    assert not np.array_equal(before[6], after[6])
    model.layers[0].trainable = True
    model.fit(x, y, verbose=0)
    assert not np.array_equal(before[0], model.get_weights()[0])


def test_copies_and_pickles_train_on_alike(rng):
    x, y = _data(rng)
    model = _model()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=2, verbose=0)
    copies = [copy.deepcopy(model), copy.copy(model), pickle.loads(pickle.dumps(model))]
    model.fit(x, y, epochs=2, verbose=0)
    for other in copies:
        other.fit(x, y, epochs=2, verbose=0)
        for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_models_without_weights_are_copied_and_pickled(rng):
    x, y = _data(rng)
    old = _model()
    model = fd.Sequential([old.layers[0].clone(), layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    model.fit(x, y, verbose=0)
    for other in copies:
        assert not other.built and all(set(layer.models) == {other} for layer in other.layers)
        other.fit(x, y, verbose=0)
        for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    layer = copy.deepcopy(old.layers[0])
    assert not layer.models
    np.testing.assert_array_equal(layer.kernel.value, old.layers[0].kernel.value)


def _state(model):
    binding = model._binding
    slots = [view.copy() for view in binding.slots().values()]
    return [*model.get_weights(), *slots, np.array(binding.network.iterations)]


def _freeze(model):
    model.layers[0].trainable = False
    model.get_weights()


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.add(layers.Dense(2)),
        lambda model: model.pop(),
        lambda model: model.build((None, 4)),
        _freeze,
    ],
    ids=["add", "pop", "build", "freeze"],
)
@pytest.mark.parametrize("calls", range(10))
def test_a_change_that_is_interrupted_does_not_happen(rng, monkeypatch, change, calls):
    x, y = _data(rng)
    model = _model()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    before, binding, members = _state(model), model._binding, model.layers
    views = [weight.value for weight in model.weights]
    bind, left = Weight.bind, calls

    def interrupted(weight, *memory):
        nonlocal left
        left -= 1
        if left == -1:
            raise KeyboardInterrupt
        bind(weight, *memory)

    with monkeypatch.context() as patch:
        patch.setattr(Weight, "bind", interrupted)
        try:
            change(model)
            assert left >= 0
            return
        except KeyboardInterrupt:
            pass
    model.layers[0].trainable = True
    assert model._binding is binding and model.layers == members
    assert all(w.value is view for w, view in zip(model.weights, views, strict=True))
    assert all(set(layer.models) == {model} for layer in members)
    for a, b in zip(before, _state(model), strict=True):
        np.testing.assert_array_equal(a, b)
    model.fit(x, y, verbose=0)


def test_an_interrupted_compilation_keeps_the_optimizers_state(rng, monkeypatch):
    x, y = _data(rng)
    model = _model()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    before, network = _state(model), model._binding.network

    class Interrupted:
        """The network, where Ctrl-C comes at the very end of a compilation."""

        def __getattr__(self, name):
            return getattr(network, name)

        def __setattr__(self, name, value):
            setattr(network, name, value)

        def compile(self, *arguments):
            network.compile(*arguments)
            raise KeyboardInterrupt

    model.compile(model.optimizer, model.loss, metrics=["accuracy"])
    with monkeypatch.context() as patch:
        patch.setattr(model._binding, "network", Interrupted())
        with pytest.raises(KeyboardInterrupt):
            model.evaluate(x, y, verbose=0)
    for a, b in zip(before, _state(model), strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(model.evaluate(x, y, verbose=0)) == 2


def test_names_of_layers_can_be_changed_to_other_names():
    model = _model()
    model.layers[0].name = "first"
    assert model.weights[0].path == "first/kernel"
    with pytest.raises(ValueError, match=r"name: received 'dense_1', the name of another layer"):
        model.layers[0].name = "dense_1"
    with pytest.raises(ValueError, match=r"name: received 'a/b'; expected a string without '/'"):
        model.layers[0].name = "a/b"
    assert model.layers[0].name == "first"


def test_set_weights_takes_the_models_own_arrays():
    model = fd.Sequential([fd.Input(shape=(4,)), layers.Dense(4), layers.Dense(4)])
    first, bias, second, last = (weight.value for weight in model.weights)
    before = model.get_weights()
    model.set_weights([second, last, first.T, bias])
    for got, wanted in zip(model.weights, (2, 3, 0, 1), strict=True):
        value = before[wanted].T if wanted == 0 else before[wanted]
        np.testing.assert_array_equal(got.value, value)


def test_set_weights_refuses_what_float32_cannot_hold():
    model = fd.Sequential([fd.Input(shape=(4,)), layers.Dense(3)])
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"dense/bias\] received 1e\+300, which float32 cannot"):
        model.set_weights([np.zeros((4, 3)), np.array([0.0, 1e300, np.inf])])
    with pytest.raises(ValueError, match=r"dense/bias\] received a masked array"):
        model.set_weights([np.zeros((4, 3)), np.ma.masked_array(np.zeros(3), True)])
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_layer_is_no_list_of_layers():
    with pytest.raises(ValueError, match="received one Dense; expected a list"):
        fd.Sequential(layers.Dense(3))
