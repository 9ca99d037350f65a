"""Callbacks that stop, change rates and write files, decided as Keras's decide."""

import csv
import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import require_keras

import fastdnn as fd
from fastdnn import callbacks


class Script:
    """A model that is not one: epochs' losses are given."""

    def __init__(self, losses, rate=1.0):
        self.losses, self.stop_training, self.epoch = losses, False, 0
        self.optimizer = type("Optimizer", (), {"learning_rate": rate})()
        self.optimizer.rules = [self.optimizer]
        self.restored = None

    def get_weights(self):
        return self.epoch

    def set_weights(self, weights):
        self.restored = weights

    def run(self, callback, name="val_loss"):
        """Return the epochs run, the rates of each, whose weights came back, and the best epoch."""
        callback.set_model(self)
        callback.on_train_begin()
        rates = []
        for epoch, loss in enumerate(self.losses):
            self.epoch = epoch
            callback.on_epoch_begin(self.epoch, {})
            callback.on_epoch_end(self.epoch, {name: loss})
            rates.append(float(self.optimizer.learning_rate))
            if self.stop_training:
                break
        callback.on_train_end({})
        return [self.epoch + 1, rates, self.restored, getattr(callback, "best_epoch", None)]


def _cases(rng):
    stopping = [
        {"patience": 0},
        {"patience": 3},
        {"patience": 2, "min_delta": 0.05},
        {"patience": 2, "restore_best_weights": True},
        {"patience": 1, "baseline": 0.4, "restore_best_weights": True},
        {"patience": 1, "start_from_epoch": 5, "restore_best_weights": True},
        {"patience": 2, "mode": "max"},
    ]
    plateau = [
        {"patience": 1},
        {"patience": 2, "factor": 0.5, "cooldown": 2},
        {"patience": 1, "factor": 0.5, "min_lr": 0.2},
        {"patience": 2, "min_delta": 0.1, "mode": "max"},
    ]
    for name, options in (("EarlyStopping", stopping), ("ReduceLROnPlateau", plateau)):
        for arguments in options:
            for _ in range(4):
                yield name, arguments, rng.uniform(0.2, 1.0, 14).round(3).tolist()


KERAS = """
import json, sys
sys.path.insert(0, sys.argv[1])
from test_stopping import Script
import keras

def run(name, arguments, losses):
    # Keras looks the direction of "auto" up in a model's metrics; there is none.
    callback = getattr(keras.callbacks, name)(**{"mode": "min"} | arguments)
    return Script(losses).run(callback)

print(json.dumps([run(*case) for case in json.load(sys.stdin)]))
"""


def test_decisions_are_keras_s(rng):
    require_keras()
    cases = list(_cases(rng))
    done = subprocess.run(
        [sys.executable, "-c", KERAS, str(Path(__file__).parent)],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=False,
        env={
            "KERAS_BACKEND": "numpy",
            "PATH": "",
            "PYTHONPATH": str(Path(fd.__file__).parents[1]),
        },
    )
    assert done.returncode == 0, done.stderr
    for case, expected in zip(cases, json.loads(done.stdout.splitlines()[-1]), strict=True):
        name, arguments, losses = case
        mine = Script(losses).run(getattr(callbacks, name)(**arguments))
        assert mine[0] == expected[0] and mine[2:] == expected[2:], case
        assert mine[1] == pytest.approx(expected[1]), case


def test_nan_is_never_the_best(tmp_path, data):
    losses = [float("nan"), 5.0, 4.0, 3.0, 2.0, 1.0]
    _, rates, _, _ = Script(losses).run(callbacks.ReduceLROnPlateau(patience=2))
    assert rates == [1.0] * 6
    stopping = callbacks.EarlyStopping(patience=2)
    assert Script(losses).run(stopping)[0] == 6 and stopping.best == 1.0
    best = callbacks.ModelCheckpoint(tmp_path / "{epoch}.safetensors", save_best_only=True)
    best.set_model(_model())
    for epoch, loss in enumerate(losses[:3]):
        best.on_epoch_begin(epoch)
        best.on_epoch_end(epoch, {"val_loss": loss})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2.safetensors", "3.safetensors"]


