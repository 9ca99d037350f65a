"""`fastdnn doctor`: what this machine offers, what is used of it and why."""

import argparse
import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastdnn import __version__, _core
from fastdnn.datasets.folders import cache_folder, data_folder
from fastdnn.datasets.mnist import FASHION_MNIST, MNIST

_OPTIONAL_PACKAGES = {
    "matplotlib": "curves: plot and train --plot",
    "pandas": "data frames as inputs",
    "scipy": "sparse rows",
    "ml_dtypes": "rows of bfloat16",
    "scikit-learn": "a peer of bench",
    "torch": "a peer of bench",
    "jax": "a peer of bench",
    "threadpoolctl": "bench --threads, for NumPy and scikit-learn",
}


def add_parser(commands: Any) -> None:
    """Add the command to argparse's sub-commands."""
    parser = commands.add_parser(
        "doctor",
        help="explain what this machine offers and what is used of it",
        description="Explain what this machine offers, what is used of it and why, and test it.",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the report; returns 1 if the self test failed."""
    sections = {
        "Versions": _versions(),
        "Processor": _processor(),
        "Threads": _threads(),
        "GPU": iter([("CUDA", "not built in; everything runs on the processor")]),
        "Optional packages": _packages(),
        "Data": _data(),
    }
    for title, lines in sections.items():
        print(title)
        for name, text in lines:
            print(f"  {name:<14} {text}")
        print()
    failure = self_test()
    print(f"Self test: {failure or 'OK'}")
    return 1 if failure else 0


def self_test() -> str | None:
    """Train a small network on a problem it must solve; what went wrong, or None."""
    try:
        import fastdnn as fd

        layers = fd.layers
        fd.set_seed(1)
        model = fd.Sequential(
            [
                fd.Input((2,)),
                layers.Dense(16, activation="relu"),
                layers.Dense(2, activation="softmax"),
            ]
        )
        model.compile(
            fd.optimizers.Adam(learning_rate=0.03),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        x = np.stack(np.meshgrid(*[np.linspace(-1, 1, 16, dtype=np.float32)] * 2), -1)
        x = x.reshape(-1, 2)
        y = (x[:, 0] * x[:, 1] > 0).astype(np.int32)  # no straight line separates these
        model.fit(x, y, batch_size=32, epochs=40, verbose=0)
        accuracy = model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"]
    except Exception as error:  # whatever it is, the report should show it
        return f"FAILED: {type(error).__name__}: {error}"
    if not accuracy > 0.95:
        return f"FAILED: a network that should reach an accuracy of 1 reached {accuracy:.3f}"
    return None


# What set_matmul_precision gives, by level.
_PRODUCTS = {
    "amx": 'float32 in three parts; set_matmul_precision("high") and ("medium") are faster',
    "avx512_bf16": 'float32; set_matmul_precision("medium") is faster',
}


def _versions() -> Iterator[tuple[str, str]]:
    yield "fastdnn", __version__
    yield "Python", f"{platform.python_version()} ({sys.executable})"
    yield "NumPy", np.__version__
    yield "system", f"{platform.system()} {platform.release()}, {platform.machine()}"


def _processor() -> Iterator[tuple[str, str]]:
    features = _core.cpu_features()
    offered, used = _core.supported_isa_levels(), _core.isa_level()
    yield "model", features["model"] or "unknown"
    yield "kernels", f"{used}; this processor can run {', '.join(offered)}"
    wish = os.environ.get("FASTDNN_ISA")
    if wish:
        yield "", f"chosen by FASTDNN_ISA={wish}"
    elif used == offered[-1]:
        yield "", "the highest level is taken; FASTDNN_ISA chooses a lower one"
    else:
        yield "", f"{offered[-1]} is there but not in use"
    if offered[-1] == "scalar" and platform.machine() in ("x86_64", "AMD64"):
        yield "", "neither AVX2 nor AVX-512 is offered: a slow virtual or old processor"
    yield "products", _PRODUCTS.get(used, "float32 at every precision")
    if not features["amx_bf16"]:
        yield "AMX", "not present"
    elif "amx" not in offered:
        yield "AMX", "present, but the operating system does not let this process use it"
    else:
        yield "AMX", "present"


def _threads() -> Iterator[tuple[str, str]]:
    available = _core.available_cpus()
    yield "used", f"{_core.num_threads()} at most; small networks use fewer"
    yield "processors", str(os.cpu_count())
    if hasattr(os, "sched_getaffinity"):
        affinity = len(os.sched_getaffinity(0))
        yield "affinity", f"this process may run on {affinity}"
        limited = f"grants the time of {available}" if available < affinity else "no limit"
        yield "cgroup", limited
    # The library's own variable wins; the other is how joblib shares a machine out.
    for name in ("FASTDNN_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name):
            yield "environment", f"{name}={os.environ[name]}"
            break
    else:
        yield "environment", "neither FASTDNN_NUM_THREADS nor OMP_NUM_THREADS is set"


def _packages() -> Iterator[tuple[str, str]]:
    for name, purpose in _OPTIONAL_PACKAGES.items():
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found = "not installed"
        yield name, f"{found} ({purpose})"


def _data() -> Iterator[tuple[str, str]]:
    own, cache = data_folder(), cache_folder()
    if own is None:
        yield "FASTDNN_DATA", "not set; it names a folder of one's own data sets"
    else:
        yield "FASTDNN_DATA", f"{own}{'' if own.is_dir() else ' (there is no such folder)'}"
    yield "cache", f"{cache}{'' if cache.is_dir() else ' (nothing in it yet)'}"
    yield "digits", "in the package"
    for dataset in (MNIST, FASHION_MNIST):
        found = [dataset.find(file) for file in dataset.files]
        places = sorted({str(path.parent) for path in found if path is not None})
        if None not in found:
            yield dataset.folder, f"in {', '.join(places)}"
        else:
            yield dataset.folder, "not here; downloaded when it is asked for"
