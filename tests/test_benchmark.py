"""The benchmarks run, compare like with like, and count correctly. Nothing here checks a speed."""

import contextlib
import importlib.util
import inspect
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import reference.activation

from fastdnn import _core, benchmark, ops
from fastdnn.benchmark import machine, numpy_kernels, numpy_losses, timing, training
from fastdnn.benchmark.cases import cases
from fastdnn.benchmark.report import Report, format_measurement
from fastdnn.benchmark.timing import Effort, Measurement, Quartiles, in_turns, repeated
from fastdnn.benchmark.trainers.fastdnn_trainers import FitTrainer, NativeTrainer
from fastdnn.benchmark.trainers.torch_trainer import TorchTrainer
from fastdnn.benchmark.workloads import Data, Workload

KERNELS = []
QUICK_CASES = list(cases(quick=True))


# Timing, with a clock that only moves when work is done.


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def work(self, seconds):
        def run():
            self.now += seconds

        return run


@pytest.mark.parametrize("seconds", [1e-6, 0.003, 0.02, 5.0])
def test_turns_last_long_enough_and_count_one_run(seconds):
    clock = Clock()
    turn = repeated(clock.work(seconds), 0.02, clock)
    before = clock.now
    assert turn() == pytest.approx(seconds)
    assert 0.0199 <= clock.now - before <= max(0.06, seconds * 1.01)


def test_a_run_of_no_time_ends_calibration():
    clock, calls = Clock(), itertools.count()

    def run():
        clock.now += 0.0 if next(calls) < 100 else 0.001

    assert repeated(run, 0.02, clock)() == pytest.approx(0.001)


def test_contenders_take_turns():
    order = []

    def turn(name):
        return lambda: order.append(name) or float(len(order))

    seconds = in_turns({name: turn(name) for name in "abc"}, Effort(rounds=3, pause=0))
    assert order == list("abcabcabc")
    assert seconds == {"a": [1, 4, 7], "b": [2, 5, 8], "c": [3, 6, 9]}


def test_ratios_are_taken_round_by_round():
    # The machine is twice as slow in the second round and thrice in the third; the ratio is not.
    seconds = {"fastdnn": [1.0, 2.0, 3.0], "numpy": [4.0, 8.0, 12.0]}
    measurement = Measurement("kernels", "case", "GFLOP/s", 6e9, seconds)
    assert measurement.ratio("numpy") == Quartiles(4.0, 4.0, 4.0)
    assert measurement.speed("fastdnn") == Quartiles(2.5, 3.0, 4.5)
    assert measurement.peers == ["numpy"]


@pytest.mark.parametrize(
    ("unit", "amount", "expected"),
    [("GFLOP/s", 2e9, 4.0), ("ns/element", 1e9, 0.5), ("us/step", 100, 5000.0)],
)
def test_units(unit, amount, expected):
    measurement = Measurement("kernels", "case", unit, amount, {"fastdnn": [0.5]})
    assert measurement.speed("fastdnn").median == pytest.approx(expected)


# Both sides of every duel compute the same.


def test_every_function_has_a_case():
    functions = {name for name in ops.__all__ if inspect.isfunction(getattr(ops, name))}
    functions -= {"activation_needs_input"}  # computes nothing
    assert {case.op for case in QUICK_CASES} == functions
    assert {case.op for case in cases(quick=False)} == functions


def test_every_activation_loss_and_metric_has_a_case():
    assert set(numpy_kernels.ACTIVATIONS) == set(reference.activation.FORWARD)
    for names, op in ((numpy_losses.LOSSES, ops.loss), (numpy_kernels.METRICS, ops.metric_rows)):
        with pytest.raises(ValueError, match="expected one of") as error:
            op("nonsense", np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32))
        assert set(names) == set(str(error.value).partition("expected one of ")[2].split(", "))


def test_case_names_are_unique():
    for quick in (False, True):
        names = [case.name for case in cases(quick)]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("case", QUICK_CASES, ids=[case.name for case in QUICK_CASES])
def test_both_sides_compute_the_same(case):
    ours, theirs = case.build()
    results = ours(), theirs()
    if not isinstance(results[0], tuple):
        results = (results[0],), (results[1],)
    # NumPy's GELU is the approximation by tanh, whose slope is off by up to 1e-3, times a gradient
    # of up to 5. The others add up in float32: up to 784 terms of about 1, or 15,000 in a sum.
    tolerance = 5e-3 if "gelu" in case.name else 2e-4
    for mine, other in zip(*results, strict=True):
        mine, other = np.asarray(mine), np.asarray(other)
        assert mine.shape == other.shape
        if not case.op.startswith(("random", "dropout", "alpha_dropout", "gaussian_noise")):
            np.testing.assert_allclose(mine, other, rtol=tolerance, atol=tolerance)


