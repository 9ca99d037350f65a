"""The area under a curve over all thresholds."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastdnn.checks import at_least, number
from fastdnn.metrics.confusion import Confusion, ConfusionMetric, confusion
from fastdnn.metrics.metric import Sums, divided

_EPSILON = 1e-7  # Keras's
_CURVES = ("ROC", "PR", "PRGAIN")
_METHODS = ("interpolation", "minoring", "majoring")


class AUC(ConfusionMetric):
    """The area under the ROC or precision-recall curve, by a histogram of the outputs.

    The curve has a point for each threshold: true against false positive rates (ROC), precision
    against recall (PR), or their gains (PRGAIN). All columns count together.

    Args:
        num_thresholds: how many thresholds lie evenly between 0 and 1, from 2 to a million.
        curve: "ROC", "PR" or "PRGAIN".
        summation_method: "interpolation" joins points by lines, for PR by what a line of counts
            gives; "minoring" takes the lower, "majoring" the higher end of every interval.
        name: a name for display and for `History`.
        thresholds: those between 0 and 1, instead of even ones.
        multi_label: whether to average the areas of the columns.
        num_labels: the number of columns; with `multi_label` only.
        label_weights: one weight a column: of its area with `multi_label`, else of its counts.
        from_logits: whether to take the sigmoid of the outputs first.

    Shapes: targets of zeros and ones, and outputs, (rows, columns) or (rows,).

    Raises:
        ValueError: if an argument is none of these.

    Source: Keras 3's `AUC`; for the interpolation of PR, Davis and Goadrich 2006, section 4.

    >>> AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])
    0.75
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str = "auc",
        *,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(name)
        self.curve = _chosen("curve", str(curve).upper(), _CURVES)
        self.summation_method = _chosen("summation_method", str(summation_method).lower(), _METHODS)
        self.thresholds = None
        if thresholds is None:
            self.num_thresholds = at_least("AUC", "num_thresholds", num_thresholds, 2, 1_000_000)
        else:
            inner = [number("AUC", "thresholds", each, 0.0, 1.0) for each in np.ravel(thresholds)]
            self.thresholds, self.num_thresholds = sorted(inner), len(inner) + 2
        self.multi_label = self._flag("multi_label", multi_label)
        self.from_logits = self._flag("from_logits", from_logits)
        if num_labels is not None and not multi_label:
            raise ValueError(
                f"[AUC] num_labels: received {num_labels!r} without multi_label=True; expected None"
            )
        self.num_labels = (
            None if num_labels is None else at_least("AUC", "num_labels", num_labels, 1)
        )
        self.label_weights = None
        if label_weights is not None:
            given = np.ravel(label_weights)
            self.label_weights = [number("AUC", "label_weights", each, 0.0) for each in given]
        self._levels, self._evenly = self._all_thresholds()

    def _all_thresholds(self) -> tuple[list[float], bool]:
        """Return the thresholds with one below and one above all outputs, and if they are even."""
        even = np.linspace(0.0, 1.0, self.num_thresholds)
        inner = even[1:-1] if self.thresholds is None else np.array(self.thresholds)
        is_even = len(inner) != 0 and np.allclose(inner, even[1:-1], rtol=0.0, atol=_EPSILON)
        levels = [-_EPSILON, *inner.tolist(), 1.0 + _EPSILON]
        return levels, self.thresholds is None or bool(is_even)

    def options(self) -> dict[str, Any]:
        """Return the options the native core takes."""
        return {
            "thresholds": self._levels,
            "evenly": self._evenly,
            "per_class": self.multi_label or self.label_weights is not None,
            "from_logits": self.from_logits,
        }

    def size(self, columns: int) -> int:
        """Return how many numbers the native core sums up for outputs of so many columns."""
        if self.num_labels not in (None, columns):
            raise ValueError(
                f"[AUC] num_labels: received {self.num_labels} for outputs of {columns} columns; "
                "expected as many"
            )
        if self.label_weights is not None and len(self.label_weights) != columns:
            raise ValueError(
                f"[AUC] label_weights: received {len(self.label_weights)} for outputs of {columns} "
                "columns; expected one for each"
            )
        return super().size(columns)

    def add(self, y_true: Any, y_pred: Any, weight: Any) -> Sums:
        """Return the sums over these rows."""
        self.size(y_pred.shape[1])  # raises where the columns do not fit
        return super().add(y_true, y_pred, weight)

    def value(self, sums: Sums, count: float) -> float:
        """Return the area from the native sums."""
        counts = self.counts(sums)
        weights = None if self.label_weights is None else np.array(self.label_weights)
        if weights is not None and not self.multi_label:
            counts = (counts * weights[:, None, None]).sum(0, keepdims=True)
        areas = self._areas(confusion(counts))
        if weights is None or not self.multi_label:
            return float(areas.mean())
        return float(divided((areas * weights).sum(), weights.sum()))

    def _areas(self, at: Confusion) -> Sums:
        """Return the area of every group."""
        if self.curve == "PR" and self.summation_method == "interpolation":
            return _interpolated_pr_areas(at)
        x, y = self._points(at)
        left, right = y[:, :-1], y[:, 1:]
        if self.summation_method == "interpolation":
            heights = (left + right) / 2
        elif self.summation_method == "minoring":
            heights = np.minimum(left, right)
        else:
            heights = np.maximum(left, right)
        areas: Sums = ((x[:, :-1] - x[:, 1:]) * heights).sum(1)
        return areas

    def _points(self, at: Confusion) -> tuple[Sums, Sums]:
        """Return the curve of every group."""
        positives = at.true_positives + at.false_negatives
        negatives = at.true_negatives + at.false_positives
        recall = divided(at.true_positives, positives)
        if self.curve == "ROC":
            return divided(at.false_positives, negatives), recall
        if self.curve == "PR":
            return recall, divided(at.true_positives, at.true_positives + at.false_positives)
        # Flach and Kull 2015. Without true positives recall gains nothing, and precision all.
        some = at.true_positives > 0
        scale = divided(positives, negatives)
        recall_gain = 1.0 - scale * divided(at.false_negatives, at.true_positives)
        precision_gain = 1.0 - scale * divided(at.false_positives, at.true_positives)
        return np.where(some, np.maximum(recall_gain, 0.0), 0.0), np.where(
            some, precision_gain, 1.0
        )


def _interpolated_pr_areas(at: Confusion) -> Sums:
    """Return the areas where true and all positives vary linearly between two thresholds.

    With p positives, of which `slope p + intercept` are true, an interval's area is the integral of
    `slope (slope p + intercept) / p` over p, divided by all targets that are positive.
    """
    true = at.true_positives
    p = true + at.false_positives
    rise = true[:, :-1] - true[:, 1:]
    slope = divided(rise, np.maximum(p[:, :-1] - p[:, 1:], 0.0))
    intercept = true[:, 1:] - slope * p[:, 1:]
    both = (p[:, :-1] > 0) & (p[:, 1:] > 0)
    ratio = np.where(both, divided(p[:, :-1], p[:, 1:]), 1.0)
    targets = true[:, 1:] + at.false_negatives[:, 1:]
    areas: Sums = divided(slope * (rise + intercept * np.log(ratio)), targets).sum(1)
    return areas


def _chosen(argument: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise ValueError(
            f"[AUC] {argument}: received {value!r}; expected one of {', '.join(known)}"
        )
    return value
