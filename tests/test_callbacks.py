import contextlib
import os
import re
import subprocess
import sys

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
    assert record.params == {"verbose": 0, "epochs": 2, "steps": 2, "validates": False}


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


@pytest.mark.parametrize(
    "name, call",
    [
        ("compile", lambda model: model.compile("sgd", "mse")),
        ("fit", lambda model: model.fit(np.ones((4, 3)), np.ones(4), verbose=0)),
        ("add", lambda model: model.add(fd.layers.Dense(2))),
        ("pop", lambda model: model.pop()),
    ],
)
@pytest.mark.parametrize("event", ["on_train_begin", "on_train_batch_end", "on_epoch_end"])
def test_callbacks_cannot_change_what_is_trained(name, call, event):
    messages = []

    def refused(self, *arguments):
        with pytest.raises(
            RuntimeError, match=rf"\[{name}\] received a call while fit runs"
        ) as error:
            call(self.model)
        messages.append(error)

    model, history = _fit(type("Change", (Callback,), {event: refused})())
    assert messages and len(history.history["loss"]) == 2 and len(model.layers) == 1
    call(model)


def test_after_a_failed_callback_the_model_can_be_compiled():
    class Fail(Callback):
        def on_epoch_end(self, epoch, logs=None):
            failed.append(self.model)
            raise KeyboardInterrupt

    failed = []
    with pytest.raises(KeyboardInterrupt):
        _fit(Fail())
    failed[0].compile("sgd", "mse")


def _terminal_output(monkeypatch, columns, fit=_fit, **kwargs):
    """Return the lines that a fit leaves on a terminal of so many columns."""
    fcntl, pty = pytest.importorskip("fcntl"), pytest.importorskip("pty")
    termios, struct = pytest.importorskip("termios"), pytest.importorskip("struct")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(theirs, "w") as terminal, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", terminal)
        fd.set_seed(1)
        fit(**kwargs)
    out = b""
    # What the terminal has sent is there; at its end there is an error or nothing.
    with os.fdopen(ours, "rb", buffering=0) as sent, contextlib.suppress(OSError):
        while chunk := sent.read(4096):
            out += chunk
    return _shown(out.decode().replace("\r\n", "\n"))


def _shown(text):
    """Return the lines that a screen shows: after a carriage return they are written over."""
    lines = []
    for line in text.split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return [line for line in lines if line]


@pytest.mark.parametrize("columns, bar", [(200, True), (100, True), (80, False), (70, False)])
def test_the_line_fits_the_terminal(monkeypatch, columns, bar):
    lines = _terminal_output(monkeypatch, columns, verbose=1, epochs=1, validation_split=0.5)
    assert lines[-1].startswith("Epoch 1/1") and len(lines[-1].rstrip()) <= columns
    for name in ("loss=", "mae=", "val_loss=", "val_mae="):
        assert f"{name}" in lines[-1]
    assert ("|" in lines[-1]) == bar


def test_numbers_that_fit_no_line_get_one_of_their_own(monkeypatch):
    lines = _terminal_output(monkeypatch, 40, verbose=1, epochs=1, validation_split=0.5)
    assert lines[-1].startswith("loss=") and "val_mae=" in lines[-1]


class Say(Callback):
    def on_epoch_begin(self, epoch, logs=None):
        print(f"{epoch} begins")

    def on_epoch_end(self, epoch, logs=None):
        print(f"{epoch} ends")


def _is_orderly(lines):
    """Whether every message has a line of its own, and every epoch a line with its numbers."""
    assert [lines[i] for i in (0, 1, 3, 4)] == ["0 begins", "0 ends", "1 begins", "1 ends"]
    for line, epoch in ((lines[2], 1), (lines[5], 2)):
        assert line.startswith(f"Epoch {epoch}/2: 100%|") and "loss=" in line and "mae=" in line
    return len(lines) == 6


