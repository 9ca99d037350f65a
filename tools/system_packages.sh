#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes sure that what a source build needs from the system is there: a C++20 compiler, Python's
# headers, and venv. Installs what is missing on Debian, Ubuntu and their kin; elsewhere says what to
# install. Does nothing, and needs no rights, where all of it is there.
set -eu

missing=
has() { command -v "$1" >/dev/null 2>&1; }
has g++ || has clang++ || [ -n "${CXX:-}" ] || missing="$missing g++"
has python3 || missing="$missing python3"
python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
python3 -c 'import os, sysconfig
os.stat(os.path.join(sysconfig.get_path("include"), "Python.h"))' 2>/dev/null ||
  missing="$missing python3-dev"
# Packages that only some commands need, named by the caller as COMMAND=PACKAGE.
for pair in "$@"; do
  has "${pair%%=*}" || missing="$missing ${pair#*=}"
done

[ -n "$missing" ] || exit 0
if ! has apt-get; then
  echo "Please install with your system's package manager (Debian's names):$missing" >&2
  exit 1
fi
as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
$as_root apt-get update -q
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -q --no-install-recommends $missing
