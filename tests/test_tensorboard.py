"""Event files, read back by a reader of the tests' own and by TensorBoard's."""

import json
import os
import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conftest import require_keras
from reference import event_file as reference

import fastdnn as fd
from fastdnn.callbacks import Callback, TensorBoard
from fastdnn.callbacks.event_file import EventFile, crc32c, histogram, scalar

# RFC 3720, appendix B.4: 32 bytes each, and an iSCSI command. The sums there are written byte by
# byte from the lowest.
COMMAND = bytes.fromhex(
    "01c00000 00000000 00000000 00000000 14000000 00000400 00000014 00000018 "
    "28000000 00000000 02000000 00000000"
)
VECTORS = [
    (bytes(32), "aa36918a"),
    (b"\xff" * 32, "43aba862"),
    (bytes(range(32)), "4e79dd46"),
    (bytes(range(31, -1, -1)), "5cdb3f11"),
    (COMMAND, "563a96d9"),
]


@pytest.mark.parametrize("data, little_endian", VECTORS)
def test_check_sums_of_the_rfc(data, little_endian):
    expected = int.from_bytes(bytes.fromhex(little_endian), "little")
    assert crc32c(data) == reference.crc32c(data) == expected


def test_check_sums(rng):
    for size in (0, 1, 7, 255, 256, 1000):
        data = rng.bytes(size)
        assert crc32c(data) == reference.crc32c(data)


def _model(name="tanh"):
    model = fd.Sequential(
        [fd.Input((3,), name="x"), fd.layers.Dense(4, name, name="low"), fd.layers.Dense(1)]
    )
    model.compile(fd.optimizers.SGD(0.05), "mse", metrics=["mae"])
    return model


@pytest.fixture
def data(rng):
    """Rows and targets."""
    return tuple(rng.standard_normal((40, width)).astype(np.float32) for width in (3, 1))


def _files(folder):
    return sorted(folder.glob("*tfevents*"))


def _events(folder):
    """All events of a run that has one file, without what every file begins with."""
    (path,) = _files(folder)
    first, *events = reference.read(path)
    assert first == ("version", "brain.Event:2")
    return events


def _scalars(folder):
    """Tag -> step -> number."""
    found = {}
    for plugin, tag, step, array in (event for event in _events(folder) if len(event) == 4):
        if plugin == "scalars":
            assert array.dtype == np.float32 and array.shape == ()
            found.setdefault(tag, {})[step] = float(array)
    return found


def _fit(folder, data, epochs=3, **arguments):
    board = TensorBoard(folder, **arguments)
    model = _model()
    history = model.fit(
        *data, batch_size=10, epochs=epochs, validation_split=0.5, callbacks=board, verbose=0
    )
    return model, history.history


def _by_step(numbers, steps=None):
    """Step -> number, as float32 holds it."""
    return dict(zip(steps or range(len(numbers)), map(float, np.float32(numbers)), strict=True))


def test_scalars_of_epochs(data, tmp_path):
    _, history = _fit(tmp_path, data)
    assert _scalars(tmp_path / "train") == {
        "epoch_loss": _by_step(history["loss"]),
        "epoch_mae": _by_step(history["mae"]),
        "epoch_learning_rate": _by_step([0.05] * 3),
    }
    assert _scalars(tmp_path / "validation") == {
        "epoch_loss": _by_step(history["val_loss"]),
        "epoch_mae": _by_step(history["val_mae"]),
        "evaluation_loss_vs_iterations": _by_step(history["val_loss"], [2, 4, 6]),
        "evaluation_mae_vs_iterations": _by_step(history["val_mae"], [2, 4, 6]),
    }


def test_without_validation_there_is_no_such_run(data, tmp_path):
    _model().fit(*data, callbacks=TensorBoard(tmp_path), verbose=0)
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


def test_scalars_of_batches(data, tmp_path):
    logs = []

    class Record(Callback):
        def on_train_batch_end(self, batch, logs_of_batch=None):
            logs.append(logs_of_batch["loss"])

    for name, freq, steps in (("two", 2, [2, 4, 6, 8]), ("all", "batch", list(range(1, 9)))):
        logs.clear()
        board = TensorBoard(tmp_path / name, update_freq=freq)
        _model().fit(*data, batch_size=10, epochs=2, callbacks=[board, Record()], verbose=0)
        written = _scalars(tmp_path / name / "train")
        assert written["batch_loss"] == _by_step([logs[step - 1] for step in steps], steps)
        assert list(written["batch_mae"]) == steps and list(written["epoch_loss"]) == [0, 1]


