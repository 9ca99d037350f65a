"""Training that is interrupted, and goes on as if it had not been."""

import errno
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hostile_files import metadata_of, rewritten

import fastdnn as fd
from fastdnn import callbacks, files, layers, optimizers


class InterruptionError(Exception):
    pass


class Interrupt(callbacks.Callback):
    """Raises after so many batches."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        self.steps -= 1
        if self.steps == 0:
            raise InterruptionError


class InterruptEpoch(callbacks.Callback):
    """Raises at the end of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise InterruptionError


def _model():
    return fd.Sequential(
        [
            fd.Input(shape=(16,)),
            fd.augment.RandomTranslation(0.2, 0.2, image_shape=(4, 4)),
            layers.Dense(9, "elu", kernel_regularizer="l2", kernel_constraint="max_norm"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )


def _two_outputs():
    a, b = fd.Input(shape=(16,), name="a"), fd.Input(shape=(16,), name="b")
    shared = layers.Dense(6, "tanh", name="shared")
    hidden = layers.Dropout(0.2)(layers.Concatenate()([shared(a), shared(b)]))
    classes = layers.Dense(3, "softmax", name="classes")(hidden)
    return fd.Model([a, b], [classes, layers.Dense(1, name="number")(hidden)])


def _data(rng, rows=70):
    return rng.standard_normal((rows, 16)).astype(np.float32), rng.integers(0, 3, rows)


def _everything(model, history, own):
    """Return what has to be the same, to the last bit."""
    slots = model._current_binding().slots()
    named = model.named_weights()
    return {
        "weights": [weight.tobytes() for weight in model.get_weights()],
        "slots": {(name, named[w]): np.array(view).tobytes() for (name, w), view in slots.items()},
        "iterations": model.optimizer.iterations,
        "history": (history.epoch, history.history),
        "callbacks": [str(callback.get_state()) for callback in own],
        "seed": model.seed,
        "passes": model._passes,
    }


def _with_adam(model):
    model.compile("adam", "sparse_categorical_crossentropy")


def _compiled():
    model = _model()
    _with_adam(model)
    return model


class Run:
    """A fit that can be interrupted and go on in another model."""

    def __init__(self, folder, data, watchers=list, make=None, compile=None, **fit):
        self.path = folder / "backup.safetensors"
        self.make, self.compile = make or _model, compile or _with_adam
        self.data, self.watchers = data, watchers
        self.fit = {"batch_size": 16, "epochs": 5, "verbose": 0, **fit}

    def go(self, seed, *more, save_freq="epoch", delete=True):
        fd.set_seed(seed)
        model, own = self.make(), self.watchers()
        self.compile(model)
        backup = callbacks.BackupAndRestore(self.path, save_freq, delete_checkpoint=delete)
        arguments = {"callbacks": [backup, *own, *more], **self.fit}
        history = model.fit(*self.data(), **arguments)
        return _everything(model, history, own)

    def interrupted(self, seed, *more, save_freq="epoch"):
        with pytest.raises(InterruptionError):
            self.go(seed, *more, save_freq=save_freq)

    def check(self, interruptions, save_freq):
        """Compare a run with one that is interrupted again and again."""
        expected = self.go(1)
        assert not self.path.exists()
        for interruption in interruptions:
            self.interrupted(1 if not self.path.exists() else 2, interruption, save_freq=save_freq)
        assert self.go(3, save_freq=save_freq) == expected
        assert not self.path.exists()


def _watchers():
    return [
        callbacks.EarlyStopping("val_loss", patience=20, restore_best_weights=True),
        callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=10.0),
        callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
    ]


OPTIMIZERS = {
    "Adam": lambda: optimizers.Adam(0.01, clipnorm=1.0, amsgrad=True),
    "EMA": lambda: optimizers.SGD(0.1, momentum=0.9, use_ema=True, ema_overwrite_frequency=4),
    "accumulation": lambda: optimizers.AdamW(
        0.01, gradient_accumulation_steps=3, global_clipnorm=1.0
    ),
    "several": lambda: optimizers.MultiOptimizer(
        [(optimizers.Ftrl(0.1), "dense"), (optimizers.Nadam(0.01), ".*")]
    ),
}


@pytest.mark.parametrize("save_freq", ["epoch", 1, 4])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_same_bits(tmp_path, rng, optimizer, save_freq):
    x, y = _data(rng)

    def watchers():
        # A rate of several optimizers cannot be set by LearningRateScheduler.
        return _watchers()[:2] if optimizer == "several" else _watchers()

    run = Run(
        tmp_path,
        lambda: (x, y),
        watchers,
        compile=lambda model: model.compile(
            OPTIMIZERS[optimizer](), "sparse_categorical_crossentropy", metrics=["accuracy"]
        ),
        validation_split=0.1,
        epochs=8,
    )
    # Four batches an epoch. An interruption counts from where its fit begins.
    steps = rng.integers(4, 8, 3)
    run.check([InterruptEpoch(0), *map(Interrupt, steps), InterruptEpoch(6)], save_freq)


def test_with_a_schedule_and_all_kinds_of_metrics(tmp_path, rng):
    x, y = _data(rng)
    y = np.eye(3, dtype=np.float32)[y]
    rate = optimizers.schedules.CosineDecayRestarts(0.01, 7)
    run = Run(
        tmp_path,
        lambda: (x, y),
        compile=lambda model: model.compile(
            optimizers.RMSprop(rate, centered=True),
            "categorical_crossentropy",
            metrics=["AUC", fd.metrics.F1Score(average="macro"), "accuracy", "R2Score"],
            weighted_metrics=["Recall"],
        ),
        sample_weight=rng.uniform(0.5, 1.5, 70),
        steps_per_epoch=7,
        shuffle=True,
    )
    run.check([Interrupt(9), Interrupt(8), Interrupt(11)], 3)


def test_several_inputs_and_outputs(tmp_path, rng):
    x, y = [_data(rng)[0] for _ in range(2)], [_data(rng)[1], rng.standard_normal(70)]
    run = Run(
        tmp_path,
        lambda: (x, y),
        make=_two_outputs,
        compile=lambda model: model.compile("adam", ["sparse_categorical_crossentropy", "mse"]),
    )
    run.check([Interrupt(7), Interrupt(6)], 2)


@pytest.mark.parametrize("steps", [None, 4])
def test_iterators(tmp_path, rng, steps):
    x, y = _data(rng)

    class Batches:
        def __iter__(self):
            return ((x[i : i + 10], y[i : i + 10]) for i in range(0, 70, 10))

    def forever():
        while True:
            yield from Batches()

    run = Run(
        tmp_path,
        lambda: (Batches() if steps is None else forever(),),
        batch_size=None,
        steps_per_epoch=steps,
    )
    run.check([Interrupt(9), Interrupt(3), InterruptEpoch(3)], 2)


def test_lbfgs(tmp_path, rng):
    x, y = _data(rng)
    run = Run(
        tmp_path,
        lambda: (x, y),
        make=lambda: fd.Sequential(
            [fd.Input(shape=(16,)), layers.Dense(5, "tanh"), layers.Dense(3)]
        ),
        compile=lambda model: model.compile(
            optimizers.LBFGS(history_size=3),
            fd.losses.SparseCategoricalCrossentropy(from_logits=True),
        ),
        epochs=9,
    )
    run.check([InterruptEpoch(1), InterruptEpoch(6)], "epoch")


def test_frozen_layers_and_their_cache(tmp_path, rng):
    x, y = _data(rng)

    def make():
        model = fd.Sequential(
            [fd.Input(shape=(16,)), layers.Dense(9, "elu", name="low"), layers.Dense(3, "softmax")]
        )
        model.freeze("low")
        return model

    run = Run(tmp_path, lambda: (x, y), make=make)
    run.check([Interrupt(8), Interrupt(5)], 3)


def test_the_files_of_other_callbacks(tmp_path, rng):
    x, y = _data(rng)
    folder = tmp_path / "one"

    def watchers():
        return [
            callbacks.CSVLogger(folder / "log.csv"),
            callbacks.ModelCheckpoint(
                folder / "{epoch}.safetensors", "loss", save_best_only=True, max_to_keep=2
            ),
        ]

    run = Run(tmp_path, lambda: (x, y), watchers, validation_split=0.2)
    folder.mkdir()
    run.go(1)
    log = (folder / "log.csv").read_bytes()
    names = sorted(path.name for path in folder.iterdir())
    assert log.count(b"\n") == 6 and 2 <= len(names) <= 3
    models = [(folder / name).read_bytes() for name in names]
    for path in folder.iterdir():
        path.unlink()
    run.interrupted(1, Interrupt(10), save_freq=3)
    run.interrupted(1, InterruptEpoch(3), save_freq=5)  # two batches behind the lines of the log
    run.go(2)
    assert (folder / "log.csv").read_bytes() == log
    assert sorted(path.name for path in folder.iterdir()) == names
    assert [(folder / name).read_bytes() for name in names] == models


def test_a_fit_that_had_ended_is_not_begun_again(tmp_path, rng):
    x, y = _data(rng)
    run = Run(
        tmp_path,
        lambda: (x, y),
        lambda: [callbacks.EarlyStopping("loss", restore_best_weights=True)],
        compile=lambda model: model.compile(
            optimizers.SGD(0.1, use_ema=True), "sparse_categorical_crossentropy"
        ),
    )
    expected = run.go(1, delete=False)
    assert run.path.exists()
    assert run.go(2, delete=False) == expected
    assert run.go(2) == expected and not run.path.exists()


def test_time_that_is_over_does_not_end_training(tmp_path, rng):
    x, y = _data(rng)
    run = Run(tmp_path, lambda: (x, y), _watchers, validation_split=0.1)
    expected = run.go(1)
    run.fit["max_seconds"] = 1e-9  # a batch or a slice of time each
    for seed in range(2, 60):
        found = run.go(seed if run.path.exists() else 1, save_freq=1)
        if not run.path.exists():
            break
    assert found == expected


class Counter(callbacks.Callback):
    """Has a state only now and then, and opens what it needs when training begins."""

    def __init__(self, first):
        super().__init__()
        self.first, self.count, self.file = first, 0, None

    def on_train_begin(self, logs=None):
        self.file = []

    def on_epoch_end(self, epoch, logs=None):
        self.count += 1
        self.file.append(epoch)

    def get_state(self):
        return {"count": self.count, "array": np.arange(self.count)} if self.count % 2 else {}

    def set_state(self, state):
        self.file.append(state)
        self.count += state["count"]


def test_callbacks_of_ones_own(tmp_path, rng):
    x, y = _data(rng)
    run = Run(tmp_path, lambda: (x, y))
    one, two = Counter(1), Counter(2)
    two.count = 1
    run.interrupted(1, one, two, InterruptEpoch(1), save_freq=4)
    assert (one.count, two.count) == (2, 3)
    one, two = Counter(1), Counter(2)
    run.go(2, one, two)
    # The file is that of the end of the first epoch: 1 and none.
    assert one.file[0]["count"] == 1 and one.file[1:] == [1, 2, 3, 4] and one.count == 5
    assert two.file == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "array", [np.ones(2, ">f4"), np.ones(2, complex), np.array(["a"]), np.ma.ones(2)]
)
def test_states_that_no_file_can_hold(tmp_path, rng, array):
    class Odd(callbacks.Callback):
        def get_state(self):
            return {"a": array}

    x, y = _data(rng)
    run = Run(tmp_path, lambda: (x, y))
    with pytest.raises(ValueError, match=r"\[save\] callback/0/a/0: received .*; expected an arra"):
        run.go(1, Odd())