def test_the_best_is_what_there_is_a_file_of(tmp_path):
    best = callbacks.ModelCheckpoint(tmp_path / "no folder" / "m.safetensors", save_best_only=True)
    best.set_model(_model())
    with pytest.raises(OSError, match="there is no folder"):
        best.on_epoch_end(0, {"val_loss": 1.0})
    assert best.best is None


def test_all_rates_of_several_optimizers_are_lowered(data):
    model = _model()
    rules = [fd.optimizers.SGD(0.1), fd.optimizers.Adam(0.01)]
    pairs = list(zip(rules, ("dense", ".*"), strict=True))
    model.compile(fd.optimizers.MultiOptimizer(pairs), "mse")
    plateau = callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=100.0, min_lr=0.02)
    history = model.fit(*data, epochs=3, callbacks=plateau, verbose=0).history
    assert [rule.learning_rate for rule in rules] == [0.02, 0.01]
    assert history["learning_rate"] == pytest.approx([0.1, 0.1, 0.02])


def test_a_scheduled_rate_is_refused_before_the_first_step(data):
    model = _model()
    before = model.get_weights()
    model.compile(fd.optimizers.SGD(fd.optimizers.schedules.PowerDecay(0.1, 10)), "mse")
    with pytest.raises(ValueError, match=r"the rate is given by PowerDecay"):
        model.fit(*data, epochs=3, callbacks=callbacks.ReduceLROnPlateau("loss"), verbose=0)
    for one, two in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def _model(seed=1):
    fd.set_seed(seed)
    model = fd.Sequential(
        [fd.Input((3,)), fd.layers.Dense(4, activation="tanh"), fd.layers.Dense(1)]
    )
    model.compile(fd.optimizers.SGD(0.05), "mse", metrics=["mae"])
    return model


@pytest.fixture
def data(rng):
    """Rows and targets."""
    return tuple(rng.standard_normal((40, width)).astype(np.float32) for width in (3, 1))


