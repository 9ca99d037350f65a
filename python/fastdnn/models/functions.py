"""What the native core asks functions for in the middle of a step."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn.losses import FunctionLoss
from fastdnn.metrics import FunctionMetric

Array = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
# Of an output: its loss, if that is a function, and its metrics that are.
Functions = tuple[FunctionLoss | None, list[FunctionMetric]]


class Answers:
    """Calls the functions of losses and metrics for a batch.

    Args:
        functions: those of every output.
        targets: the targets of every output.
    """

    def __init__(self, functions: Sequence[Functions], targets: Sequence[Any]) -> None:
        self._functions, self._targets = functions, targets

    def __call__(
        self, output: int, rows: Rows, y_pred: Array, derives: bool
    ) -> tuple[Array | None, Array | None, list[Array]]:
        """Return losses and their derivatives, if the loss is a function, and metrics' values.

        Args:
            output: the number of the output.
            rows: the numbers of the batch's rows.
            y_pred: the outputs for them.
            derives: whether derivatives are wanted.
        """
        loss, metrics = self._functions[output]
        y_true = self._targets[output][rows]
        y_pred.flags.writeable = False  # what one function changed, another one would see
        losses = derivatives = None
        if loss is not None:
            losses, derivatives = loss.with_derivatives(y_true, y_pred)
        values = [metric.rows(y_true, y_pred) for metric in metrics]
        return losses, derivatives if derives else None, values
