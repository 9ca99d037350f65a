"""What the numbers were measured on, and how many threads everybody gets."""

import contextlib
import importlib
import importlib.metadata
import os
import platform
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastdnn import _core

_PEERS = ("torch", "jax", "scikit-learn")


class UnavailableError(Exception):
    """A contender cannot take part; the text says why."""


def import_peer(module: str, package: str) -> Any:
    """Import a library that fastdnn is compared with.

    Raises:
        UnavailableError: If it is not installed, or does not work.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and module.startswith(error.name):
            raise UnavailableError(f"{package} is not installed") from None
        raise UnavailableError(f"{package} cannot be imported: {error}") from error
    except (ImportError, OSError) as error:
        raise UnavailableError(f"{package} cannot be imported: {error}") from error


def describe_machine() -> dict[str, Any]:
    """Return processor, threads and versions: what somebody else needs to compare numbers."""
    return {
        "cpu": _core.cpu_features()["model"],
        "cpus": _core.available_cpus(),
        "threads": _core.num_threads(),
        "isa_level": _core.isa_level(),
        "load": _load(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": _versions(),
    }


@contextlib.contextmanager
def configured(threads: int | None, isa_level: str | None) -> Iterator[list[str]]:
    """Set threads and instruction set inside a `with` block; yields remarks for the reader.

    Args:
        threads: The most threads that fastdnn, and every peer that lets us, may use; None for
            what each of them chooses.
        isa_level: The level of fastdnn's kernels; None for the best. Peers keep their own.

    Raises:
        ValueError: If there is no such level here, or the number of threads is not positive.
    """
    before = _core.num_threads(), _core.isa_level()
    remarks: list[str] = []
    with contextlib.ExitStack() as stack:
        stack.callback(_core.testing.set_isa_level, before[1])
        stack.callback(_core.set_num_threads, before[0])
        if isa_level is not None:
            _core.testing.set_isa_level(isa_level)
        if threads is not None:
            _core.set_num_threads(threads)
            try:
                limits = import_peer("threadpoolctl", "threadpoolctl").threadpool_limits(threads)
                stack.enter_context(limits)
            except UnavailableError as error:
                remarks.append(f"NumPy may use more than {threads} threads: {error}")
        yield remarks


@contextlib.contextmanager
def limited_affinity(threads: int) -> Iterator[None]:
    """Bind pools of threads that are made in a `with` block to so many processors."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:threads])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _load() -> float | None:
    """Return how many processors other programs kept busy in the last minute."""
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None


def _versions() -> dict[str, str]:
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    versions = {
        "fastdnn": _core.__version__,
        "python": platform.python_version(),
        "numpy": f"{np.__version__} with {blas['name']} {blas['version']}",
    }
    for package in _PEERS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions
