"""What a model of two features says everywhere."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastdnn import ops
from fastdnn.checks import at_least
from fastdnn.plot.classes import class_names, class_numbers, known_labels
from fastdnn.plot.figure import new_figure, saved

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def decision_boundary(
    model: Any,
    x: Any,
    y: npt.ArrayLike,
    path: str | os.PathLike[str] | None = None,
    *,
    labels: Sequence[str] | None = None,
    from_logits: bool = False,
    grid_resolution: int = 200,
) -> "Figure":
    """Draw what a model of two features says everywhere, and the rows over it.

    Of a model with one output, the probability of class 1, with a line where it is 1/2; of one
    with an output a class, the areas where each has the largest.

    Args:
        model: A model; its `predict` is asked for rows on a grid.
        x: The rows to draw, (rows, 2); a data frame's columns give their names.
        y: Their classes: numbers (rows,), names (rows,), or one column a class.
        path: Where to save the figure, as in `history`.
        labels: The classes' names, in order; None for their numbers, or for the names in `y`.
        from_logits: Whether a single output is a logit instead of a probability.
        grid_resolution: The points of the grid along either feature.

    Returns:
        The figure.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: The data is wrong, or what the model gives is no probability.

    """
    where = "plot.decision_boundary"
    points = np.asarray(x, np.float32)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ValueError(f"[{where}] x: received shape {points.shape}; expected (rows, 2)")
    if not np.isfinite(points).all():
        raise ValueError(f"[{where}] x: received NaN or infinity; expected finite numbers")
    labels = known_labels(labels, y)
    classes = class_numbers(where, "y", y, labels)
    if len(classes) != len(points):
        raise ValueError(
            f"[{where}] received {len(points)} rows of x and {len(classes)} of y; expected equal "
            "numbers"
        )
    axes = _grid_axes(points, at_least(where, "grid_resolution", grid_resolution, 2))
    values = _outputs_on_grid(where, model, axes, from_logits)
    count = max(values.shape[-1], 2)
    names = class_names(where, labels, classes, count)
    figure = new_figure(where, (5.6, 4.4), needs_display=path is None)
    panel = figure.subplots()
    draw = _draw_probability if values.shape[-1] == 1 else _draw_areas
    colors = draw(panel, axes, values, names)
    for number, (name, color) in enumerate(zip(names, colors, strict=True)):
        rows = points[classes == number]
        panel.scatter(rows[:, 0], rows[:, 1], s=20, color=color, edgecolors="white", label=name)
    if hasattr(x, "columns"):
        panel.set(xlabel=x.columns[0], ylabel=x.columns[1])
    panel.legend()
    return saved(where, figure, path)


def _grid_axes(points: npt.NDArray[np.float32], resolution: int) -> list[npt.NDArray[np.float32]]:
    """Return the grid's numbers along both features, some way beyond the rows."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.where(high > low, 0.08 * (high - low), 0.5)
    return [
        np.linspace(start, end, resolution, dtype=np.float32)
        for start, end in zip(low - margin, high + margin, strict=True)
    ]


def _outputs_on_grid(
    where: str, model: Any, axes: Sequence[npt.NDArray[np.float32]], from_logits: bool
) -> npt.NDArray[np.float32]:
    """Return what the model gives, (points of the second feature, of the first, outputs)."""
    first, second = np.meshgrid(*axes)
    rows = np.stack([first.ravel(), second.ravel()], axis=1)
    outputs: Any = model.predict(rows, verbose=0)
    if not isinstance(outputs, np.ndarray) or outputs.ndim != 2 or not np.isfinite(outputs).all():
        raise ValueError(
            f"[{where}] model: it gives {type(outputs).__name__}s that are not finite numbers of "
            "shape (rows, outputs); expected one output layer that says the class"
        )
    if outputs.shape[1] == 1:
        outputs = ops.activation(outputs, "sigmoid") if from_logits else outputs
        low, high = outputs.min(), outputs.max()
        if low < 0.0 or high > 1.0:
            raise ValueError(
                f"[{where}] model: its output goes from {low:g} to {high:g}; expected "
                "probabilities; use from_logits=True if the loss does"
            )
    values: npt.NDArray[np.float32] = outputs.reshape(*first.shape, -1)
    return values


def _draw_probability(
    panel: "Axes",
    axes: Sequence[npt.NDArray[np.float32]],
    values: npt.NDArray[np.float32],
    names: Sequence[str],
) -> Any:
    """Draw the probability of class 1, and return the classes' colors."""
    values, colors = values[..., 0], ("tab:blue", "tab:red")
    filled = panel.contourf(*axes, values, levels=np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.6)
    panel.figure.colorbar(filled, ax=panel, label=f"probability of {names[1]}")
    if values.min() < 0.5 < values.max():
        panel.contour(*axes, values, levels=[0.5], colors="black", linewidths=1.0)
    return colors


def _draw_areas(
    panel: "Axes",
    axes: Sequence[npt.NDArray[np.float32]],
    values: npt.NDArray[np.float32],
    names: Sequence[str],
) -> Any:
    """Draw where which output is the largest, and return the classes' colors."""
    from matplotlib import colormaps

    count = len(names)
    spectrum = colormaps["turbo"](np.linspace(0, 1, count))
    colors = colormaps["tab10"](range(count)) if count <= 10 else spectrum
    for number, color in enumerate(colors):
        # Above all others where this is positive: numbers of classes have no contours, as
        # between 0 and 2 there would be 1.
        lead = values[..., number] - np.delete(values, number, axis=-1).max(axis=-1)
        if lead.max() > 0:
            panel.contourf(*axes, lead, levels=[0.0, lead.max()], colors=[color], alpha=0.35)
    return colors
