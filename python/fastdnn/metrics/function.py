"""Metrics that a function computes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastdnn.losses.function import checked_rows, name_of
from fastdnn.metrics.metric import Array, RowMetric


class FunctionMetric(RowMetric):
    """The mean of what a Python function says of every row.

    `compile(metrics=[function])` makes one. The function takes `(y_true, y_pred)` as one of
    `fastdnn.losses.FunctionLoss` does, and returns a number for every row, of shape (rows,), or one
    for them all.

    Args:
        function: the function.
        name: a name for display and for `History`; None for the function's.

    >>> def largest_error(y_true, y_pred):
    ...     return abs(y_true - y_pred).max(axis=1)
    >>> FunctionMetric(largest_error)([[0, 1], [2, 2]], [[0, 3], [2, 3]])
    1.5
    """

    targets = "any"
    native_name = "function"

    def __init__(self, function: Callable[[Any, Any], Any], name: str | None = None) -> None:
        if not callable(function):
            raise ValueError(
                f"[FunctionMetric] function: received {function!r}; expected a function of y_true "
                "and y_pred; load_model takes functions as custom_objects={name: function}"
            )
        super().__init__(name_of(function) if name is None else name)
        self.function = function

    def options(self) -> dict[str, Any]:
        """Return what tells this metric from others of its kind."""
        return {"function": self.function}

    def argument(self, name: str) -> Any:
        """Return the function's name in its place, as configs hold it."""
        return name_of(self.function) if name == "function" else super().argument(name)

    def rows(self, y_true: Any, y_pred: Array) -> Array:
        """Return the value of every row.

        Raises:
            ValueError: if the function returns anything else.
        """
        values = np.asarray(self.function(y_true, y_pred))
        if values.ndim == 0:
            values = np.broadcast_to(values, len(y_pred))
        return checked_rows(f"metric {self.name}", "values", values, len(y_pred))