def test_what_callbacks_print_is_not_mixed_with_the_bar(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert _is_orderly(_terminal_output(monkeypatch, 120, verbose="auto", callbacks=Say()))


def test_a_loss_that_is_not_finite_leaves_the_bar_where_it_was(monkeypatch):
    class Spoil(Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.model.layers[0].kernel.value[...] = np.nan

    with pytest.warns(RuntimeWarning, match="epoch 1, batch 1"):
        lines = _terminal_output(monkeypatch, 300, verbose=1, callbacks=Spoil())
    assert lines[0].startswith("Epoch 1/2:  50%|") and len(lines) == 1


def test_a_terminal_that_cannot_rewrite_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    lines = _terminal_output(monkeypatch, 120, verbose="auto")
    assert [line[:14] for line in lines] == ["Epoch 1/2 - 0.", "Epoch 2/2 - 0."]


class Stream:
    """An output of which nothing is known."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass


# What notebooks print to.
NotebookStream = type("OutStream", (Stream,), {"__module__": "ipykernel.iostream"})


def _output(monkeypatch, stream, **kwargs):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        model, _ = _fit(**kwargs)
        for verbose in ("auto", 1, 2):
            model.evaluate(np.ones((4, 3)), np.ones(4), verbose=verbose)
            model.predict(np.ones((4, 3)), batch_size=2, verbose=verbose)
    return stream


def test_a_notebook_shows_a_bar(monkeypatch):
    text = _output(monkeypatch, NotebookStream(), verbose="auto", callbacks=Say()).text
    *lines, _, _, _ = _shown(text)  # three are those of evaluate
    assert _is_orderly(lines)


def test_an_output_that_only_writes(monkeypatch):
    text = _output(monkeypatch, Stream(), verbose="auto").text
    assert "\r" not in text and text.startswith("Epoch 1/2 - 0.")
    assert "Epoch 1/2: 100%|" in _shown(_output(monkeypatch, Stream(), verbose=1).text)[0]


@pytest.mark.parametrize("verbose", [0, 1, 2, "auto"])
def test_a_file_gets_lines(monkeypatch, tmp_path, verbose):
    with (tmp_path / "log.txt").open("w") as file:
        _output(monkeypatch, file, verbose=verbose)
    lines = (tmp_path / "log.txt").read_bytes().decode().split("\n")
    assert "\r" not in "".join(lines)
    epochs = [line[:14] for line in lines if line.startswith("Epoch")]
    assert epochs == (["Epoch 1/2 - 0.", "Epoch 2/2 - 0."] if verbose else [])
    assert len(lines) == len(epochs) + 3 + 1  # evaluate's, and what is after the last


@pytest.mark.parametrize("verbose", [0, 1, 2, "auto"])
def test_without_any_output(monkeypatch, verbose):
    assert _output(monkeypatch, None, verbose=verbose) is None


def test_a_pipe_gets_ascii_where_it_takes_no_more(tmp_path):
    code = (
        "import numpy as np, fastdnn as fd\n"
        "model = fd.Sequential([fd.layers.Dense(1)])\n"
        "model.compile('sgd', 'mse')\n"
        "model.fit(np.ones((4, 2)), np.ones(4), verbose=1)\n"
        "model.fit(np.ones((4, 2)), np.ones(4), verbose='auto')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )
    bar, line = _shown(done.stdout.decode("ascii"))
    assert bar.startswith("Epoch 1/1: 100%|##########| 1/1 [")
    assert line.startswith("Epoch 1/1 - 0.") and done.stderr == b""


def test_a_bar_whose_end_nobody_knows(monkeypatch):
    def fit(**kwargs):
        model = fd.Sequential([fd.layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(((np.ones((4, 2)), np.ones(4)) for _ in range(3)), **kwargs)

    for columns, pattern in (
        (120, r"Epoch 1/1: 3it \[00:0\d, .*it/s, loss=0\.\d+\]"),
        (44, r"Epoch 1/1: 3it \[00:0\d, loss=0\.\d+\]"),
        (28, r"Epoch 1/1, loss=0\.\d+"),
    ):
        (line,) = _terminal_output(monkeypatch, columns, fit, verbose=1)
        assert re.fullmatch(pattern, line), line
