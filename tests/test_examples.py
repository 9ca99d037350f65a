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
LESSONS = sorted(path.name for path in EXAMPLES.glob("[0-9][0-9]_*.py"))


@pytest.mark.parametrize("name", LESSONS)
def test_lesson(name, tmp_path, real_data):
    pytest.importorskip("matplotlib")
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    done = subprocess.run(
        [sys.executable, "run_all.py", "--quick", name[:2]],
        cwd=tmp_path / "examples",
        env=ENVIRONMENT | {"FASTDNN_DATA": str(real_data)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Published" in done.stdout


def test_what_is_not_reached_or_does_not_hold_is_an_error(tmp_path):
    shutil.copy(EXAMPLES / "lesson.py", tmp_path)
    script = tmp_path / "99_bad.py"
    script.write_text(
        '"""Bad."""\nfrom lesson import Lesson\n\n\ndef main(lesson):\n'
        '    lesson.report("accuracy", 0.5, published=0.9)\n'
        '    lesson.report("a loss to be large", 0.95, published=0.9)\n'
        '    lesson.report("cost", 0.5, published=0.9, smaller_is_better=True)\n'
        '    lesson.report("price", 0.95, published=0.9, smaller_is_better=True)\n'
        '    lesson.claim("one is one", 1 == 1)\n'
        '    lesson.claim("one is two", 1 == 2)\n\n\nLesson(__file__, __doc__).run(main)\n'
    )
    wrong = [
        "accuracy: 0.5 does not reach 0.9",
        "price: 0.95 does not reach 0.9",
        "one is two: does not hold",
    ]
    for arguments, expected in (([], wrong), (["--quick"], [])):
        done = subprocess.run(
            [sys.executable, script, *arguments],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == bool(expected)
        assert done.stderr.splitlines() == expected
        assert "one is one: holds\none is two: does not hold\n" in done.stdout
