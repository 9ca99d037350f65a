"""How long do saving and loading take, beside NumPy's?

Saves and loads a model of 500 MB, and an array of as many bytes by `numpy.save` and `numpy.load`,
in turns; prints medians and the ratios of speeds. A model is on the disk when `save` returns, an
array only after `fsync`: it is saved with and without. Files are read from the cache of the system.

Run it on a machine that does nothing else: `python bench/checkpoints.py [--folder FOLDER]`.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import fastdnn as fd
from fastdnn import _core

UNITS, LAYERS, ROUNDS = 6450, 3, 9


def synchronized(path: Path) -> None:
    """Bring a file to the disk."""
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, help="where to write; a temporary folder without")
    options = parser.parse_args()
    model = fd.Sequential(
        [fd.Input(shape=(UNITS,)), *(fd.layers.Dense(UNITS) for _ in range(LAYERS))]
    )
    array = np.concatenate([weight.reshape(-1) for weight in model.get_weights()])
    seconds: dict[str, list[float]] = {}

    def timed(what: str, function: Callable[[], object]) -> None:
        os.sync()
        start = time.perf_counter()
        result = function()
        seconds.setdefault(what, []).append(time.perf_counter() - start)
        del result

    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        theirs, ours = Path(folder) / "array.npy", Path(folder) / "model.safetensors"

        def save_and_sync() -> None:
            np.save(theirs, array)
            synchronized(theirs)

        def load_and_set() -> None:
            flat, first = np.load(theirs), 0
            for weight in model.weights:
                weight.value[...] = flat[first : first + weight.size].reshape(weight.shape)
                first += weight.size

        for _ in range(ROUNDS):
            timed("numpy.save, fsync", save_and_sync)
            timed("Model.save", lambda: model.save(ours))
            timed("numpy.save", lambda: np.save(theirs, array))
            np.load(theirs), model.load_weights(ours)  # into the cache
            timed("numpy.load", lambda: np.load(theirs))
            timed("load_model", lambda: fd.load_model(ours))
            timed("numpy.load, into a model", load_and_set)
            timed("load_weights", lambda: model.load_weights(ours))
    cpu, megabytes = _core.cpu_features()["model"], array.nbytes / 1e6
    print(f"{cpu}, {_core.num_threads()} threads; {megabytes:.0f} MB")
    print(f"fastdnn {fd.__version__}, NumPy {np.__version__}, Python {platform.python_version()}")
    medians = {what: statistics.median(times) for what, times in seconds.items()}
    for what, times in seconds.items():
        print(f"{what:26} {1e3 * medians[what]:7.1f} ms  ({1e3 * min(times):.1f} at best)")
    for own, other in (
        ("Model.save", "numpy.save, fsync"),
        ("Model.save", "numpy.save"),
        ("load_model", "numpy.load"),
        ("load_weights", "numpy.load, into a model"),
    ):
        print(f"{own} has {medians[other] / medians[own]:.0%} of the speed of {other}")


if __name__ == "__main__":
    sys.exit(main())
