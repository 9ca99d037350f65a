"""Models of layers connected in any way: several inputs and outputs, shared layers and models."""

import copy
import pickle

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import layers
from fastdnn.layers import Add, Concatenate, Dense, Multiply


@pytest.fixture
def data(rng):
    """Two inputs and two targets."""
    a, b = (rng.standard_normal((90, width)).astype(np.float32) for width in (4, 6))
    return [a, b], [(a[:, :1] * b[:, :1]).astype(np.float32), (a[:, 0] > 0).astype(np.int64)]


def _model(seed=5):
    fd.set_seed(seed)
    a, b = fd.Input((4,), name="a"), fd.Input((6,), name="b")
    tower = Dense(8, activation="relu", name="tower")
    wide = Dense(4, name="narrow")(b)
    joined = Concatenate()([tower(a), tower(wide), layers.BatchNormalization()(wide)])
    gate = Multiply()([Dense(20, activation="sigmoid")(joined), layers.Dropout(0.1)(joined)])
    score = Dense(1, name="score")(Add()([gate, joined]))
    label = Dense(2, activation="softmax", name="label")(gate)
    return fd.Model([a, b], [score, label], name="two_towers")


LOSSES = {"score": "mse", "label": "sparse_categorical_crossentropy"}


def _compiled(**options):
    model = _model()
    model.compile("adam", LOSSES, **options)
    return model


def _assert_equal(one, two):
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_fit_evaluate_and_predict(data):
    x, y = data
    model = _compiled(metrics={"label": ["accuracy"]}, loss_weights=[0.5, 2.0])
    history = model.fit(x, y, epochs=30, validation_split=0.2, verbose=0).history
    names = ["loss", "score_loss", "label_loss", "label_accuracy"]
    assert list(history) == [*names, *(f"val_{name}" for name in names)]
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    for loss, score, label in zip(*(history[name] for name in names[:3]), strict=True):
        assert loss == pytest.approx(0.5 * score + 2.0 * label)
    values = model.evaluate(x, y, verbose=0, return_dict=True)
    assert list(values) == model.metrics_names == names
    scores, labels = model.predict(x, verbose=0)
    assert values["score_loss"] == pytest.approx(np.mean((scores - y[0]) ** 2), rel=1e-5)
    assert values["label_accuracy"] == pytest.approx(np.mean(labels.argmax(axis=1) == y[1]))
    assert model.input_shape == [(None, 4), (None, 6)]
    assert model.output_shape == [(None, 1), (None, 2)]


def test_lists_and_dicts_are_the_same(data):
    (a, b), (score, label) = data
    one, two = _compiled(), _model()
    two.compile("adam", [LOSSES["score"], LOSSES["label"]])
    weight = np.linspace(0.5, 1.5, len(a), dtype=np.float32)
    one.fit([a, b], [score, label], sample_weight=weight, verbose=0)
    two.fit(
        {"b": b, "a": a},
        {"label": label, "score": score},
        sample_weight={"score": weight, "label": weight},
        verbose=0,
    )
    _assert_equal(one, two)
    for p, q in zip(one.predict([a, b], verbose=0), two.predict({"a": a, "b": b}), strict=True):
        np.testing.assert_array_equal(p, q)


def test_outputs_in_a_dict(data):
    x = fd.Input((4,))
    model = fd.Model(x, {"double": Dense(1)(x), "single": Dense(2)(x)})
    model.compile("sgd", {"double": "mse"})
    (a, _), (score, _) = data
    history = model.fit(a, {"double": score}, verbose=0).history
    assert list(history) == ["loss", "double_loss"]
    assert {name: array.shape for name, array in model.predict(a, verbose=0).items()} == {
        "double": (90, 1),
        "single": (90, 2),
    }


def test_an_output_without_loss_is_not_trained(data):
    x, (score, _) = data
    model = _model()
    before = model.get_layer("label").kernel.numpy()
    model.compile("adam", {"score": "mse"})
    model.fit(x, score, verbose=0)
    np.testing.assert_array_equal(model.get_layer("label").kernel.value, before)
    with pytest.raises(ValueError, match=r"for the output 'label', which has no loss"):
        model.compile("adam", {"score": "mse"}, metrics={"label": ["accuracy"]})
        model.fit(x, score, verbose=0)


