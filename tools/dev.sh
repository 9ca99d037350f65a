#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every command of development, spelled once for people and CI.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$PWD/build/venv

usage() {
  cat <<'TEXT'
tools/dev.sh COMMAND [arguments]

  build                 compile the extension and put it into python/fastdnn
  test [pytest...]      run the tests on that build, such as: test tests/test_gemm.py -k bias
  lint | format         ruff and clang-format: look, or mend
  types                 mypy on the Python package
  stubs [--update]      are the type stubs of the extension fresh?
  isa                   are kernel objects leaves, and all others baseline code?
  tsan                  the thread pool and the phases of programs under ThreadSanitizer
  sanitize [pytest...]  the kernel tests under AddressSanitizer and UndefinedBehaviorSanitizer
  clang                 compile everything with clang++ too, warnings as errors
  docs                  the pages of docs, in build/docs; warnings are errors
  wheel                 build the wheel into build/dist and look into it
TEXT
}

# Tools and libraries of development, in build/venv; installed anew when pyproject.toml changes.
enter_venv() {
  if [ ! "$venv/.complete" -nt pyproject.toml ]; then
    tools/system_packages.sh
    [ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
    "$venv/bin/pip" install -q -U 'pip>=25.1'
    "$venv/bin/pip" install -q --group dev
    touch "$venv/.complete"
  fi
  export PATH=$venv/bin:$PATH
}

native_sources() {
  git ls-files --cached --others --exclude-standard '*.h' '*.cc' '*.cpp' '*.cu' '*.cuh'
}

# Configures and builds a preset of CMakePresets.json.
cmake_build() {
  local preset=$1
  shift
  local launcher=()
  if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  cmake --preset "$preset" "${launcher[@]}" "$@" >/dev/null
  cmake --build --preset "$preset"
}

build() {
  cmake_build dev
  cmake --install build/dev --prefix python >/dev/null
}

run_tests() { PYTHONPATH=$PWD/python python -m pytest "$@"; }

lint() {
  ruff check
  ruff format --check
  native_sources | xargs clang-format --dry-run -Werror
}

format() {
  ruff check --fix-only
  ruff format
  native_sources | xargs clang-format -i
}

types() { mypy; }

# Of the build in python/fastdnn, or of the package in another folder.
stubs() { PYTHONPATH=${FASTDNN_PACKAGE:-python} python tools/check_stubs.py "$@"; }

docs() {
  PYTHONPATH=${FASTDNN_PACKAGE:-python} python -m sphinx -q -W --keep-going -b html docs build/docs
}

tsan() { cmake --workflow --preset tsan; }

# Python itself is not instrumented, so the sanitizers' libraries are loaded before it. Leaks are not
# looked for: the interpreter keeps much until the process ends. PYTHONMALLOC makes Python take its
# memory where AddressSanitizer watches.
sanitize() {
  if [ $# -eq 0 ]; then
    mapfile -t kernel_tests < <(grep -l '^KERNELS = ' tests/test_*.py)
    # Golden values of Keras say nothing of memory, and JAX takes long to load here.
    set -- -q -n auto -k 'not keras' "${kernel_tests[@]}" tests/test_{tensor_file,fuzz_files}.py
  fi
  cmake_build asan-ubsan
  ctest --preset asan-ubsan
  local stage=build/asan-ubsan/python
  rm -rf "$stage"
  mkdir -p "$stage"
  cp -R python/fastdnn "$stage/fastdnn"
  rm -f "$stage"/fastdnn/_core*.so
  cmake --install build/asan-ubsan --prefix "$stage" >/dev/null
  local compiler
  compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' build/asan-ubsan/CMakeCache.txt)
  # libstdc++ too: AddressSanitizer looks for the real __cxa_throw when it starts.
  LD_PRELOAD="$($compiler -print-file-name=libasan.so) $($compiler -print-file-name=libstdc++.so.6)" \
    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
    UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc PYTHONPATH=$stage \
    python -m pytest -p no:cacheprovider "$@"
}

find_clang() { compgen -c clang++ | grep -E '^clang[+][+](-[0-9]+)?$' | sort -V | tail -n 1; }

clang() {
  local compiler
  if [ -z "$(find_clang)" ]; then tools/system_packages.sh clang++=clang; fi
  compiler=$(find_clang)
  cmake_build clang -DCMAKE_CXX_COMPILER="$compiler"
  ctest --preset clang
}

# Leaves the wheel in build/dist and its content in build/unpacked.
wheel() {
  rm -rf build/dist build/unpacked
  pip wheel -q --no-deps -w build/dist .
  python -m zipfile -e build/dist/*.whl build/unpacked
  python tools/check_package.py build/dist/*.whl
}

# On the objects that the wheel was linked from.
isa() {
  wheel
  local tag
  tag=$(basename build/dist/*.whl .whl)
  python tools/check_isa_objects.py "build/${tag#fastdnn-*-}"
}

command=${1:-}
shift || true
case $command in
  build | lint | format | types | stubs | isa | tsan | sanitize | clang | wheel | docs)
    enter_venv
    "$command" "$@"
    ;;
  test)
    enter_venv
    run_tests "$@"
    ;;
  *)
    usage
    exit 2
    ;;
esac