def test_the_best_weights_come_back_though_training_ran_to_its_end(data):
    model, kept = _model(), []
    best = callbacks.EarlyStopping("loss", patience=99, restore_best_weights=True)

    class Spoil(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            kept.append(self.model.get_weights())
            if epoch >= 3:
                self.model.layers[-1].kernel.value[...] = 50.0

    model.fit(*data, epochs=5, callbacks=[best, Spoil()], verbose=0)
    assert best.best_epoch == 2 and best.stopped_epoch == 0
    for one, two in zip(model.get_weights(), kept[3], strict=True):
        np.testing.assert_array_equal(one, two)


def test_terminate_on_nan_ends_where_fit_names_epoch_and_batch(data):
    model = _model()

    class Spoil(callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if self.model.optimizer.iterations == 7:
                self.model.layers[0].kernel.value[0, 0] = np.nan

    watchers = [Spoil(), callbacks.TerminateOnNaN()]
    with pytest.warns(RuntimeWarning, match="not finite in epoch 2, batch 3: weights of the layer"):
        model.fit(*data, batch_size=8, epochs=9, callbacks=watchers, verbose=0)
    assert model.optimizer.iterations == 7


def test_an_epoch_without_a_step_reports_no_number(data):
    model, (x, y) = _model(), data
    with pytest.warns(RuntimeWarning, match="not finite in epoch 1, batch 1"):
        history = model.fit(x, y * np.float32(1e38), verbose=0).history
    assert sorted(history) == ["loss", "mae"] and np.isnan(list(history.values())).all()


@pytest.mark.parametrize("spoilt", [0, 1])
def test_a_step_that_is_not_made_leaves_nothing(rng, spoilt):
    """Neither in weights, moving statistics among them, nor in what its epoch reports."""
    inputs = fd.Input(shape=(3,))
    shallow = fd.layers.Dense(1, kernel_regularizer="l2", name="shallow")(inputs)
    hidden = fd.layers.Dense(40, activation="relu", activity_regularizer="l1")(inputs)
    hidden = fd.layers.Dense(70)(fd.layers.BatchNormalization()(hidden))
    deep = fd.layers.Dense(2, name="deep")(fd.layers.BatchNormalization()(hidden))
    x = rng.standard_normal((96, 3)).astype(np.float32)
    targets = [rng.standard_normal((96, n)).astype(np.float32) for n in (1, 2)]
    bad = [target.copy() for target in targets]
    bad[spoilt][70] = 1e38
    model = fd.Model(inputs, [shallow, deep])
    models = [model, model.clone()]
    models[1].set_weights(model.get_weights())
    for model in models:
        model.compile(fd.optimizers.Adam(0.01), "mse", metrics=[["mae", "mae"], ["r2_score"]])
    options = {"batch_size": 32, "shuffle": False, "verbose": 0}
    fine = models[0].fit(x[:64], [target[:64] for target in targets], **options).history
    with pytest.warns(RuntimeWarning, match="not finite in epoch 1, batch 3"):
        ended = models[1].fit(x, bad, **options).history
    for one, two in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, two)
    assert np.isnan(ended["loss"][0])
    names = [name for name in fine if "loss" not in name]
    assert len(names) == 3
    for name in names:
        assert ended[name] == fine[name]


def test_a_step_that_is_not_made_adds_no_gradients(rng):
    """To those that wait for the next step, whatever layers they are of."""
    inputs, codes = fd.Input(shape=(3,)), fd.Input(shape=(2,))
    embedded = fd.layers.Flatten()(fd.layers.Embedding(5, 4)(codes))
    shallow = fd.layers.BatchNormalization()(fd.layers.Concatenate()([inputs, embedded]))
    shallow = fd.layers.PReLU()(fd.layers.LayerNormalization()(shallow))
    shallow = fd.layers.Dense(1, name="shallow")(shallow)
    deep = inputs
    for _ in range(3):
        deep = fd.layers.Dense(200, activation="relu")(fd.layers.BatchNormalization()(deep))
    model = fd.Model([inputs, codes], [shallow, fd.layers.Dense(2, name="deep")(deep)])
    models = [model, model.clone()]
    models[1].set_weights(model.get_weights())
    x = rng.standard_normal((64, 3)).astype(np.float32), rng.integers(0, 5, (64, 2))
    y = [rng.standard_normal((64, n)).astype(np.float32) for n in (1, 2)]
    bad = [target.copy() for target in y]
    bad[1][40] = 1e38
    halves = slice(0, 32), slice(32, 64)
    for each, refused in zip(models, (False, True), strict=True):
        each.compile(fd.optimizers.SGD(0.1, gradient_accumulation_steps=2), "mse")
        steps = [(y, halves[0]), *([(bad, halves[1])] if refused else []), (y, halves[1])]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"\[fit\] the loss is not finite")
            for targets, rows in steps:
                inputs_of_step = [array[rows] for array in x]
                targets_of_step = [target[rows] for target in targets]
                each.fit(inputs_of_step, targets_of_step, shuffle=False, verbose=0)
        assert each.optimizer.iterations == 1
    for one, two in zip(*(each.get_weights() for each in models), strict=True):
        np.testing.assert_array_equal(one, two)


def test_checkpoints_of_another_format_are_refused_at_once():
    with pytest.raises(ValueError, match=r"\[ModelCheckpoint\] received 'b.keras'; fastdnn writes"):
        callbacks.ModelCheckpoint("b.keras")


def test_terminate_on_nan_looks_at_all_of_the_loss():
    model = _model()
    watcher = callbacks.TerminateOnNaN()
    watcher.model = model
    watcher.on_train_batch_end(0, {"loss": 1.0})
    assert not model.stop_training
    watcher.on_train_batch_end(0, {"loss": float("inf")})
    assert model.stop_training


