import numpy as np
import pytest

import fastdnn as fd
from fastdnn import layers
from fastdnn.callbacks import LambdaCallback, ModelCheckpoint
from fastdnn.models import frozen_cache

CHOICES = (False, True, "auto")


def _data(rng, rows=203):
    x = rng.standard_normal((rows, 7)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(np.int64) + (x[:, 1] > 0)


def _sequential():
    """Frozen: a dense layer, a normalization, an activation, a dense layer."""
    fd.set_seed(3)
    model = fd.Sequential(
        [
            fd.Input(shape=(7,)),
            layers.Dense(16, activation="elu", kernel_regularizer="l2", name="low1"),
            layers.BatchNormalization(name="low2"),
            layers.Activation("tanh", name="tanh"),
            layers.Dense(11, activation="relu", name="low3"),
            layers.Dropout(0.3),
            layers.Dense(9, activation="relu", kernel_constraint="max_norm"),
            layers.BatchNormalization(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.freeze("low.")
    return model


def _functional():
    """Frozen: a tower on one of two inputs, read in two places; the other input goes past it."""
    fd.set_seed(4)
    a, b = fd.Input(shape=(7,), name="a"), fd.Input(shape=(5,), name="b")
    tower = fd.Sequential(
        [fd.Input(shape=(7,)), layers.Dense(8, "elu"), layers.Dense(6)], name="tower"
    )
    tower.trainable = False
    seen = tower(a)
    hidden = layers.Dense(6, "tanh", name="hidden")(layers.Concatenate()([seen, b]))
    mixed = layers.Dropout(0.2)(layers.Add()([hidden, seen]))
    one = layers.Dense(3, "softmax", name="one")(mixed)
    return fd.Model([a, b], [one, layers.Dense(1, name="two")(seen)])


def _everything(model):
    """Return the weights, the optimizer's state and the number of steps, as bytes."""
    slots = model._current_binding().slots()
    return (
        [weight.tobytes() for weight in model.get_weights()],
        [(name, weight.path, view.tobytes()) for (name, weight), view in slots.items()],
        model.optimizer.iterations,
    )


def _rounded(history):
    """Return the history in float32: native calls end by the clock, and sums of their sums vary."""
    return {name: np.float32(values).tolist() for name, values in history.items()}


def _outcome(make, data, choice, optimizer="adam", **arguments):
    model = make()
    loss = ["sparse_categorical_crossentropy", "mse"] if len(model.outputs) == 2 else None
    model.compile(optimizer, loss or "sparse_categorical_crossentropy")
    if loss is None:
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(*data, verbose=0, cache_frozen=choice, **arguments).history
    return _rounded(history), _everything(model)


def _computed(monkeypatch):
    """Return a list that gets an item for every cache that is filled."""
    filled, refresh = [], frozen_cache.FrozenCache.refresh
    monkeypatch.setattr(
        frozen_cache.FrozenCache, "refresh", lambda self: filled.append(refresh(self))
    )
    return filled


@pytest.mark.parametrize("shuffle", [True, False])
def test_same_bits(rng, threads, shuffle, monkeypatch):
    x, y = _data(rng)
    arguments = {
        "epochs": 3,
        "batch_size": 32,
        "shuffle": shuffle,
        "validation_data": _data(rng, 50),
        "class_weight": {0: 1.0, 1: 2.5},
        "sample_weight": rng.random(len(x)).astype(np.float32),
    }
    filled = _computed(monkeypatch)
    plain = _outcome(_sequential, (x, y), False, **arguments)
    assert not filled
    for choice in (True, "auto"):
        assert _outcome(_sequential, (x, y), choice, **arguments) == plain
        assert len(filled) == 3
        filled.clear()


def test_same_bits_with_several_inputs_and_outputs(rng, threads):
    x, y = _data(rng)
    other, value = (rng.standard_normal((len(x), n)).astype(np.float32) for n in (5, 1))
    plain, *cached = (
        _outcome(_functional, ([x, other], [y, value]), choice, epochs=3, validation_split=0.2)
        for choice in CHOICES
    )
    assert all(outcome == plain for outcome in cached)


def test_same_bits_where_a_last_batch_is_multiplied_otherwise(rng):
    """A few rows of a deep product are summed in two parts."""
    x = rng.standard_normal((501, 3000)).astype(np.float32)
    y = rng.integers(0, 3, 501)

    def wide():
        fd.set_seed(5)
        first, top = layers.Dense(1000, name="low"), layers.Dense(3, "softmax")
        first.trainable = False
        return fd.Sequential([fd.Input(shape=(3000,)), first, top])

    sizes = {"batch_size": 500, "epochs": 3, "validation_data": (x[:9], y[:9])}
    plain, *cached = (_outcome(wide, (x, y), choice, **sizes) for choice in CHOICES)
    assert all(outcome == plain for outcome in cached)


@pytest.mark.parametrize("type_", [np.uint8, np.float16])
def test_same_bits_for_compact_rows(rng, type_):
    x, y = _data(rng)
    x = (x * 20 + 100).astype(type_)
    plain, *cached = (
        _outcome(_sequential, (x, y), choice, epochs=2, batch_size=29) for choice in CHOICES
    )
    assert all(outcome == plain for outcome in cached)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: fd.optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=3),
        lambda: fd.optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=4),
        lambda: fd.optimizers.RMSprop(fd.optimizers.schedules.ExponentialDecay(0.01, 5, 0.9)),
    ],
)
def test_the_state_of_the_optimizer_moves_along(rng, tmp_path, optimizer):
    data = _data(rng)
    outcomes = []
    for choice in CHOICES:
        path = tmp_path / f"{choice}.safetensors"
        save = ModelCheckpoint(path, save_freq=5)
        outcome = _outcome(
            _sequential, data, choice, optimizer(), epochs=3, steps_per_epoch=4, callbacks=[save]
        )
        outcomes.append((outcome, _everything(fd.load_model(path))))
    assert outcomes[1:] == outcomes[:1] * 2


