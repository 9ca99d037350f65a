"""Loss functions: what `compile(loss=...)` takes, by name or as objects.

The native core computes them, one number a row; `fit` shows
`sum(sample_weight * loss) / rows`, Keras's "sum_over_batch_size". A softmax or sigmoid
last layer under its cross-entropy is differentiated from the logits.
"""

from typing import Any

from fastdnn.configuration import lookup, table
from fastdnn.losses.crossentropies import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    KLDivergence,
    SparseCategoricalCrossentropy,
)
from fastdnn.losses.errors import (
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    Quantile,
)
from fastdnn.losses.function import FunctionLoss, check_derivatives
from fastdnn.losses.hinges import CategoricalHinge, Hinge, SquaredHinge
from fastdnn.losses.loss import Loss

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalHinge",
    "FunctionLoss",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "Quantile",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "check_derivatives",
    "get",
]

_CLASSES: dict[str, type[Loss]] = table(
    SparseCategoricalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    KLDivergence,
    MeanSquaredError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    Huber,
    LogCosh,
    Poisson,
    Quantile,
    Hinge,
    SquaredHinge,
    CategoricalHinge,
    bce=BinaryCrossentropy,
    kld=KLDivergence,
    mse=MeanSquaredError,
    mae=MeanAbsoluteError,
    mape=MeanAbsolutePercentageError,
    msle=MeanSquaredLogarithmicError,
    logcosh=LogCosh,
)


def get(identifier: Any, where: str = "losses.get") -> Loss:
    """Return the loss that a name, a config, a function or an object stands for.

    >>> get("mse")
    MeanSquaredError()
    """
    if isinstance(identifier, FunctionLoss):
        return identifier
    if callable(identifier) and not isinstance(identifier, type | Loss):
        return FunctionLoss(identifier)
    return lookup(where, "loss", identifier, _CLASSES)
