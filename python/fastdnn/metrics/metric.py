"""What all metrics have in common: sums over rows, and a result from them."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fastdnn import ops
from fastdnn.configuration import Configurable
from fastdnn.losses import Loss
from fastdnn.rows import as_outputs, as_targets, as_weights

Array = npt.NDArray[np.float32]
Sums = npt.NDArray[np.float64]
Result = float | Sums


class Metric(Configurable, ABC):
    """Base of the metrics.

    Attributes:
        native_name: what the native core sums up.
        targets: the kind of targets it wants, as in `fastdnn.losses.Loss`, or None for any
            but integer labels; "any" for those, too.
        one_number: how to ask for a single number where there may be several.
    """

    native_name: ClassVar[str]
    targets: ClassVar[str | None] = None
    one_number: ClassVar[str] = ""
    name: str

    def __init__(self, name: str) -> None:
        self.name = name
        self._sums: Sums | None = None
        self._count = 0.0

    def options(self) -> dict[str, Any]:
        """Return the options the native core takes."""
        return {}

    @abstractmethod
    def size(self, columns: int) -> int:
        """Return how many numbers the native core sums up for outputs of so many columns."""

    def results(self, columns: int) -> int:
        """Return how many numbers the result has for outputs of so many columns."""
        return 1

    @abstractmethod
    def value(self, sums: Sums, count: float) -> Result:
        """Return the metric from the native sums and the sum of the weights."""

    @abstractmethod
    def add(self, y_true: Any, y_pred: Array, weight: Array | None) -> Sums:
        """Return the sums over these rows."""

    def merged(self, sums: Sums, more: Sums) -> Sums:
        """Return the sums over the rows of both."""
        return sums + more

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add rows to what `result` is about.

        Args:
            y_true: the targets, of the shape of the outputs, or integer labels (rows,).
            y_pred: the outputs, (rows, columns), or (rows,) for one column.
            sample_weight: one weight a row, a number for all, or None for ones.

        Raises:
            ValueError: if shapes do not fit each other, or labels do not fit the columns.
        """
        where = f"{type(self).__name__}.update_state"
        outputs = as_outputs(where, y_pred)
        targets = as_targets(where, y_true, outputs.shape, self.targets)
        weight = None if sample_weight is None else as_weights(where, sample_weight, len(outputs))
        sums = self.add(targets, outputs, weight)
        if self._sums is not None and sums.shape != self._sums.shape:
            raise ValueError(
                f"[{where}] y_pred: received shape {outputs.shape}; expected as many columns as "
                "before; use reset_state() to start anew"
            )
        self._sums = sums if self._sums is None else self.merged(self._sums, sums)
        self._count += len(outputs) if weight is None else float(weight.sum(dtype=np.float64))

    def result(self) -> Result:
        """Return the metric of all rows since the start or `reset_state`; 0.0 if there are none."""
        return 0.0 if self._sums is None else self.value(self._sums, self._count)

    def reset_state(self) -> None:
        """Forget all rows."""
        self._sums, self._count = None, 0.0

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Result:
        """Add rows, and return the metric of all so far."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()


class RowMetric(Metric):
    """Base of the metrics that are the mean of a value for every row."""

    def size(self, columns: int) -> int:
        """Return how many numbers the native core sums up for outputs of so many columns."""
        return 1

    def value(self, sums: Sums, count: float) -> float:
        """Return the metric from the native sums and the sum of the weights."""
        return float(sums[0]) / count if count else 0.0

    def rows(self, y_true: Any, y_pred: Array) -> Array:
        """Return the value of every row."""
        return ops.metric_rows(self.native_name, y_true, y_pred, **self.options())

    def add(self, y_true: Any, y_pred: Array, weight: Array | None) -> Sums:
        """Return the sums over these rows."""
        values = self.rows(y_true, y_pred).astype(np.float64)
        return np.array([(values if weight is None else values * weight).sum()])


class LossMetric(RowMetric):
    """Base of the metrics that are what a loss says of every row."""

    def __init__(self, name: str, loss: Loss) -> None:
        super().__init__(name)
        self._loss = loss

    def options(self) -> dict[str, Any]:
        """Return the options the native core takes."""
        return self._loss.options()

    def rows(self, y_true: Any, y_pred: Array) -> Array:
        """Return the value of every row."""
        options = self.options()
        logits = bool(options.pop("from_logits", False))
        return ops.loss(self.native_name, y_true, y_pred, from_logits=logits, **options)[0]


def divided(a: Any, b: Any) -> Any:
    """Return a / b, and 0 where b is 0, as Keras's metrics divide."""
    zeros = np.zeros(np.broadcast_shapes(np.shape(a), np.shape(b)))
    return np.divide(a, b, out=zeros, where=np.not_equal(b, 0))


def in_form(values: Any) -> Result:
    """Return one number as a float, several as an array."""
    return float(values.item()) if np.size(values) == 1 else np.asarray(values, np.float64)
