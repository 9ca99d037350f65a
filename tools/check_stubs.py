"""Compare the committed type stubs of fastdnn._core with what the extension says of itself.

Usage: check_stubs.py [--update] (with the extension importable: tools/dev.sh stubs)

--update writes the stubs anew. Their folder has the extension's name: Python takes the extension,
type checkers take the folder.
"""

import argparse
import difflib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_COMMITTED = Path(__file__).resolve().parent.parent / "python" / "fastdnn" / "_core"


def generate(folder: Path) -> dict[str, str]:
    """Return the stubs as they should be, by their path below the stub folder."""
    command = [sys.executable, "-m", "pybind11_stubgen", "fastdnn._core", "-o", str(folder)]
    # Anything it cannot express is an error: bindings name their types.
    subprocess.run([*command, "--exit-code"], check=True)
    stubs = _read(folder / "fastdnn" / "_core")
    # The generator calls a module's own classes by their full names where they are nested in types.
    return stubs | {"__init__.pyi": stubs["__init__.pyi"].replace("fastdnn._core.", "")}


def _read(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*.pyi"))}


def _differences(committed: dict[str, str], fresh: dict[str, str]) -> list[str]:
    lines = []
    for name in sorted(committed.keys() | fresh.keys()):
        before, after = committed.get(name, ""), fresh.get(name, "")
        lines += difflib.unified_diff(
            before.splitlines(),
            after.splitlines(),
            f"committed {name}",
            f"fresh {name}",
            lineterm="",
        )
    return lines


def main() -> int:
    """Check, or update."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--update", action="store_true", help="write the stubs anew")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fresh = generate(Path(folder))
    if arguments.update:
        shutil.rmtree(_COMMITTED, ignore_errors=True)
        for name, text in fresh.items():
            target = _COMMITTED / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        print(f"wrote {', '.join(fresh)}")
        return 0
    differences = _differences(_read(_COMMITTED), fresh)
    if differences:
        print("\n".join(differences))
        print("\nThe stubs are stale; write them anew with: tools/dev.sh stubs --update")
        return 1
    print(f"{len(fresh)} stub files are fresh")
    return 0


if __name__ == "__main__":
    sys.exit(main())
