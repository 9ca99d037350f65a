"""What all losses have in common."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fastdnn import ops
from fastdnn.configuration import Configurable, parameters


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
        outputs = np.ascontiguousarray(y_pred, np.float32)
        if outputs.ndim == 1:
            outputs = outputs[:, None]
        targets = np.asarray(y_true)
        if self.targets == "classes":
            targets = np.ascontiguousarray(targets.reshape(-1), np.int32)
        else:
            one = targets.ndim == 1 and outputs.shape[1:] == (1,)
            targets = np.ascontiguousarray(targets[:, None] if one else targets, np.float32)
        losses = self.row_losses(targets, outputs).astype(np.float64)
        weights = 1.0 if sample_weight is None else np.asarray(sample_weight, np.float64)
        if np.ndim(weights) and np.shape(weights) != losses.shape:
            raise ValueError(
                f"[{type(self).__name__}] sample_weight: received shape {np.shape(weights)}; "
                f"expected {losses.shape}, one weight a row"
            )
        return float((weights * losses).sum() / len(losses)) if len(losses) else 0.0

    def row_losses(
        self, y_true: npt.NDArray[Any], y_pred: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Return the loss of every row."""
        options: dict[str, Any] = dict(self.options())
        return ops.loss(self.native_name, y_true, y_pred, **options)[0]
