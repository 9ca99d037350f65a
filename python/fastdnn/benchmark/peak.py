"""GEMM beside the fastest that this processor multiplies and adds at all."""

from collections.abc import Callable

import numpy as np

from fastdnn import _core, ops
from fastdnn.benchmark.machine import configured
from fastdnn.benchmark.report import Report
from fastdnn.benchmark.suite import Options
from fastdnn.benchmark.timing import OURS, Measurement, Turn, in_turns, repeated


def measure(report: Report, options: Options) -> None:
    """Measure GEMM in turns with the peak, per instruction set, on one thread and on all."""
    n = 256 if options.quick else 1024
    most = int(_core.num_threads())
    levels = _levels() if options.isa_level is None else [options.isa_level]
    print(f"\npeak: gemm {n}x{n}x{n} beside independent multiply-adds in registers, GFLOP/s")
    for level in levels:
        for threads in sorted({1, most}):
            case = f"gemm {n}x{n}x{n} {level}, threads {threads}"
            if options.wants(case):
                with configured(threads, level):
                    report.add(_measure_case(case, n, threads, options))


def _levels() -> list[str]:
    """Return the vector levels; the scalar one is a specification, and takes seconds a product."""
    levels: list[str] = _core.supported_isa_levels()
    return [level for level in levels if level != "scalar"] or levels


def _measure_case(case: str, n: int, threads: int, options: Options) -> Measurement:
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal((n, n), np.float32) for _ in range(2))
    out = np.empty((n, n), np.float32)
    flops = 2.0 * n**3
    least = options.effort.least_seconds
    turns: dict[str, Turn] = {
        OURS: repeated(lambda: ops.gemm(a, b, out=out), least),
        "the peak": _at_peak(flops, threads, least),
    }
    return Measurement("peak", case, "GFLOP/s", flops, in_turns(turns, options.effort))


def _at_peak(flops: float, threads: int, seconds: float) -> Callable[[], float]:
    """Return turns that say how long so many operations take at the peak."""
    return lambda: flops * 1e-9 / _core.testing.fma_peak(threads, seconds * 1e3)
