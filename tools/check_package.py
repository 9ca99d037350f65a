"""Look into a wheel: what it holds, how large it is, what importing it costs.

Usage: check_package.py WHEEL (with the wheel's dependencies installed in this Python)
"""

import compileall
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

_MOST_BYTES = 3_000_000
_MOST_OF_NUMPYS_IMPORT = 1.0
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

# Runs in a fresh interpreter: times NumPy's import and ours after it, and names what came along.
_IMPORT = """
import json, sys, time
start = time.perf_counter()
import numpy
numpys = time.perf_counter() - start
known = set(sys.modules)
start = time.perf_counter()
import fastdnn
ours = time.perf_counter() - start
roots = {name.partition(".")[0] for name in set(sys.modules) - known}
strays = sorted(roots - {"fastdnn", "numpy"} - set(sys.stdlib_module_names))
print(json.dumps({"numpys": 1e3 * numpys, "ours": 1e3 * ours, "strays": strays}))
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


def import_faults(folder: Path) -> tuple[str, list[str]]:
    """Return what importing takes (best of seven, beside NumPy's), and faults.

    The modules are compiled first, as pip does when it installs a wheel.
    """
    compileall.compile_dir(folder, quiet=1)
    code = f"import sys; sys.path.insert(0, {str(folder)!r})\n{_IMPORT}"
    reports = []
    for _ in range(7):
        run = subprocess.run(
            [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True, cwd=folder
        )
        reports.append(json.loads(run.stdout))
    ours, numpys = (min(report[key] for report in reports) for key in ("ours", "numpys"))
    cost = f"{ours:.0f} ms to import after NumPy's {numpys:.0f} ms"
    faults = [f"imports {name} when it is imported" for name in reports[0]["strays"]]
    if ours > _MOST_OF_NUMPYS_IMPORT * numpys:
        faults.append(f"takes {cost}; at most {_MOST_OF_NUMPYS_IMPORT} times NumPy's is allowed")
    return cost, faults


def main() -> int:
    """Check the wheel given on the command line."""
    wheel = Path(sys.argv[1])
    faults = content_faults(wheel)
    cost = ""
    if not faults:
        with tempfile.TemporaryDirectory() as folder:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(folder)
            faults = library_faults(Path(folder))
            cost, more = import_faults(Path(folder))
            faults += more
    for fault in faults:
        print(f"{wheel.name} {fault}")
    if faults:
        return 1
    size = wheel.stat().st_size
    print(f"{wheel.name}: {size:,} bytes, {cost}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
