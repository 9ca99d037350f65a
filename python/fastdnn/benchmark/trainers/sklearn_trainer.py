"""Training with scikit-learn."""

import numpy as np

from fastdnn.benchmark.machine import UnavailableError, import_peer
from fastdnn.benchmark.workloads import Array, Data, Workload


class SklearnTrainer:
    """`MLPClassifier.partial_fit`, a batch at a time."""

    passes = 1

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        networks = import_peer("sklearn.neural_network", "scikit-learn")
        for wanted, what in (
            (workload.batch_norm, "batch normalization"),
            (workload.dropout, "dropout"),
            (workload.activation != "relu", workload.activation),
            (workload.optimizer == "rmsprop", "RMSprop"),
        ):
            if wanted:
                raise UnavailableError(f"scikit-learn's MLP has no {what}")
        self._batches = data.batches
        self._model = networks.MLPClassifier(
            workload.widths[1:-1],
            solver="adam" if workload.optimizer == "adam" else "sgd",
            alpha=0.0,
            batch_size=workload.batch_size,
            learning_rate_init=workload.learning_rate,
            momentum=0.9 if workload.optimizer == "momentum" else 0.0,
            nesterovs_momentum=False,
            epsilon=1e-7,
        )
        # Weights appear with the first step. It leaves a trace only in the state of an optimizer.
        self._model.partial_fit(*self._batches[0], classes=np.arange(workload.widths[-1]))
        for place, kernel in enumerate(data.kernels):
            self._model.coefs_[place][...] = kernel
            self._model.intercepts_[place][...] = 0

    def run(self) -> None:
        """Train on every batch."""
        for x, labels in self._batches:
            self._model.partial_fit(x, labels)

    def kernels(self) -> list[Array]:
        """Return copies of the kernels."""
        return [kernel.copy() for kernel in self._model.coefs_]