# The trainers train the same net.

SMALL = (12, 20, 9, 4)
STEPS = 6
TEXTS, IMAGES = {"words": 6}, {"images": True}
needs_scipy = pytest.mark.skipif(
    importlib.util.find_spec("scipy") is None, reason="scipy, whose matrices texts go in as"
)
each_net = pytest.mark.parametrize(
    "net",
    [{}, {"batch_norm": True}, IMAGES, pytest.param(TEXTS, marks=needs_scipy)],
    ids=["plain", "batch_norm", "images", "texts"],
)


def trained(make, workload, passes=1, **options):
    data = Data.draw(workload, STEPS)
    trainer = make(workload, data, 1, **options)
    for _ in range(passes):
        trainer.run()
    return [after - before for before, after in zip(data.kernels, trainer.kernels(), strict=True)]


def assert_same_change(changes, expected, tolerance=1e-3):
    # Measured: 2e-5. Adam and RMSprop divide a gradient by its own size, so that where it is
    # nearly 0 its rounding shows.
    for change, other in zip(changes, expected, strict=True):
        assert np.abs(other).max() > 1e-4
        np.testing.assert_allclose(change, other, rtol=0, atol=tolerance * np.abs(other).max())


@each_net
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adam"])
def test_numpy_and_fastdnn_train_alike(optimizer, net):
    workload = Workload(SMALL, 16, optimizer, "elu", **net)
    expected = trained(training.TRAINERS["numpy"], workload)
    assert_same_change(trained(NativeTrainer, workload, shuffle=False), expected)
    assert_same_change(trained(training.TRAINERS["fastdnn, train_on_batch"], workload), expected)
    expected = trained(training.TRAINERS["numpy"], workload, FitTrainer.passes)
    assert_same_change(trained(FitTrainer, workload, shuffle=False), expected)


@each_net
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adam"])
def test_jax_trains_alike(optimizer, net):
    pytest.importorskip("jax")
    workload = Workload(SMALL, 16, optimizer, "elu", **net)
    expected = trained(training.TRAINERS["numpy"], workload)
    assert_same_change(trained(training.TRAINERS["jax"], workload), expected)


@each_net
# PyTorch adds epsilon elsewhere: to Adam's corrected root (measured: 1e-2 of the change), and
# outside RMSprop's root, which is another rule at the same cost.
@pytest.mark.parametrize(
    ("optimizer", "tolerance"), [("sgd", 1e-3), ("momentum", 1e-3), ("adam", 0.05)]
)
def test_torch_trains_alike(optimizer, tolerance, net):
    pytest.importorskip("torch")
    workload = Workload(SMALL, 16, optimizer, "elu", **net)
    expected = trained(training.TRAINERS["numpy"], workload)
    for name in ("torch", "torch, sparse") if net is TEXTS else ("torch",):
        assert_same_change(trained(training.TRAINERS[name], workload), expected, tolerance)


@pytest.mark.parametrize("words", [0, 3])
def test_scikit_learn_trains_alike(words):
    pytest.importorskip("sklearn")
    workload = Workload(SMALL, 16, "sgd", words=words)
    expected = trained(training.TRAINERS["numpy"], workload)
    assert_same_change(trained(training.TRAINERS["scikit-learn"], workload), expected)


def test_texts_have_few_words_and_some_more_than_others():
    workload = Workload((1000, 2), 200, "sgd", words=50)
    data = Data.draw(workload, 1)
    assert set(np.unique(data.x)) == {0, 1}
    each = data.x.sum(axis=1)
    assert (each <= 50).all()
    assert each.mean() > 25
    # By Zipf's law a share of 1 / (k * 7.5) of all words is the k-th.
    share = data.x.mean(axis=0)
    for k in (1, 10, 100):
        assert share[k - 1] == pytest.approx(1 - (1 - 1 / (k * 7.5)) ** 50, abs=0.1)


def test_images_go_in_as_bytes():
    data = Data.draw(Workload((100, 2), 200, "sgd", **IMAGES), 1)
    assert (data.x == 0).mean() == pytest.approx(0.8, abs=0.02)
    assert data.x.max() == 1
    in_bytes = data.to_bytes().x
    assert in_bytes.dtype == np.uint8
    np.testing.assert_array_equal(in_bytes / np.float32(255), data.x)


