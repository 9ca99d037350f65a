"""Look into a wheel: what it holds, how large it is, what importing it costs.

Usage: check_package.py WHEEL (with the wheel's dependencies installed in this Python)
"""

import json
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

_MOST_BYTES = 3_000_000
_MOST_MILLISECONDS = 100
_WANTED = [
    r"fastdnn/__init__\.py",
    r"fastdnn/py\.typed",
    r"fastdnn/_core/__init__\.pyi",
    r"fastdnn/_core\.[^/]*\.so",
    r"fastdnn-[^/]*\.dist-info/licenses/LICENSE",
    r"fastdnn-[^/]*\.dist-info/entry_points\.txt",
]
_ALLOWED = re.compile(
    r"fastdnn/.*\.(py|pyi|so|csv|npz|gz|json|safetensors|md)$|fastdnn/py\.typed$|fastdnn-[^/]*\.dist-info/"
)
_MAY_LINK = re.compile(r"lib(c|m|stdc\+\+|gcc_s|pthread)\.so\.\d+$|ld-linux")

# Runs in a fresh interpreter: times the import after NumPy's own, and names what came along.
_IMPORT = """
import json, sys, time
import numpy
before = time.perf_counter()
known = set(sys.modules)
import fastdnn
seconds = time.perf_counter() - before
roots = {name.partition(".")[0] for name in set(sys.modules) - known}
strays = sorted(roots - {"fastdnn", "numpy"} - set(sys.stdlib_module_names))
print(json.dumps({"milliseconds": 1e3 * seconds, "strays": strays}))
"""


def content_faults(wheel: Path) -> list[str]:
    """Return what is missing from the wheel and what should not be in it."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    faults = [f"holds {name}" for name in names if not _ALLOWED.match(name)]
    faults += [f"lacks {want}" for want in _WANTED if not any(re.fullmatch(want, n) for n in names)]
    size = wheel.stat().st_size
    if size > _MOST_BYTES:
        faults.append(f"has {size:,} bytes; at most {_MOST_BYTES:,} are allowed")
    return faults


def library_faults(folder: Path) -> list[str]:
    """Return what the unpacked extensions need beyond the C++ run time, and debris in them."""
    faults = []
    for library in folder.rglob("*.so"):
        dynamic = subprocess.run(
            ["readelf", "--dynamic", "--sections", "--wide", library],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        needed = re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic)
        faults += [f"{library.name} needs {name}" for name in needed if not _MAY_LINK.match(name)]
        if ".debug_info" in dynamic or ".symtab" in dynamic:
            faults.append(f"{library.name} is not stripped")
        if "(RUNPATH)" in dynamic or "(RPATH)" in dynamic:
            faults.append(f"{library.name} has a run path")
    return faults


def import_faults(folder: Path) -> tuple[float, list[str]]:
    """Return the milliseconds that importing takes (best of seven), and faults."""
    best = float("inf")
    for _ in range(7):
        code = f"import sys; sys.path.insert(0, {str(folder)!r})\n{_IMPORT}"
        run = subprocess.run(
            [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True, cwd=folder
        )
        report = json.loads(run.stdout)
        best = min(best, report["milliseconds"])
    faults = [f"imports {name} when it is imported" for name in report["strays"]]
    if best > _MOST_MILLISECONDS:
        faults.append(f"takes {best:.0f} ms to import; at most {_MOST_MILLISECONDS} are allowed")
    return best, faults


def main() -> int:
    """Check the wheel given on the command line."""
    wheel = Path(sys.argv[1])
    faults = content_faults(wheel)
    milliseconds = 0.0
    if not faults:
        with tempfile.TemporaryDirectory() as folder:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(folder)
            faults = library_faults(Path(folder))
            milliseconds, more = import_faults(Path(folder))
            faults += more
    for fault in faults:
        print(f"{wheel.name} {fault}")
    if faults:
        return 1
    size = wheel.stat().st_size
    print(f"{wheel.name}: {size:,} bytes, {milliseconds:.0f} ms to import after NumPy")
    return 0


if __name__ == "__main__":
    sys.exit(main())
