"""Training with fastdnn, at three depths."""

import numpy as np

import fastdnn as fd
from fastdnn.benchmark.workloads import Array, Data, Workload
from fastdnn.models.data import to_rows


class FitTrainer:
    """`Model.fit`: whole epochs, each in a new order. What most users get."""

    # A fit of one epoch would mostly show what `fit` does once, such as checking the data.
    passes = 5

    def __init__(self, workload: Workload, data: Data, threads: int, shuffle: bool = True) -> None:
        self._model, self._shuffle = _compiled(workload, data), shuffle
        self._data = _as_users_have(workload, data)

    def run(self) -> None:
        """Train on every batch."""
        self._model.fit(
            self._data.x,
            self._data.labels,
            batch_size=self._data.batch_size,
            epochs=self.passes,
            shuffle=self._shuffle,
            verbose=0,
        )

    def kernels(self) -> list[Array]:
        """Return copies of the kernels."""
        return _kernels(self._model)


class BatchTrainer:
    """`Model.train_on_batch`: a call from Python for every step."""

    passes = 1

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        self._model = _compiled(workload, data)
        self._batches = _as_users_have(workload, data).batches

    def run(self) -> None:
        """Train on every batch."""
        for x, labels in self._batches:
            self._model.train_on_batch(x, labels)

    def kernels(self) -> list[Array]:
        """Return copies of the kernels."""
        return _kernels(self._model)


class NativeTrainer:
    """The native call below `fit`: a pass over rows in an order that is given."""

    passes = 1

    def __init__(self, workload: Workload, data: Data, threads: int, shuffle: bool = True) -> None:
        self._model, self._data = _compiled(workload, data), _as_users_have(workload, data)
        self._x = to_rows("bench", self._data.x, self._model.layers)
        self._model.test_on_batch(self._data.x[:1], data.labels[:1])  # compiles the native network
        assert self._model.optimizer is not None
        self._network = self._model._current_binding().network
        self._network.learning_rates = self._model.optimizer.learning_rates
        rows = np.arange(len(data.labels))
        self._order = np.random.default_rng(1).permutation(rows) if shuffle else rows

    def run(self) -> None:
        """Train on every batch."""
        x, labels, size = [self._x], [self._data.labels], self._data.batch_size
        steps, minute = len(self._data.labels) // size, 60.0
        done = 0
        while done < steps:
            count, _ = self._network.train(
                x, labels, [None], self._order, done * size, steps - done, size, minute
            )
            done += count

    def kernels(self) -> list[Array]:
        """Return copies of the kernels."""
        return _kernels(self._model)


def _as_users_have(workload: Workload, data: Data) -> Data:
    """Return texts as sparse rows, and images as bytes."""
    if workload.words:
        return data.to_sparse()
    return data.to_bytes() if workload.images else data


def _compiled(workload: Workload, data: Data) -> fd.Sequential:
    layers: list[fd.layers.Layer | fd.Input] = [fd.Input(shape=workload.widths[:1])]
    for units in workload.widths[1:-1]:
        if workload.batch_norm:
            layers.append(fd.layers.Dense(units, use_bias=False))
            layers.append(fd.layers.BatchNormalization())
            layers.append(fd.layers.Activation(workload.activation))
        else:
            layers.append(fd.layers.Dense(units, activation=workload.activation))
        if workload.dropout:
            layers.append(fd.layers.Dropout(workload.dropout))
    layers.append(fd.layers.Dense(workload.widths[-1], activation="softmax"))
    model = fd.Sequential(layers)
    model.compile(_optimizer(workload), loss="sparse_categorical_crossentropy")
    for layer, kernel in zip(_dense(model), data.kernels, strict=True):
        layer.kernel.value[...] = kernel
    return model


def _optimizer(workload: Workload) -> fd.optimizers.Optimizer:
    rate = workload.learning_rate
    if workload.optimizer == "adam":
        return fd.optimizers.Adam(rate)
    if workload.optimizer == "rmsprop":
        return fd.optimizers.RMSprop(rate)
    return fd.optimizers.SGD(rate, momentum=0.9 if workload.optimizer == "momentum" else 0.0)


def _dense(model: fd.Sequential) -> list[fd.layers.Dense]:
    return [layer for layer in model.layers if isinstance(layer, fd.layers.Dense)]


def _kernels(model: fd.Sequential) -> list[Array]:
    return [layer.kernel.numpy() for layer in _dense(model)]
