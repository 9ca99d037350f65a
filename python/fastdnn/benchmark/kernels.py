"""Kernels beside their NumPy equivalents."""

from fastdnn.benchmark.cases import Case, cases
from fastdnn.benchmark.report import Report
from fastdnn.benchmark.suite import Options
from fastdnn.benchmark.timing import OURS, Effort, Measurement, in_turns, repeated


def measure(report: Report, options: Options) -> None:
    """Measure every function of `fastdnn.ops` in turns with NumPy."""
    print(f"\n{'kernels':<48} fastdnn   numpy")
    for case in cases(options.quick):
        if options.wants(case.name):
            report.add(_measure_case(case, options.effort))


def _measure_case(case: Case, effort: Effort) -> Measurement:
    ours, theirs = case.build()
    turns = {
        OURS: repeated(ours, effort.least_seconds),
        "numpy": repeated(theirs, effort.least_seconds),
    }
    seconds = in_turns(turns, effort)
    return Measurement("kernels", case.name, case.unit, case.amount, seconds)