@needs_scipy
def test_texts_go_in_as_sparse_rows():
    data = Data.draw(Workload(SMALL, 16, "sgd", **TEXTS), STEPS)
    sparse = data.to_sparse()
    assert sparse.x.format == "csr"
    assert np.array_equal(sparse.x.toarray(), data.x)
    for (mine, labels), (other, same) in zip(sparse.batches, data.batches, strict=True):
        assert np.array_equal(mine.toarray(), other)
        assert np.array_equal(labels, same)


@pytest.mark.parametrize("name", training.TRAINERS)
def test_dropout_changes_the_net(name):
    workload = Workload(SMALL, 16, "momentum", dropout=0.5, **TEXTS)
    try:
        changes = trained(training.TRAINERS[name], workload)
    except machine.UnavailableError:
        pytest.skip(f"no {name}, or it has no dropout")
    assert all(np.isfinite(change).all() and change.any() for change in changes)


# The command.


def run(capsys, *words):
    assert benchmark.main([*words]) == 0
    return capsys.readouterr().out


def test_quick_kernels(capsys, tmp_path):
    path = tmp_path / "result.json"
    text = run(capsys, "kernels", "--quick", "--only", "sum", "--json", str(path))
    assert "column_sums 50x300" in text
    assert "x numpy" in text
    assert "gemm" not in text
    assert_schema(json.loads(path.read_text()))


def test_quick_peak(capsys):
    text = run(capsys, "peak", "--quick", "--threads", "1")
    levels = _core.supported_isa_levels()
    measured = {"amx": ["highest", "high", "medium"], "avx512_bf16": ["highest", "medium"]}
    if levels != ["scalar"]:
        measured["scalar"] = []
    for level in levels:
        for precision in ("highest", "high", "medium"):
            case = f"gemm 256x256x256 {level}, {precision} precision, threads 1"
            assert (case in text) == (precision in measured.get(level, ["highest"]))
    assert "x the peak" in text
    for peer in ("numpy", "torch"):
        assert f"x {peer}" in text or re.search(rf"{peer} +skipped: ", text)


def test_a_name_that_no_case_has(tmp_path):
    path = tmp_path / "result.json"
    with pytest.raises(ValueError, match=r"\[bench\] no case has 'zzz' in its name; expected"):
        benchmark.main(["kernels", "--quick", "--only", "zzz", "--json", str(path)])
    assert not path.exists()


def test_quick_training(capsys, tmp_path):
    path = tmp_path / "result.json"
    words = ("training", "--quick", "--only", "4-16-16-3", "--threads", "1", "--json", str(path))
    text = run(capsys, *words)
    result = json.loads(path.read_text())
    assert_schema(result)
    (measurement,) = result["measurements"]
    skipped = {item["contender"] for item in result["skipped"]}
    contenders = {*training.TRAINERS, "the peak by itself"}
    assert set(measurement["seconds"]) | skipped == contenders
    for name in contenders:
        assert name in text
    assert "best with at most 1 of 1 threads: " in text
    assert result["machine"]["threads"] == 1


def test_training_with_fewer_threads(capsys, monkeypatch):
    monkeypatch.setattr(training, "TRAINERS", {"fastdnn": FitTrainer})
    text = run(capsys, "training", "--quick", "--only", "4-16-16-3", "--threads", "3")
    for name in ("fastdnn, 1 thread", "fastdnn, 2 threads"):
        assert re.search(rf"{name} +[\d.]+ us/step .* GFLOP/s\n", text)
    assert re.search(r"best with at most [123] of 3 threads: [\d.]+ steps/s", text)


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_a_turn_on_fewer_threads_puts_them_back(error):
    seen = []

    def turn():
        seen.append(_core.num_threads())
        if error is not None:
            raise error
        return 1.0

    before = _core.num_threads()
    _core.set_num_threads(3)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            training._limited(turn, 1)()
        assert (seen, _core.num_threads()) == ([1], 3)
    finally:
        _core.set_num_threads(before)


def test_best_number_of_threads():
    seconds = {"fastdnn": [3e-6], "fastdnn, 1 thread": [4e-6], "fastdnn, 2 threads": [2e-6]}
    measurement = Measurement("training", "net", "us/step", 1, seconds)
    line = training._best_threads(measurement, 3)
    assert line == "best with at most 2 of 3 threads: 500000 steps/s"


