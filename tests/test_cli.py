import gzip
import importlib.util
import json
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import at_level

import fastdnn
from fastdnn import _core, cli
from fastdnn.cli import arguments, doctor, problems, train

has_matplotlib = importlib.util.find_spec("matplotlib") is not None
needs_network = pytest.mark.skipif(
    not hasattr(_core, "Network"), reason="the native network is not part of this build"
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Run in an empty folder, so that nothing is written elsewhere."""
    if "PYTHONPATH" in os.environ:  # for the subprocesses, whose folder it is too
        paths = os.environ["PYTHONPATH"].split(os.pathsep)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(os.path.abspath(p) for p in paths))  # noqa: PTH100
    monkeypatch.chdir(tmp_path)
    threads = _core.num_threads()
    yield tmp_path
    _core.set_num_threads(threads)


@pytest.fixture
def run(capsys):
    """Run the command line; returns code, output, errors."""

    def _run(*words):
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as left:
            code = left.code
        captured = capsys.readouterr()
        return SimpleNamespace(code=code, out=captured.out, err=captured.err)

    return _run


def write_table(path, rows=200, seed=0):
    """A table whose columns are easy to learn from: price is a line, colour follows from size."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(1, 5, rows)
    kind = rng.choice(["house", "flat"], rows)
    price = 100_000 * size + 50_000 * (kind == "house")
    colour = np.where(size > 3, "red", "blue")
    lines = ["size,kind,colour,price"]
    for i in range(rows):
        cell = "" if i % 50 == 7 else f"{size[i]:.4f}"
        lines.append(f"{cell},{kind[i]},{colour[i]},{price[i]:.2f}")
    text = "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


class TestMain:
    def test_version(self, run):
        done = run("--version")
        assert (done.code, done.out) == (0, f"fastdnn {fastdnn.__version__}\n")

    def test_as_a_module(self):
        done = subprocess.run(
            [sys.executable, "-m", "fastdnn", "--version"], capture_output=True, text=True
        )
        assert (done.returncode, done.stdout) == (0, f"fastdnn {fastdnn.__version__}\n")

    @pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["doctor", "--help"]])
    def test_help(self, run, words):
        done = run(*words)
        assert done.code == 0 and "usage: fastdnn" in done.out

    @pytest.mark.parametrize("command", ["train", "doctor", "config", "bench"])
    def test_help_names_every_command(self, run, command):
        assert f"    {command}" in run("--help").out

    @pytest.mark.parametrize("words", [["fly"], ["train"], ["train", "digits", "--speed"]])
    def test_wrong_usage(self, run, words):
        done = run(*words)
        assert done.code == 2 and "usage: fastdnn" in done.err and done.out == ""

    def test_no_words_ask_for_help(self, run):
        done = run()
        assert (done.code, done.err) == (0, "") and done.out == run("--help").out

    def test_help_names_the_defaults(self, run):
        text = " ".join(run("train", "--help").out.split())
        for part in ("40 for digits, 10 for mnist", "20 for a table", "(32, or 128 from 10,000"):
            assert part in text

    def test_help_of_bench_explains_its_numbers(self, run):
        text = " ".join(run("bench", "--help").out.split())
        for word in ("medians", "quartiles", "in parentheses", "neighbouring turns"):
            assert word in text

    def test_bench_gets_its_own_words(self, run, monkeypatch):
        seen = []
        stub = SimpleNamespace(main=lambda words: seen.append(words) or 3)
        monkeypatch.setitem(sys.modules, "fastdnn.benchmark", stub)
        monkeypatch.setattr(fastdnn, "benchmark", stub, raising=False)
        assert run("bench", "--quick", "--help").code == 3
        assert seen == [["--quick", "--help"]]

    @pytest.mark.parametrize(
        ("error", "code", "message"),
        [
            (ValueError("[op] what"), 2, "fastdnn: error: what\n"),
            (ValueError("[] [op] what"), 2, "fastdnn: error: [] [op] what\n"),
            (
                MemoryError(),
                2,
                "fastdnn: error: there is not enough memory for this; try smaller "
                "layers, a smaller batch or fewer rows\n",
            ),
            (OSError("no disk"), 2, "fastdnn: error: no disk\n"),
            (ImportError("no plot"), 2, "fastdnn: error: no plot\n"),
            (KeyboardInterrupt(), 130, "\nfastdnn: interrupted\n"),
        ],
    )
    def test_exit_codes(self, run, monkeypatch, error, code, message):
        def fail(_):
            raise error

        monkeypatch.setattr(doctor, "run", fail)
        done = run("doctor")
        assert (done.code, done.err) == (code, message)

    def test_a_bug_is_not_hidden(self, run, monkeypatch):
        monkeypatch.setattr(doctor, "run", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run("doctor")

    def test_a_reader_that_leaves(self):
        # What `fastdnn --help | true` does: the reader of our output is gone before we write.
        code = (
            "import sys; from fastdnn import cli; from fastdnn.cli import doctor\n"
            "doctor.run = lambda _: print('x' * 100_000) or 0\n"
            "sys.exit(cli.main(['doctor']))"
        )
        reading, writing = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, text=True
        )
        os.close(writing)
        os.close(reading)
        _, errors = process.communicate()
        assert (process.returncode, errors) == (0, "")

    def test_starting_up_imports_nothing_large(self):
        code = (
            "import sys, fastdnn.cli\n"
            "print([m for m in ('matplotlib', 'sklearn', 'pandas', 'urllib.request', 'ssl')"
            " if m in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout == "[]\n"


class TestTrainArguments:
    @pytest.mark.parametrize(
        ("option", "value", "message"),
        [
            ("--epochs", "0", "'0' is not a whole number from 1 to 2147483647"),
            ("--epochs", "many", "'many' is not a whole number from 1 to"),
            ("--batch-size", "-1", "'-1' is not a whole number from 1 to"),
            ("--batch-size", "9" * 20, "is not a whole number from 1 to"),
            ("--seed", "-1", "'-1' is not a whole number from 0 to"),
            ("--seed", str(2**64), "is not a whole number from 0 to 18446744073709551615"),
            ("--threads", "0", "'0' is not a whole number from 1 to 256"),
            ("--threads", "257", "'257' is not a whole number from 1 to 256"),
            ("--threads", "9" * 20, "is not a whole number from 1 to"),
            ("--hidden", "9" * 20, "is not a list of layer sizes"),
            ("--hidden", "300,", "'300,' is not a list of layer sizes such as 300,100"),
            ("--hidden", "300,-1", "is not a list of layer sizes"),
            ("--dropout", "1", "'1' is not a number from 0 up to 1, such as 0.2"),
            ("--dropout", "0.999999999", "is not a number from 0 up to 1"),
            ("--dropout", "0.999995", "[Dropout] rate: received 0.999995; expected"),
            ("--dropout", "nan", "'nan' is not a number from 0 up to 1"),
            ("--validation-split", "1.5", "'1.5' is not a number from 0 up to 1"),
            ("--learning-rate", "0", "'0' is not a number above 0"),
            ("--learning-rate", "inf", "'inf' is not a number above 0"),
            ("--learning-rate", "1e300", "'1e300' is not a number above 0 that float32 can hold"),
            ("--learning-rate", "1e-300", "'1e-300' is not a number above 0 that float32"),
            ("--task", "guess", "invalid choice: 'guess'"),
        ],
    )
    def test_wrong_values(self, run, option, value, message):
        done = run("train", "digits", f"{option}={value}")
        assert done.code == 2 and message in done.err

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (
                ["absent.csv"],
                "there is no file 'absent.csv'; expected a CSV file, or one of digits",
            ),
            (["minst"], "or one of digits, mnist, fashion-mnist; did you mean 'mnist'?"),
            (["."], "received the folder '.'; expected a CSV file, or one of digits"),
            (["digits", "--target", "x"], "--target is for tables; digits is a set of images"),
            (["digits", "--task", "regression"], "--task is for tables"),
            (["digits", "--output", "no/such/m.safetensors"], "there is no folder no/such to"),
            (["digits", "--output", "m.h5"], "--output m.h5: expected a name in .safetensors"),
            (["digits", "--output", "table.csv"], "expected a name in .safetensors"),
            (["digits", "--output", "digits"], ".safetensors, such as digits.safetensors"),
            (["digits", "--output", ""], ".safetensors, such as digits.safetensors"),
            (["digits", "--hidden", "2000000000,2000000000"], "choose smaller --hidden layers"),
            (["table.csv", "--target", "cost"], "no column 'cost'; expected one of size, kind,"),
            (["table.csv", "--target", "4"], "or an index from -4 to 3"),
            (["table.csv", "--target=kind", "--task=regression"], "'kind' holds words; regression"),
            (["table.csv", "--validation-split=0.999"], "none is left to train with"),
            (["ragged.csv"], "ragged.csv, line 2 has 2 cells; expected 1"),
            (["short.csv"], "short.csv has too few rows with a target to train and test: 2"),
            (["one.csv"], "the target 'y' has only the class 'a'; expected two or more"),
            (["empty.csv"], "empty.csv is empty"),
        ],
    )
    def test_bad_input(self, run, folder, words, message):
        write_table(folder / "table.csv")
        before = (folder / "table.csv").read_bytes()
        (folder / "ragged.csv").write_text("a\n1,2\n")
        (folder / "short.csv").write_text("x,y\n1,a\n2,b\n")
        (folder / "one.csv").write_text("x,y\n" + "1,a\n2,a\n" * 20)
        (folder / "empty.csv").write_text("")
        names = {path.name for path in folder.iterdir()}
        done = run("train", *words)
        assert done.code == 2 and done.out == ""
        assert done.err.startswith("fastdnn: error: ") and done.err.count("\n") == 1
        assert message in done.err
        assert {path.name for path in folder.iterdir()} == names
        assert (folder / "table.csv").read_bytes() == before

    @pytest.mark.skipif(not has_matplotlib, reason="needs matplotlib")
    @pytest.mark.parametrize("name", ["curves", "curves.txt", "no/such/curves.png"])
    def test_bad_plot_paths(self, run, name):
        done = run("train", "digits", "--plot", name)
        assert done.code == 2 and ("expected a name in .png" in done.err or "no folder" in done.err)

    @pytest.mark.parametrize(
        ("data", "words", "message"),
        [
            ("m.safetensors", [], "the model would be written over the input, m.safetensors"),
            ("m.columns.json", ["--output=m.safetensors"], "the columns would be written over the"),
            ("m.png", ["--plot=m.png"], "the curves would be written over the input, m.png"),
            ("m.png", ["--plot=link.png"], "the curves would be written over the input, link.png"),
            ("m.png", ["--plot=hard.png"], "the curves would be written over the input, hard.png"),
            ("t.csv", ["--plot=model.png"], "over the file of the model, model.png"),
        ],
    )
    def test_outputs_spare_the_input_and_each_other(
        self, run, folder, monkeypatch, data, words, message
    ):
        monkeypatch.setattr(train, "find_spec", lambda name: "found")
        content = write_table(folder / data).read_bytes()
        (folder / "link.png").symlink_to(data)
        (folder / "hard.png").hardlink_to(folder / data)
        (folder / "model.png").symlink_to("t.safetensors")
        names = {path.name for path in folder.iterdir()}
        done = run("train", data, *words)
        assert done.code == 2 and done.out == "" and message in done.err
        assert {path.name for path in folder.iterdir()} == names
        assert (folder / data).read_bytes() == content

    def test_the_curves_by_default_spare_the_input(self, run, folder, monkeypatch):
        monkeypatch.setattr(train, "find_spec", lambda name: "found")
        write_table(folder / "x.png")
        done = run("train", "x.png")
        assert done.code == 2 and "the curves would be written over the input, x.png" in done.err

    @pytest.mark.parametrize("refused", [".", "digits.safetensors"])
    def test_outputs_are_tried_before_training(self, run, folder, monkeypatch, refused):
        (folder / "digits.safetensors").write_text("old")
        monkeypatch.setattr(train.os, "access", lambda path, mode: str(path) != refused)
        done = run("train", "digits")
        assert done.code == 2 and done.out == ""
        assert f"{refused} is not writable, and the model would go to" in done.err

    def test_most_threads(self):
        most = arguments._MOST_THREADS
        _core.set_num_threads(most)
        with pytest.raises(ValueError, match=f"between 1 and {most}"):
            _core.set_num_threads(most + 1)

    def test_plot_without_matplotlib(self, run, monkeypatch):
        monkeypatch.setattr(train, "find_spec", lambda name: None)
        done = run("train", "digits", "--plot", "c.png")
        assert done.code == 2
        assert "--plot needs matplotlib: pip install 'fastdnn[plot]'" in done.err


