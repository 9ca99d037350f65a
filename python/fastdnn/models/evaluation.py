"""evaluate and predict."""

from collections.abc import Sequence
from typing import Any, Literal, overload

from fastdnn.callbacks import (
    Callback,
    CallbackList,
    checked_callbacks,
    chosen_verbosity,
    format_logs,
    progress_bar,
)
from fastdnn.checks import at_least
from fastdnn.models import loops
from fastdnn.models.compilable import Compilable
from fastdnn.models.data import Dataset

# Rows of a batch, where its size changes nothing but the speed.
_LARGE_BATCH, _SMALL_BATCH = 1024, 32


class Evaluator(Compilable):
    """The part of a model that evaluates and predicts."""

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
        batch_size = evaluation_batch("evaluate", batch_size, data)
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
        return in_form(logs, return_dict)

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

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> float | list[float] | dict[str, float]:
        """Return the loss and the metrics of one batch; `evaluate` without a display."""
        data, plan, rows = self._prepare("test_on_batch", x, y, sample_weight, None)
        self._compile_network(plan, rows)
        return in_form(self._evaluate(data, data.rows), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for one batch; `predict` without a display."""
        return self.predict(x, verbose=0)

    def _evaluate(self, data: Dataset, batch_size: int, bar: Any = None) -> dict[str, float]:
        binding, plan = self._current_binding(), self._plan
        assert plan is not None, "compiled by the caller"
        return plan.logs(loops.evaluate(binding.network, data, batch_size, plan, bar))


def evaluation_batch(where: str, batch_size: int | None, data: Dataset | None) -> int:
    """Return the rows of a batch that is asked for, or that is fast for the data."""
    if batch_size is None:
        return _LARGE_BATCH if data is None else min(_LARGE_BATCH, data.rows)
    return at_least(where, "batch_size", batch_size, 1)


def in_form(logs: dict[str, float], return_dict: bool) -> float | list[float] | dict[str, float]:
    """Return the loss, a list of it and the metrics, or a dict."""
    if return_dict:
        return logs
    values = list(logs.values())
    return values if len(values) > 1 else values[0]