@pytest.mark.parametrize(
    ("workload", "flops"),
    [
        # Forward and gradient of 6 x 5 by 5 x 4; these, and the gradient of the inputs, by 4 x 3.
        (Workload((5, 4, 3), 2, "sgd"), 2 * (2 * 6 * 5 * 4 + 3 * 6 * 4 * 3)),
        # One word a text is one product for every unit.
        (Workload((5, 4, 3), 2, "sgd", words=1), 2 * (2 * 6 * 4 + 3 * 6 * 4 * 3)),
    ],
)
def test_operations_of_a_pass(workload, flops):
    assert workload.flops(Data.draw(workload, steps=3)) == flops


def test_training_at_a_lower_precision(capsys, monkeypatch):
    seen = []

    class Trainer(FitTrainer):
        def run(self):
            seen.append(_core.matmul_precision())
            super().run()

    monkeypatch.setattr(training, "TRAINERS", {"fastdnn": Trainer})
    text = run(capsys, "training", "--quick", "--only", "4-16-16-3", "--precision", "medium")
    assert "4-16-16-3 relu, batch 16, adam, medium precision\n" in text
    assert set(seen) == {"medium"}
    assert _core.matmul_precision() == "highest"


def test_torch_trains_at_the_same_precision(matmul_precision):
    torch = pytest.importorskip("torch")
    workload = Workload((5, 4, 3), 2, "sgd")
    for precision in ("medium", "highest"):
        matmul_precision(precision)
        TorchTrainer(workload, Data.draw(workload, steps=1), 1)
        assert torch.get_float32_matmul_precision() == precision


def test_everything_is_put_back(capsys):
    before = _core.num_threads(), _core.isa_level()
    run(capsys, "kernels", "--quick", "--only", "max_abs", "--threads", "1", "--isa", "scalar")
    assert (_core.num_threads(), _core.isa_level()) == before