class TestProblems:
    def test_images(self):
        problem = problems.image_problem("digits", validation_split=0.1, seed=3)
        assert problem.train[0].shape == (1293, 8, 8) and problem.validation[0].shape == (144, 8, 8)
        assert problem.test[0].shape == (360, 8, 8) and problem.outputs == 10
        parts = np.concatenate([problem.train[0], problem.validation[0]])
        (x_train, _), _ = problems.datasets.load_digits()
        assert sorted(x.tobytes() for x in parts) == sorted(x.tobytes() for x in x_train)

    def test_seed_decides_which_rows_validate(self):
        made = [
            problems.image_problem("digits", validation_split=0.1, seed=seed) for seed in (1, 1, 2)
        ]
        rows = [problem.validation[0].tobytes() for problem in made]
        assert rows[0] == rows[1] != rows[2]

    def test_no_validation(self):
        problem = problems.image_problem("digits", validation_split=0.0, seed=0)
        assert problem.validation is None and len(problem.train[0]) == 1437

    def table(self, path, **options):
        given = {"target": None, "task": None, "header": None, "validation_split": 0.1, "seed": 0}
        return problems.table_problem(path, **(given | options))

    def test_table_for_regression(self, folder):
        problem = self.table(write_table(folder / "houses.csv.gz"))
        assert (problem.name, problem.task, problem.outputs) == ("houses", "regression", 1)
        sizes = [len(part[0]) for part in (problem.train, problem.validation, problem.test)]
        assert sizes == [144, 16, 40]
        assert problem.train[0].shape[1] == 1 + 2 + 2
        # Scales come from the training rows alone.
        assert abs(problem.train[0][:, 0].mean()) < 1e-6 and abs(problem.train[1].mean()) < 1e-6
        assert problem.notes == ["target: 'price', the last column; --target chooses another"]

    def test_table_for_classification(self, folder):
        problem = self.table(write_table(folder / "houses.csv"), target="colour")
        assert (problem.task, problem.outputs) == ("classification", 2)
        assert problem.encoder.classes_ == ("blue", "red") and problem.notes == []

    @pytest.mark.parametrize(("step", "count"), [(0.5, 1), (0.05, 0), (1, 0)])
    def test_fractions_as_classes_are_warned_of(self, folder, step, count):
        values = 40 if step == 0.5 else 15
        rows = [f"{i},{i % values * step}" for i in range(400)]
        path = folder / "t.csv"
        path.write_text("x,y\n" + "\n".join(rows) + "\n")
        problem = self.table(path, task="classification")
        assert len(problem.warnings) == count
        if count:
            assert "'y' has 40 different numbers" in problem.warnings[0]
            assert "--task regression" in problem.warnings[0]

    def test_notes(self, folder):
        rows = [f"{i},same,{'' if i % 10 == 0 else i % 3}" for i in range(100)]
        path = folder / "t.csv"
        path.write_text("x,constant,y\n" + "\n".join(rows) + "\n")
        problem = self.table(path)
        assert "columns left out, as they cannot help: constant" in problem.notes
        assert "rows left out, without a target: 10" in problem.notes
        assert len(problem.train[0]) + len(problem.validation[0]) + len(problem.test[0]) == 90


