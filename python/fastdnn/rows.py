"""Targets, outputs and weights as losses and metrics take them when they are called on arrays."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def as_outputs(where: str, y_pred: Any) -> Array:
    """Return outputs of shape (rows, columns); (rows,) is one column."""
    outputs = np.ascontiguousarray(y_pred, np.float32)
    if outputs.ndim == 1:
        outputs = outputs[:, None]
    if outputs.ndim != 2:
        raise ValueError(
            f"[{where}] y_pred: received shape {outputs.shape}; expected (rows, columns)"
        )
    return outputs


def as_targets(where: str, y_true: Any, shape: tuple[int, ...], kind: str | None) -> Any:
    """Return the targets for outputs of a shape.

    Args:
        where: what the caller was doing, for messages.
        y_true: what was received.
        shape: that of the outputs, (rows, columns).
        kind: "classes" for a label a row, "any" for what is taken as it is, else of that shape.
    """
    rows, columns = shape
    given = np.asarray(y_true)
    if kind == "any":
        return given
    if kind == "classes":
        if given.shape not in ((rows,), (rows, 1)):
            raise ValueError(
                f"[{where}] y_true: received shape {given.shape}; expected ({rows},), one label a "
                "row"
            )
        given = given.reshape(rows)
        with np.errstate(invalid="ignore"):  # NaN is no label, and refused below
            labels = given.astype(np.int32)
        if not np.array_equal(labels, given):
            raise ValueError(
                f"[{where}] y_true: received {given.dtype} numbers; expected whole numbers"
            )
        return labels
    if given.shape != shape and not (columns == 1 and given.shape == (rows,)):
        raise ValueError(
            f"[{where}] y_true: received shape {given.shape}; expected {shape}, that of y_pred"
        )
    return np.ascontiguousarray(given.reshape(shape), np.float32)


def as_weights(where: str, value: Any, rows: int) -> Array:
    """Return one weight a row."""
    given = np.asarray(value, np.float32)
    if given.shape not in ((), (rows,), (rows, 1)):
        raise ValueError(
            f"[{where}] sample_weight: received shape {given.shape}; expected ({rows},), one "
            "weight a row"
        )
    return np.ascontiguousarray(np.broadcast_to(given.reshape(-1), rows))