@pytest.mark.parametrize(
    "words", [["nonsense"], ["--threads", "0"], ["--threads", "9" * 20], ["--isa", "sse"]]
)
def test_wrong_words_are_refused(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        benchmark.main(words)
    assert stopped.value.code == 2
    assert "fastdnn bench" in capsys.readouterr().err


def test_a_place_for_the_results_is_looked_for_first(tmp_path, capsys):
    with pytest.raises(ValueError, match=r"\[bench\] there is no folder .* to write r.json into"):
        benchmark.main(["--quick", "--json", str(tmp_path / "absent" / "r.json")])
    assert capsys.readouterr().out == ""


def test_missing_peers_are_named(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "sklearn.neural_network", raising=False)
    for module in ("torch", "jax", "sklearn"):
        monkeypatch.setitem(sys.modules, module, None)
    text = run(capsys, "training", "--quick", "--only", "4-16-16-3")
    for package in ("torch", "jax", "scikit-learn"):
        assert f"skipped: {package} is not installed" in text
    assert "numpy" in text


def test_texts_need_scipy(monkeypatch, capsys, tmp_path):
    for module in ("scipy.sparse", "torch", "jax"):
        monkeypatch.setitem(sys.modules, module, None)
    path = tmp_path / "result.json"
    text = run(capsys, "training", "--quick", "--only", "texts", "--json", str(path))
    assert re.search("fastdnn +skipped: scipy is not installed", text)
    assert Report.read(path).measurements == []


def test_broken_peers_are_named(monkeypatch):
    def broken(name):
        raise ImportError("libbroken.so: cannot open")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(machine.UnavailableError, match="torch cannot be imported: libbroken"):
        machine.import_peer("torch", "torch")


def test_layers_a_peer_lacks_are_named():
    pytest.importorskip("sklearn")
    workload = Workload(SMALL, 16, "sgd", batch_norm=True)
    with pytest.raises(machine.UnavailableError, match="has no batch normalization"):
        training.TRAINERS["scikit-learn"](workload, Data.draw(workload, 1), 1)


# Results.


def assert_schema(result):
    assert set(result) == {"format", "machine", "settings", "measurements", "skipped"}
    assert result["format"] == 1
    assert {"cpu", "cpus", "threads", "isa_level", "load", "system"} < set(result["machine"])
    assert {"fastdnn", "python", "numpy"} <= set(result["machine"]["versions"])
    assert result["measurements"]
    for item in result["measurements"]:
        assert set(item) == {"suite", "case", "unit", "amount", "flops", "seconds", "ratios"}
        assert item["unit"] in timing.UNITS
        peers = {name for name in item["seconds"] if not name.startswith("fastdnn")}
        assert set(item["ratios"]) == peers
        rounds = {len(values) for values in item["seconds"].values()}
        assert len(rounds) == 1
        assert all(value > 0 for values in item["seconds"].values() for value in values)
    for item in result["skipped"]:
        assert set(item) == {"suite", "case", "contender", "why"}


MACHINE = {"cpu": "a", "cpus": 1, "threads": 1, "isa_level": "avx2"}
MACHINE |= {"load": None, "system": "b", "versions": {}}


def result_of(path, ratios, case="gemm"):
    seconds = {"fastdnn": [1.0] * len(ratios), "numpy": ratios}
    measurement = Measurement("kernels", case, "GFLOP/s", 1.0, seconds)
    Report(MACHINE, {}, [measurement]).write(path)
    return str(path)


def test_results_come_back_from_the_file(tmp_path):
    report = Report(MACHINE, {"quick": True})
    report.measurements.append(Measurement("peak", "gemm", "GFLOP/s", 2.0, {"fastdnn": [0.25]}))
    report.skip("training", "net", "torch", "torch is not installed")
    report.write(tmp_path / "a.json")
    assert Report.read(tmp_path / "a.json") == report


@pytest.mark.parametrize("content", ["[]", "3", "no JSON", "[" * 100_000])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(ValueError, match="expected a result of `fastdnn bench --json`"):
        Report.read(tmp_path / "a.json")


@pytest.mark.parametrize(
    "damage",
    [
        lambda result: result.pop("machine"),
        lambda result: result["machine"].pop("isa_level"),
        lambda result: result.update(settings=[]),
        lambda result: result.pop("measurements"),
        lambda result: result["measurements"][0].pop("seconds"),
        lambda result: result["measurements"][0]["seconds"].pop("fastdnn"),
        lambda result: result["measurements"][0]["seconds"]["fastdnn"].pop(),
        lambda result: result["measurements"][0]["seconds"].update(fastdnn=[0.0]),
        lambda result: result["measurements"][0]["seconds"].update(fastdnn=[]),
        lambda result: result["measurements"][0]["seconds"].update(fastdnn=["x"]),
        lambda result: result["machine"].update(threads="x"),
        lambda result: result["measurements"][0].update(seconds={}),
        lambda result: result["measurements"][0].update(seconds={"numpy": [1.0]}),
        lambda result: result["measurements"][0]["seconds"].update(numpy=[float("inf")]),
        lambda result: result["measurements"][0]["seconds"].update(numpy=[float("nan")]),
        lambda result: result["measurements"][0].update(amount=0),
        lambda result: result["measurements"][0].update(case=3),
        lambda result: result["measurements"][0].update(suite=["training"]),
        lambda result: result["measurements"][0].update(unit="miles"),
        lambda result: result["measurements"].append(3),
        lambda result: result.update(skipped=[{"why": "x"}]),
    ],
)
def test_damaged_results_are_refused(tmp_path, damage):
    path = Path(result_of(tmp_path / "a.json", [1.0]))
    Report.read(path)
    result = json.loads(path.read_text())
    damage(result)
    path.write_text(json.dumps(result))
    with pytest.raises(ValueError, match=r"a.json is damaged or not a result \(.*\); expected a r"):
        Report.read(path)


def script(name):
    path = Path(__file__).parents[1] / "bench" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"bench_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def compare_script():
    return script("compare")


@pytest.fixture(scope="module")
def compare(compare_script):
    return compare_script.main


@pytest.fixture(scope="module")
def publish():
    return script("publish").main


@pytest.mark.parametrize(
    ("after", "code", "verdict"),
    [
        ([1.9, 2.0, 2.1], 0, "+0.0%"),
        ([1.5, 1.97, 2.0], 0, "-1.5%"),  # slower, but within the spread
        ([1.5, 1.6, 1.7], 1, "-20.0% slower"),
        ([3.0, 3.0, 3.0], 0, "+50.0% faster"),
    ],
)
def test_compare_fails_where_fastdnn_got_slower(after, code, verdict, compare, tmp_path, capsys):
    before = result_of(tmp_path / "before.json", [1.9, 2.0, 2.1])
    assert compare([before, result_of(tmp_path / "after.json", after)]) == code
    assert verdict in capsys.readouterr().out


def test_compare_refuses_half_a_result(compare, tmp_path, capsys):
    half = tmp_path / "half.json"
    half.write_text('{"format": 1}')
    assert compare([str(half), str(half)]) == 2
    assert f"[bench] {half} is damaged or not a result" in capsys.readouterr().err


def test_compare_needs_something_to_compare(compare, tmp_path, capsys):
    before = result_of(tmp_path / "before.json", [1.0, 1.0])
    after = result_of(tmp_path / "after.json", [1.0, 1.0], case="softmax")
    assert compare([before, after]) == 2
    assert capsys.readouterr().err == (
        "[compare] the two sides have no case in common; expected a case with the same peer on "
        "both; measure the same suite\n"
    )


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ([2.0, 2.1, 2.2], [1.7, 1.8, 1.9], "slower"),
        ([1.7, 1.8, 1.9], [2.0, 2.1, 2.2], "faster"),
        # Within each run turns hardly vary, but runs do: no more than luck.
        ([2.0, 2.1, 2.2], [1.7, 1.8, 2.05], ""),
        ([1.9, 2.1, 2.2], [1.7, 1.8, 1.95], ""),
    ],
)
def test_compare_asks_every_run(before, after, verdict, compare_script, tmp_path):
    def runs(ratios):
        turns = ([ratio - 0.001, ratio, ratio + 0.001] for ratio in ratios)
        return [Report.read(Path(result_of(tmp_path / "a.json", turn))) for turn in turns]

    (change,) = compare_script.changes(runs(before), runs(after))
    assert change.verdict == verdict
    assert change.before.median == pytest.approx(np.median(before))


