"""One step of training: fastdnn beside NumPy, PyTorch, JAX and scikit-learn."""

from collections.abc import Callable

from fastdnn import _core
from fastdnn.benchmark.machine import UnavailableError
from fastdnn.benchmark.report import Report
from fastdnn.benchmark.suite import Options
from fastdnn.benchmark.timing import OURS, Measurement, in_turns, repeated
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
    """Measure a step of every workload in turns with the peers that can do it."""
    print("\ntraining")
    for workload in WORKLOADS:
        if options.wants(workload.name) and (options.huge or not workload.huge):
            rows = min(_ROWS, _NUMBERS // workload.widths[0])
            steps = 4 if options.quick else max(4, rows // workload.batch_size)
            print(workload.name)
            _measure_workload(report, options, workload, steps)


def _measure_workload(report: Report, options: Options, workload: Workload, steps: int) -> None:
    data = Data.draw(workload, steps)
    turns = {}
    for name, make in TRAINERS.items():
        try:
            trainer = make(workload, data, _core.num_threads())
        except UnavailableError as error:
            report.skip("training", workload.name, name, str(error))
            continue
        turns[name] = _per_pass(trainer, options.effort.least_seconds)
    if OURS in turns:  # It is missing where sparse rows lack scipy.
        seconds = in_turns(turns, options.effort)
        report.add(Measurement("training", workload.name, "us/step", steps, seconds))


def _per_pass(trainer: Trainer, least_seconds: float) -> Callable[[], float]:
    turn = repeated(trainer.run, least_seconds)
    return lambda: turn() / trainer.passes
