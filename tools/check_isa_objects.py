"""Prove that instruction sets beyond the baseline stay inside their kernel files.

An object of a file x86_<level>.cc must be a leaf: it defines nothing but fastdnn::cpu::<level>, and
calls nothing but a few C functions. Were it to hold an inline function that other objects hold too,
the linker might keep its AVX-512 copy for everybody, and the library would crash on older machines.
All other objects must be plain x86-64: no AVX instruction at all.

Usage: check_isa_objects.py BUILD_FOLDER (a Release build; needs nm and objdump).
"""

import re
import subprocess
import sys
from pathlib import Path

_LEAF = re.compile(r"^x86_([a-z0-9_]+)\.cc\.o$")
# Optimized code may call these by itself. No function of libm: kernels bring their own.
_MAY_CALL = {"memcpy", "memmove", "memset", "memcmp", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_"}
_AVX_OPERAND = re.compile(r"%[yz]mm\d|%k[0-7]\b")
# VEX and EVEX mnemonics begin with v; these older instructions do too.
_AVX_MNEMONIC = re.compile(r"\tv(?!err\b|erw\b|m[a-z]+\b)[a-z0-9]+\b")


def _output_of(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def leaf_faults(path: Path, level: str) -> list[str]:
    """Return what keeps an object of a kernel file from being a leaf."""
    own = f"_ZN7fastdnn3cpu{len(level)}{level}"
    faults = []
    for line in _output_of("nm", "--format=posix", path).splitlines():
        name, kind = line.split()[:2]
        if kind == "U":
            if name not in _MAY_CALL:
                faults.append(f"calls {name}")
        elif kind in "wWvVuC":
            faults.append(f"shares {name} with other objects")
        elif name.startswith("_GLOBAL__sub_I"):
            faults.append("runs code when the library is loaded")
        elif kind.isupper() and not name.startswith(own):
            faults.append(f"defines {name}, outside fastdnn::cpu::{level}")
    return faults


def baseline_faults(path: Path) -> list[str]:
    """Return the instructions of an object that a plain x86-64 processor lacks."""
    if ".gnu.lto_" in _output_of("objdump", "--section-headers", path):
        return ["was compiled with LTO: holds no machine code to look at"]
    code = _output_of("objdump", "--disassemble", "--no-show-raw-insn", path)
    function = "?"
    faults = []
    for line in code.splitlines():
        if line.endswith(">:"):
            function = line.partition("<")[2][:-2]
        elif _AVX_OPERAND.search(line) or _AVX_MNEMONIC.search(line):
            faults.append(f"in {function}: {line.strip()}")
    return faults[:3]


def check(folder: Path) -> tuple[int, int, list[str]]:
    """Return the number of leaves, the number of baseline objects, and all faults."""
    faults = []
    leaves = baseline = 0
    for path in sorted(folder.rglob("*.o")):
        match = _LEAF.match(path.name)
        if match:
            leaves += 1
            found = leaf_faults(path, match[1])
        else:
            baseline += 1
            found = baseline_faults(path)
        faults += [f"{path.relative_to(folder)}: {fault}" for fault in found]
    return leaves, baseline, faults


def main() -> int:
    """Check the folder given on the command line."""
    leaves, baseline, faults = check(Path(sys.argv[1]))
    for fault in faults:
        print(fault)
    if leaves == 0:
        print(f"no kernel objects below {sys.argv[1]}: not a build folder, or not an x86-64 build")
        return 1
    print(f"{leaves} kernel objects, {baseline} baseline objects, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