def test_only_batches_bring_fit_back_to_python():
    from fastdnn.callbacks import CallbackList

    assert not CallbackList([TensorBoard()], None, {}).wants_batches
    assert CallbackList([TensorBoard(update_freq=5)], None, {}).wants_batches


def test_steps_per_second(data, tmp_path):
    _fit(tmp_path, data, write_steps_per_second=True, update_freq=2)
    written = _scalars(tmp_path / "train")
    assert list(written["epoch_steps_per_second"]) == [0, 1, 2]
    assert list(written["batch_steps_per_second"]) == [2, 4, 6]
    assert all(value > 0 for value in written["batch_steps_per_second"].values())
    # An epoch's two steps fit into it, and with them those whose rate is written.
    assert written["epoch_steps_per_second"][0] < 2 * written["batch_steps_per_second"][2]


def test_histograms_of_all_weights(data, tmp_path):
    model, _ = _fit(tmp_path, data, histogram_freq=2)
    found = [event[1:] for event in _events(tmp_path / "train") if event[0] == "histograms"]
    names = ["low/kernel", "low/bias", "dense/kernel", "dense/bias"]
    assert [(tag, step) for tag, step, _ in found] == [
        (f"{name}/histogram", step) for step in (0, 2) for name in names
    ]
    for (_, _, table), weight in zip(found[4:], model.weights, strict=True):
        numbers = weight.value.ravel().astype(np.float64)
        assert table.shape == (30, 3) and table[:, 2].sum() == numbers.size
        assert table[0, 0] == numbers.min() and table[-1, 1] == numbers.max()


def _table(path, values):
    file = EventFile(path)
    file.write(5, [histogram("w", values)])
    file.close()
    ((plugin, tag, step, table),) = _events(path)
    assert (plugin, tag, step) == ("histograms", "w", 5)
    return table


def test_a_histogram_counts_what_lies_between_its_edges(rng, tmp_path):
    values = rng.standard_normal((31, 33)).astype(np.float32)
    table, values = _table(tmp_path, values), values.astype(np.float64)
    left, right, counts = table.T
    edges = values.min() + (values.max() - values.min()) / 30 * np.arange(30)
    np.testing.assert_array_equal(left[1:], right[:-1])
    # Both took four roundings, each by at most eps / 2 of at most twice the largest number.
    bound = 8 * np.finfo(np.float64).eps * np.abs(values).max()
    np.testing.assert_allclose(left, edges, rtol=0, atol=bound)
    inside = [
        ((values >= low) & (values < high)).sum() for low, high in zip(left, right, strict=True)
    ]
    inside[-1] += (values == values.max()).sum()
    np.testing.assert_array_equal(counts, inside)


@pytest.mark.parametrize(
    "values, expected",
    [
        ([], [0.0, 0.0, 0]),
        ([2.5] * 7, [2.5, 2.5, 7]),
        ([np.nan, np.inf, -np.inf], [0.0, 0.0, 0]),
        ([np.nan, 1.0, np.inf], [1.0, 1.0, 1]),
    ],
)
def test_histograms_of_one_number_and_of_none(values, expected, tmp_path):
    table = _table(tmp_path, np.array(values, np.float32))
    low, high, count = expected
    np.testing.assert_array_equal(table[:, 0], low)
    np.testing.assert_array_equal(table[:, 1], high)
    np.testing.assert_array_equal(table[:, 2], [0] * 29 + [count])


def test_the_graph(data, tmp_path):
    a, b = fd.Input((3,), name="a"), fd.Input((3,), name="b")
    shared = fd.layers.Dense(4, name="shared")
    tower = fd.Sequential([fd.Input((4,)), fd.layers.Dense(2)], name="tower")
    both = fd.layers.Concatenate(name="both")([shared(a), shared(b)])
    model = fd.Model([a, b], fd.layers.Dense(1, name="out")(both))
    other = fd.Model(a, fd.layers.Dense(1, name="out2")(tower(shared(a))))
    board = TensorBoard(tmp_path)
    for each, x in ((model, [data[0], data[0]]), (other, data[0])):
        each.compile("sgd", "mse")
        each.fit(x, data[1], callbacks=board, verbose=0)
    graphs = [
        event[1]
        for path in _files(tmp_path / "train")
        for event in reference.read(path)
        if event[0] == "graph"
    ]
    # The graph is of the first fit.
    assert graphs == [
        [
            ("a", "Input", []),
            ("b", "Input", []),
            ("shared", "Dense", ["a"]),
            ("shared_call_2", "Dense", ["b"]),
            ("both", "Concatenate", ["shared", "shared_call_2"]),
            ("out", "Dense", ["both"]),
        ]
    ]
    other.fit(data[0], data[1], callbacks=TensorBoard(tmp_path / "tower"), verbose=0)
    assert ("tower", "Sequential", ["shared"]) in _events(tmp_path / "tower" / "train")[0][1]
    other.fit(
        data[0], data[1], callbacks=TensorBoard(tmp_path / "no", write_graph=False), verbose=0
    )
    assert not [event for event in _events(tmp_path / "no" / "train") if event[0] == "graph"]