def test_same_bits_for_any_number_of_threads(data, assert_same_bits):
    def run():
        model = _compiled()
        model.fit(*data, epochs=3, verbose=0)
        return model.get_weights()

    assert_same_bits(run)


def test_a_saved_model_trains_on_as_if_nothing_had_happened(data, tmp_path):
    x, y = data
    model = _compiled(metrics={"label": ["accuracy"]}, loss_weights={"score": 0.5})
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / "m.safetensors")
    others = [
        fd.load_model(tmp_path / "m.safetensors"),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ]
    expected = model.fit(x, y, epochs=2, verbose=0).history
    for other in others:
        assert other.fit(x, y, epochs=2, verbose=0).history == expected
        _assert_equal(model, other)
        assert other.get_config() == model.get_config()


def test_a_model_inside_another_shares_its_weights(data):
    (a, b), (score, _) = data
    encoder = fd.Sequential([fd.Input((4,)), Dense(5, activation="tanh"), Dense(3)], name="encoder")
    x, z = fd.Input((4,), name="x"), fd.Input((6,), name="z")
    both = Concatenate()([encoder(x), encoder(Dense(4, name="down")(z))])
    model = fd.Model([x, z], Dense(1, name="top")(both))
    names = ["down/kernel", "down/bias", "encoder/dense/kernel", "encoder/dense/bias"]
    names += ["encoder/dense_1/kernel", "encoder/dense_1/bias", "top/kernel", "top/bias"]
    assert sorted(model.named_weights().values()) == sorted(names)
    model.compile("sgd", "mse")
    before = encoder.predict(a, verbose=0)
    model.fit([a, b], score, verbose=0)
    assert not np.array_equal(encoder.predict(a, verbose=0), before)
    assert model.get_layer("encoder") is encoder
    model.get_layer("encoder").trainable = False
    before, top = encoder.get_weights(), model.get_layer("top").kernel.numpy()
    model.fit([a, b], score, verbose=0)
    assert not np.array_equal(model.get_layer("top").kernel.value, top)
    for one, two in zip(before, encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict([a, b]), model.predict([a, b]))
    assert not loaded.get_layer("encoder").trainable


