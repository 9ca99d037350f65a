"""Metrics on NumPy arrays: one value for every row, or what is summed up over rows."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fastdnn import _core

_Array = npt.NDArray[np.float32]
_Labels = npt.NDArray[np.int32]
_Sums = npt.NDArray[np.float64]


def metric_rows(
    name: str,
    y_true: _Array | _Labels,
    y_pred: _Array,
    *,
    threshold: float = 0.5,
    k: int = 5,
    out: _Array | None = None,
) -> _Array:
    """Compute an accuracy for every row; its value for the batch is the mean.

    - `"sparse_categorical_accuracy"`: `argmax(y_pred) == y_true`
    - `"categorical_accuracy"`: `argmax(y_pred) == argmax(y_true)`
    - `"binary_accuracy"`: `mean_j (y_pred_j > threshold) == y_true_j`
    - `"sparse_top_k_categorical_accuracy"`, `"top_k_categorical_accuracy"`: whether fewer than
      `k` outputs exceed that of the true class

    `argmax` is NumPy's: the first of several largest elements, or the first NaN.

    Args:
        name: One of the names above.
        y_true: int32 labels of shape `(rows,)` for the sparse metrics, else targets of shape
            `(rows, columns)`.
        y_pred: Outputs of shape `(rows, columns)`.
        threshold: What an output must exceed to count as 1; binary accuracy only.
        k: How many classes are the top; top-k accuracies only.
        out: Array of shape `(rows,)` to write to.

    Raises:
        ValueError: If a name is unknown, a label lies outside `[0, columns)`, or an array has a
            wrong dtype, shape or layout. Nothing is written then.

    Source: Keras 3's metrics of these names.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> y_pred = np.array([[0.1, 0.9], [0.8, 0.2]], np.float32)
    >>> ops.metric_rows("sparse_categorical_accuracy", np.int32([1, 1]), y_pred).tolist()
    [1.0, 0.0]
    """
    return _core.metric_rows("metric_rows", name, y_true, y_pred, threshold, k, out)


def in_top_k(targets: _Labels, predictions: _Array, k: int) -> npt.NDArray[np.bool_]:
    """Say for every row whether its label is among the `k` largest predictions.

    Classes that tie with the k-th largest prediction are among them, too; a NaN never is.

    Args:
        targets: int32 labels of shape `(rows,)`.
        predictions: Array of shape `(rows, classes)`.
        k: At least 1.

    Returns:
        A Boolean array of shape `(rows,)`.

    Raises:
        ValueError: If a label lies outside `[0, classes)`, `k` is less than 1, or an array has a
            wrong dtype, shape or layout.

    Source: Keras 3's `ops.in_top_k`.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> predictions = np.array([[0.1, 0.4, 0.5], [0.1, 0.4, 0.5]], np.float32)
    >>> ops.in_top_k(np.int32([1, 0]), predictions, k=2).tolist()
    [True, False]
    """
    name = "sparse_top_k_categorical_accuracy"
    found: npt.NDArray[np.bool_] = (
        _core.metric_rows("in_top_k", name, targets, predictions, k=k) != 0
    )
    return found


def confusion_counts(
    y_true: _Array,
    y_pred: _Array,
    thresholds: Sequence[float],
    *,
    sample_weight: _Array | None = None,
    top_k: int | None = None,
    class_id: int | None = None,
    per_class: bool = False,
    soft_targets: bool = False,
    row_maximum: bool = False,
    evenly: bool = False,
    from_logits: bool = False,
    out: _Sums | None = None,
) -> _Sums:
    """Count negatives and positives by the number of thresholds that each output exceeds.

    Cumulated, the counts are the true and false positives and negatives at every threshold: an
    output costs the same for two thresholds as for hundreds.

    Args:
        y_true: Targets of shape `(rows, columns)`; all but 0 is positive.
        y_pred: Outputs of the same shape. NaN exceeds no threshold.
        thresholds: Numbers that ascend.
        sample_weight: Array of shape `(rows,)`: what a row counts, instead of 1.
        top_k: Only that many largest outputs of a row, the first of equals, exceed any threshold.
        class_id: Count this column alone.
        per_class: Whether to count every column apart.
        soft_targets: Whether a target t is a share: t of a positive and `1 - t` of a negative.
        row_maximum: Whether to replace the largest output of a row by 1 and the others by 0.
            Equals are 1 together; outputs of at most 1e-9 are 0.
        evenly: Whether the thresholds are 0 to 1 in equal steps, at least two. Outputs are clipped
            to that; each exceeds the first threshold and none the last.
        from_logits: Whether to take the sigmoid of the outputs first.
        out: Array of the result's shape to write to.

    Returns:
        float64 array of shape `(groups, 2, len(thresholds) + 1)`, summed up in the order of the
        rows: for one group or for every column, negatives first, by thresholds exceeded.

    Raises:
        ValueError: If thresholds do not ascend, `top_k` or `class_id` does not fit the columns, or
            an array has a wrong dtype, shape or layout. Nothing is written then.

    Source: Keras 3's confusion metrics, AUC and F-scores.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> y_true, y_pred = np.float32([[0], [1], [1]]), np.float32([[0.1], [0.4], [0.9]])
    >>> ops.confusion_counts(y_true, y_pred, [0.3, 0.5]).tolist()
    [[[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]]
    """
    rule = {
        "thresholds": [float(threshold) for threshold in thresholds],
        "top_k": 0 if top_k is None else top_k,
        "class_id": -1 if class_id is None else class_id,
        "per_class": per_class,
        "soft_targets": soft_targets,
        "row_maximum": row_maximum,
        "evenly": evenly,
        "from_logits": from_logits,
    }
    return _core.confusion_counts(y_true, y_pred, rule, sample_weight, out)


def regression_sums(
    y_true: _Array,
    y_pred: _Array,
    sample_weight: _Array | None = None,
    *,
    out: _Sums | None = None,
) -> _Sums:
    """Sum up what the share of explained variance, R2, is computed from.

    Args:
        y_true: Targets t of shape `(rows, columns)`.
        y_pred: Outputs o of the same shape.
        sample_weight: Array w of shape `(rows,)`, or None for ones.
        out: Array of the result's shape to write to.

    Returns:
        float64 array of shape `(3 + 4 * columns,)`: the number of rows, how many of them have
        another weight than 0, and the sum of `w`; then for every column s, the t of the first of
        these, and the sums of `w (t - s)`, `w (t - s)**2` and `w (t - o)**2`, row by row.

    Raises:
        ValueError: If an array has a wrong dtype, shape or layout. Nothing is written then.

    Source: Chan, Golub, LeVeque 1983, "Algorithms for computing the sample variance".

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.regression_sums(np.float32([[1], [3]]), np.float32([[1], [2]])).tolist()
    [2.0, 2.0, 2.0, 1.0, 2.0, 4.0, 1.0]
    """
    return _core.regression_sums(y_true, y_pred, sample_weight, out)
