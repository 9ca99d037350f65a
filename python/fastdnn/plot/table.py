"""Which class was taken for which."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastdnn.plot.classes import class_names, class_numbers, known_labels
from fastdnn.plot.figure import new_figure, saved

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def confusion(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    labels: Sequence[str] | None = None,
    normalize: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> "Figure":
    """Draw how many rows of each class were taken for which class.

    Args:
        y_true: The classes: numbers (rows,), one column a class, or names (rows,).
        y_pred: What a model said of the same rows: likewise, or its outputs as they are. Of one
            output, probabilities above 1/2 are class 1.
        labels: The classes' names, in order; None for their numbers, or for the names there are.
        normalize: None for numbers of rows; "true" for shares of the rows of a class, "pred" of
            those taken for a class, "all" of all.
        path: Where to save the figure, as in `history`.

    Returns:
        The figure.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: An argument is wrong.

    """
    where = "plot.confusion"
    if normalize not in (None, "true", "pred", "all"):
        raise ValueError(
            f"[{where}] normalize: received {normalize!r}; expected None, 'true', 'pred' or 'all'"
        )
    labels = known_labels(labels, y_true, y_pred)
    true = class_numbers(where, "y_true", y_true, labels)
    predicted = class_numbers(where, "y_pred", y_pred, labels)
    if len(true) != len(predicted) or not len(true):
        raise ValueError(
            f"[{where}] received {len(true)} rows of y_true and {len(predicted)} of y_pred; "
            "expected equal numbers, and some"
        )
    names = class_names(where, labels, np.concatenate([true, predicted]))
    count = len(names)
    table = np.bincount(true * count + predicted, minlength=count**2).reshape(count, count)
    side = max(3.6, 0.5 * count + 1.2)
    figure = new_figure(where, (side + 0.8, side), needs_display=path is None)
    _draw_table(figure, _shares(table, normalize), names)
    return saved(where, figure, path)


def _shares(table: npt.NDArray[np.intp], normalize: str | None) -> npt.NDArray[Any]:
    """Return a table of numbers of rows, or what share they are of all that count."""
    if normalize is None:
        return table
    axis = {"true": 1, "pred": 0, "all": None}[normalize]
    # A class without rows has no shares; zeros are drawn.
    shares: npt.NDArray[Any] = table / np.maximum(table.sum(axis=axis, keepdims=True), 1)
    return shares


def _draw_table(figure: "Figure", table: npt.NDArray[Any], names: Sequence[str]) -> None:
    panel = figure.subplots()
    counts = table.dtype.kind == "i"
    image = panel.imshow(table, cmap="Blues", vmin=0)
    figure.colorbar(image, ax=panel, label="rows" if counts else "share")
    ticks = range(len(names))
    panel.set_xticks(ticks, names, rotation=45 if max(map(len, names)) > 3 else 0)
    panel.set_yticks(ticks, names)
    panel.set_xlabel("predicted")
    panel.set_ylabel("true")
    for (row, column), value in np.ndenumerate(table):
        color = "white" if value > table.max() / 2 else "black"
        text = f"{value:d}" if counts else f"{value:.2f}"
        panel.text(column, row, text, color=color, ha="center", va="center")
