"""The checks of tools/ find what they look for."""

import shutil
import subprocess
import zipfile

import check_isa_objects
import check_package
import pytest

needs_compiler = pytest.mark.skipif(
    not all(map(shutil.which, ("g++", "nm", "objdump"))), reason="needs g++ and binutils"
)
LEAF = "namespace fastdnn::cpu::avx2 { %s }"


def compiled(tmp_path, name, source, *flags):
    target = tmp_path / f"{name}.o"
    (tmp_path / name).write_text(source)
    subprocess.run(["g++", "-O2", *flags, "-c", tmp_path / name, "-o", target], check=True)
    return target


@needs_compiler
@pytest.mark.parametrize(
    ("source", "fault"),
    [
        (LEAF % "void f(float* x) { x[0] = 1; }", None),
        (LEAF % "void f(char* x) { __builtin_memset(x, 0, 1000); }", None),
        (
            "namespace { float g(float x) { return 2 * x; } }"
            + LEAF % "float f() { return g(1); }",
            None,
        ),
        ("void f() {}", "defines _Z1fv, outside fastdnn::cpu::avx2"),
        ("namespace fastdnn::cpu::avx512 { void f() {} }", "outside fastdnn::cpu::avx2"),
        (
            "inline __attribute__((noinline)) int g(int x) { return x * x; }"
            + LEAF % "int f(int x) { return g(x); }",
            "shares _Z1gi with other objects",
        ),
        (LEAF % "extern inline int shared = 1; int f() { return shared; }", "shares "),
        ("float expf(float);" + LEAF % "float f(float x) { return expf(x); }", "calls "),
        (
            "extern int g(); namespace { int start = g(); }" + LEAF % "int f() { return start; }",
            "runs code when the library is loaded",
        ),
    ],
)
def test_leaf(tmp_path, source, fault):
    target = compiled(tmp_path, "x86_avx2.cc", source, "-mavx2", "-std=c++20")
    faults = check_isa_objects.leaf_faults(target, "avx2")
    assert any(fault in found for found in faults) if fault else faults == []


@needs_compiler
def test_baseline(tmp_path):
    source = "void f(float* x) { for (int i = 0; i < 64; ++i) x[i] += 1; }"
    plain = compiled(tmp_path, "plain.cc", source)
    assert check_isa_objects.baseline_faults(plain) == []
    for flag in ("-mavx", "-mavx512f"):
        wide = compiled(tmp_path, "wide.cc", source, flag, "-O3")
        assert "in _Z1fPf: " in check_isa_objects.baseline_faults(wide)[0]
    hidden = compiled(tmp_path, "hidden.cc", source, "-flto", "-fno-fat-lto-objects")
    assert "LTO" in check_isa_objects.baseline_faults(hidden)[0]


@needs_compiler
def test_folder(tmp_path):
    assert check_isa_objects.check(tmp_path) == (0, 0, [])
    compiled(tmp_path, "x86_avx2.cc", "void f() {}")
    compiled(tmp_path, "plain.cc", "void f() {}")
    leaves, baseline, faults = check_isa_objects.check(tmp_path)
    assert (leaves, baseline) == (1, 1)
    assert faults == ["x86_avx2.cc.o: defines _Z1fv, outside fastdnn::cpu::avx2"]


def test_content_of_a_wheel(tmp_path):
    wanted = [
        "fastdnn/__init__.py",
        "fastdnn/py.typed",
        "fastdnn/_core.cpython-311-x86_64-linux-gnu.so",
        "fastdnn/_core/__init__.pyi",
        "fastdnn-0.1.0.dist-info/METADATA",
        "fastdnn-0.1.0.dist-info/entry_points.txt",
        "fastdnn-0.1.0.dist-info/licenses/LICENSE",
    ]

    def faults_of(names, size=10):
        wheel = tmp_path / "fastdnn.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for name in names:
                archive.writestr(name, b"0" * size)
        return check_package.content_faults(wheel)

    assert faults_of(wanted) == []
    assert faults_of(wanted[1:]) == [r"lacks fastdnn/__init__\.py"]
    assert faults_of([*wanted, "tests/test_x.py", "fastdnn/gemm.h"]) == [
        "holds tests/test_x.py",
        "holds fastdnn/gemm.h",
    ]
    assert "at most 3,000,000 are allowed" in faults_of(wanted, 500_000)[0]
