"""What every optimizer takes, from weight_decay to gradient_accumulation_steps, in training."""

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import layers
from fastdnn.optimizers import SGD, Adam, RMSprop

ARGUMENTS = [
    {"weight_decay": 0.1},
    {"clipvalue": 0.001},
    {"clipnorm": 0.01},
    {"global_clipnorm": 0.02},
    {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 3},
    {
        "weight_decay": 0.1,
        "global_clipnorm": 0.02,
        "use_ema": True,
        "gradient_accumulation_steps": 3,
    },
]
arguments = pytest.mark.parametrize("arguments", ARGUMENTS, ids=lambda a: "-".join(a))


def make_model(optimizer, columns=40, units=300):
    fd.set_seed(3)
    model = fd.Sequential(
        [
            layers.Input((columns,)),
            layers.Dense(units, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(3),
        ]
    )
    model.compile(optimizer, fd.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def draw(rng, rows=200, columns=40):
    return rng.standard_normal((rows, columns)).astype(np.float32), rng.integers(0, 3, rows)


def fit(model, x, y, **options):
    return model.fit(x, y, **{"batch_size": 48, "epochs": 2, "verbose": 0} | options)


def arrays(model):
    return [*model.get_weights(), *model._current_binding().slots().values()]


def bits(model):
    return [np.ascontiguousarray(array).tobytes() for array in arrays(model)]


@arguments
@pytest.mark.parametrize("cls", [SGD, RMSprop])
def test_same_bits_for_any_number_of_threads(assert_same_bits, rng, cls, arguments):
    x, y = draw(rng)

    def run():
        model = make_model(cls(0.05, **arguments))
        fit(model, x, y)
        return arrays(model)

    assert_same_bits(run)


@arguments
def test_every_argument_changes_the_weights(rng, arguments):
    x, y = draw(rng)
    plain, model = make_model(SGD(0.05)), make_model(SGD(0.05, **arguments))
    fit(plain, x, y)
    fit(model, x, y)
    assert abs(plain.get_weights()[0] - model.get_weights()[0]).max() > 1e-5


def test_limits_that_nothing_reaches_change_nothing(rng):
    x, y = draw(rng)
    plain = make_model(Adam(0.01))
    fit(plain, x, y)
    for name in ("clipvalue", "clipnorm", "global_clipnorm", "weight_decay"):
        model = make_model(Adam(0.01, **{name: 0.0 if name == "weight_decay" else 1e9}))
        fit(model, x, y)
        for a, b in zip(plain.get_weights(), model.get_weights(), strict=True):
            # A gradient that is stored is summed up in another order than one used at once.
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@arguments
@pytest.mark.parametrize("steps", [1, 4, 5])
def test_a_loaded_model_goes_on_in_the_midst_of_anything(rng, tmp_path, arguments, steps):
    x, y = draw(rng)
    model = make_model(RMSprop(0.01, momentum=0.5, **arguments))

    def train(model, first, last):
        for step in range(first, last):
            rows = slice(20 * step, 20 * (step + 1))
            model.train_on_batch(x[rows], y[rows])

    train(model, 0, steps)
    model.save(tmp_path / "model.safetensors")
    loaded = fd.load_model(tmp_path / "model.safetensors")
    assert loaded.optimizer.iterations == model.optimizer.iterations
    assert loaded.optimizer.iterations == steps // arguments.get("gradient_accumulation_steps", 1)
    for one in (model, loaded):
        train(one, steps, 9)
    assert bits(model) == bits(loaded)


@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_three_small_batches_are_one_large_one(rng, optimizer):
    x, y = draw(rng, 180)
    fd.set_seed(3)

    def make(**options):
        fd.set_seed(3)
        model = fd.Sequential([layers.Input((40,)), layers.Dense(60, "tanh"), layers.Dense(3)])
        # An epsilon that keeps roundings of small gradients small.
        rate = SGD(0.1, **options) if optimizer is SGD else Adam(0.01, epsilon=1e-3, **options)
        model.compile(rate, fd.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    ours, theirs = make(gradient_accumulation_steps=3), make()
    start = ours.get_weights()
    fit(ours, x, y, batch_size=20, epochs=3, shuffle=False)
    fit(theirs, x, y, batch_size=60, epochs=3, shuffle=False)
    assert ours.optimizer.iterations == theirs.optimizer.iterations == 9
    for mine, other, before in zip(ours.get_weights(), theirs.get_weights(), start, strict=True):
        # Sums of 60 rows in other orders, over nine steps: some hundred epsilons of the way.
        assert abs(mine - other).max() <= 1e-4 * abs(other - before).max() + 1e-7


def test_weights_change_at_the_end_of_a_round_only(rng):
    x, y = draw(rng)
    model = make_model(SGD(0.1, gradient_accumulation_steps=3))
    seen = []
    for step in range(6):
        model.train_on_batch(x[step * 20 : (step + 1) * 20], y[step * 20 : (step + 1) * 20])
        seen.append((model.get_weights()[0].tobytes(), model.optimizer.iterations))
    kernels, iterations = zip(*seen, strict=True)
    assert iterations == (0, 0, 1, 1, 1, 2)
    assert kernels[0] == kernels[1] != kernels[2] == kernels[3] == kernels[4] != kernels[5]


class NoteKernel(fd.callbacks.Callback):
    """Keeps the first kernel after every step."""

    def __init__(self):
        super().__init__()
        self.path = []

    def on_train_batch_end(self, batch, logs=None):
        self.path.append(self.model.get_weights()[0].astype(np.float64))


class StopAtOnce(fd.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.model.stop_training = True


def test_fit_ends_with_the_averages(rng):
    x, y = draw(rng, 96)
    model = make_model(SGD(0.1, use_ema=True, ema_momentum=0.75))
    note = NoteKernel()
    fit(model, x, y, batch_size=24, epochs=1, callbacks=[note])
    path, average = note.path, note.path[0]
    for kernel in path[1:]:
        average = 0.75 * average + 0.25 * kernel
    # Three roundings a step, of at most the largest weight.
    bound = 4 * 3 * np.finfo(np.float32).eps * abs(average).max()
    assert abs(model.get_weights()[0] - average).max() <= bound
    assert abs(path[-1] - average).max() > 100 * bound
    kept = model.get_weights()
    fit(model, x, y, epochs=0)
    for before, after in zip(kept, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_fit_without_a_step_leaves_the_weights(rng):
    x, y = draw(rng, 96)
    model = make_model(SGD(0.1, use_ema=True))
    fit(model, x, y, callbacks=[StopAtOnce()])
    ones = [np.ones_like(weight) for weight in model.get_weights()]
    model.set_weights(ones)
    fit(model, x, y, callbacks=[StopAtOnce()])
    for a, b in zip(ones, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_layer_that_is_thawed_brings_its_weights_into_the_averages(rng):
    x, y = draw(rng, 96)
    model = make_model(SGD(1e-3, use_ema=True, ema_momentum=0.99))
    model.layers[0].trainable = False
    fit(model, x, y, epochs=1)
    model.layers[0].trainable = True
    before = model.get_weights()[0]
    fit(model, x, y, epochs=1)
    assert 0 < abs(model.get_weights()[0] - before).max() < 0.01


@arguments
def test_sparse_rows(rng, arguments):
    sparse = pytest.importorskip("scipy.sparse", reason="scipy, whose matrices these are")
    x, y = draw(rng)
    x[rng.random(x.shape) < 0.8] = 0.0
    models = []
    for rows in (sparse.csr_array(x), x):
        fd.set_seed(3)
        model = fd.Sequential([layers.Input((40,)), layers.Dense(50, "tanh"), layers.Dense(3)])
        loss = fd.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(SGD(0.1, momentum=0.5, **arguments), loss)
        start = model.get_weights()
        fit(model, rows, y)
        models.append(model)
    for one, other, before in zip(*(m.get_weights() for m in models), start, strict=True):
        # Other orders of addition over ten steps.
        assert abs(one - other).max() <= 1e-4 * abs(other - before).max() + 1e-6


def test_a_gradient_that_is_not_finite(rng):
    """As in Keras: by all gradients' norm it reaches all weights."""
    x, _ = draw(rng, 48)
    model = make_model(SGD(0.1, global_clipnorm=1.0), units=8)
    model.backward(np.zeros_like(model.forward(x, training=True)))
    next(iter(model.gradients.values()))[...] = np.inf
    model.apply_gradients()
    trainable = {w.path for w in model.trainable_weights}
    for weight in model.weights:
        if weight.path in trainable:
            assert np.isnan(weight.value).all()
