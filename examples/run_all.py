# SPDX-License-Identifier: Apache-2.0
"""Run the lessons one after the other and print a table of what to reach and what came out.

Usage: FASTDNN_DATA=folder python examples/run_all.py [--quick] [--markdown PAGE] [number ...]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
BEGIN, END = "<!-- lessons -->", "<!-- /lessons -->"


def scripts(numbers: list[int]) -> list[Path]:
    """Return the lessons' scripts in order, or those with these numbers."""
    found = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
    return [path for path in found if not numbers or int(path.name[:2]) in numbers]


def cells(result: dict[str, Any]) -> tuple[str, str, str]:
    """Return what a number or a claim is of, what is to be reached and what came out."""
    if "holds" in result:
        return result["what"], "", "holds" if result["holds"] else "does not hold"
    to_reach = "" if result["to_reach"] is None else f"{result['to_reach']:g}"
    return result["what"], to_reach, f"{result['measured']:.4g}"


def write_table(page: Path, lessons: list[tuple[Path, str, list[tuple[str, str, str]]]]) -> None:
    """Write a table of the lessons between the page's marks."""
    lines = ["| Lesson | What | To reach | Measured |", "|---|---|---|---|"]
    for path, title, results in lessons:
        link = f"[{title}](../examples/{path.name})"
        for i, result in enumerate(results):
            lines.append(f"| {' | '.join((link if i == 0 else '', *result))} |")
    before, rest = page.read_text().split(BEGIN)
    _, after = rest.split(END)
    page.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}")


def main() -> int:
    """Run them; return how many failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="what the tests run")
    parser.add_argument("--markdown", type=Path, help="write the table into this page, too")
    parser.add_argument("numbers", nargs="*", type=int, help="lessons; all without any")
    options = parser.parse_args()
    rows, failed, shown = [], [], []
    for path in scripts(options.numbers):
        with tempfile.TemporaryDirectory() as folder:
            results = Path(folder) / "results.json"
            command = [sys.executable, str(path), "--json", str(results)]
            code = subprocess.run([*command, *["--quick"] * options.quick], check=False).returncode
            if code:
                failed.append(path.name)
            if results.exists():
                lesson = json.loads(results.read_text())
                seconds = f"{lesson['seconds']:.0f} s"
                for i, result in enumerate(lesson["results"]):
                    left, right = (lesson["title"], seconds) if i == 0 else ("", "")
                    rows.append((left, *cells(result), right))
                shown.append((path, lesson["title"], [cells(r) for r in lesson["results"]]))
    header = ("Lesson", "What", "To reach", "Measured", "Time")
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    print()
    for row in [header, *rows]:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    if options.markdown is not None:
        write_table(options.markdown, shown)
    if failed:
        print(f"\nFailed: {', '.join(failed)}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
