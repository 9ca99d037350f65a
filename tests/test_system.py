import subprocess
import sys

import numpy as np
import pytest

import fastdnn as fd


def test_show_config(capsys):
    config = fd.show_config()
    assert config["version"] == fd.__version__ and config["threads"] >= 1
    assert f"fastdnn {fd.__version__}" in capsys.readouterr().out


def test_num_threads():
    before = fd.get_num_threads()
    try:
        fd.set_num_threads(3)
        assert fd.get_num_threads() == 3
    finally:
        fd.set_num_threads(before)


@pytest.mark.parametrize("count", [0, -1, 1.5, "2", True])
def test_set_num_threads_refuses(count):
    with pytest.raises(
        ValueError, match=r"\[set_num_threads\] count: received .*; expected an int"
    ):
        fd.set_num_threads(count)


def test_import_is_light():
    """`import fastdnn` brings NumPy only; what else it needs is loaded when it is needed."""
    code = (
        "import sys, numpy; before = set(sys.modules); import fastdnn;"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    )
    new = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    foreign = set(new.stdout.split()) - set(sys.stdlib_module_names) - {"fastdnn", "numpy"}
    assert not foreign


def test_matmul_precision(matmul_precision):
    assert fd.get_matmul_precision() == "highest"
    for name in ("high", "medium", "highest"):
        fd.set_matmul_precision(name)
        assert fd.get_matmul_precision() == name
    for wrong in ("low", "", None, 32):
        with pytest.raises(
            ValueError, match=r"\[set_matmul_precision\] .* expected 'highest', 'high' or 'medium'"
        ):
            fd.set_matmul_precision(wrong)
    one = np.ones((1, 1), np.float32)
    for wrong in ("low", b"high", 1):
        with pytest.raises(ValueError, match=r"precision.* received .*; expected .*highest"):
            fd.ops.gemm(one, one, precision=wrong)
    assert fd.get_matmul_precision() == "highest"
