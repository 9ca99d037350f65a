"""Metrics made of true and false positives and negatives."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastdnn import ops
from fastdnn.checks import at_least, number
from fastdnn.metrics.metric import Array, Metric, Result, Sums, divided, in_form

# Keras's threshold of all outputs that are among the top k.
_BELOW_ALL = -1e10


class Confusion(NamedTuple):
    """Sums of weights by group and threshold."""

    true_positives: Sums
    false_positives: Sums
    true_negatives: Sums
    false_negatives: Sums


class ConfusionMetric(Metric):
    """Base: outputs counted by the thresholds that they exceed, `ops.confusion_counts`."""

    native_name = "confusion_counts"

    def size(self, columns: int) -> int:
        """Return how many numbers the native core sums up for outputs of so many columns."""
        options = self.options()
        return (columns if options.get("per_class") else 1) * 2 * (len(options["thresholds"]) + 1)

    def add(self, y_true: Any, y_pred: Array, weight: Array | None) -> Sums:
        """Return the sums over these rows."""
        options = self.options()
        return ops.confusion_counts(y_true, y_pred, sample_weight=weight, **options).ravel()

    def counts(self, sums: Sums) -> Sums:
        """Return the sums as (groups, negatives and positives, thresholds exceeded)."""
        return sums.reshape(-1, 2, len(self.options()["thresholds"]) + 1)


def confusion(counts: Sums) -> Confusion:
    """Cumulate counts into what each threshold says."""
    above = np.flip(np.flip(counts, -1).cumsum(-1), -1)[..., 1:]
    below = counts.cumsum(-1)[..., :-1]
    return Confusion(above[:, 1], above[:, 0], below[:, 0], below[:, 1])


class _Share(ConfusionMetric):
    """Base of precision and recall."""

    one_number = "one threshold"

    def __init__(
        self,
        thresholds: float | Sequence[float] | None,
        top_k: int | None,
        class_id: int | None,
        name: str,
    ) -> None:
        super().__init__(name)
        where = type(self).__name__
        self.top_k = None if top_k is None else at_least(where, "top_k", top_k, 1)
        self.class_id = None if class_id is None else at_least(where, "class_id", class_id, 0)
        default = 0.5 if top_k is None else _BELOW_ALL
        given = [default]
        if thresholds is not None:
            note = ", or a list of them"
            given = [
                number(where, "thresholds", each, 0.0, 1.0, note=note)
                for each in np.ravel(thresholds)
            ]
            if not given:
                raise ValueError(f"[{where}] thresholds: received []; expected at least one number")
        self.thresholds = given if thresholds is not None and np.ndim(thresholds) else thresholds
        self._order = np.argsort(given, kind="stable")
        self._ascending = [given[i] for i in self._order]

    def options(self) -> dict[str, Any]:
        """Return the options the native core takes."""
        options: dict[str, Any] = {"thresholds": self._ascending}
        if self.top_k is not None:
            options["top_k"] = self.top_k
        if self.class_id is not None:
            options["class_id"] = self.class_id
        return options

    def results(self, columns: int) -> int:
        """Return how many numbers the result has for outputs of so many columns."""
        return len(self._ascending)

    def value(self, sums: Sums, count: float) -> Result:
        """Return the metric from the native sums."""
        shares = np.empty(len(self._order))
        shares[self._order] = self.share(confusion(self.counts(sums)))[0]
        return in_form(shares)

    @abstractmethod
    def share(self, at: Confusion) -> Sums:
        """Return the metric at every threshold."""


class Precision(_Share):
    """`true_positives / (true_positives + false_positives)`, 0 if there are none.

    An output is positive where it exceeds the threshold, a target where it is not 0; all columns
    count together.

    Args:
        thresholds: from 0 to 1, or a list for a number each; None for 0.5, or, with `top_k`, for
            none.
        top_k: only that many largest outputs of a row may be positive, the first of equals.
        class_id: the column that counts; None for all.
        name: a name for display and for `History`.

    Raises:
        ValueError: if a threshold lies outside [0, 1], or another argument is negative.

    Source: Keras 3's `Precision`.

    >>> Precision()([0, 1, 1, 1], [0.9, 0.8, 0.2, 0.7])
    0.6666666666666666
    """

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str = "precision",
    ) -> None:
        super().__init__(thresholds, top_k, class_id, name)

    def share(self, at: Confusion) -> Sums:
        """Return the metric at every threshold."""
        shares: Sums = divided(at.true_positives, at.true_positives + at.false_positives)
        return shares


class Recall(_Share):
    """`true_positives / (true_positives + false_negatives)`, 0 if there are none.

    An output is positive where it exceeds the threshold, a target where it is not 0; all columns
    count together.

    Args:
        thresholds: from 0 to 1, or a list for a number each; None for 0.5, or, with `top_k`, for
            none.
        top_k: only that many largest outputs of a row may be positive, the first of equals.
        class_id: the column that counts; None for all.
        name: a name for display and for `History`.

    Raises:
        ValueError: if a threshold lies outside [0, 1], or another argument is negative.

    Source: Keras 3's `Recall`.

    >>> Recall(thresholds=[0.5, 0.1])([0, 1, 1, 1], [0.9, 0.8, 0.2, 0.7]).tolist()
    [0.6666666666666666, 1.0]
    """

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str = "recall",
    ) -> None:
        super().__init__(thresholds, top_k, class_id, name)

    def share(self, at: Confusion) -> Sums:
        """Return the metric at every threshold."""
        shares: Sums = divided(at.true_positives, at.true_positives + at.false_negatives)
        return shares
