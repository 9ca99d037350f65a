"""Every lesson runs, quickly; that figures are reached is what examples/run_all.py shows."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fastdnn

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
ENVIRONMENT = os.environ | {
    "MPLBACKEND": "agg",
    "PYTHONPATH": str(Path(fastdnn.__file__).resolve().parents[1]),
}
NEEDED = {"01_perceptron.py": "sklearn"}
LESSONS = sorted(path.name for path in EXAMPLES.glob("[0-9][0-9]_*.py"))


def _run(folder, *command):
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=100,
    )


@pytest.fixture
def examples(tmp_path, real_data, monkeypatch):
    """A copy of the lessons, for what they write."""
    pytest.importorskip("matplotlib")
    monkeypatch.setitem(ENVIRONMENT, "FASTDNN_DATA", str(real_data))
    return shutil.copytree(EXAMPLES, tmp_path / "examples")


@pytest.mark.parametrize("name", LESSONS)
def test_lesson_on_any_number_of_threads(name, examples):
    pytest.importorskip(NEEDED.get(name, "numpy"))
    done = _run(examples, Path(__file__).with_name("lesson_bits.py"), examples / name, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the same bits on 1, 2 and 5 threads" in done.stdout


def test_the_table_of_lessons(examples):
    done = _run(examples, "run_all.py", "--quick", "2", "7")
    assert done.returncode == 0, done.stdout + done.stderr
    header, first, *_, last = done.stdout[done.stdout.index("Lesson  ") :].splitlines()
    assert header.split() == ["Lesson", "What", "To", "reach", "Measured", "Time"]
    assert first.startswith("Lesson 2: ") and "0.9778" in last


def test_what_is_not_reached_or_does_not_hold_is_an_error(tmp_path):
    shutil.copy(EXAMPLES / "lesson.py", tmp_path)
    script = tmp_path / "99_bad.py"
    script.write_text(
        '"""Bad."""\nfrom lesson import Lesson\n\n\ndef main(lesson):\n'
        '    lesson.report("accuracy", 0.5, to_reach=0.9)\n'
        '    lesson.report("a loss to be large", 0.95, to_reach=0.9)\n'
        '    lesson.report("cost", 0.5, to_reach=0.9, smaller_is_better=True)\n'
        '    lesson.report("price", 0.95, to_reach=0.9, smaller_is_better=True)\n'
        '    lesson.claim("one is one", 1 == 1)\n'
        '    lesson.claim("one is two", 1 == 2)\n\n\nLesson(__file__, __doc__).run(main)\n'
    )
    wrong = [
        "accuracy: 0.5 does not reach 0.9",
        "price: 0.95 does not reach 0.9",
        "one is two: does not hold",
    ]
    for arguments, expected in (([], wrong), (["--quick"], [])):
        done = _run(tmp_path, script, *arguments)
        assert done.returncode == bool(expected)
        assert done.stderr.splitlines() == expected
        assert "one is one: holds\none is two: does not hold\n" in done.stdout
