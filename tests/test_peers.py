"""Keras's own tests, from the installed package, on fastdnn.

    python -m pytest tests/test_peers.py

`tests/peers` has adapters from Keras's objects to fastdnn's, and what Keras tests that fastdnn is
not asked for. The numbers are printed at the end of every run of the tests.
"""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from conftest import require_keras

import fastdnn

PEERS = Path(__file__).with_name("peers")
NUMERICS = Path(__file__).resolve().parents[1] / "docs" / "numerics.md"
BEGIN, END = "<!-- peers -->\n", "<!-- /peers -->"


def _run(path, change="pass"):
    require_keras()
    script = (
        f"import runpy, sys; sys.path.insert(0, {str(PEERS)!r})\n"
        f"sys.argv = ['run.py', {str(path)!r}]\n"
        f"import fastdnn as fd\n{change}\nrunpy.run_path({str(PEERS / 'run.py')!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ
        | {"KERAS_BACKEND": "numpy", "PYTHONPATH": str(Path(fastdnn.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return _run(tmp_path_factory.mktemp("peers") / "results.json")


def test_keras_s_tests_pass(results, record_property):
    line = (
        f"Keras {results['version']}: {results['found']} tests found, {results['run']} run, "
        f"{results['passed']} passed, {len(results['excluded'])} do not apply (docs/numerics.md)"
    )
    record_property("peers", line)
    assert results["failed"] == {} and results["skipped"] == {}
    assert results["passed"] == results["run"] == results["found"] - len(results["excluded"])
    assert results["unused"] == []  # patterns that match no test any more


def test_what_does_not_apply_is_listed(results):
    """Set FASTDNN_UPDATE to write the list anew."""
    by_reason = defaultdict(list)
    for test, reason in results["excluded"].items():
        by_reason[reason].append(test)
    lines = [
        f"- {len(tests)}: {reason}. {', '.join(sorted({_short(test) for test in tests}))}\n"
        for reason, tests in sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    files = defaultdict(list)
    for name, reason in results["other"].items():
        files[reason].append(f"`{name.rpartition('.')[2]}`")
    lines += [
        f"- Whole files: {reason}. {', '.join(sorted(names))}\n"
        for reason, names in sorted(files.items())
    ]
    text = NUMERICS.read_text()
    before, rest = text.split(BEGIN)
    now, after = rest.split(END)
    expected = "".join(lines)
    if os.environ.get("FASTDNN_UPDATE"):
        NUMERICS.write_text(before + BEGIN + expected + END + after)
        return
    assert now == expected, "FASTDNN_UPDATE=1 python -m pytest tests/test_peers.py writes it anew"


def _short(test):
    """`losses.losses_test.HingeTest.test_config` as `HingeTest`."""
    name = re.search(r"_test[.](\w+)[.]", test)
    return f"`{name[1]}`"


def test_they_fail_where_fastdnn_is_wrong(tmp_path):
    """So what they look at is fastdnn's."""
    change = """
fd.ops.loss = lambda name, y_true, y_pred, **options: (y_pred[:, 0] * 0 + 1, None)
fd.ops.metric_rows = lambda name, y_true, y_pred, **options: y_pred[:, 0] * 0
fd.optimizers.SGD.hyperparameters = lambda self: {"learning_rate": 0.5}
fd.ops.min_max_norm = lambda w, *arguments: w
"""
    failed = _run(tmp_path / "results.json", change)["failed"]
    for tests in ("losses_test", "accuracy_metrics_test", "sgd_test", "constraints_test"):
        assert any(tests in test for test in failed), tests
    # Means and weights of rows are fastdnn's, and so is the layer's pass in training.
    change = """
fd.losses.Loss.__call__ = lambda self, y_true, y_pred, sample_weight=None: -1.0
fd.Sequential.forward = lambda self, x, training: x + 1
"""
    failed = _run(tmp_path / "results.json", change)["failed"]
    assert sum("losses_test" in test for test in failed) > 40
    assert any("batch_normalization_test" in test for test in failed)


def test_none_of_them_passes_without_fastdnn(tmp_path):
    change = """
import adapters
def broken(*arguments, **options):
    raise RuntimeError("taken away")
every = adapters.all_of
adapters.all_of = lambda module, make: dict.fromkeys(every(module, make), broken)
adapters.get_optimizer = broken
"""
    results = _run(tmp_path / "results.json", change)
    assert results["passed"] == 0, results["run"] - len(results["failed"])
