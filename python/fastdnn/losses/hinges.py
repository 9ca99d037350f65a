"""Losses that want a margin between right and wrong answers."""

from fastdnn.losses.loss import Loss


class Hinge(Loss):
    """`loss = mean(max(1 - y_true * y_pred, 0))` over the outputs of a row.

    Targets are -1 and 1; a target of 0 stands for -1.

    Args:
        name: a name for display.

    >>> round(Hinge()([[1], [-1]], [[0.5], [0.5]]), 4)
    1.0
    """

    targets = "signs"
    native_name = "hinge"

    def __init__(self, *, name: str = "hinge") -> None:
        super().__init__(name)


class SquaredHinge(Loss):
    """`loss = mean(max(1 - y_true * y_pred, 0)**2)` over the outputs of a row.

    Targets are -1 and 1; a target of 0 stands for -1.

    Args:
        name: a name for display.

    >>> round(SquaredHinge()([[1], [-1]], [[0.5], [0.5]]), 4)
    1.25
    """

    targets = "signs"
    native_name = "squared_hinge"

    def __init__(self, *, name: str = "squared_hinge") -> None:
        super().__init__(name)


class CategoricalHinge(Loss):
    """The best wrong output should stay 1 below the right one.

    `loss = max(max((1 - y_true) * y_pred) - sum(y_true * y_pred) + 1, 0)`

    As in Keras the right output itself counts as 0 among the wrong ones: none of these gains by
    being below 0.

    Args:
        name: a name for display.

    Shapes: targets (one-hot rows of 0 and 1) and predictions (rows, classes).

    Source: Crammer and Singer 2001, "On the algorithmic implementation of multiclass kernel-based
        vector machines".

    >>> CategoricalHinge()
    CategoricalHinge()
    """

    targets = "distribution"
    native_name = "categorical_hinge"

    def __init__(self, *, name: str = "categorical_hinge") -> None:
        super().__init__(name)
