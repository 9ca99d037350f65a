"""The loops around the native calls, which each last a small slice of a second."""

import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastdnn import ops
from fastdnn.checks import at_least
from fastdnn.models.compiling import MetricPlan
from fastdnn.models.data import Dataset, Rows, Stop
from fastdnn.models.fit_state import FitState
from fastdnn.models.full_batch import FullBatchSource
from fastdnn.optimizers.lbfgs import LBFGS
from fastdnn.random import SHUFFLE_STREAM

if TYPE_CHECKING:
    from fastdnn.models.lowering import Binding
    from fastdnn.models.training import Trainer

Totals = npt.NDArray[np.float64]

# A native call comes back after this many seconds, so that Ctrl-C and the progress bar work.
SLICE_SECONDS = 0.05
# Steps whose learning rates are computed at a time.
_MOST_RATES = 4096
# More steps than an epoch has.
_MOST_STEPS = 2**62


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

    def rows(self, batch: int) -> npt.NDArray[np.int64]:
        """Return the numbers of the rows of a batch of this pass."""
        first = batch * self.batch_size
        places = np.arange(first, min(first + self.batch_size, self._rows))
        return places if self.order is None else self.order[places]

    def begin(self) -> None:
        """Begin a new pass if the last one is over."""
        if self.done < self.batches:
            return
        if self._seed is not None:
            self.order = ops.random_permutation(
                self._rows, seed=self._seed, stream=SHUFFLE_STREAM, step=self.count
            )
        self.count, self.done = self.count + 1, 0

    def get_state(self) -> dict[str, Any]:
        """Return what tells where this is, and on which rows."""
        return {
            "rows": self._rows,
            "batch_size": self.batch_size,
            "shuffle": self._seed is not None,
            "passes": self.count,
            "batches": self.done,
        }

    def set_state(self, where: str, state: Mapping[str, Any], seed: int) -> None:
        """Go on where another one was.

        Raises:
            ValueError: if that went over other rows, or in another way.
        """
        for name in ("rows", "batch_size", "shuffle"):
            if state[name] != self.get_state()[name]:
                raise ValueError(
                    f"[{where}] received a fit with {name} {self.get_state()[name]}; the file's "
                    f"has {state[name]}; use the same, or delete the file to begin anew"
                )
        passes = at_least(where, "passes", state["passes"], 1)
        done = at_least(where, "batches", state["batches"], 0)
        if passes >= 2**32 or done > self.batches:
            raise ValueError(f"[{where}] received a place in the rows that there is not: {state}")
        self._seed = seed if self._seed is not None else None
        self.count, self.done = passes - 1, self.batches
        self.begin()  # the order of the rows
        self.done = done


class ArraySource:
    """Rows in memory, as batches to train on.

    Attributes:
        steps: the batches of an epoch.
    """

    def __init__(self, data: Dataset, passes: Passes) -> None:
        self.steps: int | None = passes.batches
        self._data, self._passes = data, passes

    def begin_epoch(self) -> None:
        """Go on where the epoch before ended."""

    def has_more(self) -> bool:
        """Whether there is another batch."""
        return True

    def train(self, model: "Trainer", wanted: int, totals: Totals) -> tuple[int, Totals]:
        """Make up to so many steps, and return how many and the totals with them."""
        passes, cache = self._passes, model._cache_in_use()
        passes.begin()
        model._passes = passes.count
        if cache is None:
            binding, data = model._current_binding(), self._data
        else:
            cache.arrange(passes.order)
            binding, data = cache.take(0)
        wanted = min(wanted, passes.batches - passes.done)
        done, totals = _train(model, binding, data, self._data, passes, wanted, totals)
        passes.done += done
        return done, totals

    def get_state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what tells where this is, and no arrays."""
        return self._passes.get_state(), {}

    def set_state(self, where: str, seed: int, state: Mapping[str, Any], arrays: Any) -> None:
        """Go on where another one was, or raise a ValueError if that had other rows."""
        self._passes.set_state(where, state, seed)


class BatchSource:
    """Batches that an iterator makes, each `(x, y)` or `(x, y, sample_weight)`.

    Args:
        batches: the iterator, or what can be iterated over again for every epoch.
        iterator: the one that `first` came from.
        first: the first batch.
        prepare: converts a batch.
        steps: the batches of an epoch; None for as many as there are.
    """

    def __init__(
        self,
        batches: Iterable[Any],
        iterator: Iterator[Any],
        first: Dataset,
        prepare: Callable[[Any], Dataset],
        steps: int | None,
    ) -> None:
        self.steps = steps
        self._batches, self._iterator, self._prepare = batches, iterator, prepare
        self._next: Dataset | None = first
        self._used = 0  # of what the iterator has made

    def begin_epoch(self) -> None:
        """Start anew, where epochs have no given number of batches."""
        if self.steps is None and self._next is None:
            self._iterator, self._used = iter(self._batches), 0

    def has_more(self) -> bool:
        """Whether there is another batch."""
        if self._next is None:
            for batch in self._iterator:
                self._next = self._prepare(batch)
                break
        return self._next is not None

    def train(self, model: "Trainer", wanted: int, totals: Totals) -> tuple[int, Totals]:
        """Make a step, and return 1 and the totals with it."""
        data, self._next = self._next, None
        assert data is not None, "asked for by has_more"
        self._used += 1
        return 1, train_step(model, data, totals)

    def get_state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return how many batches were used, and no arrays."""
        return {"used": self._used}, {}

    def set_state(self, where: str, seed: int, state: Mapping[str, Any], arrays: Any) -> None:
        """Leave out as many batches as were used, or raise a ValueError if there are fewer."""
        used = at_least(where, "used", state["used"], 0)
        for number in range(used):
            if not self.has_more():
                raise ValueError(
                    f"[{where}] x: received an iterator of {number} batches; the file's fit has "
                    f"used {used}; use the same, or delete the file to begin anew"
                )
            self._next = None
        self._used = used


