"""Loss functions: what `compile(loss=...)` takes, by name or as objects.

The native core computes them, one number a row; `fit` shows
`sum(sample_weight * loss) / rows`, Keras's "sum_over_batch_size". A softmax or sigmoid
last layer under its cross-entropy is differentiated from the logits.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from fastdnn.configuration import Configurable, lookup, table


class Loss(Configurable, ABC):
    """Base of the losses: a native name, options, and the kind of targets it wants.

    Attributes:
        targets: "classes" for integer labels of shape (rows,), "distribution" for rows of
            probabilities such as one-hot labels, "probabilities" for values in [0, 1], and
            "values" for any numbers.
    """

    targets: ClassVar[str] = "values"
    name: str

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    @abstractmethod
    def native_name(self) -> str:
        """The loss's name in the native core."""

    def options(self) -> dict[str, float]:
        """Return the options the native core takes."""
        return {}


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
        self, from_logits: bool = False, name: str = "sparse_categorical_crossentropy"
    ) -> None:
        super().__init__(name)
        self.from_logits = bool(from_logits)

    def options(self) -> dict[str, float]:
        """Return the options the native core takes."""
        return {"from_logits": float(self.from_logits)}


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
    """

    targets = "distribution"
    native_name = "categorical_crossentropy"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        name: str = "categorical_crossentropy",
    ) -> None:
        super().__init__(name)
        self.from_logits = bool(from_logits)
        self.label_smoothing = _smoothing(type(self).__name__, label_smoothing)

    def options(self) -> dict[str, float]:
        """Return the options the native core takes."""
        return {"from_logits": float(self.from_logits), "label_smoothing": self.label_smoothing}


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
    """

    targets = "probabilities"
    native_name = "binary_crossentropy"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        name: str = "binary_crossentropy",
    ) -> None:
        super().__init__(name)
        self.from_logits = bool(from_logits)
        self.label_smoothing = _smoothing(type(self).__name__, label_smoothing)

    def options(self) -> dict[str, float]:
        """Return the options the native core takes."""
        return {"from_logits": float(self.from_logits), "label_smoothing": self.label_smoothing}


class MeanSquaredError(Loss):
    """`loss = mean((y_true - y_pred)**2)` over the outputs of a row.

    Args:
        name: a name for display.
    """

    native_name = "mean_squared_error"

    def __init__(self, name: str = "mean_squared_error") -> None:
        super().__init__(name)


class MeanAbsoluteError(Loss):
    """`loss = mean(|y_true - y_pred|)` over the outputs of a row.

    Args:
        name: a name for display.
    """

    native_name = "mean_absolute_error"

    def __init__(self, name: str = "mean_absolute_error") -> None:
        super().__init__(name)


_CLASSES: dict[str, type[Loss]] = table(
    SparseCategoricalCrossentropy,
    CategoricalCrossentropy,
    BinaryCrossentropy,
    MeanSquaredError,
    MeanAbsoluteError,
    bce=BinaryCrossentropy,
    mse=MeanSquaredError,
    mae=MeanAbsoluteError,
)


def get(identifier: Any, where: str = "losses.get") -> Loss:
    """Return the loss that a name, a config or an object stands for.

    >>> get("mse")
    MeanSquaredError()
    """
    return lookup(where, "loss", identifier, _CLASSES)


def _smoothing(where: str, value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise ValueError(
            f"[{where}] label_smoothing: received {value!r}; expected a number from 0 to 1"
        )
    return float(value)
