"""Precision and recall in one number."""

from typing import Any

import numpy as np

from fastdnn.checks import number
from fastdnn.metrics.confusion import ConfusionMetric, confusion
from fastdnn.metrics.metric import Result, Sums, in_form

# Keras's epsilon, which it adds to every divisor here.
_EPSILON = 1e-7


class FBetaScore(ConfusionMetric):
    """`(1 + beta**2) * precision * recall / (beta**2 * precision + recall)`, class by class.

    Args:
        average: None for a number a class, "micro" to count all classes together, "macro" for the
            mean over the classes, "weighted" for the mean by the classes' numbers of targets.
        beta: how much more recall weighs than precision.
        threshold: what an output must exceed to be positive; None for the largest of the row.
        name: a name for display and for `History`.

    Shapes: one-hot or yes-or-no targets and outputs (rows, classes).

    Raises:
        ValueError: if `average` is none of these, `beta` is not above 0, or `threshold` is not in
            (0, 1].

    Source: Keras 3's `FBetaScore`.

    >>> y_true, y_pred = [[1, 0], [0, 1], [0, 1]], [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]
    >>> round(FBetaScore("macro", beta=2.0)(y_true, y_pred), 4)
    0.6944
    """

    one_number = "average='macro'"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
    ) -> None:
        super().__init__(name)
        where = type(self).__name__
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                f"[{where}] average: received {average!r}; expected None, 'micro', 'macro' or "
                "'weighted'"
            )
        self.average, self.beta = average, number(where, "beta", beta, above=0.0)
        self.threshold = threshold
        if threshold is not None:
            self.threshold = number(where, "threshold", threshold, above=0.0, most=1.0)

    def options(self) -> dict[str, Any]:
        """Return the options the native core takes."""
        return {
            "thresholds": [0.5 if self.threshold is None else self.threshold],
            "row_maximum": self.threshold is None,
            "per_class": self.average != "micro",
            "soft_targets": True,
        }

    def results(self, columns: int) -> int:
        """Return how many numbers the result has for outputs of so many columns."""
        return columns if self.average is None else 1

    def value(self, sums: Sums, count: float) -> Result:
        """Return the score from the native sums."""
        at = confusion(self.counts(sums))
        hits, targets = at.true_positives, at.true_positives + at.false_negatives
        precision = hits / (hits + at.false_positives + _EPSILON)
        recall = hits / (targets + _EPSILON)
        square = self.beta**2
        scores = (1 + square) * precision * recall / (square * precision + recall + _EPSILON)
        if self.average == "weighted":
            return float((scores * targets).sum() / (targets.sum() + _EPSILON))
        return in_form(scores[:, 0] if self.average is None else np.mean(scores))


class F1Score(FBetaScore):
    """`2 * precision * recall / (precision + recall)`, class by class.

    Args:
        average: None for a number a class, "micro" to count all classes together, "macro" for the
            mean over the classes, "weighted" for the mean by the classes' numbers of targets.
        threshold: what an output must exceed to be positive; None for the largest of the row.
        name: a name for display and for `History`.

    Shapes: one-hot or yes-or-no targets and outputs (rows, classes).

    Raises:
        ValueError: if `average` is none of these, or `threshold` is not in (0, 1].

    Source: Keras 3's `F1Score`.

    >>> F1Score("micro").get_config()
    {'average': 'micro', 'threshold': None, 'name': 'f1_score'}
    """

    def __init__(
        self, average: str | None = None, threshold: float | None = None, name: str = "f1_score"
    ) -> None:
        super().__init__(average, 1.0, threshold, name)
