"""compile, fit, evaluate, predict."""

import os
import time
import warnings
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, Literal, overload

import numpy as np

from fastdnn.callbacks import (
    Callback,
    CallbackList,
    History,
    ProgressBar,
    checked_callbacks,
    chosen_verbosity,
    format_logs,
    progress_bar,
)
from fastdnn.configuration import at_least
from fastdnn.layers.layer import Layer, Shape
from fastdnn.models import data as datasets
from fastdnn.models import frozen_cache, loops
from fastdnn.models.arguments import (
    arranged,
    makes_batches,
    parts_of_batch,
    refuse_beside_batches,
    time_limit,
    validates,
)
from fastdnn.models.codes import check_codes
from fastdnn.models.compiling import Compiled, MetricPlan
from fastdnn.models.data import Dataset, Rows, split
from fastdnn.models.full_batch import FullBatchSource
from fastdnn.models.lowering import Binding
from fastdnn.models.own_loop import OwnLoop
from fastdnn.models.sparse_rows import SparseRows
from fastdnn.models.topology import Topology
from fastdnn.optimizers.lbfgs import LBFGS
from fastdnn.optimizers.update_rules import UpdateRules

# Rows of a batch in evaluate and predict, where its size changes nothing but the speed.
_LARGE_BATCH, _SMALL_BATCH = 1024, 32