# The `fastdnn bench` of a commit that takes no time: its result lies in the package.
FAKE_MAIN = """
import pathlib, shutil, sys

print(*sys.argv[1:-1], file=sys.stderr)
if "--broken" in sys.argv:
    sys.exit(2)
shutil.copy(pathlib.Path(__file__).with_name("result.json"), sys.argv[-1])
"""


def git(folder, *words):
    done = subprocess.run(
        ["git", "-C", folder, *words], check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


@pytest.fixture
def repository(compare_script, monkeypatch, tmp_path):
    if shutil.which("git") is None:
        pytest.skip("needs git")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)  # a hook's GIT_DIR would name another repository
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")  # no signing of commits, no hooks
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "a")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "a@example.org")
    folder = tmp_path / "repository"
    (folder / "fastdnn").mkdir(parents=True)
    git(folder, "init", "--quiet")
    # Not a namespace package, which an installed fastdnn would come before.
    (folder / "fastdnn" / "__init__.py").touch()
    (folder / "fastdnn" / "__main__.py").write_text(FAKE_MAIN)
    for tag, ratio in (("old", 2.0), ("same", 2.0), ("slow", 1.0)):
        result_of(folder / "fastdnn" / "result.json", [ratio] * 3)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--allow-empty", "--message", tag)
        git(folder, "tag", tag)
    (folder / "unfinished").write_text("work of the caller")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(compare_script, "_REPOSITORY", folder)
    before = state(folder)
    yield folder
    assert state(folder) == before
    assert list((tmp_path / "temporary").iterdir()) == []


def state(repository):
    status = git(repository, "status", "--branch", "--porcelain")
    return status, git(repository, "rev-parse", "HEAD"), git(repository, "worktree", "list")


@pytest.fixture
def builds(compare_script, repository, monkeypatch):
    def install(build, source):
        shutil.copytree(source / "fastdnn", build.folder / "fastdnn")

    monkeypatch.setattr(compare_script, "install", install)


@pytest.mark.usefixtures("builds")
@pytest.mark.parametrize("word", ["--json=a.json", "-h"])
def test_compare_keeps_the_result_to_itself(word, compare, capsys):
    assert compare(["old", "same", "--", "training", word]) == 2
    assert f"[compare] received {word} for fastdnn bench; expected" in capsys.readouterr().err


@pytest.mark.usefixtures("builds")
def test_compare_runs_two_commits_in_turns(compare, repository, capfd):
    assert compare(["--runs", "2", "same~1", "same", "--", "kernels", "--only", "gemm"]) == 0
    out, err = capfd.readouterr()
    old, same = (git(repository, "rev-parse", "--short", tag).strip() for tag in ("old", "same"))
    assert out.splitlines()[:8] == [
        f"Building same~1 ({old})",
        f"Building same ({same})",
        "Run 1 of 2",
        "  same~1: fastdnn bench kernels --only gemm",
        "  same: fastdnn bench kernels --only gemm",
        "Run 2 of 2",
        "  same~1: fastdnn bench kernels --only gemm",
        "  same: fastdnn bench kernels --only gemm",
    ]
    assert "+0.0%\n\n0 of 1 cases slower" in out
    assert err == "bench kernels --only gemm --json\n" * 4


