"""Optimizers of their own for some of the weights."""

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import layers, optimizers
from fastdnn.optimizers import MultiOptimizer


def _model(optimizer, seed=5):
    fd.set_seed(seed)
    model = fd.Sequential(
        [
            fd.Input(shape=(6,)),
            layers.Dense(12, activation="relu", name="low"),
            layers.BatchNormalization(name="norm"),
            layers.Dense(9, activation="tanh", name="high"),
            layers.Dense(2, name="top"),
        ]
    )
    model.compile(optimizer, loss="mse")
    return model


@pytest.fixture
def data(rng):
    x = rng.standard_normal((60, 6)).astype(np.float32)
    return x, rng.standard_normal((60, 2)).astype(np.float32)


def test_one_optimizer_for_all_is_that_optimizer(data):
    def options():
        rate = optimizers.schedules.CosineDecay(0.01, 10)
        return optimizers.Adam(rate, clipnorm=0.1, use_ema=True)

    models = [_model(options()), _model(MultiOptimizer([(options(), ".*")]))]
    for model in models:
        model.fit(*data, batch_size=16, epochs=3, verbose=0)
    for a, b in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(a, b)
    assert models[1].optimizer.iterations == 12


def test_each_weight_follows_the_first_pattern_that_matches(data):
    still = optimizers.SGD(0.0)
    rules = [(still, "low|top/bias"), ("adam", "norm|high/kernel"), (optimizers.SGD(0.1), ".*")]
    model = _model(MultiOptimizer(rules))
    slots = {}
    before = {name: weight.value.copy() for weight, name in model.named_weights().items()}
    model.fit(*data, verbose=0)
    for weight, name in model.named_weights().items():
        moved = not np.array_equal(weight.value, before[name])
        assert moved == (name not in ("low/kernel", "low/bias", "top/bias")), name
    for slot, weight in model._binding.slots():
        slots.setdefault(model.named_weights()[weight], []).append(slot)
    assert {name: sorted(names) for name, names in slots.items()} == {
        name: ["momentum", "velocity"] for name in ("norm/gamma", "norm/beta", "high/kernel")
    }


def test_rates_of_each_optimizer(data):
    """A step of two plain rules is that of one with the rates' gradients."""
    slow = optimizers.SGD(optimizers.schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.01, 0.0]))
    fast = optimizers.SGD(0.3)
    model = _model(MultiOptimizer([(slow, "low"), (fast, ".*")]))
    for step, rate in enumerate((0.1, 0.1, 0.01, 0.0)):
        assert slow.learning_rate == pytest.approx(rate) and slow.iterations == step
        before = model.get_weights()
        single = _model(optimizers.SGD(0.3))
        single.set_weights(before)
        single.train_on_batch(*data)
        model.train_on_batch(*data)
        low, *_ = model.get_weights()
        change = single.get_weights()[0] - before[0]
        np.testing.assert_allclose(low - before[0], change * rate / 0.3, rtol=1e-4, atol=2e-7)
        np.testing.assert_array_equal(model.get_weights()[-2], single.get_weights()[-2])
    fast.learning_rate = 0.0
    before = model.get_weights()
    model.train_on_batch(*data)
    np.testing.assert_array_equal(model.get_weights()[-2], before[-2])


def test_files_frozen_layers_and_own_loops(data, tmp_path):
    def optimizer():
        return MultiOptimizer([(optimizers.RMSprop(0.01), "low"), ("adam", ".*")], name="two")

    model = _model(optimizer())
    model.fit(*data, verbose=0)
    model.save(tmp_path / "m.safetensors")
    same = fd.load_model(tmp_path / "m.safetensors")
    assert repr(same.optimizer) == repr(model.optimizer)
    for other in (model, same):
        other.freeze("high")
        other.fit(*data, verbose=0)
        other.unfreeze("high")
        other.fit(*data, verbose=0)
        other.backward(other.forward(data[0], training=True))
        other.apply_gradients()
    for a, b in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_same_bits_for_any_number_of_threads(assert_same_bits, data):
    def run():
        pairs = [(optimizers.Adam(0.01, global_clipnorm=0.1), "low|norm"), ("rmsprop", ".*")]
        model = _model(MultiOptimizer(pairs))
        model.fit(*data, batch_size=24, epochs=2, verbose=0)
        return model.get_weights()

    assert_same_bits(run)


def test_patterns_for_layers_of_a_model_inside(data):
    """By the layer's own name, by its path, and by that of the model."""
    for pattern in ("low", "inner/low", "inner", "inner/low/kernel|inner/low/bias"):
        fd.set_seed(3)
        inner = fd.Sequential([fd.Input(shape=(6,)), layers.Dense(4, name="low")], name="inner")
        model = fd.Sequential([fd.Input(shape=(6,)), inner, layers.Dense(2, name="head")])
        pairs = [(optimizers.SGD(0.0), pattern), ("adam", "head")]
        model.compile(MultiOptimizer(pairs), loss="mse")
        before = model.get_weights()
        model.fit(*data, verbose=0)
        moved = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
        assert moved == [False, False, True, True]


def test_what_is_refused(data):
    adam = optimizers.Adam()
    for pairs, text in (
        ([], r"optimizers: received \[\]; expected a list of pairs"),
        ("adam", r"optimizers: received 'adam'; expected a list of pairs"),
        ([adam], r"received Adam\(\); expected a pair"),
        ([(adam, 3)], r"expected a pair \(optimizer, pattern\)"),
        ([(adam, "(")], r"received the pattern '\(', which is no regular expression"),
        ([("adm", ".*")], r"received 'adm'; expected one of"),
        ([(MultiOptimizer([(adam, "a")]), ".*")], r"received a MultiOptimizer in a pair"),
        ([(adam, "a"), (adam, "b")], r"received the same optimizer twice"),
        (
            [(adam, "a"), (optimizers.SGD(gradient_accumulation_steps=2), "b")],
            r"other numbers of gradient_accumulation_steps: 2, None; expected one",
        ),
    ):
        with pytest.raises(ValueError, match=text):
            MultiOptimizer(pairs)
    model = _model(MultiOptimizer([(adam, "low|norm/(gamma|beta)")]))
    with pytest.raises(ValueError, match=r"the weight 'high/\w+', which matches none of 'low"):
        model.fit(*data, verbose=0)
    with pytest.raises(ValueError, match=r"learning_rate: received 1.0; expected one for each"):
        model.optimizer.learning_rate = 1.0


def test_a_pattern_has_to_match_some_weight(rng):
    x = rng.standard_normal((8, 3)).astype(np.float32)
    model = fd.Sequential([fd.Input((3,)), fd.layers.Dense(2, name="low")])
    rules = [fd.optimizers.SGD(0.0), fd.optimizers.SGD(0.1)]
    before = model.get_weights()
    pairs = list(zip(rules, ("hidden", ".*"), strict=True))
    model.compile(fd.optimizers.MultiOptimizer(pairs), "mse")
    with pytest.raises(
        ValueError, match=r"the pattern 'hidden', which matches no weight; expected"
    ):
        model.fit(x, x[:, :2], verbose=0)
    pairs = list(zip(rules, ("kernel", "low"), strict=True))
    model.compile(fd.optimizers.MultiOptimizer(pairs), "mse")
    model.fit(x, x[:, :2], verbose=0)
    np.testing.assert_array_equal(model.layers[0].kernel.value, before[0])
    assert (model.layers[0].bias.value != before[1]).all()