def test_savers_do_not_share_files(tmp_path, rng, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = _data(rng)
    model = _compiled()
    checkpoint, backup = callbacks.ModelCheckpoint, callbacks.BackupAndRestore
    model.fit(x, y, callbacks=[checkpoint("p{epoch}")], verbose=0)
    before = (tmp_path / "p1").read_bytes()
    for savers in (
        (checkpoint("p{epoch}"), backup(tmp_path / "p1")),
        (backup("same"), checkpoint("./same")),
        (checkpoint("a{epoch:03d}-{loss:.2e}"), checkpoint("a007-1.25e-03")),
        (checkpoint("{epoch}"), checkpoint("{epoch}", save_freq=2)),
    ):
        message = r"\[fit\] callbacks: received .*, which may write the same file; expected"
        with pytest.raises(ValueError, match=message):
            model.fit(x, y, callbacks=savers, verbose=0)
    assert (tmp_path / "p1").read_bytes() == before
    apart = [checkpoint("c{epoch}"), checkpoint("c-best"), checkpoint("c{epoch}-w"), backup("c{}")]
    model.fit(x, y, callbacks=apart, verbose=0)
    assert {path.name for path in tmp_path.iterdir()} == {"p1", "c1", "c-best", "c1-w"}


def test_a_missing_folder_is_found_before_training(tmp_path, rng):
    x, y = _data(rng)
    model = _compiled()
    before = model.get_weights()
    for saver in (
        callbacks.ModelCheckpoint(tmp_path / "no folder" / "{epoch}", period=3),
        callbacks.BackupAndRestore(tmp_path / "no folder" / "b"),
    ):
        with pytest.raises(FileNotFoundError, match="there is no folder"):
            model.fit(x, y, epochs=4, callbacks=[saver], verbose=0)
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_what_kills_have_left_is_removed(tmp_path, rng):
    x, y = _data(rng)
    for name in (".b.0123456789ab", ".w1.0123456789ab", ".w2.0123456789ab", ".w1.other"):
        (tmp_path / name).touch()
    savers = [
        callbacks.BackupAndRestore(tmp_path / "b"),
        callbacks.ModelCheckpoint(tmp_path / "w{epoch}"),
    ]
    _compiled().fit(x, y, callbacks=savers, verbose=0)
    assert {path.name for path in tmp_path.iterdir()} == {"w1", ".w1.other", ".w2.0123456789ab"}


def test_files_that_a_fit_has_not_written_are_not_deleted(tmp_path, rng):
    x, y = _data(rng)
    victim = tmp_path / "victim"
    victim.write_text("precious")

    def watchers():
        return [callbacks.ModelCheckpoint(tmp_path / "m{epoch}.safetensors", max_to_keep=1)]

    run = Run(tmp_path, lambda: (x, y), watchers)
    run.interrupted(1, InterruptEpoch(2))
    for kept in ([str(victim)], [1], [None], [str(tmp_path)], [str(tmp_path / "m/../victim")]):
        text = json.loads(metadata_of(run.path)["fit"])
        [state] = [
            item["state"] for item in text["callbacks"] if item["class_name"] == "ModelCheckpoint"
        ]
        state["kept"] = kept
        rewritten(run.path, fit=text)
        with pytest.raises(
            ValueError, match=r"filepath: the file's fit has written .*; expected n"
        ):
            run.go(1)
    assert victim.read_text() == "precious"


def test_an_error_of_the_writer_keeps_that_of_a_callback(tmp_path, rng):
    x, y = _data(rng)
    folder = tmp_path / "gone"
    folder.mkdir()

    class Remove(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                folder.rmdir()
            if epoch == 1:
                raise InterruptionError

    model = _compiled()
    save = callbacks.ModelCheckpoint(folder / "m.safetensors")
    with pytest.raises(FileNotFoundError, match="there is no folder") as error:
        model.fit(x, y, epochs=3, callbacks=[Remove(), save], verbose=0)
    assert isinstance(error.value.__context__, InterruptionError)
    model.fit(x, y, verbose=0)


def test_early_stopping_stays_stopped(tmp_path, rng):
    x, y = _data(rng)

    def watchers():
        return [callbacks.EarlyStopping("loss", min_delta=10.0, patience=2)]

    run = Run(
        tmp_path,
        lambda: (x, y),
        watchers,
        compile=lambda model: model.compile("sgd", "sparse_categorical_crossentropy"),
        epochs=9,
    )
    expected = run.go(1, delete=False)
    assert expected["history"][0] == [0, 1, 2]
    assert run.go(2) == expected


def test_files_of_model_checkpoint_do_as_well(tmp_path, rng):
    x, y = _data(rng)
    run = Run(tmp_path, lambda: (x, y))
    every = callbacks.ModelCheckpoint(tmp_path / "{epoch}.safetensors", period=2, max_to_keep=2)
    expected = run.go(1, every)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"2.safetensors", "4.safetensors"}
    (tmp_path / "2.safetensors").rename(run.path)
    again = callbacks.ModelCheckpoint(tmp_path / "{epoch}.safetensors", period=2, max_to_keep=2)
    assert run.go(2, again) == expected


def test_a_backup_can_be_loaded_and_trained(tmp_path, rng):
    x, y = _data(rng)
    run = Run(tmp_path, lambda: (x, y), _watchers, validation_split=0.1)
    run.interrupted(1, Interrupt(7), save_freq=5)
    model = fd.load_model(run.path)
    assert model.optimizer.iterations == 5
    model.fit(x, y, verbose=0)
    other = _model()
    assert len(other.load_weights(run.path).loaded) == len(other.weights)


def _other_beta(model):
    model.compile(optimizers.Adam(0.5, beta_1=0.8), "sparse_categorical_crossentropy")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"batch_size": 17}, r"received a fit with batch_size 17; the file's has 16; use the same"),
        ({"shuffle": False}, r"received a fit with shuffle False; the file's has True"),
        ({"data": 30}, r"received a fit with rows 30; the file's has 70"),
        (
            {"compile": _other_beta},
            r"another model; compile\.optimizer\.config\.beta_1 is 0\.9 in the file and 0\.8 here",
        ),
        ({"make": _two_outputs}, r"another model; architecture\.class_name is 'Sequential' in the"),
        ({"watchers": list}, r"has a callback EarlyStopping, and this one has no such one, or few"),
    ],
)
def test_another_fit_is_refused_and_nothing_changed(tmp_path, rng, changes, message):
    x, y = _data(rng)
    run = Run(tmp_path, lambda: (x, y), _watchers, validation_data=(x, y))
    run.interrupted(1, Interrupt(6), save_freq=2)
    content = run.path.read_bytes()
    if "data" in changes:
        run.data = lambda: (x[: changes["data"]], y[: changes["data"]])
    if changes.get("make"):
        run.data = lambda: ([x, x], [y, np.ones(70)])
        run.compile = lambda model: model.compile(
            "adam", ["sparse_categorical_crossentropy", "mse"]
        )
        run.fit["validation_data"] = run.data()
    for name in ("make", "compile", "watchers"):
        setattr(run, name, changes.get(name, getattr(run, name)))
    run.fit |= {name: changes[name] for name in ("batch_size", "shuffle") if name in changes}
    models = []
    make = run.make
    run.make = lambda: models.append(make()) or models[0]
    fd.set_seed(5)
    before = make().get_weights()
    with pytest.raises(ValueError, match=message):
        run.go(5)
    for a, b in zip(before, models[0].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert models[0].optimizer.iterations == 0 and run.path.read_bytes() == content


def test_fewer_epochs_than_there_were(tmp_path, rng):
    x, y = _data(rng)
    model = _compiled()
    backup = callbacks.BackupAndRestore(tmp_path / "b", delete_checkpoint=False)
    model.fit(x, y, epochs=4, callbacks=[backup], verbose=0)
    model.fit(x, y, epochs=4, callbacks=[backup], verbose=0)
    content = (tmp_path / "b").read_bytes()
    with pytest.raises(
        ValueError, match=r"received 3; the file's fit has ended 4; expected at leas"
    ):
        model.fit(x, y, epochs=3, callbacks=[backup], verbose=0)
    assert (tmp_path / "b").read_bytes() == content


def test_a_backup_names_no_file_that_could_not_be_written(tmp_path, rng, monkeypatch):
    x, y = _data(rng)
    write, written = files.write, []

    def full(where, path, *rest):
        if where == "ModelCheckpoint" and len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(where, path, *rest)
        written.append(where)

    monkeypatch.setattr(files, "write", full)
    model = _compiled()
    with pytest.raises(OSError, match="No space left"):
        model.fit(
            *(x, y),
            epochs=3,
            callbacks=[
                callbacks.BackupAndRestore(tmp_path / "b"),
                callbacks.ModelCheckpoint(tmp_path / "{epoch}.safetensors"),
            ],
            verbose=0,
        )
    assert written == ["ModelCheckpoint", "BackupAndRestore"]  # of the first epoch
    assert (tmp_path / "1.safetensors").exists()
    assert b"2.safetensors" not in (tmp_path / "b").read_bytes()


def test_it_says_where_it_goes_on(tmp_path, rng, capsys):
    x, y = _data(rng)
    run = Run(tmp_path, lambda: (x, y), verbose=2)
    run.interrupted(1, Interrupt(7), save_freq=3)
    capsys.readouterr()
    run.go(1, delete=False)
    assert capsys.readouterr().out.startswith(
        "Goes on after 1 of 5 epochs and 1 batches\nEpoch 2/5"
    )
    run.go(1)
    assert capsys.readouterr().out == "Goes on after 5 of 5 epochs\n"


def test_files_that_hold_no_fit(tmp_path, rng):
    x, y = _data(rng)
    run = Run(tmp_path, lambda: (x, y))
    model = _model()
    run.compile(model)
    model.save(run.path)
    with pytest.raises(ValueError, match=r"\[fit .*\] the file holds no fit to go on with; expect"):
        run.go(1)
    run.path.unlink()
    run.interrupted(1, Interrupt(6), save_freq=2)
    whole = run.path.read_bytes()
    for fit in ({}, {"epoch": 1}, 3, {"epoch": 1, "batches": 2, "callbacks": [3]}):
        run.path.write_bytes(whole)
        rewritten(run.path, fit=fit)
        with pytest.raises(ValueError, match=r"holds no fit|metadata is damaged"):
            run.go(1)
    run.path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(
        ValueError, match=r"\[fit .*\] .*: the file is damaged: the numbers are not"
    ):
        run.go(1)
    rewritten_file = metadata_of(run.path)
    assert rewritten_file["format_version"] == "2"


def test_arguments():
    for arguments, message in (
        (
            ("x", 0),
            r"\[BackupAndRestore\] save_freq: received 0; expected an integer of at least 1",
        ),
        (("x", "batch"), r"save_freq: received 'batch'; expected 'epoch' or a number of b"),
        (("x.keras",), r"received 'x.keras'; fastdnn writes safetensors; use 'x.safetensors'"),
    ):
        with pytest.raises(ValueError, match=message):
            callbacks.BackupAndRestore(*arguments)
    with pytest.raises(ValueError, match=r"delete_checkpoint: received 2; expected True or False"):
        callbacks.BackupAndRestore("x", delete_checkpoint=2)


# What is killed: everything with a state is there, and most of the time goes into writing.
PROGRAM = """
import sys, numpy as np, fastdnn as fd
from fastdnn import callbacks, layers
backup, final = sys.argv[1:]
rng = np.random.default_rng(1)
x, y = rng.standard_normal((400, 64)).astype(np.float32), rng.integers(0, 3, 400)
model = fd.Sequential([
    fd.Input(shape=(64,)),
    fd.augment.RandomTranslation(0.2, 0.2, image_shape=(8, 8)),
    layers.Dense(50, "elu"), layers.BatchNormalization(), layers.Dropout(0.3),
    layers.Dense(3, activation="softmax"),
])
rate = fd.optimizers.schedules.ExponentialDecay(0.01, 10, 0.95)
model.compile(fd.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
if len(sys.argv) == 3:
    print("ready", flush=True)
stopping = callbacks.EarlyStopping("val_loss", patience=4, restore_best_weights=True)
model.fit(x, y, batch_size=20, epochs=12, validation_split=0.25, verbose=0,
          callbacks=[stopping, callbacks.BackupAndRestore(backup, save_freq=2)])
model.save_weights(final)
"""


def test_killed_at_fifty_random_moments(tmp_path, rng):
    backup, final = tmp_path / "backup.safetensors", tmp_path / "final.safetensors"
    command = [sys.executable, "-c", PROGRAM, str(backup), str(final)]

    def begin(seed):
        # Another seed every time: the run's own one comes from the file.
        program = f"import fastdnn; fastdnn.set_seed({seed})" + PROGRAM
        process = subprocess.Popen(
            [*command[:2], program, *command[3:]], stdout=subprocess.PIPE, text=True
        )
        with process.stdout:
            assert process.stdout.readline() == "ready\n"
        return process

    started = time.perf_counter()
    assert begin(1).wait() == 0
    longest = time.perf_counter() - started
    expected = final.read_bytes()
    kills = whole_runs = while_writing = 0
    while kills < 50:
        final.unlink(missing_ok=True)
        process = begin(2 if backup.exists() else 1)
        time.sleep(rng.uniform(0.0, 0.5 * longest))
        process.kill()
        if process.wait() == 0:
            assert final.read_bytes() == expected and not backup.exists()
            whole_runs += 1
            continue
        assert process.returncode == -signal.SIGKILL
        kills += 1
        while_writing += any(path.name.startswith(".backup") for path in tmp_path.iterdir())
    if process.returncode != 0:
        assert begin(2 if backup.exists() else 1).wait() == 0
    assert final.read_bytes() == expected
    assert not [path for path in tmp_path.iterdir() if "backup" in path.name]  # nor leftovers
    print(f"{kills} kills, {while_writing} while writing, {whole_runs + 1} runs came to their end")
