"""GEMM beside the fastest that this processor multiplies and adds at all."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastdnn import _core, ops
from fastdnn.benchmark.machine import UnavailableError, configured, import_peer
from fastdnn.benchmark.report import Report
from fastdnn.benchmark.suite import Options
from fastdnn.benchmark.timing import OURS, Measurement, Turn, in_turns, repeated
from fastdnn.benchmark.workloads import Array
from fastdnn.system import MATMUL_PRECISIONS

# The contender that multiplies and adds in registers, and nothing else.
PEAK = "the peak by itself"


def measure(report: Report, options: Options) -> None:
    """Measure GEMM in turns with the peak, per instruction set, on one thread and on all.

    There are two peaks. A processor lowers its clock for wide multiply-adds, and lowers it further
    when they come with loads, as those of every product do. Multiply-adds in registers alone are
    therefore clocked higher than any product can be: that is the peak by itself. The peak at the
    same clock is taken in the millisecond after every product, before the clock has gone up.

    NumPy and PyTorch multiply by the instructions that their libraries choose, at every level.
    PyTorch is asked for the same precision; NumPy knows float32 alone.
    """
    sizes = [256] if options.quick else [512, 1024, 2048, 4096] if options.huge else [1024]
    most = int(_core.num_threads())
    levels = _levels() if options.isa_level is None else [options.isa_level]
    print("\npeak: gemm beside independent multiply-adds in registers, GFLOP/s")
    for n, level, threads in itertools.product(sizes, levels, sorted({1, most})):
        for precision in _precisions(level):
            product = _Product(n, threads, precision)
            case = f"gemm {n}x{n}x{n} {level}, {precision} precision, threads {threads}"
            if options.wants(case):
                print(case, flush=True)
                with configured(threads, level) as remarks:
                    report.add(_measure_case(report, case, product, remarks, options))


@dataclass(frozen=True)
class _Product:
    n: int
    threads: int
    precision: str


def _precisions(level: str) -> tuple[str, ...]:
    """Return those that differ at this level."""
    if level == "amx":
        return MATMUL_PRECISIONS
    return ("highest", "medium") if level == "avx512_bf16" else ("highest",)


def _levels() -> list[str]:
    """Return the vector levels; the scalar one is a specification, and takes seconds a product."""
    levels: list[str] = _core.supported_isa_levels()
    return [level for level in levels if level != "scalar"] or levels


def _measure_case(
    report: Report, case: str, product: _Product, remarks: list[str], options: Options
) -> Measurement:
    n, threads, precision = product.n, product.threads, product.precision
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal((n, n), np.float32) for _ in range(2))
    out = np.empty((n, n), np.float32)
    flops = 2.0 * n**3
    # A turn comes after a pause: its first product finds cold caches and a thread that sleeps.
    least = 5 * options.effort.least_seconds
    own = _Alternating(
        lambda: ops.gemm(a, b, precision=precision, out=out),
        lambda: seconds_at_peak(flops, threads, 1e-3),
        least,
    )
    turns: dict[str, Turn] = {
        OURS: own.run,
        PEAK: lambda: seconds_at_peak(flops, threads, least),
    }
    peers: dict[str, Callable[[], Callable[[], object]]] = {
        "numpy": lambda: _numpy_product(a, b, threads, remarks),
        "torch": lambda: _torch_product(a, b, product),
    }
    for name, make in peers.items():
        try:
            # Their idle threads spin for a while: nothing of ours comes between.
            turns[name] = repeated(make(), least)
        except UnavailableError as error:
            report.skip("peak", case, name, str(error))
    seconds = in_turns(turns, options.effort)
    seconds["the peak at this clock"] = own.others
    return Measurement("peak", case, "GFLOP/s", flops, seconds)


def _numpy_product(a: Array, b: Array, threads: int, remarks: list[str]) -> Callable[[], object]:
    if remarks and threads < _core.available_cpus():
        raise UnavailableError(remarks[0])
    out = np.empty((len(a), b.shape[1]), np.float32)
    return lambda: np.matmul(a, b, out=out)


def _torch_product(a: Array, b: Array, product: _Product) -> Callable[[], object]:
    torch = import_peer("torch", "torch")
    torch.set_num_threads(product.threads)
    torch.set_float32_matmul_precision(product.precision)
    left, right = torch.from_numpy(a), torch.from_numpy(b)
    out = torch.empty(len(a), b.shape[1])
    return lambda: torch.matmul(left, right, out=out)


def seconds_at_peak(flops: float, threads: int, seconds: float) -> float:
    """Return the seconds that so many operations take at the peak, measured for some time."""
    return flops * 1e-9 / float(_core.testing.fma_peak(threads, seconds * 1e3))


class _Alternating:
    """Turns of one thing that run another one after each repetition, in the same turn.

    Attributes:
        others: What `other` returned, on average over each turn.
    """

    def __init__(
        self, run: Callable[[], object], other: Callable[[], float], least_seconds: float
    ) -> None:
        self._run, self._other, self._least = run, other, least_seconds
        self.others: list[float] = []
        run()

    def run(self) -> float:
        """Return the seconds of `run`, repeated for the shortest time of a turn, on average."""
        own = other = 0.0
        count = 0
        while own < self._least:
            start = time.perf_counter()
            self._run()
            own += time.perf_counter() - start
            other += self._other()
            count += 1
        self.others.append(other / count)
        return own / count
