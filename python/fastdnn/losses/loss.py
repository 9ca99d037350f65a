"""What all losses have in common."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fastdnn import ops
from fastdnn.configuration import Configurable, parameters
from fastdnn.rows import as_outputs, as_targets, as_weights


class Loss(Configurable, ABC):
    """Base of the losses: a native name, options, and the kind of targets it wants.

    Every argument of a subclass but the name is an option of the native core, a number or a flag.

    Attributes:
        targets: "classes" for integer labels of shape (rows,), "distribution" for rows of
            probabilities such as one-hot labels, "probabilities" for values in [0, 1], "signs" for
            -1 and 1, or 0 and 1, "values" for any numbers of the outputs' shape, and "any" for
            what a function knows to use.
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
        names = (name for name in parameters(type(self)) if name != "name")
        return {name: float(getattr(self, name)) for name in names}

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """Return the mean loss of these rows: `sum(sample_weight * loss) / rows`.

        Args:
            y_true: the targets, of the shape of the outputs, or integer labels (rows,).
            y_pred: the outputs, (rows, columns), or (rows,) for one column.
            sample_weight: one weight a row, a number for all, or None for ones.

        Raises:
            ValueError: if shapes do not fit each other, or labels do not fit the columns.
        """
        where = type(self).__name__
        outputs = as_outputs(where, y_pred)
        targets = as_targets(where, y_true, outputs.shape, self.targets)
        losses = self.row_losses(targets, outputs).astype(np.float64)
        given = 1.0 if sample_weight is None else sample_weight
        weights = as_weights(where, given, len(outputs)).astype(np.float64)
        return float((weights * losses).sum() / len(losses)) if len(losses) else 0.0

    def row_losses(
        self, y_true: npt.NDArray[Any], y_pred: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Return the loss of every row."""
        options: dict[str, Any] = dict(self.options())
        return ops.loss(self.native_name, y_true, y_pred, **options)[0]