def test_evaluate_alone_leaves_a_closed_file(data, tmp_path):
    model, board = _model(), TensorBoard(tmp_path)
    model.fit(*data, callbacks=board, verbose=0)
    logs = model.evaluate(*data, callbacks=[board], verbose=0, return_dict=True)
    assert _scalars(tmp_path / "validation") == {
        f"evaluation_{name}_vs_iterations": _by_step([value], [2]) for name, value in logs.items()
    }
    assert _open_files(tmp_path) == []


def _open_files(folder):
    links = Path("/proc/self/fd")
    if not links.is_dir():
        pytest.skip("the system does not say which files are open")
    targets = []
    for link in links.iterdir():
        if link.is_symlink():  # not the one by which the folder is read
            targets.append(os.path.realpath(link))
    return [target for target in targets if target.startswith(os.path.realpath(folder))]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("event", ["on_train_begin", "on_epoch_end", "on_train_end"])
def test_files_are_closed_when_fit_raises(event, error, data, tmp_path):
    seen = []

    def fail(self, *arguments):
        seen.append(_open_files(tmp_path))
        raise error("as a test")

    failing = type("Fail", (Callback,), {event: fail})()
    watchers = [failing, TensorBoard(tmp_path), fd.callbacks.CSVLogger(tmp_path / "log.csv")]
    if event == "on_epoch_end":
        watchers.reverse()
    with pytest.raises(error, match="as a test"):
        _model().fit(*data, callbacks=watchers, verbose=0)
    assert len(seen[0]) == (0 if event == "on_train_begin" else 2)
    assert _open_files(tmp_path) == []
    # What was written is whole.
    if event != "on_train_begin":
        assert _scalars(tmp_path / "train")["epoch_loss"]


def test_all_are_closed_though_one_cannot_be(data, tmp_path):
    class Fail(Callback):
        def close(self):
            raise ValueError("as a test")

    watchers = [Fail(), TensorBoard(tmp_path), Fail()]
    with pytest.raises(ValueError, match="as a test"):
        _model().fit(*data, callbacks=watchers, verbose=0)
    assert _open_files(tmp_path) == []


