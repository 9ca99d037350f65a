"""Metrics on NumPy arrays: one value for every row."""

import numpy as np
import numpy.typing as npt

from fastdnn import _core

_Array = npt.NDArray[np.float32]
_Labels = npt.NDArray[np.int32]


def metric_rows(
    name: str,
    y_true: _Array | _Labels,
    y_pred: _Array,
    *,
    threshold: float = 0.5,
    k: int = 5,
    out: _Array | None = None,
) -> _Array:
    """Compute a metric for every row; its value for the batch is the mean.

    - `"sparse_categorical_accuracy"`: `argmax(y_pred) == y_true`
    - `"categorical_accuracy"`: `argmax(y_pred) == argmax(y_true)`
    - `"binary_accuracy"`: `mean_j (y_pred_j > threshold) == y_true_j`
    - `"sparse_top_k_categorical_accuracy"`, `"top_k_categorical_accuracy"`: whether fewer than
      `k` outputs exceed that of the true class
    - `"mean_squared_error"`, `"mean_absolute_error"`: the mean over the columns

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