Source = ArraySource | BatchSource | FullBatchSource


def train_epoch(
    model: "Trainer", source: Source, steps: int | None, state: FitState, deadline: float
) -> dict[str, float]:
    """Make an epoch's steps, or what is left of them, and return its loss and metrics."""
    plan, callbacks = model._plan, state.callbacks
    assert plan is not None, "compiled by the caller"
    if state.totals is None:
        state.totals = np.zeros(plan.size)
        source.begin_epoch()
    totals, done = state.totals, state.batches
    logs: dict[str, float] = plan.logs(totals) if done else {}
    while (steps is None or done < steps) and not (model.stop_training or state.out_of_time):
        if not source.has_more():
            if done == 0 or steps is not None:
                warnings.warn(
                    "[fit] x: received an iterator that has no more batches; training ends. "
                    "Expected one for all epochs, or what can be iterated over for each",
                    stacklevel=3,
                )
                model.stop_training = True
            break
        wanted = min(_MOST_STEPS if steps is None else steps - done, callbacks.steps_to_go())
        if callbacks.wants_batches:
            wanted = 1
            callbacks.call("on_train_batch_begin", done, {})
        batches, totals = source.train(model, wanted, totals)
        done += batches
        state.batches, state.totals = done, totals
        logs = plan.logs(totals)
        if callbacks.wants_batches:
            callbacks.call("on_train_batch_end", done - 1, logs)
        callbacks.call("on_train_progress", done, logs)
        if model._stop is not None:
            model._stop.batch, model.stop_training = done, True
        if model._stop is None:
            with model._saving(state):
                callbacks.note_steps(batches, logs)
        state.out_of_time = time.perf_counter() >= deadline
    return logs


def train_step(model: "Trainer", data: Dataset, totals: Totals) -> Totals:
    """Make one step on all rows, in their order, and return the totals with it."""
    if isinstance(model.optimizer, LBFGS):
        return FullBatchSource(data, data.rows, model.optimizer).train(model, 1, totals)[1]
    passes = Passes(data.rows, data.rows, None, 0)
    passes.begin()
    return _train(model, model._current_binding(), data, data, passes, 1, totals)[1]


def evaluate(
    network: Any, data: Dataset, batch_size: int, plan: MetricPlan, bar: Any = None
) -> Totals:
    """Return the totals over all rows."""
    totals, batch_size = np.zeros(plan.size), min(batch_size, data.rows)
    answers = plan.answers(data.targets)
    batches, done = math.ceil(data.rows / batch_size), 0
    try:
        while done < batches:
            count, totals = network.evaluate(
                data.inputs,
                data.targets,
                data.weights,
                done * batch_size,
                batches - done,
                batch_size,
                SLICE_SECONDS,
                functions=answers,
                totals=totals,
            )
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


def _train(
    model: "Trainer",
    binding: "Binding",
    data: Dataset,
    whole: Dataset,
    passes: Passes,
    batches: int,
    totals: Totals,
) -> tuple[int, Totals]:
    """Make up to so many steps on `data`, which the network takes for the rows of `whole`."""
    network, optimizer, plan = binding.network, model.optimizer, model._plan
    assert optimizer is not None and plan is not None, "compiled by the caller"
    rates = None
    if optimizer.has_schedules:
        # A slice of time may be over before: few enough not to be computed many times.
        batches = min(batches, _MOST_RATES)
        rates = optimizer.rates(int(network.iterations), batches)
    else:
        network.learning_rates = optimizer.learning_rates
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
        functions=plan.answers(data.targets),
        totals=totals,
    )
    optimizer.note_steps(int(network.iterations))
    if not network.stopped:
        return done, totals
    # The batch that the native core has stopped at counts as seen.
    model._stop = Stop(done + 1, whole.take(passes.rows(passes.done + done)).inputs)
    return done + 1, plan.without_loss(totals)
