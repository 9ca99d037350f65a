"""Cross-entropies: losses of probabilities, or of the logits that they come from."""

from fastdnn.losses.loss import Loss


class SparseCategoricalCrossentropy(Loss):
    """Cross-entropy between integer labels and predicted distributions.

    `loss = -log(y_pred[label])`

    Args:
        from_logits: whether the model's last layer gives logits instead of probabilities.
        name: a name for display.

    Shapes: labels (rows,) or (rows, 1); predictions (rows, classes).

    >>> SparseCategoricalCrossentropy(from_logits=True)
    SparseCategoricalCrossentropy(from_logits=True)
    """

    targets = "classes"
    native_name = "sparse_categorical_crossentropy"

    def __init__(
        self, from_logits: bool = False, *, name: str = "sparse_categorical_crossentropy"
    ) -> None:
        super().__init__(name)
        self.from_logits = self._flag("from_logits", from_logits)


class CategoricalCrossentropy(Loss):
    """Cross-entropy between two distributions, such as one-hot labels and a softmax.

    `loss = -sum(y_true * log(y_pred))`

    Args:
        from_logits: whether the model's last layer gives logits instead of probabilities.
        label_smoothing: s in [0, 1]: labels become `y_true * (1 - s) + s / classes`.
        name: a name for display.

    Shapes: targets and predictions (rows, classes).

    Raises:
        ValueError: if `label_smoothing` is outside [0, 1].

    >>> round(CategoricalCrossentropy()([[0, 1], [1, 0]], [[0.1, 0.9], [0.8, 0.2]]), 4)
    0.1643
    """

    targets = "distribution"
    native_name = "categorical_crossentropy"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        *,
        name: str = "categorical_crossentropy",
    ) -> None:
        super().__init__(name)
        self.from_logits = self._flag("from_logits", from_logits)
        self.label_smoothing = self._number("label_smoothing", label_smoothing, least=0.0, most=1.0)


class BinaryCrossentropy(Loss):
    """Cross-entropy of yes-or-no answers, averaged over the outputs of a row.

    `loss = -mean(y_true * log(y_pred) + (1 - y_true) * log(1 - y_pred))`

    Args:
        from_logits: whether the model's last layer gives logits instead of probabilities.
        label_smoothing: s in [0, 1]: labels become `y_true * (1 - s) + s / 2`.
        name: a name for display.

    Shapes: targets and predictions (rows, outputs); (rows,) where there is one output.

    Raises:
        ValueError: if `label_smoothing` is outside [0, 1].

    >>> round(BinaryCrossentropy()([[1], [0]], [[0.8], [0.4]]), 4)
    0.367
    """

    targets = "probabilities"
    native_name = "binary_crossentropy"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        *,
        name: str = "binary_crossentropy",
    ) -> None:
        super().__init__(name)
        self.from_logits = self._flag("from_logits", from_logits)
        self.label_smoothing = self._number("label_smoothing", label_smoothing, least=0.0, most=1.0)


class CategoricalFocalCrossentropy(Loss):
    """Categorical cross-entropy in which classes that are recognized already count for less.

    `loss = -sum(alpha * (1 - y_pred)**gamma * y_true * log(y_pred))`

    Under a softmax, or from logits, probabilities are not clipped at 1e-7 as Keras does.

    Args:
        alpha: a weight, at least 0; the same for every class.
        gamma: how fast a class that is recognized stops counting, at least 0: 0 is
            `CategoricalCrossentropy` times alpha.
        from_logits: whether the model's last layer gives logits instead of probabilities.
        label_smoothing: s in [0, 1]: labels become `y_true * (1 - s) + s / classes`.
        name: a name for display.

    Shapes: targets and predictions (rows, classes).

    Raises:
        ValueError: if a number is out of range.

    Source: Lin et al. 2017, "Focal loss for dense object detection".

    >>> CategoricalFocalCrossentropy(gamma=3.0)
    CategoricalFocalCrossentropy(gamma=3.0)
    """

    targets = "distribution"
    native_name = "categorical_focal_crossentropy"

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        *,
        name: str = "categorical_focal_crossentropy",
    ) -> None:
        super().__init__(name)
        self.alpha = self._number("alpha", alpha, least=0.0)
        self.gamma = self._number("gamma", gamma, least=0.0)
        self.from_logits = self._flag("from_logits", from_logits)
        self.label_smoothing = self._number("label_smoothing", label_smoothing, least=0.0, most=1.0)


class BinaryFocalCrossentropy(Loss):
    """Binary cross-entropy in which answers that are right already count for less.

    With `u = y_true * (1 - y_pred) + (1 - y_true) * y_pred`, the probability of the wrong answer:
    `loss = mean(w * u**gamma * binary_crossentropy)`

    Under a sigmoid, or from logits, probabilities are not clipped at 1e-7 as Keras does.

    Args:
        apply_class_balancing: whether `w = y_true * alpha + (1 - y_true) * (1 - alpha)`, else 1.
        alpha: the weight of ones, from 0 to 1; that of zeros is `1 - alpha`.
        gamma: how fast an answer that is right stops counting, at least 0: 0 is
            `BinaryCrossentropy`.
        from_logits: whether the model's last layer gives logits instead of probabilities.
        label_smoothing: s in [0, 1]: labels become `y_true * (1 - s) + s / 2`.
        name: a name for display.

    Shapes: targets and predictions (rows, outputs); (rows,) where there is one output.

    Raises:
        ValueError: if a number is out of range.

    Source: Lin et al. 2017, "Focal loss for dense object detection".

    >>> BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.9)
    BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.9)
    """

    targets = "probabilities"
    native_name = "binary_focal_crossentropy"

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        *,
        name: str = "binary_focal_crossentropy",
    ) -> None:
        super().__init__(name)
        self.apply_class_balancing = self._flag("apply_class_balancing", apply_class_balancing)
        self.alpha = self._number("alpha", alpha, least=0.0, most=1.0)
        self.gamma = self._number("gamma", gamma, least=0.0)
        self.from_logits = self._flag("from_logits", from_logits)
        self.label_smoothing = self._number("label_smoothing", label_smoothing, least=0.0, most=1.0)


class KLDivergence(Loss):
    """What predicting one distribution costs where another is true, in nats.

    `loss = sum(y_true * log(y_true / y_pred))`, both clipped to [1e-7, 1]

    It is the categorical cross-entropy less the entropy of the targets: the same for training
    but for what is clipped, and 0 where predictions are right.

    Args:
        name: a name for display.

    Shapes: targets and predictions (rows, classes).

    Source: Kullback and Leibler 1951, "On information and sufficiency".

    >>> KLDivergence()
    KLDivergence()
    """

    targets = "distribution"
    native_name = "kl_divergence"

    def __init__(self, *, name: str = "kl_divergence") -> None:
        super().__init__(name)
