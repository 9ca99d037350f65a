"""The command line of the benchmarks."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from fastdnn import _core
from fastdnn.benchmark import kernels, peak, training
from fastdnn.benchmark.machine import configured, describe_machine
from fastdnn.benchmark.report import Report, format_machine
from fastdnn.benchmark.suite import Options
from fastdnn.benchmark.timing import Effort
from fastdnn.cli.arguments import thread_count
from fastdnn.system import MATMUL_PRECISIONS

_SUITES: dict[str, Callable[[Report, Options], None]] = {
    "kernels": kernels.measure,
    "peak": peak.measure,
    "training": training.measure,
}
_QUICK = Effort(rounds=3, least_seconds=0.001, pause=0.0)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `fastdnn bench`.

    Args:
        argv: The words after `fastdnn bench`; None takes the process's own.

    Returns:
        The exit code, 0.

    Raises:
        ValueError: If there is no folder to write the result into, or no case to measure.
        OSError: If the result cannot be written.
    """
    arguments = _parser().parse_args(argv)
    if arguments.json is not None and not arguments.json.parent.is_dir():
        raise ValueError(
            f"[bench] there is no folder {arguments.json.parent} to write {arguments.json.name} "
            "into; make it or choose another"
        )
    suites = list(_SUITES) if arguments.suite == "all" else [arguments.suite]
    options = Options(
        effort=_QUICK if arguments.quick else Effort(),
        quick=arguments.quick,
        only=arguments.only,
        isa_level=arguments.isa,
        huge=arguments.huge,
        precision=arguments.precision,
    )
    settings = {name: value for name, value in vars(arguments).items() if name != "json"}
    with configured(arguments.threads, arguments.isa) as remarks:
        report = Report(describe_machine(), settings)
        print("\n".join([format_machine(report.machine), *remarks]))
        for suite in suites:
            _SUITES[suite](report, options)
    if not report.measurements and not report.skipped:
        raise ValueError(
            f"[bench] no case has {arguments.only!r} in its name; expected a part of one that "
            f"`fastdnn bench {arguments.suite}` prints"
        )
    if arguments.json is not None:
        report.write(arguments.json)
        print(f"\nWrote {arguments.json}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastdnn bench",
        description="Measure kernels beside NumPy's, GEMM beside the machine's peak, and a step of "
        "training beside NumPy, PyTorch, JAX and scikit-learn, where installed.",
        epilog="Those compared take turns, A B C A B C. Shown are medians over the rounds, with "
        "quartiles, between which the middle half of the rounds lies, in parentheses. A ratio "
        "pairs neighbouring turns of a round: '1.31 x numpy' means that fastdnn is 1.31 times as "
        "fast as NumPy.",
    )
    parser.add_argument(
        "suite", nargs="?", choices=(*_SUITES, "all"), default="all", help="what to measure (all)"
    )
    parser.add_argument(
        "--threads",
        type=thread_count,
        metavar="N",
        help="the most threads anybody may use (each one's own default)",
    )
    parser.add_argument(
        "--isa", choices=_core.supported_isa_levels(), help="level of fastdnn's kernels (the best)"
    )
    parser.add_argument(
        "--precision",
        choices=MATMUL_PRECISIONS,
        default=MATMUL_PRECISIONS[0],
        help="of products in training, fastdnn's and PyTorch's (highest)",
    )
    parser.add_argument("--quick", action="store_true", help="small cases, just to see it work")
    parser.add_argument("--huge", action="store_true", help="also the cases that take minutes")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="only cases with this in their names"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well")
    return parser