def test_tensorboard_reads_it(data, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        loader = pytest.importorskip(
            "tensorboard.backend.event_processing.event_file_loader",
            reason="tensorboard, whose files these are, is not installed",
        )
        from tensorboard.compat.proto.graph_pb2 import GraphDef
        from tensorboard.util.tensor_util import make_ndarray
    _fit(tmp_path, data, histogram_freq=1)
    for run in ("train", "validation"):
        (path,) = _files(tmp_path / run)
        mine = [event for event in reference.read(path) if len(event) == 4]
        events = list(loader.EventFileLoader(str(path)).Load())
        assert events[0].file_version == "brain.Event:2"
        theirs = []
        for event in events:
            for value in event.summary.value:
                plugin = value.metadata.plugin_data.plugin_name
                if plugin != "graphs":
                    theirs.append((plugin, value.tag, event.step, make_ndarray(value.tensor)))
        assert len(theirs) == len(mine) > 0
        for one, two in zip(mine, theirs, strict=True):
            assert one[:3] == two[:3] and one[3].dtype == two[3].dtype
            np.testing.assert_array_equal(one[3], two[3])
        graphs = [GraphDef.FromString(event.graph_def) for event in events if event.graph_def]
        nodes = [
            [(node.name, node.op, list(node.input)) for node in graph.node] for graph in graphs
        ]
        expected = [("x", "Input", []), ("low", "Dense", ["x"]), ("dense", "Dense", ["low"])]
        assert nodes == [expected] * (run == "train")


# Keras's own callback, with a TensorFlow that only notes what it is told.
KERAS = """
import contextlib, json, sys
import keras

written, folders, record = [], [], []

class Writer:
    def __init__(self, folder):
        self.folder = folder.rsplit("/", 1)[-1]
    @contextlib.contextmanager
    def as_default(self, step=None):
        folders.append(self.folder)
        yield
        folders.pop()
    def close(self):
        pass

class Summary:
    create_file_writer = Writer
    @staticmethod
    @contextlib.contextmanager
    def record_if(condition):
        record.append(condition)
        yield
        record.pop()
    @staticmethod
    def scalar(tag, value, step):
        # Keras measures a batch's seconds itself, and asks outside of any writer, too.
        if folders and (not record or not tag.startswith("batch_") or record[-1]()):
            written.append([folders[-1], tag, int(step), float(value)])

def run(update_freq, calls):
    model = type("Model", (), {"optimizer": keras.optimizers.SGD(0.5)})()
    board = keras.callbacks.TensorBoard("logs", write_graph=False, update_freq=update_freq)
    board._summary_module = Summary
    board.set_model(model)
    written.clear()
    for name, arguments, iterations in calls:
        model.optimizer.iterations.assign(iterations)
        getattr(board, name)(*arguments)
    return list(written)

frequencies, calls = json.load(sys.stdin)
print(json.dumps([run(frequency, calls) for frequency in frequencies]))
"""


def _calls(rng):
    """What fit calls in two epochs of three batches, and the optimizer's iterations by then."""

    def logs(prefix=""):
        numbers = np.float32(rng.uniform(size=2)).tolist()
        return dict(zip([f"{prefix}loss", f"{prefix}mae"], numbers, strict=True))

    done = 0
    yield "on_train_begin", [{}], done
    for epoch in range(2):
        yield "on_epoch_begin", [epoch, {}], done
        for batch in range(3):
            yield "on_train_batch_begin", [batch, {}], done
            done += 1
            yield "on_train_batch_end", [batch, logs()], done
        values = logs("val_")
        yield "on_test_begin", [{}], done
        yield "on_test_end", [{name[4:]: value for name, value in values.items()}], done
        yield "on_epoch_end", [epoch, logs() | values], done
    yield "on_train_end", [{}], done


def test_tags_and_steps_are_keras_s(rng, tmp_path):
    require_keras()
    calls, frequencies = list(_calls(rng)), ["epoch", 2]
    done = subprocess.run(
        [sys.executable, "-c", KERAS],
        input=json.dumps([frequencies, calls]),
        capture_output=True,
        text=True,
        check=False,
        env={"KERAS_BACKEND": "numpy", "PATH": ""},
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    for update_freq, expected in zip(frequencies, answers, strict=True):
        folder = tmp_path / str(update_freq)
        optimizer = type("Optimizer", (), {"learning_rate": 0.5, "iterations": 0})()
        board = TensorBoard(folder, write_graph=False, update_freq=update_freq)
        board.set_model(type("Model", (), {"optimizer": optimizer})())
        for name, arguments, iterations in calls:
            optimizer.iterations = iterations
            getattr(board, name)(*arguments)
        assert {row[0] for row in expected} == {"train", "validation"}
        for run in ("train", "validation"):
            mine = [[run, tag, step, float(array)] for _, tag, step, array in _events(folder / run)]
            assert mine == [row for row in expected if row[0] == run]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"update_freq": "step"}, r"update_freq: received 'step'; expected 'epoch', 'batch' or an"),
        ({"update_freq": 0}, r"update_freq: received 0; expected an integer of at least 1"),
        ({"histogram_freq": -1}, r"histogram_freq: received -1; expected an integer of at least 0"),
        ({"write_images": True}, r"write_images: received True; scalars, histograms and the graph"),
        ({"profile_batch": (2, 4)}, r"profile_batch: received \(2, 4\); .*; leave it out"),
        ({"embeddings_freq": 1}, r"embeddings_freq: received 1; scalars"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=rf"\[TensorBoard\] {message}"):
        TensorBoard(**arguments)


def test_the_arguments_are_keras_s():
    require_keras()
    import ast
    import inspect

    source = Path(find_spec("keras").origin).parent / "src" / "callbacks" / "tensorboard.py"
    (init,) = (
        node
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    )
    defaults = [ast.literal_eval(default) for default in init.args.defaults]
    names = [argument.arg for argument in init.args.args[1:]]
    mine = inspect.signature(TensorBoard).parameters
    assert {name: mine[name].default for name in mine} == dict(zip(names, defaults, strict=True))
    assert list(mine) == names


def test_a_folder_that_cannot_be_made(data, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(NotADirectoryError):
        _model().fit(*data, callbacks=TensorBoard(tmp_path / "taken"), verbose=0)


def test_long_names_and_large_steps(tmp_path):
    tag, step = "ä" * 1000, 2**40 + 3
    file = EventFile(tmp_path / "deep" / "run")
    file.write(step, [scalar(tag, float("nan")), scalar("b", 1e300)])
    file.close()
    (_, name, at, nan), (_, _, _, inf) = _events(tmp_path / "deep" / "run")
    assert (name, at) == (tag, step) and np.isnan(nan) and np.isinf(inf)