@pytest.mark.usefixtures("builds")
def test_compare_finds_a_slower_commit(compare, capfd):
    assert compare(["same", "slow"]) == 1
    out, err = capfd.readouterr()
    assert "2.00 (2.00-2.00)   1.00 (1.00-1.00)   -50.0% slower" in out
    assert err == "bench training --json\n" * 6


@pytest.mark.usefixtures("builds")
def test_compare_says_which_commit_cannot_be_measured(compare, capfd):
    assert compare(["old", "same", "--", "peak", "--broken"]) == 2
    assert capfd.readouterr().err.splitlines()[1:] == [
        "[compare] old cannot run fastdnn bench peak --broken; expected a suite and options that "
        "both commits have; see above what it says"
    ]


@pytest.mark.usefixtures("repository")
def test_compare_says_which_commit_does_not_build(compare, capfd):
    assert compare(["old", "same"]) == 2  # no commit of this repository has a pyproject.toml
    assert capfd.readouterr().err.splitlines()[-1] == (
        "[compare] old does not build; expected a commit that pip can install; see above what "
        "went wrong, or name another"
    )


@pytest.mark.usefixtures("repository")
def test_compare_refuses_what_is_no_commit(compare, capfd):
    assert compare(["old", "absent.json"]) == 2
    assert capfd.readouterr() == (
        "",
        "[compare] 'absent.json' is neither a file nor a commit; expected two results of "
        "`fastdnn bench --json` or two commits; see `git log --oneline`\n",
    )


def test_compare_refuses_a_file_and_a_commit(compare, tmp_path, capsys):
    path = result_of(tmp_path / "before.json", [1.0])
    for words in ([path, "main"], ["main", path]):
        assert compare(words) == 2
        assert capsys.readouterr().err == (
            f"[compare] {path} is a file and 'main' is not; expected two results of "
            "`fastdnn bench --json` or two commits; name two of a kind\n"
        )


def test_compare_refuses_other_files(compare, tmp_path, capsys):
    path = tmp_path / "before.json"
    path.write_text("[]")
    assert compare([str(path), str(path)]) == 2
    assert capsys.readouterr().err == (
        f"[bench] {path}: expected a result of `fastdnn bench --json`\n"
    )


@pytest.mark.usefixtures("builds")
@pytest.mark.parametrize("step", ["install", "measure"])
def test_compare_cleans_up_when_interrupted(step, compare, compare_script, monkeypatch):
    def interrupted(build, *rest):
        raise KeyboardInterrupt

    monkeypatch.setattr(compare_script, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        compare(["old", "same"])  # `repository` looks at what is left


def test_lines_for_people():
    seconds = {"fastdnn": [1e-4], "fastdnn, native call": [1e-4], "torch": [8e-4]}
    text = format_measurement(Measurement("training", "net", "us/step", 1, seconds))
    words = text.splitlines()[2].split()
    assert words == ["torch", "800", "us/step", "(800-800)", "8.00", "x", "torch", "(8.00-8.00)"]


def test_operations_a_second_of_fastdnn_alone():
    seconds = {"fastdnn": [1e-4], "torch": [8e-4], "jax": [4e-4]}
    measurement = Measurement("training", "net", "us/step", 1, seconds, flops=2e7)
    ours, *theirs = format_measurement(measurement).splitlines()
    assert ours.endswith(" 200 GFLOP/s")
    assert not any("GFLOP/s" in line for line in theirs)
    assert Measurement.from_json(measurement.to_json()) == measurement


TRAINING = [
    Measurement(
        "training",
        "784-300-10 relu, batch 50, sgd",
        "us/step",
        2,
        {"fastdnn": [5e-4], "fastdnn, native call": [4e-4], "numpy": [17e-4], "torch": [60e-4]},
    ),
    Measurement(
        "training",
        "9-2 elu texts of 5 words, batch 8, adam",
        "us/step",
        1,
        {"fastdnn": [2e-6], "torch, as fit does": [3e-6], "torch, sparse": [8e-6]},
    ),
]
TABLE = """
| net | batch | optimizer | fastdnn, us/step | torch | torch, as fit does | torch, sparse | numpy |
| --- | --- | --- | --: | --: | --: | --: | --: |
| 784-300-10 relu | 50 | sgd | 250 | 12x | - | - | 3.4x |
| 9-2 elu texts of 5 words | 8 | adam | 2.00 | - | 1.5x | 4.0x | - |

Measured on a, 1 thread, avx2 kernels: fastdnn 0.1, numpy 2.

![The same as bars, on a logarithmic axis](bench/results/training.png)

"""
MARKERS = "<!-- speed: begin -->\n{}<!-- speed: end -->\n"


@pytest.fixture
def readme(tmp_path):
    (tmp_path / "bench" / "results").mkdir(parents=True)
    path = tmp_path / "README.md"
    path.write_text(f"Before\n{MARKERS.format('old')}After\n")
    return path


@pytest.fixture
def training_result(tmp_path):
    path = tmp_path / "a.json"
    machine = {**MACHINE, "versions": {"fastdnn": "0.1", "numpy": "2"}}
    Report(machine, {}, TRAINING).write(path)
    return path


def test_publish_replaces_the_table_and_draws(publish, readme, training_result):
    pytest.importorskip("matplotlib")
    for _ in range(2):
        assert publish([str(training_result), "--readme", str(readme)]) == 0
        assert readme.read_text() == f"Before\n{MARKERS.format(TABLE)}After\n"
    picture = readme.parent / "bench" / "results" / "training.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 60_000


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        MARKERS.format("") * 2,
        "<!-- speed: end -->\n<!-- speed: begin -->\n",
    ],
)
def test_publish_needs_markers(text, publish, readme, training_result, capsys):
    readme.write_text(text)
    assert publish([str(training_result), "--readme", str(readme)]) == 1
    assert capsys.readouterr().err == (
        f"[publish] {readme} has no place for the table; expected the lines "
        "<!-- speed: begin --> and <!-- speed: end -->, once each; put them where it belongs\n"
    )
    assert readme.read_text() == text


