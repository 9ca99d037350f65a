"""Training with PyTorch in eager mode."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastdnn import get_matmul_precision
from fastdnn.benchmark.machine import UnavailableError, import_peer
from fastdnn.benchmark.workloads import Array, Data, Workload


class TorchTrainer:
    """The loop of PyTorch's tutorials, with the data in tensors and cut into batches beforehand."""

    passes = 1

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        torch = self._torch = import_peer("torch", "torch")
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(get_matmul_precision())
        nn = torch.nn
        layers, self._linear = [], []
        for place, kernel in enumerate(data.kernels):
            hidden = place < len(data.kernels) - 1
            normalized = hidden and workload.batch_norm
            linear = nn.Linear(*kernel.shape, bias=not normalized)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(kernel.T.copy()))
                if not normalized:
                    linear.bias.zero_()
            self._linear.append(linear)
            layers.append(linear)
            if normalized:
                layers.append(nn.BatchNorm1d(kernel.shape[1], eps=1e-3, momentum=0.01))
            if hidden:
                layers.append(nn.ELU() if workload.activation == "elu" else nn.ReLU())
            if hidden and workload.dropout:
                layers.append(nn.Dropout(workload.dropout))
        self._model = nn.Sequential(*layers)
        self._loss = nn.CrossEntropyLoss()
        self._optimizer = self._make_optimizer(torch.optim, workload)
        self._batches = [
            (torch.from_numpy(x), torch.from_numpy(labels.astype(np.int64)))
            for x, labels in data.batches
        ]

    def run(self) -> None:
        """Train on every batch."""
        with self._without_subnormals():
            for x, labels in self._batches:
                self._step(x, labels)

    @contextlib.contextmanager
    def _without_subnormals(self) -> Iterator[None]:
        """Take them for zero, as fastdnn does: optimizers' averages end there, and are slow."""
        self._torch.set_flush_denormal(True)
        try:
            yield
        finally:
            self._torch.set_flush_denormal(False)

    def _step(self, x: Any, labels: Any) -> tuple[Any, Any]:
        """Train on a batch and return the loss and the logits."""
        self._optimizer.zero_grad()
        logits = self._model(x)
        loss = self._loss(logits, labels)
        loss.backward()
        self._optimizer.step()
        return loss, logits

    def kernels(self) -> list[Array]:
        """Return copies of the kernels."""
        return [linear.weight.detach().numpy().T.copy() for linear in self._linear]

    def _make_optimizer(self, optim: Any, workload: Workload) -> Any:
        parameters, rate = self._model.parameters(), workload.learning_rate
        if workload.optimizer == "adam":
            return optim.Adam(parameters, rate, eps=1e-7)
        if workload.optimizer == "rmsprop":
            return optim.RMSprop(parameters, rate, alpha=0.9, eps=1e-7)
        return optim.SGD(parameters, rate, 0.9 if workload.optimizer == "momentum" else 0.0)


class TorchSparseTrainer(TorchTrainer):
    """The same loop on batches in sparse tensors, which `Linear` takes as well."""

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        if not workload.words:
            raise UnavailableError("the rows are dense")
        super().__init__(workload, data, threads)
        self._batches = [(x.to_sparse(), labels) for x, labels in self._batches]


class TorchFitTrainer(TorchTrainer):
    """The same loop doing what `fit` does: new batches every epoch, mean loss and accuracy."""

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        super().__init__(workload, data, threads)
        self._x, self._labels = map(self._torch.cat, zip(*self._batches, strict=True))
        self._size = workload.batch_size

    def run(self) -> None:
        """Train an epoch on shuffled rows."""
        total, right = self._torch.zeros(()), self._torch.zeros((), dtype=self._torch.int64)
        with self._without_subnormals():
            for rows in self._torch.randperm(len(self._x)).split(self._size):
                x, labels = self._x[rows], self._labels[rows]
                loss, logits = self._step(x, labels)
                total += loss.detach() * len(rows)
                right += (logits.argmax(1) == labels).sum()
        self.loss, self.accuracy = total.item() / len(self._x), right.item() / len(self._x)