def test_rates_are_in_the_history(data):
    scheduler = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate)
    history = _model().fit(*data, epochs=3, callbacks=scheduler, verbose=0).history
    assert history["learning_rate"] == [0.05, 0.025, 0.0125]
    plain = callbacks.LearningRateScheduler(lambda epoch: 0.1 * (epoch + 1))
    history = _model().fit(*data, epochs=2, callbacks=plain, verbose=0).history
    assert history["learning_rate"] == pytest.approx([0.1, 0.2])
    plateau = callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=9.0)
    history = _model().fit(*data, epochs=3, callbacks=plateau, verbose=0).history
    assert history["learning_rate"] == pytest.approx([0.05, 0.05, 0.025])


def test_csv_logger(data, tmp_path):
    path = tmp_path / "log.csv"
    arguments = {"epochs": 2, "validation_split": 0.25, "validation_freq": 2, "verbose": 0}
    model, logger = _model(), callbacks.CSVLogger(path)
    history = model.fit(*data, callbacks=logger, **arguments).history
    model.fit(*data, callbacks=callbacks.CSVLogger(path, append=True), **arguments)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "loss", "mae", "val_loss", "val_mae"] and len(rows) == 4
    assert [row["epoch"] for row in rows] == ["0", "1", "0", "1"]
    assert rows[0]["val_loss"] == "NA" and float(rows[1]["val_loss"]) == history["val_loss"][0]
    assert float(rows[0]["loss"]) == history["loss"][0]


def test_csv_logger_has_columns_of_numbers_that_there_are(data, tmp_path):
    plateau = callbacks.ReduceLROnPlateau("loss", patience=9)
    validated = {"validation_split": 0.25, "validation_freq": 2}
    for arguments, evaluated in (({}, []), (validated, ["val_loss", "val_mae"])):
        logger = callbacks.CSVLogger(tmp_path / "log.csv")
        watchers = [plateau, logger]
        _model().fit(*data, epochs=2, callbacks=watchers, verbose=0, **arguments)
        assert watchers[0].params["validates"] == bool(evaluated)
        with (tmp_path / "log.csv").open(newline="") as file:
            header, *rows = csv.reader(file)
        assert header == ["epoch", "learning_rate", "loss", "mae", *evaluated]
        assert len(rows) == 2 and "NA" not in rows[1]
        assert rows[0][4:] == ["NA"] * len(evaluated)


def test_model_checkpoint(data, tmp_path):
    model = _model()
    every = callbacks.ModelCheckpoint(tmp_path / "m{epoch:02d}.safetensors")
    weights = callbacks.ModelCheckpoint(
        tmp_path / "w.safetensors", save_freq=3, save_weights_only=True
    )
    best = callbacks.ModelCheckpoint(
        tmp_path / "best.safetensors", "loss", save_best_only=True, initial_value_threshold=1e-9
    )
    saved = callbacks.ModelCheckpoint(
        tmp_path / "b.safetensors", monitor="loss", mode="min", save_best_only=True, verbose=1
    )
    model.fit(*data, batch_size=10, epochs=3, callbacks=[every, weights, best, saved], verbose=0)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {*(f"m0{i}.safetensors" for i in (1, 2, 3)), "w.safetensors", "b.safetensors"}
    last = fd.load_model(tmp_path / "m03.safetensors")
    np.testing.assert_array_equal(last.get_weights()[0], model.get_weights()[0])
    assert last.optimizer.iterations == 12
    other = _model(2)
    other.load_weights(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])
    with pytest.raises(
        ValueError, match=r"asks for 'val_x'; expected names among epoch, loss, mae"
    ):
        model.fit(*data, callbacks=callbacks.ModelCheckpoint("{val_x}.safetensors"), verbose=0)


