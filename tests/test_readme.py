"""The code in README.md runs as it stands there.

Python blocks run one after the other in one interpreter. A shell block runs if a line above it says
so: <!-- run --> or, for a quicker variant, <!-- run: TEXT -> REPLACEMENT -->. In it
.venv/bin/python is the Python of this test, and the data folder one of made-up images.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

README = Path(__file__).resolve().parent.parent / "README.md"
_BLOCK = re.compile(
    r"^(?:<!-- run(?:: (?P<text>.+?) -> (?P<replacement>.+?))? -->\n)?"
    r"^```(?P<language>\w+)\n(?P<code>.*?)^```$",
    re.M | re.S,
)


def _blocks():
    return [
        (match["language"], match[0].startswith("<!-- run"), _quick(match))
        for match in _BLOCK.finditer(README.read_text())
    ]


def _quick(match):
    if match["text"] is None:
        return match["code"]
    assert match["text"] in match["code"], f"README.md: {match['text']} is not in its block"
    return match["code"].replace(match["text"], match["replacement"])


def _write_idx(path, array):
    path.parent.mkdir(exist_ok=True)
    shape = np.array(array.shape, ">u4").tobytes()
    path.write_bytes(bytes([0, 0, 8, array.ndim]) + shape + array.tobytes())


@pytest.fixture
def readme_folder(tmp_path, monkeypatch):
    """An empty folder to run in, with a Python and images where README.md expects them."""
    monkeypatch.chdir(tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    images = np.random.default_rng(7)
    for name, count in (("train", 3000), ("t10k", 500)):
        labels = images.integers(0, 10, count, np.uint8)
        # The label is a bright row, easy to learn.
        pixels = np.zeros((count, 28, 28), np.uint8)
        pixels[np.arange(count), labels] = 255
        _write_idx(tmp_path / "mnist" / f"{name}-images-idx3-ubyte", pixels)
        _write_idx(tmp_path / "mnist" / f"{name}-labels-idx1-ubyte", labels)
    return tmp_path


def _run(command, folder):
    run = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_python_blocks(readme_folder):
    code = "".join(code for language, _, code in _blocks() if language == "python")
    assert code
    _run([sys.executable, "-c", code], readme_folder)


def test_shell_blocks(readme_folder):
    blocks = [code for language, run, code in _blocks() if language == "sh" and run]
    assert blocks
    for code in blocks:
        local = code.replace("FASTDNN_DATA=../shared/data", f"FASTDNN_DATA={readme_folder}")
        assert _run(["bash", "-euc", local], readme_folder)
