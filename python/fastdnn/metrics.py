"""Metrics: what `compile(metrics=...)` takes, by name or as objects.

The native core sums them up row by row while it trains or evaluates; Python only divides.
Metrics in `metrics` count every row once, those in `weighted_metrics` by its sample weight.
"""

import math
from typing import Any, ClassVar

from fastdnn.configuration import Configurable, lookup, table, unknown_name
from fastdnn.losses import Loss


class Metric(Configurable):
    """Base of the metrics.

    Attributes:
        native_name: the value per row that the native core sums up.
        targets: the kind of targets it wants, as in `fastdnn.losses.Loss`, or None for any
            but integer labels.
    """

    native_name: ClassVar[str]
    targets: ClassVar[str | None] = None
    name: str

    def __init__(self, name: str) -> None:
        self.name = name

    def result(self, total: float, count: float) -> float:
        """Return the metric from the sum of its values and the sum of the weights."""
        return total / count if count else math.nan


class SparseCategoricalAccuracy(Metric):
    """How often the largest output is that of the integer label.

    Args:
        name: a name for display and for `History`.
    """

    native_name = "sparse_categorical_accuracy"
    targets = "classes"

    def __init__(self, name: str = "sparse_categorical_accuracy") -> None:
        super().__init__(name)


class CategoricalAccuracy(Metric):
    """How often the largest output is where the largest target is.

    Args:
        name: a name for display and for `History`.
    """

    native_name = "categorical_accuracy"
    targets = "distribution"

    def __init__(self, name: str = "categorical_accuracy") -> None:
        super().__init__(name)


class BinaryAccuracy(Metric):
    """How often an output is on the target's side of 1/2.

    Args:
        name: a name for display and for `History`.
    """

    native_name = "binary_accuracy"

    def __init__(self, name: str = "binary_accuracy") -> None:
        super().__init__(name)


class MeanSquaredError(Metric):
    """`mean((y_true - y_pred)**2)`.

    Args:
        name: a name for display and for `History`.
    """

    native_name = "mean_squared_error"

    def __init__(self, name: str = "mean_squared_error") -> None:
        super().__init__(name)


class RootMeanSquaredError(Metric):
    """`sqrt(mean((y_true - y_pred)**2))` over all rows.

    Args:
        name: a name for display and for `History`.

    >>> RootMeanSquaredError().result(total=36.0, count=4.0)
    3.0
    """

    native_name = "mean_squared_error"

    def __init__(self, name: str = "root_mean_squared_error") -> None:
        super().__init__(name)

    def result(self, total: float, count: float) -> float:
        """Return the root of the mean."""
        return math.sqrt(total / count) if count else math.nan


class MeanAbsoluteError(Metric):
    """`mean(|y_true - y_pred|)`.

    Args:
        name: a name for display and for `History`.
    """

    native_name = "mean_absolute_error"

    def __init__(self, name: str = "mean_absolute_error") -> None:
        super().__init__(name)


_CLASSES: dict[str, type[Metric]] = table(
    SparseCategoricalAccuracy,
    CategoricalAccuracy,
    BinaryAccuracy,
    MeanSquaredError,
    RootMeanSquaredError,
    MeanAbsoluteError,
    mse=MeanSquaredError,
    rmse=RootMeanSquaredError,
    mae=MeanAbsoluteError,
)
_ACCURACY = ("accuracy", "acc")


class Accuracy(Configurable):
    """The name "accuracy": becomes the accuracy that fits the targets, as in Keras.

    Integer labels: `SparseCategoricalAccuracy`; one output: `BinaryAccuracy`; else
    `CategoricalAccuracy`. For several yes-or-no outputs, ask for "binary_accuracy".
    """

    def __init__(self, name: str = "accuracy") -> None:
        self.name = name

    def resolve(self, loss: Loss, outputs: int) -> Metric:
        """Return the accuracy for this loss and this number of outputs."""
        if loss.targets == "classes":
            return SparseCategoricalAccuracy(name=self.name)
        if outputs == 1:
            return BinaryAccuracy(name=self.name)
        return CategoricalAccuracy(name=self.name)


def get(identifier: Any, where: str = "metrics.get") -> Metric | Accuracy:
    """Return the metric that a name, a config or an object stands for.

    A name is kept as the name for display: "mse" is shown as "mse".

    >>> get("rmse")
    RootMeanSquaredError(name='rmse')
    """
    if isinstance(identifier, Accuracy):
        return identifier
    if isinstance(identifier, str):
        if identifier.lower() in _ACCURACY:
            return Accuracy(name=identifier)
        if identifier not in _CLASSES and identifier.lower() not in _CLASSES:
            known = (*_CLASSES, "accuracy")
            raise ValueError(unknown_name(where, "metrics", identifier, known))
        metric = lookup(where, "metrics", identifier, _CLASSES)
        metric.name = identifier
        return metric
    if isinstance(identifier, dict) and identifier.get("class_name") == "Accuracy":
        return Accuracy.from_config(identifier.get("config", {}))
    return lookup(where, "metrics", identifier, _CLASSES)
