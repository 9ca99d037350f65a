"""How much of a training step is spent outside kernels?

Samples `Model.fit` of 784-300-100-10 at batch 50 with Linux's `perf`, and adds up the samples by
what the functions do. Kernels are the functions of csrc/cpu; outside are the program that calls
them, the gathering of a batch's rows, threads that wait for others, Python and the system. The net
has batch normalization, dropout, L2 penalties, max-norm constraints, and Adam with a schedule and
clipping by the norm of all gradients: all that a step can have is there.

Needs the symbols that wheels leave out: `tools/dev.sh build`, then
`PYTHONPATH=python python bench/where_time_goes.py [--threads N]`.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import fastdnn as fd
from fastdnn import layers

BATCH, BATCHES = 50, 400
# The first that is part of a function's name says what it does.
KERNELS = {
    "gemm": "products",
    "tile": "products",
    "pack": "products",
    "update": "update of weights",
    "adam": "update of weights",
    "reduce": "norms and penalties",
    "penalty": "norms and penalties",
    "norms": "norms and penalties",
    "scale_columns": "norms and penalties",
    "dropout": "dropout",
    "batch_norm": "batch normalization",
    "train<": "batch normalization",
    "differentiate<": "batch normalization",
}
OTHER_KERNELS = "activations, loss, metrics, sums"
OUTSIDE = {
    "gather_rows": "gathering rows",
    "wait": "waiting for other threads",
    "barrier": "waiting for other threads",
    "fastdnn::": "program and thread pool",
    "": "Python and the system",
}


def model() -> fd.Sequential:
    """Return the net, compiled."""

    def hidden(units: int) -> list[layers.Layer]:
        dense = layers.Dense(
            units, kernel_regularizer="l2", kernel_constraint=fd.constraints.MaxNorm(2.0)
        )
        return [dense, layers.BatchNormalization(), layers.ReLU(), layers.Dropout(0.5)]

    net = fd.Sequential(
        [fd.Input(shape=(784,)), *hidden(300), *hidden(100), layers.Dense(10, "softmax")]
    )
    rate = fd.optimizers.schedules.ExponentialDecay(1e-3, 1000, 0.9)
    optimizer = fd.optimizers.Adam(rate, global_clipnorm=1.0)
    net.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return net


def kind(symbol: str) -> tuple[bool, str]:
    """Return whether a function belongs to kernels, and what it does."""
    is_kernel = "fastdnn::cpu::" in symbol
    for part, what in (KERNELS if is_kernel else OUTSIDE).items():
        if part in symbol:
            return is_kernel, what
    return is_kernel, OTHER_KERNELS


@contextlib.contextmanager
def sampled(path: Path) -> Iterator[None]:
    """Sample this process."""
    command = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "5000", "-o", str(path)]
    perf = subprocess.Popen([*command, "-p", str(os.getpid())])
    time.sleep(0.5)  # until it is there
    try:
        yield
    finally:
        perf.terminate()
        perf.wait()


def shares(path: Path) -> Counter[tuple[bool, str]]:
    """Return the share of samples of everything that functions do."""
    command = ["perf", "report", "-q", "-i", str(path), "--stdio", "--no-children"]
    command += ["-s", "symbol", "-F", "overhead,sym", "--percent-limit", "0"]
    report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: Counter[tuple[bool, str]] = Counter()
    for line in report.splitlines():
        share, _, symbol = line.strip().partition("%")
        if symbol:
            found[kind(symbol)] += float(share) / 100.0  # type: ignore[assignment]
    return found


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=1, help="of the core (1)")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to sample (5)")
    options = parser.parse_args()
    if shutil.which("perf") is None:
        sys.exit("[where_time_goes] there is no perf; expected Linux's, of the package linux-tools")
    fd.set_num_threads(options.threads)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((BATCH * BATCHES, 784), dtype=np.float32)
    y = rng.integers(0, 10, len(x))
    net = model()
    net.fit(x, y, batch_size=BATCH, verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        path, steps = Path(folder) / "samples", 0
        with sampled(path):
            start = time.perf_counter()
            while time.perf_counter() - start < options.seconds:
                net.fit(x, y, batch_size=BATCH, epochs=5, verbose=0)
                steps += 5 * BATCHES
            step = (time.perf_counter() - start) / steps
        found = shares(path)
    if not any(is_kernel for is_kernel, _ in found):
        sys.exit(
            "[where_time_goes] the native module has no symbols; use `tools/dev.sh build` first"
        )
    print(
        f"784-300-100-10, batch {BATCH}, {options.threads} thread(s): {step * 1e6:.0f} us a step\n"
    )
    total = sum(found.values())
    for title, wanted in (("kernels", True), ("outside kernels", False)):
        part = {what: n for (is_kernel, what), n in found.items() if is_kernel == wanted}
        print(f"{title:<34}{sum(part.values()) / total:7.1%}")
        for what, share in sorted(part.items(), key=lambda item: -item[1]):
            print(f"  {what:<32}{share / total:7.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
