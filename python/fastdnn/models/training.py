"""fit."""

import os
import time
import warnings
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fastdnn.callbacks import (
    Callback,
    CallbackList,
    History,
    ProgressBar,
    checked_callbacks,
    chosen_verbosity,
)
from fastdnn.checks import at_least, flag
from fastdnn.layers.layer import Shape
from fastdnn.models import frozen_cache, loops
from fastdnn.models.arguments import (
    makes_batches,
    parts_of_batch,
    refuse_beside_batches,
    time_limit,
    validates,
)
from fastdnn.models.compiling import MetricPlan
from fastdnn.models.data import Dataset, Stop, split
from fastdnn.models.evaluation import Evaluator, evaluation_batch, in_form
from fastdnn.models.fit_state import FitState, backup_of
from fastdnn.models.full_batch import FullBatchSource
from fastdnn.optimizers.lbfgs import LBFGS


class Trainer(Evaluator):
    """The part of a model that trains; it checks everything before it changes anything."""

    seed: int

    def __init__(self) -> None:
        super().__init__()
        self.stop_training = False
        self.history: History | None = None
        self._frozen_cache: frozen_cache.FrozenCache | None = None  # while fit runs
        self._stop: Stop | None = None  # where a loss was not finite
        self._passes = 0  # over training data, in the life of the model
        self._fit_state: FitState | None = None  # while callbacks save, and it can go on from there

    # What a model provides.
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = 32,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Sequence[Callback] | Callback | None = None,
        validation_split: float = 0.0,
        validation_data: Sequence[Any] | None = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        max_seconds: float | None = None,
        cache_frozen: bool | str | os.PathLike[str] = "auto",
    ) -> History:
        """Train.

        Args:
            x: the inputs, (rows, ...): an array, a list, a data frame, or a sparse matrix of
                scipy's, which stays sparse and needs `Dense` as the first layer; or an iterator
                of batches `(x, y)` or `(x, y, sample_weight)`, for all epochs or, if it can be
                iterated over again, for each; of several
                inputs, a list of these, or a dict by the inputs' names. float32, float16,
                bfloat16 (of ml_dtypes) and uint8 are read batch by batch, from a `np.memmap` too,
                and stay as they are; uint8 counts as divided by 255, unless a `Rescaling` layer
                comes first, which gets 0 to 255. Other types become float32 once.
            y: the targets: integer labels (rows,) for the sparse loss, else (rows, outputs); of
                several outputs, a list, or a dict by their names.
            batch_size: the rows of a step.
            epochs: the epoch to stop at; how many there are if `initial_epoch` is 0.
            verbose: 0 silent, 1 a progress bar, 2 a line an epoch, "auto" the bar in a
                terminal or a notebook, else the lines.
            callbacks: what to run at the ends of epochs and batches.
            validation_split: the share of the rows, from the end, to validate on.
            validation_data: `(x, y)` or `(x, y, sample_weight)` to validate on.
            shuffle: whether to draw a new order of the rows for every epoch.
            class_weight: a dict from class to weight, or "balanced"; rows to validate on keep
                their sample weights alone.
            sample_weight: one weight a row; it multiplies the row's loss. For several outputs a
                list or a dict, too.
            initial_epoch: the number of the first epoch.
            steps_per_epoch: the steps of an epoch; the next one goes on where it stopped.
                None for as many as there are batches.
            validation_batch_size: the rows of a batch when validating.
            validation_freq: validate every that many epochs, or after the epochs listed.
            max_seconds: stop after this time, at the end of a step.
            cache_frozen: whether to compute the outputs of the lowest layers once, if they are
                frozen and have no dropout, and train the rest on them. "auto" does where rows are
                trained on more than once, in arrays that are not sparse. Outputs that take
                more than a quarter of the machine's memory go to a temporary file; a path says
                where to make it. Every step has the same bits as without. If a callback changes
                frozen weights, the next epoch sees it; if it freezes or thaws layers,
                fit goes on without a cache.

        Returns:
            The `History`: `history["loss"]` has one number an epoch.

        Raises:
            ValueError: if an argument or the data is wrong; the model stays as it was.
            OSError: if the file of `cache_frozen` cannot be written.
            RuntimeError: if a callback calls it while it runs.
            RuntimeWarning: if a loss is not finite; training ends before that step, and the text
                names epoch, batch and layer.
            KeyboardInterrupt: on Ctrl-C, within a tenth of a second and between two steps; the
                model can be used and trained further.

        >>> import numpy as np, fastdnn as fd
        >>> model = fd.Sequential([fd.layers.Dense(1)])
        >>> model.compile("sgd", loss="mse")
        >>> x = np.linspace(0, 1, 100, dtype=np.float32)[:, None]
        >>> history = model.fit(x, 2 * x, epochs=20, verbose=0)
        >>> history.history["loss"][-1] < history.history["loss"][0]
        True
        """
        self._refuse_while_fitting("fit")
        batch_size = at_least("fit", "batch_size", 32 if batch_size is None else batch_size, 1)
        epochs = at_least("fit", "epochs", epochs, 0)
        initial_epoch = at_least("fit", "initial_epoch", initial_epoch, 0)
        if steps_per_epoch is not None:
            steps_per_epoch = at_least("fit", "steps_per_epoch", steps_per_epoch, 1)
        verbosity = chosen_verbosity(verbose)
        validates(validation_freq, 0)  # raises where it is wrong
        own = checked_callbacks(callbacks)
        seconds = time_limit(max_seconds)
        caching = frozen_cache.checked_choice(cache_frozen, makes_batches(x))
        if makes_batches(x):
            refuse_beside_batches(y=y, sample_weight=sample_weight, share=validation_split)
            if isinstance(self.optimizer, LBFGS):
                raise ValueError(
                    "[fit] x: received an iterator with LBFGS, which makes its steps by all rows; "
                    "expected arrays"
                )
            source, plan, rows = self._batch_source(x, class_weight, steps_per_epoch)
            validation, parts = None, []
        else:
            data, plan, rows = self._prepare("fit", x, y, sample_weight, None)
            data, validation = split(data, 0.0 if validation_data is not None else validation_split)
            assert self._compiled is not None, "checked by _prepare"
            widths = self._compiled.widths("fit", self._output_rows(rows))
            data = self._compiled.weighed_by_class("fit", data, class_weight, widths)
            seed = self.seed if flag("fit", "shuffle", shuffle) else None
            passes = loops.Passes(data.rows, batch_size, seed, self._passes)
            source = loops.ArraySource(data, passes)
            parts = [(data, passes.batch_size)]
            if isinstance(self.optimizer, LBFGS):
                self.optimizer.forget()  # steps on other rows or weights
                source, parts = FullBatchSource(data, batch_size, self.optimizer), []
        if validation_data is not None:
            validation = self._prepare_validation(validation_data, rows)
        evaluation_size = evaluation_batch("fit", validation_batch_size, validation)

        self._compile_network(plan, rows)
        steps = source.steps if steps_per_epoch is None else steps_per_epoch
        self.stop_training, self.history = False, History()
        self._stop = None
        bar = ProgressBar(verbosity)
        params = {
            "verbose": verbosity,
            "epochs": epochs,
            "steps": steps,
            "validates": validation is not None,
        }
        everybody = CallbackList([*own, bar, self.history], self, params)
        deadline = time.perf_counter() + seconds
        logs: dict[str, float] = {}
        state = FitState(self, source, everybody, initial_epoch, epochs)
        backup = backup_of(everybody)
        try:
            self._fitting = True
            if backup is not None:
                self._resume(backup.path, state)
                bar.show_resumption(state.epoch, state.batches)
            if parts:
                parts += [] if validation is None else [(validation, evaluation_size)]
                repeats = (steps or 0) * (epochs - initial_epoch) > passes.batches
                self._frozen_cache = frozen_cache.made_for(self, parts, caching, repeats)
            everybody.call("on_train_begin")
            if state.totals is None:
                state.restore_callbacks()
            while state.epoch < epochs and (state.totals is not None or not self.stop_training):
                epoch = state.epoch
                everybody.call("on_epoch_begin", epoch)
                state.restore_callbacks()
                if self._frozen_cache is not None:
                    self._frozen_cache.refresh()
                now = loops.train_epoch(self, source, steps, state, deadline)
                if self._stop is not None:
                    bar.make_way()
                    self._warn_of_loss(epoch, self._stop)
                if not now:  # no step was made
                    break
                logs = now
                if state.out_of_time:
                    with self._saving(state):
                        everybody.call_savers("on_time_out", logs)
                if validation is not None and validates(validation_freq, epoch):
                    everybody.call("on_test_begin")
                    values = self._validate(validation, evaluation_size)
                    everybody.call("on_test_end", values)
                    logs |= {f"val_{name}": value for name, value in values.items()}
                bar.make_way()
                everybody.call_watchers("on_epoch_end", epoch, logs)
                state.next_epoch()
                with self._saving(state):
                    everybody.call_savers("on_epoch_end", epoch, logs)
                if state.out_of_time:
                    break
            if self._current_binding().network.iterations > state.began:
                self._current_binding().overwrite_with_averages()
            everybody.call("on_train_end", logs)
        finally:
            self._fitting = False
            self._drop_cache()
            # Ctrl-C may have come between a native call and the line after it.
            loops.note_iterations(self)
            everybody.close()
        return self.history

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> float | list[float] | dict[str, float]:
        """Make one step on these rows and return their loss and metrics before it.

        Args:
            x: the inputs of one batch, as in `fit`.
            y: the targets, as in `fit`.
            sample_weight: one weight a row.
            class_weight: a dict from class to weight, or "balanced".
            return_dict: whether to return name -> value instead of a list.

        Raises:
            ValueError: if the model is not compiled, or the data is wrong.
        """
        data, plan, rows = self._prepare("train_on_batch", x, y, sample_weight, class_weight)
        self._compile_network(plan, rows)
        totals = loops.train_step(self, data, np.zeros(plan.size))
        return in_form(plan.logs(totals), return_dict)

    def _batch_source(
        self, batches: Iterable[Any], class_weight: Any, steps: int | None
    ) -> tuple[loops.Source, MetricPlan, list[Shape]]:
        """Take the first batch of an iterator, which says what rows are like."""
        if class_weight == "balanced":
            raise ValueError(
                "[fit] class_weight: received 'balanced' beside an iterator, whose rows are not "
                "known; expected a dict from class to weight"
            )
        iterator = iter(batches)
        first = next(iterator, None)
        if first is None:
            raise ValueError("[fit] x: received an iterator without batches; expected some")
        data, plan, rows = self._prepare("fit", *parts_of_batch(first), class_weight)

        def prepare(batch: Any) -> Dataset:
            return self._prepare("fit", *parts_of_batch(batch), class_weight, rows)[0]

        return loops.BatchSource(batches, iterator, data, prepare, steps), plan, rows

    def _prepare_validation(self, validation: Sequence[Any], rows: Sequence[Shape]) -> Dataset:
        if not isinstance(validation, tuple | list) or len(validation) not in (2, 3):
            raise ValueError(
                "[fit] validation_data: received "
                f"{type(validation).__name__}; expected (x, y) or (x, y, sample_weight)"
            )
        x, y, *rest = validation
        weight = rest[0] if rest else None
        return self._prepare("fit validation_data", x, y, weight, None, rows)[0]

    def _warn_of_loss(self, epoch: int, stop: Stop) -> None:
        """Say which layer has spoilt the loss that ended training."""
        warnings.warn(
            f"[fit] the loss is not finite in epoch {epoch + 1}, batch {stop.batch}: "
            f"{self._first_nonfinite(stop.inputs)}. Training ends, and the weights are those "
            "before this batch; use a lower learning rate, clipnorm=1.0, or smaller numbers",
            RuntimeWarning,
            stacklevel=3,
        )

    @abstractmethod
    def _resume(self, path: Path, state: FitState) -> None:
        """Put the model, and a fit that begins, where those of a file were."""

    @contextmanager
    def _saving(self, state: FitState) -> Iterator[None]:
        """Let files that are written now hold where `fit` stands."""
        self._fit_state = state
        try:
            yield
        finally:
            self._fit_state = None

    def _cache_in_use(self) -> "frozen_cache.FrozenCache | None":
        """Return the cache of the fit that runs, unless layers have been frozen or thawed since."""
        if self._frozen_cache is not None and not self._frozen_cache.is_current():
            self._drop_cache()
        return self._frozen_cache

    def _drop_cache(self) -> None:
        if self._frozen_cache is not None:
            self._frozen_cache.give_back()
            self._frozen_cache = None

    def _validate(self, data: Dataset, batch_size: int) -> dict[str, float]:
        """Evaluate the rows to validate on, from the cache if there is one."""
        cache, plan = self._cache_in_use(), self._plan
        if cache is None:
            return self._evaluate(data, batch_size)
        assert plan is not None, "compiled by the caller"
        binding, data = cache.take(1)
        return plan.logs(loops.evaluate(binding.network, data, batch_size, plan))
