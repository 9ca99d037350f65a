"""What the package as a whole promises, most of it asked of a fresh interpreter."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

import fastdnn
from fastdnn import _core, ops

ROOT = Path(__file__).resolve().parent.parent
NO_SETTINGS = {"FASTDNN_ISA": "", "FASTDNN_NUM_THREADS": "", "OMP_NUM_THREADS": ""}


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **NO_SETTINGS, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def answer(code, **environment):
    run = python(f"import json\nfrom fastdnn import _core\n{code}", **environment)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def import_error(**environment):
    run = python("import fastdnn", **environment)
    assert run.returncode == 1, "the import went through"
    return run.stderr.splitlines()[-1]


def test_one_version():
    declared = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.M)[1]
    assert fastdnn.__version__ == _core.__version__ == declared
    assert f"## {declared}" in (ROOT / "CHANGELOG.md").read_text()


def test_public_names():
    assert sorted(set(fastdnn.__all__)) == sorted(fastdnn.__all__)
    for name in fastdnn.__all__:
        assert getattr(fastdnn, name) is not None


def test_a_tree_that_is_not_built_says_so(tmp_path):
    source = Path(fastdnn.__file__).parent
    unbuilt = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(source, tmp_path / "fastdnn", ignore=unbuilt)
    run = subprocess.run(
        [sys.executable, "-c", "import sys; sys.path.insert(0, '.'); import fastdnn"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == (
        f"ImportError: [fastdnn] {tmp_path / 'fastdnn'} has no compiled module _core; expected an "
        "installed or built package: `tools/dev.sh build` compiles it there, `pip install .` "
        "installs it to use elsewhere"
    )


def test_types_are_published():
    assert resources.files("fastdnn").joinpath("py.typed").is_file()
    assert resources.files("fastdnn").joinpath("_core", "__init__.pyi").is_file()


def test_importing_brings_numpy_only():
    code = """
import json, sys, numpy
before = set(sys.modules)
import fastdnn
roots = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps(sorted(roots - {"fastdnn", "numpy"} - set(sys.stdlib_module_names))))
"""
    assert answer(code) == []


@pytest.mark.parametrize("level", _core.supported_isa_levels())
def test_isa_is_forced(level):
    assert answer("print(json.dumps(_core.isa_level()))", FASTDNN_ISA=level) == level


def test_isa_is_the_highest_by_default():
    expected = _core.supported_isa_levels()[-1]
    assert answer("print(json.dumps(_core.isa_level()))") == expected


def test_wrong_isa_is_an_error_at_import():
    levels = ", ".join(f"'{level}'" for level in _core.supported_isa_levels())
    assert import_error(FASTDNN_ISA="sse9") == (
        f"ImportError: [isa] received 'sse9'; this machine supports {levels}; "
        "set FASTDNN_ISA to one of them or unset it"
    )


NUM_THREADS = "print(json.dumps([_core.num_threads(), _core.available_cpus()]))"


def test_number_of_threads():
    threads, cpus = answer(NUM_THREADS)
    assert threads == cpus >= 1
    for one in ("1", " 1", "1 "):
        assert answer(NUM_THREADS, FASTDNN_NUM_THREADS=one) == [1, cpus]
    # Never more than there are CPUs, unless set_num_threads says so.
    assert answer(NUM_THREADS, FASTDNN_NUM_THREADS="100000") == [cpus, cpus]


def test_number_of_threads_follows_openmp_variable():
    _, cpus = answer(NUM_THREADS)
    assert answer(NUM_THREADS, OMP_NUM_THREADS="1") == [1, cpus]
    assert answer(NUM_THREADS, OMP_NUM_THREADS="1", FASTDNN_NUM_THREADS=str(cpus)) == [cpus, cpus]
    assert answer(NUM_THREADS, OMP_NUM_THREADS="8,4") == [cpus, cpus]


@pytest.mark.parametrize("wrong", ["0", "-1", "two", "1.5", "2 x"])
def test_wrong_number_of_threads_is_an_error_at_import(wrong):
    assert import_error(FASTDNN_NUM_THREADS=wrong) == (
        f"ImportError: [threads] received FASTDNN_NUM_THREADS='{wrong}'; "
        "expected a whole number of at least 1; mend or unset it"
    )


def test_affinity_limits_the_threads():
    code = """
import json, os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from fastdnn import _core, ops
print(json.dumps(_core.num_threads()))
"""
    run = python(code)
    assert json.loads(run.stdout) == 1


def test_fork_after_use():
    code = """
import json, os
import numpy as np
from fastdnn import ops
_core.set_num_threads(4)
x = np.linspace(-1, 1, 1_000_000, dtype=np.float32).reshape(1000, 1000)
expected = np.maximum(x, 0)
def works():
    return all(np.array_equal(ops.activation(x, "relu"), expected) for _ in range(20))
before = works()
child = os.fork()
if child == 0:
    os._exit(0 if works() else 1)
status = os.waitpid(child, 0)[1]
print(json.dumps([before, os.waitstatus_to_exitcode(status), works()]))
"""
    # Python 3.12 and later warn of any fork with threads about; ours are made for it.
    assert answer(code, PYTHONWARNINGS="ignore::DeprecationWarning") == [True, 0, True]


def test_declared_safe_without_the_gil():
    module = (ROOT / "csrc" / "bindings" / "module.cpp").read_text()
    assert "PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used())" in module
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        assert answer("import sys\nprint(json.dumps(sys._is_gil_enabled()))") is False


@pytest.mark.parametrize(
    "call",
    [
        lambda: ops.activation([1.0, 2.0], "relu"),
        lambda: ops.gemm([[1.0]], np.ones((1, 1), np.float32)),
        lambda: ops.softmax([[1.0, 2.0]]),
        lambda: ops.sum([1.0, 2.0]),
        lambda: ops.rescaling(None, 2.0),
    ],
)
def test_what_is_no_array_is_refused_in_words(call):
    with pytest.raises(
        ValueError, match=r"\[array\] received \w+; expected a NumPy array, as numpy.as"
    ):
        call()
