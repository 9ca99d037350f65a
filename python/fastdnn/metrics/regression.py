"""How far outputs are from their targets."""

import math
from typing import Any

import numpy as np

from fastdnn import losses, ops
from fastdnn.checks import at_least
from fastdnn.metrics.metric import Array, LossMetric, Metric, Result, Sums, divided, in_form


class MeanSquaredError(LossMetric):
    """`mean((y_true - y_pred)**2)`.

    Args:
        name: a name for display and for `History`.

    >>> round(MeanSquaredError()([[0, 1], [0, 1]], [[0.1, 0.9], [0.8, 0.2]]), 4)
    0.325
    """

    native_name = "mean_squared_error"

    def __init__(self, name: str = "mean_squared_error") -> None:
        super().__init__(name, losses.MeanSquaredError())


class RootMeanSquaredError(LossMetric):
    """`sqrt(mean((y_true - y_pred)**2))` over all rows.

    Args:
        name: a name for display and for `History`.

    >>> RootMeanSquaredError()([0, 0], [3, -3])
    3.0
    """

    native_name = "mean_squared_error"

    def __init__(self, name: str = "root_mean_squared_error") -> None:
        super().__init__(name, losses.MeanSquaredError())

    def value(self, sums: Sums, count: float) -> float:
        """Return the root of the mean."""
        return math.sqrt(super().value(sums, count))


class MeanAbsoluteError(LossMetric):
    """`mean(|y_true - y_pred|)`.

    Args:
        name: a name for display and for `History`.

    >>> round(MeanAbsoluteError()([[0, 1], [0, 1]], [[0.1, 0.9], [0.8, 0.2]]), 4)
    0.45
    """

    native_name = "mean_absolute_error"

    def __init__(self, name: str = "mean_absolute_error") -> None:
        super().__init__(name, losses.MeanAbsoluteError())


class R2Score(Metric):
    """The share of the targets' variance that the outputs explain.

    `1 - sum((y_true - y_pred)**2) / sum((y_true - mean(y_true))**2)`, for every column. It is 0
    for a column of equal targets.

    Args:
        class_aggregation: "uniform_average" over the columns, "variance_weighted_average", or None
            for a number a column.
        num_regressors: p, for the adjusted score `1 - (1 - R2) (n - 1) / (n - p - 1)`, n the number
            of targets; 0 for the plain score, which it is for `p >= n - 1`, too.
        name: a name for display and for `History`.

    Raises:
        ValueError: if `class_aggregation` is none of these, or `num_regressors` is negative.

    Source: Keras 3's `R2Score`.

    >>> R2Score()([1, 2, 3], [1, 2, 2])
    0.5
    """

    native_name = "regression_sums"
    one_number = "class_aggregation='uniform_average'"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
    ) -> None:
        super().__init__(name)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ValueError(
                f"[R2Score] class_aggregation: received {class_aggregation!r}; expected None, "
                "'uniform_average' or 'variance_weighted_average'"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = at_least("R2Score", "num_regressors", num_regressors, 0)

    def size(self, columns: int) -> int:
        """Return how many numbers the native core sums up for outputs of so many columns."""
        return 3 + 4 * columns

    def results(self, columns: int) -> int:
        """Return how many numbers the result has for outputs of so many columns."""
        return columns if self.class_aggregation is None else 1

    def add(self, y_true: Any, y_pred: Array, weight: Array | None) -> Sums:
        """Return the sums over these rows."""
        return ops.regression_sums(y_true, y_pred, weight)

    def merged(self, sums: Sums, more: Sums) -> Sums:
        """Return the sums over the rows of both, by the shift of the first."""
        if sums[1] == 0.0:
            sums, more = more, sums
        together = sums + more
        together[3::4] = sums[3::4]
        if more[1] > 0.0:
            between = more[3::4] - sums[3::4]
            together[4::4] += more[2] * between
            together[5::4] += (2.0 * more[4::4] + more[2] * between) * between
        return together

    def value(self, sums: Sums, count: float) -> Result:
        """Return the score from the native sums."""
        rows, _, weight = sums[:3]
        _, total, squares, residual = sums[3:].reshape(-1, 4).T
        squares = squares - total * divided(total, weight)
        columns = len(squares)
        scores = np.where(squares == 0.0, 0.0, 1.0 - divided(residual, squares))
        if self.class_aggregation == "uniform_average":
            scores = scores.mean()
        elif self.class_aggregation == "variance_weighted_average":
            scores = divided((squares * scores).sum(), squares.sum())
        n, p = rows * columns, self.num_regressors
        if 0 < p < n - 1:
            scores = 1.0 - (1.0 - scores) * (n - 1.0) / (n - p - 1.0)
        return in_form(scores)
