"""Metrics: what `compile(metrics=...)` takes, by name or as objects.

The native core sums up what they need while it trains or evaluates; Python computes a number from
the sums. Metrics in `metrics` count every row once, those in `weighted_metrics` by its sample
weight. On arrays they work alone, as in Keras: `update_state`, `result`, `reset_state`.
"""

from typing import Any

from fastdnn.configuration import lookup, table, unknown_name
from fastdnn.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from fastdnn.metrics.auc import AUC
from fastdnn.metrics.confusion import Precision, Recall
from fastdnn.metrics.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from fastdnn.metrics.f_score import F1Score, FBetaScore
from fastdnn.metrics.function import FunctionMetric
from fastdnn.metrics.metric import Metric, RowMetric
from fastdnn.metrics.regression import (
    MeanAbsoluteError,
    MeanSquaredError,
    R2Score,
    RootMeanSquaredError,
)

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "F1Score",
    "FBetaScore",
    "FunctionMetric",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Precision",
    "R2Score",
    "Recall",
    "RootMeanSquaredError",
    "RowMetric",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "get",
]

_CLASSES: dict[str, type[Metric]] = table(
    SparseCategoricalAccuracy,
    CategoricalAccuracy,
    BinaryAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    SparseCategoricalCrossentropy,
    CategoricalCrossentropy,
    BinaryCrossentropy,
    MeanSquaredError,
    RootMeanSquaredError,
    MeanAbsoluteError,
    R2Score,
    Precision,
    Recall,
    F1Score,
    FBetaScore,
    AUC,
    bce=BinaryCrossentropy,
    mse=MeanSquaredError,
    rmse=RootMeanSquaredError,
    mae=MeanAbsoluteError,
)
_ACCURACY = ("accuracy", "acc")


def get(identifier: Any, where: str = "metrics.get") -> Metric | Accuracy:
    """Return the metric that a name, a config, a function or an object stands for.

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
    if isinstance(identifier, FunctionMetric):
        return identifier
    if callable(identifier) and not isinstance(identifier, type | Metric):
        return FunctionMetric(identifier)
    return lookup(where, "metrics", identifier, _CLASSES)
