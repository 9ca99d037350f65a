"""One step of training: fastdnn beside NumPy, PyTorch, JAX and scikit-learn."""

from collections.abc import Callable

from fastdnn import _core, get_matmul_precision, set_matmul_precision
from fastdnn.benchmark.machine import UnavailableError
from fastdnn.benchmark.peak import PEAK, seconds_at_peak
from fastdnn.benchmark.report import Report, three_digits
from fastdnn.benchmark.suite import Options
from fastdnn.benchmark.timing import OURS, Measurement, Turn, in_turns, repeated
from fastdnn.benchmark.trainers.fastdnn_trainers import BatchTrainer, FitTrainer, NativeTrainer
from fastdnn.benchmark.trainers.jax_trainer import JaxTrainer
from fastdnn.benchmark.trainers.numpy_trainer import NumpyTrainer
from fastdnn.benchmark.trainers.sklearn_trainer import SklearnTrainer
from fastdnn.benchmark.trainers.torch_trainer import (
    TorchFitTrainer,
    TorchSparseTrainer,
    TorchTrainer,
)
from fastdnn.benchmark.workloads import WORKLOADS, Data, Trainer, Workload

# What the steps cost is an average over so many rows: more than the caches hold for 784 columns.
_ROWS = 10_000
# But of no more numbers than this: they take 160 MB, and some trainers keep a copy.
_NUMBERS = 8 * 512 * 10_000

TRAINERS: dict[str, Callable[[Workload, Data, int], Trainer]] = {
    OURS: FitTrainer,
    "fastdnn, native call": NativeTrainer,
    "fastdnn, train_on_batch": BatchTrainer,
    "numpy": NumpyTrainer,
    "torch": TorchTrainer,
    "torch, as fit does": TorchFitTrainer,
    "torch, sparse": TorchSparseTrainer,
    "jax": JaxTrainer,
    "scikit-learn": SklearnTrainer,
}


def measure(report: Report, options: Options) -> None:
    """Measure a step of every workload in turns with the peers that can do it.

    fastdnn is also held to fewer threads, to see which number is best, and compared with
    multiply-adds in registers on all of its threads: the ratio is the share of that peak that a
    whole step reaches.
    """
    lower = "" if options.precision == "highest" else f", {options.precision} precision"
    before = get_matmul_precision()
    set_matmul_precision(options.precision)
    try:
        print("\ntraining")
        for workload in WORKLOADS:
            case = workload.name + lower
            if options.wants(case) and (options.huge or not workload.huge):
                rows = min(_ROWS, _NUMBERS // workload.widths[0])
                steps = 4 if options.quick else max(4, rows // workload.batch_size)
                print(case)
                _measure_workload(report, options, case, workload, steps)
    finally:
        set_matmul_precision(before)


def _measure_workload(
    report: Report, options: Options, case: str, workload: Workload, steps: int
) -> None:
    data = Data.draw(workload, steps)
    turns = {}
    for name, make in TRAINERS.items():
        try:
            trainer = make(workload, data, _core.num_threads())
        except UnavailableError as error:
            report.skip("training", case, name, str(error))
            continue
        turns[name] = _per_pass(trainer, options.effort.least_seconds)
    if OURS not in turns:  # sparse rows lack scipy
        return
    flops, most = workload.flops(data), int(_core.num_threads())
    for threads in _fewer_threads(most):
        turns[_with_threads(threads)] = _limited(turns[OURS], threads)
    least = options.effort.least_seconds
    turns[PEAK] = lambda: seconds_at_peak(flops, most, least)
    seconds = in_turns(turns, options.effort)
    measurement = Measurement("training", case, "us/step", steps, seconds, flops)
    report.add(measurement)
    print(f"  {_best_threads(measurement, most)}")


def _with_threads(threads: int) -> str:
    """Return the name of fastdnn as a contender that uses at most so many threads."""
    return f"{OURS}, {threads} thread{'s' if threads > 1 else ''}"


def _fewer_threads(most: int) -> list[int]:
    """Return the powers of two below a number of threads.

    >>> _fewer_threads(6)
    [1, 2, 4]
    """
    return [2**power for power in range(most.bit_length()) if 2**power < most]


def _limited(turn: Turn, threads: int) -> Turn:
    """Return turns of the same on at most so many threads."""

    def run() -> float:
        before = _core.num_threads()
        _core.set_num_threads(threads)
        try:
            return turn()
        finally:
            _core.set_num_threads(before)

    return run


def _best_threads(measurement: Measurement, most: int) -> str:
    """Return a line that names the best number of threads, and the steps a second with it."""
    names = {_with_threads(threads): threads for threads in _fewer_threads(most)} | {OURS: most}
    best = min(names, key=lambda name: measurement.speed(name).median)
    rate = 1e6 / measurement.speed(best).median
    return f"best with at most {names[best]} of {most} threads: {three_digits(rate)} steps/s"


def _per_pass(trainer: Trainer, least_seconds: float) -> Callable[[], float]:
    turn = repeated(trainer.run, least_seconds)
    return lambda: turn() / trainer.passes
