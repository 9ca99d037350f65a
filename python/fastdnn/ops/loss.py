"""Losses on NumPy arrays: the loss of every row together with its gradient."""

import numpy as np
import numpy.typing as npt

from fastdnn import _core

_Array = npt.NDArray[np.float32]
_Labels = npt.NDArray[np.int32]
_Out = tuple[_Array, _Array]


def loss(
    name: str,
    y_true: _Array | _Labels,
    y_pred: _Array,
    *,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    sample_weight: _Array | None = None,
    scale: float = 1.0,
    out: _Out | None = None,
    **options: float,
) -> _Out:
    """Compute the loss of every row and the gradient of their weighted sum.

    With `s` the label smoothing and `p` the probabilities (a softmax or sigmoid of `y_pred` if
    `from_logits`, else `y_pred` clipped to `[1e-7, 1 - 1e-7]`, for the categorical losses after
    dividing it by the row's sum):

    - `"sparse_categorical_crossentropy"`, `"categorical_crossentropy"`: `-sum_j t_j log p_j` with
      `t = (1 - s) y_true + s / classes`
    - `"categorical_focal_crossentropy"`: `-alpha sum_j (1 - p_j)^gamma t_j log p_j`
    - `"binary_crossentropy"`: `mean_j f_j`, `f = -t log p - (1 - t) log(1 - p)`, with
      `t = (1 - s) y_true + s / 2`
    - `"binary_focal_crossentropy"`: `mean_j w_j (t_j (1 - p_j) + (1 - t_j) p_j)^gamma f_j`, where
      `w` is 1, or with `apply_class_balancing` `t alpha + (1 - t) (1 - alpha)`

    And with `d = y_pred - y_true`:

    - `"mean_squared_error"`, `"mean_absolute_error"`: `mean_j d_j^2`, `mean_j |d_j|`
    - `"mean_absolute_percentage_error"`: `mean_j 100 |d_j| / max(|y_true_j|, 1e-7)`
    - `"mean_squared_logarithmic_error"`: `mean_j (log(1 + y_pred_j) - log(1 + y_true_j))^2`, both
      at least 1e-7
    - `"huber"`: `mean_j a_j (|d_j| - a_j / 2)`, `a = min(|d|, delta)`
    - `"log_cosh"`: `mean_j log(cosh d_j)`
    - `"poisson"`: `mean_j y_pred_j - y_true_j log(y_pred_j + 1e-7)`
    - `"quantile"`: `mean_j max(-quantile d_j, (1 - quantile) d_j)`
    - `"kl_divergence"`: `sum_j y_true_j log(y_true_j / y_pred_j)`, both clipped to `[1e-7, 1]`
    - `"hinge"`, `"squared_hinge"`: `mean_j h_j`, `mean_j h_j^2`, `h = max(1 - y_true y_pred, 0)`; a
      target of 0 stands for -1
    - `"categorical_hinge"`: `max(max_j (1 - y_true_j) y_pred_j - sum_j y_true_j y_pred_j + 1, 0)`

    At a kink the gradient is 0, and so it is where clipping changes `y_pred`.

    Args:
        name: One of the names above.
        y_true: int32 labels of shape `(rows,)` for the sparse loss, else targets of shape
            `(rows, columns)`.
        y_pred: Outputs of shape `(rows, columns)`.
        from_logits: Whether the outputs of a cross-entropy, focal or not, are logits; better and
            faster than a softmax or sigmoid before it.
        label_smoothing: From 0 to 1; cross-entropies only.
        sample_weight: Array of shape `(rows,)` that multiplies the gradient of each row.
        scale: Multiplies the gradient; `1 / rows` for the mean over the batch.
        out: Two arrays to write loss and gradient to; the gradient's may be `y_pred`.
        **options: `alpha` (default 0.25) and `gamma` (2) of the focal losses,
            `apply_class_balancing` (False) of the binary one, `delta` (1) of `"huber"`, `quantile`
            (0.5) of `"quantile"`.

    Returns:
        The loss of each row, without weight and scale, of shape `(rows,)`, and the gradient
        `sample_weight * scale * d loss / d y_pred` of shape `(rows, columns)`.

    Raises:
        ValueError: If a name is unknown, the loss has no such option, a label lies outside
            `[0, columns)`, a number is out of its range, or an array has a wrong dtype, shape or
            layout. Nothing is written then.

    Source: Keras 3's losses of these names; the quantile loss is that of Koenker and Bassett 1978,
    "Regression quantiles". Keras takes targets of 0 for -1 only if all of a batch are 0 or 1, and
    clips the probabilities of focal losses from logits, too.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> y_true, y_pred = np.zeros((1, 2), np.float32), np.array([[1, -3]], np.float32)
    >>> value, gradient = ops.loss("mean_squared_error", y_true, y_pred)
    >>> value.tolist(), gradient.tolist()
    ([5.0], [[1.0, -3.0]])
    """
    if from_logits:
        options["from_logits"] = True
    if label_smoothing:
        options["label_smoothing"] = label_smoothing
    return _core.loss("loss", name, y_true, y_pred, options, scale, sample_weight, out)


