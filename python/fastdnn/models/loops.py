"""The loops around the native calls, which each last a small slice of a second."""

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastdnn import ops
from fastdnn.callbacks import CallbackList
from fastdnn.models.data import Dataset, Rows
from fastdnn.random import SHUFFLE_STREAM

if TYPE_CHECKING:
    from fastdnn.models.training import Trainer

Totals = npt.NDArray[np.float64]

# A native call comes back after this many seconds, so that Ctrl-C and the progress bar work.
SLICE_SECONDS = 0.05
# Steps whose learning rates are computed at a time.
_MOST_RATES = 4096


class Passes:
    """Goes over the rows of a training set again and again, each time in a new order.

    Args:
        rows: the number of rows.
        batch_size: the rows of a batch; the last of a pass may have fewer.
        seed: the model's seed, or None to leave the rows in order.
        count: the passes the model has begun before; the next order depends on it.
    """

    def __init__(self, rows: int, batch_size: int, seed: int | None, count: int) -> None:
        self.batch_size = min(batch_size, rows)
        self.batches = math.ceil(rows / self.batch_size)
        self.order: npt.NDArray[np.int64] | None = None
        self.count = count
        self.done = self.batches
        self._rows, self._seed = rows, seed

    def begin(self) -> None:
        """Begin a new pass if the last one is over."""
        if self.done < self.batches:
            return
        if self._seed is not None:
            self.order = ops.random_permutation(
                self._rows, seed=self._seed, stream=SHUFFLE_STREAM, step=self.count
            )
        self.count, self.done = self.count + 1, 0


def train_epoch(
    model: "Trainer",
    data: Dataset,
    passes: Passes,
    steps: int,
    callbacks: CallbackList,
    deadline: float,
) -> dict[str, float]:
    """Make an epoch's steps and return its loss and metrics."""
    plan = model._plan
    assert plan is not None, "compiled by the caller"
    totals, done = np.zeros(plan.size), 0
    logs: dict[str, float] = {}
    while done < steps and not model.stop_training:
        passes.begin()
        model._passes = passes.count
        wanted = min(steps - done, passes.batches - passes.done)
        if callbacks.wants_batches:
            wanted = 1
            callbacks.call("on_train_batch_begin", done, {})
        batches, part = _train(model, data, passes, wanted)
        passes.done += batches
        done += batches
        totals += part
        logs = plan.logs(totals)
        if callbacks.wants_batches:
            callbacks.call("on_train_batch_end", done - 1, logs)
        callbacks.call("on_train_progress", done, logs)
        if time.perf_counter() >= deadline:
            model.stop_training = True
    return logs


def train_step(model: "Trainer", data: Dataset) -> Totals:
    """Make one step on all rows, in their order."""
    passes = Passes(data.rows, data.rows, None, 0)
    passes.begin()
    return _train(model, data, passes, 1)[1]


def evaluate(network: Any, data: Dataset, batch_size: int, size: int, bar: Any = None) -> Totals:
    """Return the totals over all rows."""
    totals, batch_size = np.zeros(size), min(batch_size, data.rows)
    batches, done = math.ceil(data.rows / batch_size), 0
    try:
        while done < batches:
            count, part = network.evaluate(
                data.inputs,
                data.targets,
                data.weights,
                done * batch_size,
                batches - done,
                batch_size,
                SLICE_SECONDS,
            )
            totals += part
            done += count
            if bar is not None:
                bar.update(count)
    finally:
        if bar is not None:
            bar.close()
    return totals


def predict(
    network: Any,
    inputs: list[Rows],
    outputs: list[npt.NDArray[np.float32]],
    batch_size: int,
    bar: Any = None,
) -> None:
    """Fill `outputs`."""
    batches, done = math.ceil(len(inputs[0]) / batch_size), 0
    try:
        while done < batches:
            count = network.predict(
                inputs, outputs, done * batch_size, batches - done, batch_size, SLICE_SECONDS
            )
            done += count
            if bar is not None:
                bar.update(count)
    finally:
        if bar is not None:
            bar.close()


def note_iterations(model: "Trainer") -> None:
    """Let the optimizer show the number of steps that the native network has made."""
    if model.optimizer is not None:
        model.optimizer.note_steps(int(model._current_binding().network.iterations))


def _train(model: "Trainer", data: Dataset, passes: Passes, batches: int) -> tuple[int, Totals]:
    network, optimizer = model._current_binding().network, model.optimizer
    assert optimizer is not None, "compiled by the caller"
    rates = None
    if optimizer.schedule is None:
        network.learning_rate = optimizer.learning_rate
    else:
        # A slice of time may be over before: few enough not to be computed many times.
        batches = min(batches, _MOST_RATES)
        rates = optimizer.schedule.rates(int(network.iterations), batches)
    done, totals = network.train(
        data.inputs,
        data.targets,
        data.weights,
        passes.order,
        passes.done * passes.batch_size,
        batches,
        passes.batch_size,
        SLICE_SECONDS,
        learning_rates=rates,
    )
    note_iterations(model)
    return done, totals