class TestDoctor:
    @pytest.mark.parametrize(
        "words",
        ["Processor", "scalar", "AMX", "affinity", "cgroup", "CUDA", "matplotlib", "FASTDNN_DATA"],
    )
    def test_report(self, run, words):
        assert words in run("doctor").out

    @pytest.mark.parametrize(
        ("level", "words"),
        [
            ("avx512", "float32 at every precision"),
            ("avx512_bf16", 'float32; set_matmul_precision("medium") is faster'),
            ("amx", 'float32 in three parts; set_matmul_precision("high") and'),
        ],
    )
    def test_products(self, run, level, words):
        with at_level(level):
            assert words in run("doctor").out

    def test_promises_nothing_that_is_not_there(self, run):
        report = run("doctor").out
        assert "estimators" not in report

    @needs_network
    def test_self_test(self, run):
        done = run("doctor")
        assert done.code == 0 and "Self test: OK" in done.out

    def test_a_failed_self_test_is_reported(self, run, monkeypatch):
        monkeypatch.setattr(doctor, "self_test", lambda: "FAILED: it is broken")
        done = run("doctor")
        assert done.code == 1 and "Self test: FAILED: it is broken" in done.out

    def test_says_what_the_environment_decides(self, run, monkeypatch, folder):
        monkeypatch.setenv("FASTDNN_ISA", "scalar")
        monkeypatch.setenv("FASTDNN_NUM_THREADS", "1")
        monkeypatch.setenv("FASTDNN_DATA", "absent")
        monkeypatch.setenv("FASTDNN_CACHE", str(folder / "cache"))
        done = subprocess.run(
            [sys.executable, "-m", "fastdnn", "doctor"], capture_output=True, text=True
        )
        assert "kernels        scalar; this processor can run scalar" in done.stdout
        assert "chosen by FASTDNN_ISA=scalar" in done.stdout
        assert "1 at most" in done.stdout and "FASTDNN_NUM_THREADS=1" in done.stdout
        assert "absent (there is no such folder)" in done.stdout
        assert "cache (nothing in it yet)" in done.stdout

    def test_finds_data(self, run, real_data, monkeypatch):
        monkeypatch.setenv("FASTDNN_DATA", str(real_data))
        assert f"in {real_data / 'mnist'}" in run("doctor").out