class Trainer(OwnLoop):
    """The half of a model that trains; it checks everything before it changes anything."""

    seed: int

    def __init__(self) -> None:
        super().__init__()
        self.stop_training = False
        self.history: History | None = None
        self._compiled: Compiled | None = None
        self._plan: MetricPlan | None = None
        self._binding: Binding | None = None
        self._frozen_cache: frozen_cache.FrozenCache | None = None  # while fit runs
        self._fitting = False
        self._stop: loops.Stop | None = None  # where a loss was not finite
        self._passes = 0  # over training data, in the life of the model

    # What a model provides.
    @property
    @abstractmethod
    def layers(self) -> list[Layer]:
        """The layers, in order."""

    @abstractmethod
    def codes(self, place: int) -> int | None:
        """Return how many codes layers tell apart on an input; None if they take any numbers."""

    @abstractmethod
    def _build(self, rows: Sequence[Shape]) -> None:
        """Create the native network for inputs with such rows."""

    @abstractmethod
    def _known_topology(self) -> Topology:
        """Return how the layers are connected, or raise a ValueError."""

    @abstractmethod
    def _input_rows(self) -> list[Shape] | None:
        """Return the shape of a row of every input, None where they are not known yet."""

    @abstractmethod
    def _output_rows(self, rows: Sequence[Shape]) -> list[Shape]:
        """Return the shape of a row of every output for inputs with such rows."""

    @abstractmethod
    def _first_nonfinite(self, inputs: list[Rows]) -> str:
        """Return in words which layer makes numbers of these rows that are not finite."""

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
    ) -> None:
        """Choose how to train.

        Args:
            optimizer: a name or an object of `fastdnn.optimizers`.
            loss: a name or an object of `fastdnn.losses`, or a function (see
                `fastdnn.losses.FunctionLoss`); None for loops of one's own. For a
                model of several outputs one for all, a list, or a dict by the outputs' names; an
                output whose loss is None is not trained and needs no targets.
            loss_weights: the losses' factors in their sum, for several outputs: a list or a dict.
            metrics: names or objects of `fastdnn.metrics`, or functions (see
                `fastdnn.metrics.FunctionMetric`); "accuracy" becomes the one that
                fits the loss and the targets. For several outputs a list of lists or a dict, or
                one list for every output that has a loss.
            weighted_metrics: likewise; sample weights count.

        A new optimizer starts anew; the same object keeps its state.

        Raises:
            ValueError: if a name is unknown; the model stays as it was.

        >>> import fastdnn as fd
        >>> model = fd.Sequential([fd.Input(shape=(4,)), fd.layers.Dense(1)])
        >>> model.compile(optimizer=fd.optimizers.SGD(0.1), loss="mse", metrics=["mae"])
        """
        self._refuse_while_fitting("compile")
        names = ["output"] if self._topology is None else self._topology.output_names
        choices = {"metrics": metrics, "weighted_metrics": weighted_metrics}
        compiled = Compiled.parse(optimizer, names, loss, loss_weights, choices)
        binding, anew = self._binding, compiled.optimizer is not self.optimizer
        if binding is not None and not anew:
            binding = self._current_binding()  # if layers were frozen, the state moves along now
        # No calls from here on: Ctrl-C comes before or after all of it.
        if binding is not None and anew:
            binding.compiled = False  # what it holds is not the new optimizer's
        self._compiled, self._plan = compiled, None

    @property
    def optimizer(self) -> UpdateRules | None:
        """The optimizer that `compile` chose."""
        return None if self._compiled is None else self._compiled.optimizer

    @property
    def loss(self) -> Any:
        """The loss that `compile` chose; of several outputs, a list."""
        if self._compiled is None:
            return None
        losses = [output.loss for output in self._compiled.outputs]
        return losses[0] if len(losses) == 1 else losses

    @property
    def metrics_names(self) -> list[str]:
        """What `evaluate` returns, in this order; known after the first data."""
        return ["loss"] if self._plan is None else self._plan.names

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
            class_weight: a dict from class to weight, or "balanced".
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
            data, plan, rows = self._prepare("fit", x, y, sample_weight, class_weight)
            data, validation = split(data, 0.0 if validation_data is not None else validation_split)
            seed = self.seed if shuffle else None
            passes = loops.Passes(data.rows, batch_size, seed, self._passes)
            full = isinstance(self.optimizer, LBFGS)
            source = FullBatchSource(data, batch_size) if full else loops.ArraySource(data, passes)
            parts = [] if full else [(data, passes.batch_size)]
        if validation_data is not None:
            validation = self._prepare_validation(validation_data, rows)
        evaluation_size = _evaluation_batch("fit", validation_batch_size, validation)

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
        made = self._current_binding().network.iterations
        try:
            self._fitting = True
            if parts:
                parts += [] if validation is None else [(validation, evaluation_size)]
                repeats = (steps or 0) * (epochs - initial_epoch) > passes.batches
                self._frozen_cache = frozen_cache.made_for(self, parts, caching, repeats)
            everybody.call("on_train_begin")
            for epoch in range(initial_epoch, epochs):
                everybody.call("on_epoch_begin", epoch)
                if self._frozen_cache is not None:
                    self._frozen_cache.refresh()
                now = loops.train_epoch(self, source, steps, everybody, deadline)
                if self._stop is not None:
                    bar.make_way()
                    self._warn_of_loss(epoch, self._stop)
                if not now:  # no step was made
                    break
                logs = now
                if validation is not None and validates(validation_freq, epoch):
                    everybody.call("on_test_begin")
                    values = self._validate(validation, evaluation_size)
                    everybody.call("on_test_end", values)
                    logs |= {f"val_{name}": value for name, value in values.items()}
                bar.make_way()
                everybody.call("on_epoch_end", epoch, logs)
                if self.stop_training:
                    break
            if self._current_binding().network.iterations > made:
                self._current_binding().overwrite_with_averages()
            everybody.call("on_train_end", logs)
        finally:
            self._fitting = False
            self._drop_cache()
            # Ctrl-C may have come between a native call and the line after it.
            loops.note_iterations(self)
            everybody.close()
        return self.history

    @overload
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        callbacks: Sequence[Callback] | Callback | None = None,
        *,
        return_dict: Literal[True],
    ) -> dict[str, float]: ...

    @overload
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        callbacks: Sequence[Callback] | Callback | None = None,
        return_dict: bool = False,
    ) -> float | list[float] | dict[str, float]: ...

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        callbacks: Sequence[Callback] | Callback | None = None,
        return_dict: bool = False,
    ) -> float | list[float] | dict[str, float]:
        """Return the loss and the metrics on these rows.

        Args:
            x: the inputs, as in `fit`.
            y: the targets, as in `fit`.
            batch_size: the rows of a batch; None for a size that is fast.
            verbose: 0 silent, 1 a progress bar, 2 a line, "auto" as in `fit`.
            sample_weight: one weight a row.
            callbacks: what to run before and after.
            return_dict: whether to return name -> value instead of a list.

        Returns:
            The loss; a list of it and the metrics where there are some; or a dict.

        Raises:
            ValueError: if the model is not compiled, or the data is wrong.
        """
        verbosity = chosen_verbosity(verbose)
        own = checked_callbacks(callbacks, "evaluate")
        data, plan, rows = self._prepare("evaluate", x, y, sample_weight, None)
        batch_size = _evaluation_batch("evaluate", batch_size, data)
        self._compile_network(plan, rows)
        bar = None
        if verbosity == 1:
            bar = progress_bar("evaluate", -(-data.rows // batch_size), delay=0.5)
        everybody = CallbackList(own, self, {"verbose": verbosity})
        everybody.call("on_test_begin")
        logs = self._evaluate(data, batch_size, bar)
        everybody.call("on_test_end", logs)
        if verbosity:
            print(format_logs(logs, ": ", " - "), flush=True)
        return _in_form(logs, return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        callbacks: Sequence[Callback] | Callback | None = None,
    ) -> Any:
        """Return the model's outputs for these rows, float32 of shape (rows, outputs).

        Several outputs come in a list, or in a dict if the model was made with one.

        Args:
            x: the inputs, as in `fit`; NaN is passed on instead of refused.
            batch_size: the rows of a batch; None for a size that is fast.
            verbose: 1 or "auto" for a progress bar on a terminal if it takes long.
            callbacks: what to run before and after.

        Raises:
            ValueError: if the model is not built, or the data is wrong.
        """
        verbosity = chosen_verbosity(verbose)
        binding = self._current_binding()
        inputs, _ = self._inputs("predict", x, self._input_rows(), predicts=True)
        count = len(inputs[0])
        outputs, flat = binding.new_outputs(count)
        if batch_size is None:
            batch_size = _LARGE_BATCH if count > _SMALL_BATCH else _SMALL_BATCH
        else:
            batch_size = min(at_least("predict", "batch_size", batch_size, 1), max(count, 1))
        batches = -(-count // batch_size)
        bar = None
        if verbosity == 1 and batches > 1:
            bar = progress_bar("predict", batches, delay=0.5)
        if callbacks is None:  # nearly always, and this must take microseconds
            loops.predict(binding.network, inputs, flat, batch_size, bar)
            return self._in_structure(outputs)
        own = checked_callbacks(callbacks, "predict")
        everybody = CallbackList(own, self, {"verbose": verbosity})
        everybody.call("on_predict_begin")
        loops.predict(binding.network, inputs, flat, batch_size, bar)
        everybody.call("on_predict_end")
        return self._in_structure(outputs)

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
        totals = loops.train_step(self, data)
        return _in_form(plan.logs(totals), return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> float | list[float] | dict[str, float]:
        """Return the loss and the metrics of one batch; `evaluate` without a display."""
        data, plan, rows = self._prepare("test_on_batch", x, y, sample_weight, None)
        self._compile_network(plan, rows)
        return _in_form(self._evaluate(data, data.rows), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for one batch; `predict` without a display."""
        return self.predict(x, verbose=0)

    def _gradients_of(self, where: str, x: Any, y: Any) -> Any:
        """Compute the gradients of the loss on all rows; return the native network."""
        data, plan, rows = self._prepare(where, x, y, None, None)
        self._compile_network(plan, rows)
        network = self._current_binding().network
        network.train(
            data.inputs,
            data.targets,
            data.weights,
            None,
            0,
            1,
            data.rows,
            np.inf,
            update=False,
            functions=plan.answers(data.targets),
        )
        return network

    def _prepare(
        self,
        where: str,
        x: Any,
        y: Any,
        sample_weight: Any,
        class_weight: Any,
        rows: Sequence[Shape] | None = None,
    ) -> tuple[Dataset, MetricPlan, list[Shape]]:
        """Check and convert the data; the model stays as it is.

        Args:
            where: what the caller was doing, for messages.
            x: the inputs.
            y: the targets.
            sample_weight: one weight a row, or None; for several outputs, a list or a dict too.
            class_weight: see `datasets.to_sample_weight`; for one output alone.
            rows: the shapes of the inputs' rows; None for the model's, or else those of `x`.

        Returns:
            The data, the metrics to sum up, and the shapes of the inputs' rows.
        """
        if self._compiled is None:
            raise ValueError(
                f"[{where}] the model is not compiled; call compile(optimizer=..., loss=...) first"
            )
        inputs, found = self._inputs(where, x, rows or self._input_rows())
        widths = self._compiled.widths(where, self._output_rows(found))
        targets, weights = self._compiled.targets(where, y, sample_weight, class_weight, widths)
        for array in targets:
            if array is not None:
                datasets.check_rows(where, inputs[0], array)
        return Dataset(inputs, targets, weights), self._compiled.plan(widths), found

    def _inputs(
        self, where: str, x: Any, rows: Sequence[Shape] | None, predicts: bool = False
    ) -> tuple[list[Rows], list[Shape]]:
        """Return the inputs as the native core takes them, and the shapes of their rows."""
        topology = self._topology
        names = ["input"] if topology is None else topology.input_names
        inputs, found = [], []
        for i, part in enumerate(arranged(where, "x", x, names)):
            readers = self.layers if topology is None else topology.readers(topology.inputs[i])
            part = datasets.to_rows(where, part, readers, allow_empty=predicts)
            row = rows[i] if rows is not None else part.shape[1:] or (1,)
            inputs.append(datasets.to_inputs(where, part, row, check_finite=not predicts))
            count = self.codes(i)
            # Of sparse rows the native core says that they cannot go there.
            if count is not None and not isinstance(part, SparseRows):
                check_codes(where, part, count)
            found.append(row)
            if len(inputs[i]) != len(inputs[0]):
                raise ValueError(
                    f"[{where}] x: received {len(inputs[0])} rows of {names[0]!r} and "
                    f"{len(inputs[i])} of {names[i]!r}; expected equal numbers"
                )
        return inputs, found

    def _batch_source(
        self, batches: Iterable[Any], class_weight: Any, steps: int | None
    ) -> tuple[loops.Source, MetricPlan, list[Shape]]:
        """Take the first batch of an iterator, which says what rows are like."""
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

    def _compile_network(self, plan: MetricPlan, rows: Sequence[Shape]) -> None:
        """Have a native network for such rows that is compiled for the loss and these metrics."""
        if self._topology is None:
            self._build(rows)
        binding = self._current_binding()
        if not binding.compiled or self._plan is None or plan.native != self._plan.native:
            self._plan = None  # no plan fits what is half compiled
            self._compile_binding(binding, plan, binding)
        self._plan = plan

    def _compile_binding(self, binding: Binding, plan: MetricPlan, old: Binding) -> None:
        if self._compiled is None:
            return
        optimizer = self._compiled.optimizer
        rules = [(rule.native_name, rule.hyperparameters()) for rule in optimizer.rules]
        names = self.named_weights()
        places = {
            index: optimizer.rule_of(names[weight]) if binding.trainable[weight] else 0
            for weight, index in binding.ids.items()
        }
        binding.compile(old, plan.native, rules, [places[i] for i in range(len(places))])

    def _compiled_binding(self) -> Binding:
        if self._compiled is None or self._topology is None:
            raise ValueError(
                "[apply_gradients] the model is not compiled or not built; expected an Input and "
                "compile(optimizer=...)"
            )
        self._compile_network(self._plan or self._compiled_plan(), self._topology.input_rows)
        return self._current_binding()

    def _move_optimizer(self, binding: Binding) -> None:
        """Let another native network take over the optimizer's state, if there is one."""
        if self._binding is not None and self._binding.compiled:
            plan = self._plan or self._compiled_plan()
            self._compile_binding(binding, plan, self._binding)

    def _compiled_plan(self) -> MetricPlan:
        assert self._compiled is not None, "asked by the caller"
        rows = self._output_rows(self._input_rows() or [])
        return self._compiled.plan(self._compiled.widths("compile", rows))

    def _warn_of_loss(self, epoch: int, stop: loops.Stop) -> None:
        """Say which layer has spoilt the loss that ended training."""
        warnings.warn(
            f"[fit] the loss is not finite in epoch {epoch + 1}, batch {stop.batch}: "
            f"{self._first_nonfinite(stop.inputs)}. Training ends, and the weights are those "
            "before this batch; use a lower learning rate, clipnorm=1.0, or smaller numbers",
            RuntimeWarning,
            stacklevel=3,
        )

    def _refuse_while_fitting(self, where: str) -> None:
        if self._fitting:
            raise RuntimeError(
                f"[{where}] received a call while fit runs, as from a callback; set "
                "model.stop_training = True there, and call it when fit has returned"
            )

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

    def _evaluate(self, data: Dataset, batch_size: int, bar: Any = None) -> dict[str, float]:
        binding, plan = self._current_binding(), self._plan
        assert plan is not None, "compiled by the caller"
        return plan.logs(loops.evaluate(binding.network, data, batch_size, plan, bar))


def _evaluation_batch(where: str, batch_size: int | None, data: Dataset | None) -> int:
    if batch_size is None:
        return _LARGE_BATCH if data is None else min(_LARGE_BATCH, data.rows)
    return at_least(where, "batch_size", batch_size, 1)


def _in_form(logs: dict[str, float], return_dict: bool) -> float | list[float] | dict[str, float]:
    if return_dict:
        return logs
    values = list(logs.values())
    return values if len(values) > 1 else values[0]