def test_models_in_a_sequential(data):
    (a, _), _ = data
    encoder = fd.Sequential([Dense(3, activation="relu")], name="encoder")
    decoder = fd.Sequential([Dense(4)], name="decoder")
    autoencoder = fd.Sequential([encoder, decoder])
    autoencoder.compile("adam", "mse")
    losses = autoencoder.fit(a, a, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    np.testing.assert_array_equal(
        decoder.predict(encoder.predict(a, verbose=0), verbose=0), autoencoder.predict(a, verbose=0)
    )
    assert next(iter(autoencoder.named_weights().values())) == "encoder/dense/kernel"


def test_extract_shares_the_lower_layers(data):
    x, y = data
    model = _compiled()
    lower = model.extract("tower")
    assert [tensor.name for tensor in lower.inputs] == ["a"]
    before = lower.predict(x[0], verbose=0)
    assert before.shape == (90, 8)
    model.fit(x, y, verbose=0)
    after = lower.predict(x[0], verbose=0)
    assert not np.array_equal(before, after)
    tower = model.get_layer("tower")
    expected = np.maximum(x[0] @ tower.kernel.value + tower.bias.value, 0)
    np.testing.assert_allclose(after, expected, rtol=1e-5, atol=1e-6)


def test_layers_know_their_tensors(data):
    (a, _), _ = data
    model = fd.Sequential([fd.Input((4,)), Dense(8, name="hidden"), Dense(3)])
    hidden = model.get_layer("hidden")
    lower = fd.Model(model.input, hidden.output)
    assert hidden.input is model.input and lower.output is hidden.output
    np.testing.assert_array_equal(
        lower.predict(a, verbose=0), model.extract("hidden").predict(a, verbose=0)
    )
    with pytest.raises(ValueError, match=r"\[dense\] input, output: no built model has it; exp"):
        _ = Dense(3).output
    other = fd.Sequential([fd.Input((4,)), hidden])
    assert other.output is not lower.output
    with pytest.raises(ValueError, match=r"\[hidden\] input, output: it has 2 places in models"):
        _ = hidden.output


def test_sums_and_products_of_tensors(data):
    (a, _), _ = data
    x = fd.Input((4,))
    model = fd.Model(x, [x + x, x * x])
    twice, square = model.predict(a, verbose=0)
    np.testing.assert_array_equal(twice, a + a)
    np.testing.assert_array_equal(square, a * a)
    assert model.output == model.outputs and model.input is x
    with pytest.raises(TypeError, match="unsupported operand"):
        _ = x + 1.0


def test_patterns_of_layers_in_models():
    base = fd.Sequential([fd.Input((4,)), Dense(3, name="h1"), Dense(3, name="h2")], name="base")
    model = fd.Sequential([base, Dense(2, name="top")])
    for pattern, frozen in (
        ("h1", ["base/h1"]),
        ("base", ["base/h1", "base/h2"]),
        (["top", "base/h2"], ["base/h2", "top"]),
        (".*", ["base/h1", "base/h2", "top"]),
    ):
        assert model.freeze(pattern) == frozen
        assert [n for layer, n in model.named_layers().items() if not layer.trainable] == frozen
        model.unfreeze()
    for pattern, text in (
        (["h1", "x"], r"\[freeze\] received 'x', which matches no layer; expected a pattern for"),
        ("[", r"\[freeze\] received the pattern '\['.*no regular expression"),
        (3, r"\[freeze\] received the pattern 3, which is no regular expression"),
        ([model.layers[0]], r"\[freeze\] received the pattern <.*no regular expression"),
    ):
        with pytest.raises(ValueError, match=text):
            model.freeze(pattern)
        assert all(layer.trainable for layer in model.named_layers())


def test_targets_of_outputs_without_a_loss(data):
    (a, _), (y, _) = data
    x = fd.Input((4,))
    results = []
    for given in (y, [y, None], [y, y], {"p": y}, {"p": y, "q": None}):
        fd.set_seed(3)
        model = fd.Model(x, [Dense(1, name="p")(x), Dense(1, name="q")(x)])
        model.compile("sgd", {"p": "mse"})
        results.append(model.fit(a, given, verbose=0).history["loss"])
    assert all(result == results[0] for result in results)


def test_a_cloned_model_has_copies_of_the_weights(data):
    (a, _), _ = data
    x = fd.Input((4,))
    for model in (
        fd.Model(x, Dense(3)(x)),
        fd.Sequential([x, Dense(3)]),
        fd.Sequential([Dense(3)]),
    ):
        copied = model.clone()
        assert type(copied) is type(model) and copied.built == model.built
        for mine, its in zip(model.weights, copied.weights, strict=True):
            np.testing.assert_array_equal(mine.value, its.value)
        if model.built:
            model.weights[0].value[...] = 0.0
            assert copied.predict(a, verbose=0).any()


def test_a_model_called_with_training_says_what_to_do():
    base = fd.Sequential([fd.Input((4,)), Dense(3)])
    with pytest.raises(ValueError, match=r"training: received False; expected None; for numbers"):
        base(fd.Input((4,)), training=False)


def test_summaries_count_what_is_shared_once():
    hidden = Dense(3, name="hidden")
    towers = [fd.Sequential([fd.Input((4,)), hidden], name=name) for name in "ab"]
    x = fd.Input((4,))
    model, texts = fd.Model(x, [tower(x) for tower in towers]), []
    model.summary(texts.append)
    assert model.count_params() == 15 and "Total params: 15 (" in texts[0]


def test_a_model_in_front_knows_its_rows():
    base = fd.Sequential([fd.Input((4,)), Dense(8, name="hidden")], name="base")
    model = fd.Sequential([base, Dense(2)])
    assert model.built and model.output_shape == (None, 2)
    grown = fd.Sequential()
    grown.add(fd.Sequential([base], name="outer"))
    assert grown.built
    grown.pop()
    assert not grown.layers and not grown.built
    assert not fd.Sequential([fd.Sequential([Dense(2)])]).built


def test_a_new_head_on_frozen_layers(data):
    (a, _), (_, label) = data
    base = fd.Sequential([fd.Input((4,)), Dense(8, activation="relu", name="hidden"), Dense(3)])
    head = Dense(2, activation="softmax", name="head")(base.get_layer("hidden")(base.input))
    model = fd.Model(base.input, head)
    assert model.freeze("hid.*") == ["hidden"]
    model.compile("adam", "sparse_categorical_crossentropy")
    before = [weight.numpy() for weight in model.weights]
    model.fit(a, label, verbose=0)
    changed = [not np.array_equal(w, b.value) for w, b in zip(before, model.weights, strict=True)]
    assert changed == [False, False, True, True]
    assert model.unfreeze() == ["hidden", "head"]
    model.fit(a, label, verbose=0)
    assert not np.array_equal(before[0], model.weights[0].value)


def _cut():
    x = fd.Input((4,), name="x")
    return Dense(2)(Dense(3)(x))


def _twice():
    x = fd.Input((4,))
    return fd.Model(x, Dense(2, name="a")(Dense(2, name="a")(x)))


@pytest.mark.parametrize(
    "create, message",
    [
        (lambda: fd.Model(fd.Input((3,)), _cut()), r"needs Input\(shape=\(4,\), name='x'\), which"),
        (_twice, r"two layers named 'a'; expected different names"),
        (lambda: fd.Model([], _cut()), r"\[Model\] received no tensor"),
        (lambda: Dense(2)(np.ones((3, 4))), r"\[dense\] received ndarray; expected symbolic tens"),
        (lambda: Dense(2)([_cut(), _cut()]), r"received 2 tensors; expected one; put a Concat"),
        (lambda: Add()(_cut()), r"\[add\] received 1 tensor; expected a list of at least 2"),
        (
            lambda: Add()([_cut(), fd.Input((3,))]),
            r"received rows of shapes \(2,\), \(3,\); expected equal ones",
        ),
        (lambda: Concatenate()([_cut(), fd.Input((3, 4))]), r"expected rows of shape \(12,\)"),
        (lambda: (m := fd.Sequential([Dense(1)])).add(m), r"which is or has the model itself"),
        (lambda: (m := fd.Sequential()).add(fd.Sequential([m])), r"which is or has the model it"),
        (lambda: _model().freeze("dens"), r"\[freeze\] received 'dens', which matches no layer"),
        (
            lambda: _model().extract("x"),
            r"\[get_layer\] received 'x'; expected one of narrow, tower",
        ),
        (lambda: _model().compile("sgd", ["mse"]), r"loss: received a list of 1; expected 2, one"),
        (lambda: _model().compile("sgd", {"x": "mse"}), r"loss: received x; expected names of ou"),
        (
            lambda: _compiled(loss_weights=["much", 1.0]),
            r"loss_weights: received 'much'; expected a finite number for",
        ),
    ],
)
def test_errors(create, message):
    with pytest.raises(ValueError, match=message):
        create()


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda x, y: (x[0], y), r"x: received a ndarray; expected a list of 2, or a dict with a"),
        (lambda x, y: (x[:1], y), r"x: received a list of 1; expected a list of 2"),
        (lambda x, y: ({"a": x[0]}, y), r"a dict with the keys \['a'\]; expected a, b"),
        (lambda x, y: ([x[0], x[1][:9]], y), r"received 90 rows of 'a' and 9 of 'b'"),
        (lambda x, y: (x[::-1], y), r"x: received shape \(90, 6\); expected \(rows, 4\)"),
        (lambda x, y: (x, y[0]), r"y: received a ndarray; expected a list of 2, or a dict with s"),
        (lambda x, y: (x, [y[0], y[1][:9]]), r"received 90 rows of x and 9 of y"),
    ],
)
def test_wrong_data_changes_nothing(data, change, message):
    model = _compiled()
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        model.fit(*change(*data), verbose=0)
    with pytest.raises(ValueError, match="class_weight: received weights for a model of 2 outputs"):
        model.fit(*data, class_weight="balanced", verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "path, value",
    [
        (("calls", 0, 0), 99),
        (("calls", 0, 0), -1),
        (("calls", 0, 1), [99]),
        (("calls", 0, 1), ["a"]),
        (("calls",), [[0]]),
        (("outputs",), [2, -1]),
        (("layers", 0), {"class_name": "Input", "config": {"shape": [3]}}),
    ],
)
def test_damaged_configs(path, value):
    config = _model().get_config()
    place = config
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ValueError):
        fd.Model.from_config(config)
