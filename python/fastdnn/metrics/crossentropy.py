"""Cross-entropies as metrics: the losses of the same names, without gradients."""

from fastdnn import losses
from fastdnn.metrics.metric import LossMetric


class BinaryCrossentropy(LossMetric):
    """Cross-entropy of yes-or-no answers; see `fastdnn.losses.BinaryCrossentropy`.

    Args:
        name: a name for display and for `History`.
        from_logits: whether the outputs are logits instead of probabilities.
        label_smoothing: s in [0, 1]: labels become `y_true * (1 - s) + s / 2`.

    Raises:
        ValueError: if `label_smoothing` is outside [0, 1].

    >>> round(BinaryCrossentropy()([1, 0], [0.5, 0.5]), 4)
    0.6931
    """

    native_name = "binary_crossentropy"
    targets = "probabilities"

    def __init__(
        self,
        name: str = "binary_crossentropy",
        *,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        loss = losses.BinaryCrossentropy(from_logits, label_smoothing)
        super().__init__(name, loss)
        self.from_logits, self.label_smoothing = loss.from_logits, loss.label_smoothing


class CategoricalCrossentropy(LossMetric):
    """Cross-entropy between distributions; see `fastdnn.losses.CategoricalCrossentropy`.

    Args:
        name: a name for display and for `History`.
        from_logits: whether the outputs are logits instead of probabilities.
        label_smoothing: s in [0, 1]: labels become `y_true * (1 - s) + s / classes`.

    Raises:
        ValueError: if `label_smoothing` is outside [0, 1].

    >>> round(CategoricalCrossentropy()([[0, 1], [0, 1]], [[0.1, 0.9], [0.8, 0.2]]), 4)
    0.8574
    """

    native_name = "categorical_crossentropy"
    targets = "distribution"

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        *,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        loss = losses.CategoricalCrossentropy(from_logits, label_smoothing)
        super().__init__(name, loss)
        self.from_logits, self.label_smoothing = loss.from_logits, loss.label_smoothing


class SparseCategoricalCrossentropy(LossMetric):
    """Cross-entropy of integer labels; see `fastdnn.losses.SparseCategoricalCrossentropy`.

    Args:
        name: a name for display and for `History`.
        from_logits: whether the outputs are logits instead of probabilities.

    >>> round(SparseCategoricalCrossentropy()([1, 1], [[0.1, 0.9], [0.8, 0.2]]), 4)
    0.8574
    """

    native_name = "sparse_categorical_crossentropy"
    targets = "classes"

    def __init__(
        self, name: str = "sparse_categorical_crossentropy", *, from_logits: bool = False
    ) -> None:
        loss = losses.SparseCategoricalCrossentropy(from_logits)
        super().__init__(name, loss)
        self.from_logits = loss.from_logits
