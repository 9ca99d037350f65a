import numpy as np
import pytest

import fastdnn as fd
from fastdnn.callbacks import Callback, format_logs


class Record(Callback):
    def __init__(self):
        super().__init__()
        self.events = []

    def on_train_begin(self, logs=None):
        self.events.append("train begin")

    def on_train_end(self, logs=None):
        self.events.append(f"train end {sorted(logs)}")

    def on_epoch_begin(self, epoch, logs=None):
        self.events.append(f"epoch {epoch} begin")

    def on_epoch_end(self, epoch, logs=None):
        self.events.append(f"epoch {epoch} end {sorted(logs)}")


class RecordBatches(Record):
    def on_train_batch_begin(self, batch, logs=None):
        self.events.append(f"batch {batch} begin")

    def on_train_batch_end(self, batch, logs=None):
        self.events.append(f"batch {batch} end {sorted(logs)}")


def _fit(callbacks=None, **kwargs):
    model = fd.Sequential([fd.Input(shape=(3,)), fd.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    x = np.ones((10, 3), np.float32)
    arguments = {"batch_size": 5, "verbose": 0, "epochs": 2} | kwargs
    return model, model.fit(x, x[:, 0], callbacks=callbacks, **arguments)


def test_events():
    record = Record()
    _fit([record])
    logs = "['loss', 'mae']"
    assert record.events == [
        "train begin",
        "epoch 0 begin",
        f"epoch 0 end {logs}",
        "epoch 1 begin",
        f"epoch 1 end {logs}",
        f"train end {logs}",
    ]
    assert record.params == {"verbose": 0, "epochs": 2, "steps": 2}


def test_events_of_batches():
    record = RecordBatches()
    _fit(record, epochs=1)
    assert record.events[2:6] == [
        "batch 0 begin",
        "batch 0 end ['loss', 'mae']",
        "batch 1 begin",
        "batch 1 end ['loss', 'mae']",
    ]


def test_batches_change_nothing():
    fd.set_seed(1)
    one, a = _fit()
    fd.set_seed(1)
    two, b = _fit(RecordBatches())
    assert a.history == b.history
    np.testing.assert_array_equal(one.get_weights()[0], two.get_weights()[0])


def test_stop_training():
    class Stop(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 2

    assert _fit(Stop(), epochs=10)[1].epoch == [0, 1, 2]

    class StopAtOnce(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    model, history = _fit(StopAtOnce(), epochs=10)
    assert history.epoch == [0] and model.optimizer.iterations == 1
    assert len(model.fit(np.ones((10, 3)), np.ones(10), epochs=2, verbose=0).epoch) == 2


def test_logs_written_by_a_callback_are_in_the_history():
    class Add(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["learning_rate"] = self.model.optimizer.learning_rate

    assert _fit([Add()])[1].history["learning_rate"] == [0.01, 0.01]


def test_a_line_an_epoch(capsys):
    _fit(verbose="auto", validation_split=0.5)  # the output is captured: no terminal
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Epoch 1/2 - 0.")
    for name in ("loss: ", "mae: ", "val_loss: ", "val_mae: "):
        assert name in lines[1]


def test_a_bar(capsys):
    _fit(verbose=1)
    out = capsys.readouterr().out
    assert "Epoch 1/2: 100%" in out and "2/2" in out and "loss=" in out and "mae=" in out


def test_silence(capsys):
    model, _ = _fit(verbose=0)
    model.evaluate(np.ones((4, 3)), np.ones(4), verbose=0)
    model.predict(np.ones((4, 3)))
    assert capsys.readouterr() == ("", "")


def test_evaluate_prints_a_line(capsys):
    model, _ = _fit()
    for verbose in (1, 2, "auto"):
        model.evaluate(np.ones((4, 3)), np.ones(4), verbose=verbose)
        assert capsys.readouterr().out.startswith("loss: ")


def test_verbose_must_be_known():
    with pytest.raises(ValueError, match=r"\[verbose\] received 3; expected 0, 1, 2 or 'auto'"):
        _fit(verbose=3)


def test_format():
    assert format_logs(
        {"loss": 1e-5, "n": 0.0, "big": 1e7}
    ) == "loss=1.0000e-05, n=0.0000, big=" + ("1.0000e+07")