def softmax_cross_entropy(
    logits: _Array,
    labels: _Labels | _Array,
    *,
    label_smoothing: float = 0.0,
    out: _Out | None = None,
) -> _Out:
    """Compute the cross-entropy of a softmax, and its gradient, from logits.

    `loss = -sum_j t_j log softmax(z)_j`; `dlogits = sum(t) softmax(z) - t`.

    Args:
        logits: Array `z` of shape `(rows, classes)`.
        labels: int32 labels of shape `(rows,)` or float32 targets `t` of shape `(rows, classes)`.
        label_smoothing: Replaces `t` by `(1 - label_smoothing) t + label_smoothing / classes`.
        out: Two arrays to write loss and gradient to; the gradient's may be `logits`.

    Returns:
        The loss of each row, of shape `(rows,)`, and the gradient of their sum, of shape
        `(rows, classes)`.

    Raises:
        ValueError: If a label lies outside `[0, classes)` or an array has a wrong dtype, shape or
            layout. Nothing is written then.

    Source: Keras 3's categorical cross-entropies with `from_logits=True`.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> loss, dlogits = ops.softmax_cross_entropy(np.zeros((1, 2), np.float32), np.int32([1]))
    >>> round(float(loss[0]), 4), dlogits.tolist()
    (0.6931, [[0.5, -0.5]])
    """
    sparse = np.issubdtype(labels.dtype, np.integer)
    name = "sparse_categorical_crossentropy" if sparse else "categorical_crossentropy"
    options = {"from_logits": True, "label_smoothing": label_smoothing}
    return _core.loss("softmax_cross_entropy", name, labels, logits, options, out=out)


def sigmoid_cross_entropy(
    logits: _Array,
    targets: _Array,
    *,
    label_smoothing: float = 0.0,
    out: _Out | None = None,
) -> _Out:
    """Compute the cross-entropy of sigmoids, and its gradient, from logits.

    `loss = mean_j max(z_j, 0) - z_j t_j + log(1 + exp(-|z_j|))`;
    `dlogits = (sigmoid(z) - t) / columns`.

    Args:
        logits: Array `z` of shape `(rows, columns)`.
        targets: Array `t` of the same shape, usually of zeros and ones.
        label_smoothing: Replaces `t` by `(1 - label_smoothing) t + label_smoothing / 2`.
        out: Two arrays to write loss and gradient to; the gradient's may be `logits`.

    Returns:
        The loss of each row, of shape `(rows,)`, and the gradient of their sum, of shape
        `(rows, columns)`.

    Raises:
        ValueError: If an array has a wrong dtype, shape or layout. Nothing is written then.

    Source: Keras 3's binary cross-entropy with `from_logits=True`.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> zeros, ones = np.zeros((1, 2), np.float32), np.ones((1, 2), np.float32)
    >>> loss, dlogits = ops.sigmoid_cross_entropy(zeros, ones)
    >>> round(float(loss[0]), 4), dlogits.tolist()
    (0.6931, [[-0.25, -0.25]])
    """
    options = {"from_logits": True, "label_smoothing": label_smoothing}
    name = "binary_crossentropy"
    return _core.loss("sigmoid_cross_entropy", name, targets, logits, options, out=out)


def mean_squared_error(y_true: _Array, y_pred: _Array, *, out: _Out | None = None) -> _Out:
    """Average the squared differences of each row, with the gradient.

    `loss = mean_j (y_pred_j - y_true_j)^2`; `dy = 2 (y_pred - y_true) / columns`.

    Args:
        y_true: Array of shape `(rows, columns)`.
        y_pred: Array of the same shape.
        out: Two arrays to write loss and gradient to; the gradient's may be `y_pred`.

    Returns:
        The loss of each row, of shape `(rows,)`, and the gradient of their sum with respect to
        `y_pred`, of shape `(rows, columns)`.

    Raises:
        ValueError: If an array has a wrong dtype, shape or layout. Nothing is written then.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> value, dy = ops.mean_squared_error(np.zeros((1, 2), np.float32), np.float32([[1, -3]]))
    >>> value.tolist(), dy.tolist()
    ([5.0], [[1.0, -3.0]])
    """
    name = "mean_squared_error"
    return _core.loss(name, name, y_true, y_pred, out=out)


def mean_absolute_error(y_true: _Array, y_pred: _Array, *, out: _Out | None = None) -> _Out:
    """Average the absolute differences of each row, with the gradient.

    `loss = mean_j |y_pred_j - y_true_j|`; `dy = sign(y_pred - y_true) / columns`.

    Args:
        y_true: Array of shape `(rows, columns)`.
        y_pred: Array of the same shape.
        out: Two arrays to write loss and gradient to; the gradient's may be `y_pred`.

    Returns:
        The loss of each row, of shape `(rows,)`, and the gradient of their sum with respect to
        `y_pred`, of shape `(rows, columns)`.

    Raises:
        ValueError: If an array has a wrong dtype, shape or layout. Nothing is written then.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> value, dy = ops.mean_absolute_error(np.zeros((1, 2), np.float32), np.float32([[1, -3]]))
    >>> value.tolist(), dy.tolist()
    ([2.0], [[0.5, -0.5]])
    """
    name = "mean_absolute_error"
    return _core.loss(name, name, y_true, y_pred, out=out)
