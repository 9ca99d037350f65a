"""How often the answer is right."""

from typing import Any

from fastdnn.checks import at_least, number
from fastdnn.configuration import Configurable
from fastdnn.losses import Loss
from fastdnn.metrics.metric import Metric, RowMetric


class SparseCategoricalAccuracy(RowMetric):
    """How often the largest output is that of the integer label.

    Args:
        name: a name for display and for `History`.

    >>> round(SparseCategoricalAccuracy()([1, 1], [[0.1, 0.9], [0.8, 0.2]]), 4)
    0.5
    """

    native_name = "sparse_categorical_accuracy"
    targets = "classes"

    def __init__(self, name: str = "sparse_categorical_accuracy") -> None:
        super().__init__(name)


class CategoricalAccuracy(RowMetric):
    """How often the largest output is where the largest target is.

    Args:
        name: a name for display and for `History`.

    >>> round(CategoricalAccuracy()([[0, 1], [0, 1]], [[0.1, 0.9], [0.8, 0.2]]), 4)
    0.5
    """

    native_name = "categorical_accuracy"
    targets = "distribution"

    def __init__(self, name: str = "categorical_accuracy") -> None:
        super().__init__(name)


class BinaryAccuracy(RowMetric):
    """How often an output is on the target's side of a threshold.

    Args:
        name: a name for display and for `History`.
        threshold: what an output must exceed to count as 1.

    >>> metric = BinaryAccuracy(threshold=0.3)
    >>> metric([1, 1, 0, 0], [0.9, 0.4, 0.4, 0.1])
    0.75
    """

    native_name = "binary_accuracy"

    def __init__(self, name: str = "binary_accuracy", *, threshold: float = 0.5) -> None:
        super().__init__(name)
        self.threshold = number("BinaryAccuracy", "threshold", threshold, above=0.0, below=1.0)

    def options(self) -> dict[str, Any]:
        """Return the options the native core takes."""
        return {"threshold": self.threshold}


class TopKCategoricalAccuracy(RowMetric):
    """How often the output at the largest target is among the `k` largest.

    Args:
        k: how many outputs are the top. Those that equal the last of them are in it, too.
        name: a name for display and for `History`.

    Raises:
        ValueError: if `k` is less than 1.

    >>> round(TopKCategoricalAccuracy(k=1)([[0, 1], [0, 1]], [[0.1, 0.9], [0.8, 0.2]]), 4)
    0.5
    """

    native_name = "top_k_categorical_accuracy"
    targets = "distribution"

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy") -> None:
        super().__init__(name)
        self.k = at_least(type(self).__name__, "k", k, 1, 2**31 - 1)

    def options(self) -> dict[str, Any]:
        """Return the options the native core takes."""
        return {"k": self.k}


class SparseTopKCategoricalAccuracy(RowMetric):
    """How often the integer label's output is among the `k` largest.

    Args:
        k: how many outputs are the top. Those that equal the last of them are in it, too.
        name: a name for display and for `History`.

    Raises:
        ValueError: if `k` is less than 1.

    >>> SparseTopKCategoricalAccuracy(k=2)([0, 1], [[0.1, 0.4, 0.5], [0.1, 0.4, 0.5]])
    0.5
    """

    native_name = "sparse_top_k_categorical_accuracy"
    targets = "classes"

    def __init__(self, k: int = 5, name: str = "sparse_top_k_categorical_accuracy") -> None:
        super().__init__(name)
        self.k = at_least(type(self).__name__, "k", k, 1, 2**31 - 1)

    def options(self) -> dict[str, Any]:
        """Return the options the native core takes."""
        return {"k": self.k}


class Accuracy(Configurable):
    """The name "accuracy": becomes the accuracy that fits the targets, as in Keras.

    Integer labels: `SparseCategoricalAccuracy`; one output: `BinaryAccuracy`; else
    `CategoricalAccuracy`. For several yes-or-no outputs, ask for "binary_accuracy".
    """

    def __init__(self, name: str = "accuracy") -> None:
        self.name = name

    def resolve(self, loss: Loss, outputs: int) -> Metric:
        """Return the accuracy for this loss and this number of outputs."""
        if loss.targets == "any" and outputs > 1:
            raise ValueError(
                f"[compile] metrics: received {self.name!r} with the function {loss.name!r} as the "
                "loss, which does not say what targets are; expected 'categorical_accuracy' or "
                "'sparse_categorical_accuracy'"
            )
        if loss.targets == "classes":
            return SparseCategoricalAccuracy(name=self.name)
        if outputs == 1:
            return BinaryAccuracy(name=self.name)
        return CategoricalAccuracy(name=self.name)