def test_functions_and_hooks_of_evaluation(data):
    seen = []
    record = callbacks.LambdaCallback(
        on_test_begin=lambda logs=None: seen.append("test"),
        on_test_end=lambda logs=None: seen.append(sorted(logs)),
        on_predict_end=lambda logs=None: seen.append("predicted"),
        on_epoch_end=lambda epoch, logs=None: seen.append(epoch),
        on_train_batch_end=None,
    )
    model = _model()
    model.evaluate(*data, callbacks=record, verbose=0)
    model.predict(data[0], callbacks=[record], verbose=0)
    model.fit(*data, validation_split=0.5, callbacks=record, verbose=0)
    assert seen == ["test", ["loss", "mae"], "predicted", "test", ["loss", "mae"], 0]


@pytest.mark.parametrize("name", ["val_auction_loss", "f1_head_loss", "loss"])
def test_losses_fall_whatever_the_output_is_called(name):
    stopping = callbacks.EarlyStopping(name, patience=1)
    assert Script([3.0, 2.0, 1.0, 1.5, 1.6]).run(stopping, name)[0] == 4
    assert stopping.best == 1.0


def test_what_is_watched_and_missing_is_said_once(data):
    stopping = callbacks.EarlyStopping(patience=1)
    with pytest.warns(UserWarning, match=r"monitor: 'val_loss' is not in the logs.*loss, mae") as w:
        _model().fit(*data, epochs=3, callbacks=stopping, verbose=0)
    assert len(w) == 1


@pytest.mark.parametrize(
    "create, message",
    [
        (lambda: callbacks.EarlyStopping(mode="up"), r"\[EarlyStopping\] mode: received 'up'; exp"),
        (lambda: callbacks.EarlyStopping("val_x"), r"'auto' for 'val_x', whose name does not say"),
        (lambda: callbacks.EarlyStopping(patience=-1), r"patience: received -1; expected an integ"),
        (lambda: callbacks.ReduceLROnPlateau(factor=1.5), r"factor: received 1.5; expected a numb"),
        (lambda: callbacks.ModelCheckpoint("m", save_freq=0), r"save_freq: received 0; expected"),
        (lambda: callbacks.EarlyStopping(3), r"monitor: received 3; expected the name of a number"),
        (
            lambda: callbacks.EarlyStopping(baseline="0.5"),
            r"baseline: received '0.5'; expected a fi",
        ),
        (lambda: callbacks.EarlyStopping(min_delta=np.nan), r"min_delta: received nan; expected a"),
        (lambda: callbacks.ReduceLROnPlateau(min_lr=-1), r"min_lr: received -1; expected a number"),
        (lambda: callbacks.LearningRateScheduler(5), r"schedule: received 5; expected a function"),
        (
            lambda: callbacks.CSVLogger("x.csv", ";;"),
            r"separator: received ';;'; expected one char",
        ),
        (
            lambda: callbacks.ModelCheckpoint("m", mode="up"),
            r"mode: received 'up'; expected 'auto'",
        ),
        (
            lambda: callbacks.ModelCheckpoint("m{epoch"),
            r"filepath: received 'm{epoch' \(.*; expected",
        ),
        (
            lambda: callbacks.ModelCheckpoint(3),
            r"\[ModelCheckpoint\] received 3; expected the path",
        ),
        (lambda: callbacks.ModelCheckpoint("m", 3), r"monitor: received 3; expected the name"),
        (
            lambda: callbacks.ModelCheckpoint("m", initial_value_threshold="x"),
            r"initial_value_threshold: received 'x'; expected a finite number",
        ),
        (lambda: callbacks.LambdaCallback(on_end=print), r"received 'on_end'; expected some of on"),
        (lambda: callbacks.LambdaCallback(on_epoch_end=3), r"on_epoch_end: received 3; expected a"),
        (
            lambda: _model().fit(
                np.ones((4, 3)),
                np.ones(4),
                callbacks=callbacks.LearningRateScheduler(lambda epoch: None),
                verbose=0,
            ),
            r"schedule: returned None for epoch 0; expected a number",
        ),
        (
            lambda: _model().evaluate(np.ones((4, 3)), np.ones(4), callbacks=3),
            r"\[evaluate\] callbacks: received 3",
        ),
    ],
)
def test_errors(create, message):
    with pytest.raises(ValueError, match=message):
        create()