@pytest.mark.parametrize("change", ["thaw", "freeze", "assign", "predict"])
def test_callbacks_may_do_what_they_like(rng, change):
    x, y = _data(rng)
    outcomes = []
    for choice in CHOICES:
        model = _sequential()
        model.compile("adam", "sparse_categorical_crossentropy")
        seen = []

        def act(epoch, logs=None, model=model, seen=seen):
            if change == "thaw" and epoch == 1:
                model.unfreeze("low3")
            elif change == "freeze" and epoch == 1:
                model.freeze("dense.*")
            elif change == "assign" and epoch == 1:
                model.get_layer("low1").bias.value[...] += 1.0
            seen.append(model.predict(x[:9], verbose=0).tobytes())
            seen.append(_everything(model))

        history = model.fit(
            x,
            y,
            epochs=4,
            verbose=0,
            validation_split=0.1,
            callbacks=[LambdaCallback(on_epoch_begin=act, on_epoch_end=act)],
            cache_frozen=choice,
        )
        assert model._frozen_cache is None
        outcomes.append((_rounded(history.history), seen, _everything(model)))
    assert outcomes[1:] == outcomes[:1] * 2


def test_auto_caches_only_where_it_pays(rng, monkeypatch):
    scipy_sparse = pytest.importorskip("scipy.sparse")
    filled = _computed(monkeypatch)
    x, y = _data(rng)
    compiled = _sequential()
    compiled.compile("sgd", "sparse_categorical_crossentropy")
    for arguments in ({"epochs": 1}, {"epochs": 3, "steps_per_epoch": 2}):
        compiled.fit(x, y, verbose=0, **arguments)
    compiled.fit(scipy_sparse.csr_matrix(x), y, epochs=2, verbose=0)
    compiled.fit(iter([(x, y)] * 4), epochs=2, steps_per_epoch=2, verbose=0)
    assert not filled
    with pytest.raises(ValueError, match="expected frozen ones and dense rows, or 'auto'"):
        compiled.fit(scipy_sparse.csr_matrix(x), y, verbose=0, cache_frozen=True)
    compiled.fit(x, y, verbose=0, cache_frozen=True)
    assert len(filled) == 1


@pytest.mark.parametrize(
    "lowest",
    [
        layers.Dropout(0.1),
        layers.BatchNormalization(),
        layers.ActivityRegularization(l2=0.1),
        layers.Dense(7, activity_regularizer="l2"),
        layers.Dense(7),
    ],
)
def test_layers_that_change_are_not_cached(rng, lowest):
    if isinstance(lowest, layers.Dense) and lowest.activity_regularizer is not None:
        lowest.trainable = False
    frozen = layers.Dense(5)
    frozen.trainable = False
    model = fd.Sequential([fd.Input(shape=(7,)), lowest, frozen, layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(*_data(rng), epochs=2, verbose=0)
    before = _everything(model)
    with pytest.raises(ValueError, match=r"\[fit\] cache_frozen: received True for a model whose"):
        model.fit(*_data(rng), epochs=2, verbose=0, cache_frozen=True)
    assert _everything(model) == before


def test_file(rng, tmp_path, monkeypatch):
    x, y = _data(rng)
    plain = _outcome(_sequential, (x, y), False, epochs=2, validation_split=0.2)
    path = tmp_path / "outputs"
    for choice in (path, str(path)):
        assert _outcome(_sequential, (x, y), choice, epochs=2, validation_split=0.2) == plain
        assert not path.exists()
    monkeypatch.setattr(frozen_cache, "_SHARE_OF_MEMORY", 0.0)
    for choice in (True, "auto"):
        assert _outcome(_sequential, (x, y), choice, epochs=2, validation_split=0.2) == plain
    path.write_text("mine")
    with pytest.raises(ValueError, match="outputs', which exists; expected the path of a file to"):
        _outcome(_sequential, (x, y), path)
    assert path.read_text() == "mine"
    with pytest.raises(FileNotFoundError):
        _outcome(_sequential, (x, y), tmp_path / "missing" / "outputs")


@pytest.mark.parametrize("value", [None, 1, ""])
def test_errors(rng, value):
    with pytest.raises(ValueError, match=r"\[fit\] cache_frozen: received .*; expected 'auto', T"):
        _outcome(_sequential, _data(rng), value)


def test_batches_are_not_cached(rng):
    model = _sequential()
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="received True beside an iterator of batches; expected "):
        model.fit(iter([_data(rng)]), cache_frozen=True, verbose=0)


def test_same_bits_above_other_frozen_layers(rng):
    x = rng.integers(0, 20, (90, 4))
    y = rng.integers(0, 3, 90)
    results = []
    for choice in CHOICES:
        fd.set_seed(9)
        model = fd.Sequential(
            [
                fd.Input(shape=(4,)),
                layers.Embedding(20, 3, name="low1"),
                layers.Reshape((12,)),
                layers.LayerNormalization(name="low2"),
                layers.PReLU(name="low3"),
                layers.Dense(3, activation="softmax"),
            ]
        )
        model.freeze("low.")
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, y, batch_size=16, epochs=3, cache_frozen=choice, verbose=0)
        results.append(_everything(model))
    assert results[0] == results[1] == results[2]