@needs_network
class TestConfig:
    def test_prints(self, run):
        done = run("config")
        assert done.code == 0 and fastdnn.__version__ in done.out and "scalar" in done.out


@needs_network
class TestTrain:
    def test_digits_by_default(self, run, folder):
        done = run("train", "digits", "--threads", "1")
        assert done.code == 0 and done.err == ""
        accuracy = float(done.out.split("test accuracy")[1].split()[0])
        # 360 test images; seeds reach 0.975 to 0.989, and 0.97 is what is promised.
        assert accuracy > 0.97
        written = {"digits.safetensors"} | ({"digits.png"} if has_matplotlib else set())
        assert {path.name for path in folder.iterdir()} == written
        for name in written:
            assert name in done.out
        model = fastdnn.load_model("digits.safetensors")
        _, (x_test, y_test) = problems.datasets.load_digits()
        found = (model.predict(x_test, verbose=0).argmax(axis=1) == y_test).mean()
        assert f"{found:.4f}" == f"{accuracy:.4f}"

    def test_every_option(self, run, folder):
        done = run(
            *("train", "digits", "--hidden", "16,8", "--activation", "elu", "--epochs", "2"),
            *("--batch-size", "64", "--optimizer", "rmsprop", "--learning-rate", "0.002"),
            *("--dropout", "0.1", "--batch-norm", "--validation-split", "0", "--seed", "7"),
            *("--threads", "1", "--output", "m.safetensors"),
            *(("--plot", "c.svg") if has_matplotlib else ()),
        )
        assert done.code == 0 and "64-16-8-10" in done.out
        assert "rmsprop, batches of 64, 2 epochs" in done.out and "0 to validate" in done.out
        model = fastdnn.load_model("m.safetensors")
        names = [type(layer).__name__ for layer in model.layers]
        block = ["Dense", "BatchNormalization", "Activation", "Dropout"]
        assert names == ["Flatten", *block, *block, "Dense"]
        assert model.optimizer.learning_rate == 0.002
        if has_matplotlib:
            assert (folder / "c.svg").read_text().startswith("<?xml")

    def test_same_seed_same_model(self, run, folder):
        for name, seed, threads in (("a", 5, 1), ("b", 5, 2), ("c", 6, 1)):
            words = ["--hidden", "8", "--epochs", "1", "--seed", seed, "--threads", threads]
            assert run("train", "digits", *words, "--output", f"{name}.safetensors").code == 0
        weights = {n: fastdnn.load_model(f"{n}.safetensors").get_weights()[0] for n in "abc"}
        assert weights["a"].tobytes() == weights["b"].tobytes() != weights["c"].tobytes()

    def test_quiet(self, run):
        done = run("train", "digits", "--hidden", "0", "--epochs", "1", "--quiet")
        assert (done.code, done.out, done.err) == (0, "", "")

    def test_without_matplotlib(self, run, folder, monkeypatch):
        monkeypatch.setattr(train, "find_spec", lambda name: None)
        done = run("train", "digits", "--hidden", "8", "--epochs", "1")
        assert "batches of 32, 1 epoch\n" in done.out
        assert done.code == 0 and "none: pip install 'fastdnn[plot]'" in done.out
        assert [path.name for path in folder.iterdir()] == ["digits.safetensors"]

    def test_regression_table(self, run, folder):
        write_table(folder / "houses.csv.gz", rows=600)
        done = run("train", "houses.csv.gz", "--target", "price", "--hidden", "32", "--epochs", 60)
        assert done.code == 0
        # Prices have a deviation of 118,000, which is what knowing nothing would leave.
        assert float(done.out.split("test RMSE")[1].split()[0]) < 60_000
        assert float(done.out.split("test R2")[1].split()[0]) > 0.75
        assert done.out.count(" in units of price\n") == 2
        assert "loss and mae of an epoch are of the standardised price: 1 is 1" in done.out
        config = json.loads((folder / "houses.columns.json").read_text())
        encoder = problems.datasets.TableEncoder.from_config(config)
        table = problems.datasets.read_csv("houses.csv.gz")
        outputs = fastdnn.load_model("houses.safetensors").predict(
            encoder.transform(table), verbose=0
        )
        prices = encoder.inverse_transform_target(outputs)
        truth = table.columns[3].values
        assert np.sqrt(np.square(prices - truth).mean()) < 60_000

    def test_classification_table(self, run, folder):
        write_table(folder / "houses.csv", rows=600)
        done = run("train", "houses.csv", "--target", "colour", "--hidden", "16", "--epochs", 30)
        assert done.code == 0
        # Colour follows from size and from price but for the rows near the border.
        assert float(done.out.split("test accuracy")[1].split()[0]) > 0.9

    def test_warnings_are_printed_even_if_quiet(self, run, folder):
        rows = "".join(f"{i},{i % 40 / 2}\n" for i in range(400))
        (folder / "t.csv").write_text("x,y\n" + rows)
        done = run("train", "t.csv", "--task=classification", "--epochs=1", "--quiet")
        assert (done.code, done.out) == (0, "")
        assert done.err.startswith("fastdnn: warning: the target 'y' has 40 different numbers")

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--optimizer", "speedy"], "speedy"),
            (["--activation", "bent"], "bent"),
        ],
    )
    def test_unknown_names(self, run, words, message):
        done = run("train", "digits", *words)
        assert done.code == 2 and message in done.err and "expected" in done.err

    def test_divergence_ends_training_and_writes_nothing(self, run, folder):
        write_table(folder / "houses.csv")
        (folder / "houses.safetensors").write_text("a good one")
        words = ["--optimizer", "sgd", "--learning-rate", "1e9", "--epochs", "99", "--hidden", "0"]
        done = run("train", "houses.csv", *words)
        assert done.code == 1
        epoch = int(done.err.split("the training diverged in epoch ")[1].split()[0])
        assert epoch < 9 and f"Epoch {epoch + 1}/" not in done.out and "test" not in done.out[200:]
        assert "try a smaller --learning-rate, or inputs of a smaller scale\n" in done.err
        assert (folder / "houses.safetensors").read_text() == "a good one"
        names = {"houses.csv", "houses.safetensors"}
        assert {path.name for path in folder.iterdir()} == names

    def test_weights_spoilt_by_the_last_step(self):
        model = SimpleNamespace(get_weights=lambda: [np.float32([1.0, np.nan])])
        assert train._has_diverged(model, {"loss": [1.0]})
        model = SimpleNamespace(get_weights=lambda: [np.float32([1.0])])
        assert train._has_diverged(model, {"loss": [1.0], "val_loss": [np.inf]})
        assert not train._has_diverged(model, {"loss": [np.nan, 1.0]})

    def test_ctrl_c(self, folder):
        # Shells ignore SIGINT for what they run in the background, and children inherit that.
        script = (
            "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
            "from fastdnn.cli import main; "
            "sys.exit(main(['train', 'digits', '--epochs', '1000000']))"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            for _ in range(3):  # the two lines of introduction, and the first epoch's
                process.stdout.readline()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
        assert process.returncode == 130 and errors.endswith("fastdnn: interrupted\n")
        assert "Traceback" not in errors and list(folder.iterdir()) == []


@needs_network
class TestRealTables:
    # Knowing nothing gives 0.76 and 0.30, the most frequent classes, and an RMSE of 115,000, the
    # prices' deviation.
    @pytest.mark.parametrize(
        ("name", "words", "figure", "least", "most"),
        [
            ("adult.data.gz", [], "test accuracy", 0.82, 1.0),
            ("covertype-20k.csv.gz", [], "test accuracy", 0.70, 1.0),
            ("california-housing.csv.gz", ["--target", "median_house_value"], "test RMSE", 0, 72e3),
        ],
    )
    def test_five_epochs(self, run, real_data, name, words, figure, least, most):
        path = real_data / "tabular" / name
        done = run("train", path, *words, "--epochs", "5", "--hidden", "64,32")
        assert done.code == 0
        assert least < float(done.out.split(figure)[1].split()[0]) < most