def test_publish_needs_a_result(publish, readme, tmp_path, capsys):
    before = readme.read_text()
    absent, other = tmp_path / "absent.json", tmp_path / "other.json"
    other.write_text("no JSON")
    kernels = result_of(tmp_path / "kernels.json", [1.0])
    for path, message in (
        (
            absent,
            f"[publish] there is no file {absent}; expected a result; make one with "
            f"fastdnn bench training --json {absent}",
        ),
        (other, f"[bench] {other}: expected a result of `fastdnn bench --json`"),
        (
            kernels,
            "[publish] received a result without training; expected its times; make one with "
            "fastdnn bench training --json FILE",
        ),
    ):
        assert publish([str(path), "--readme", str(readme)]) == 1
        assert capsys.readouterr().err == f"{message}\n"
    assert readme.read_text() == before


@pytest.mark.parametrize("missing", ["machine", "measurements"])
def test_publish_refuses_half_a_result(missing, publish, readme, training_result, capsys):
    result = json.loads(training_result.read_text())
    del result[missing]
    training_result.write_text(json.dumps(result))
    before = readme.read_text()
    assert publish([str(training_result), "--readme", str(readme)]) == 1
    assert f"[bench] {training_result} is damaged or not a result" in capsys.readouterr().err
    assert readme.read_text() == before


def test_publish_refuses_lower_precisions(publish, readme, training_result, capsys):
    result = json.loads(training_result.read_text())
    result["settings"]["precision"] = "medium"
    training_result.write_text(json.dumps(result))
    before = readme.read_text()
    assert publish([str(training_result), "--readme", str(readme)]) == 1
    assert capsys.readouterr().err.startswith("[publish] received times at medium precision; ")
    assert readme.read_text() == before


def test_publish_needs_matplotlib(publish, readme, training_result, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    before = readme.read_text()
    assert publish([str(training_result), "--readme", str(readme)]) == 1
    assert "install it with pip install 'fastdnn[plot]'" in capsys.readouterr().err
    assert readme.read_text() == before


def test_readme_has_a_place_for_the_table():
    text = (Path(__file__).parents[1] / "README.md").read_text()
    assert text.count(MARKERS.partition("{}")[0]) == text.count(MARKERS.partition("{}")[2]) == 1


def test_functions_are_told_apart_by_what_they_do():
    kind = script("where_time_goes").kind
    assert kind("[.] fastdnn::cpu::avx512::dropout_f32") == (True, "dropout")
    assert kind("[.] fastdnn::cpu::(anonymous namespace)::gemm_tile<9, 3>") == (True, "products")
    assert kind("[.] fastdnn::cpu::avx2::column_norms_f32") == (True, "norms and penalties")
    assert kind("[.] fastdnn::program::gather_rows") == (False, "gathering rows")
    assert kind("[.] fastdnn::program::Program::run") == (False, "program and thread pool")
    assert kind("[.] _PyEval_EvalFrameDefault") == (False, "Python and the system")
