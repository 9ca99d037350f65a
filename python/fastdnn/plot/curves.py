"""The loss and the metrics, epoch by epoch."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastdnn.plot.figure import new_figure, saved

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 4  # of panels


def history(
    history: Any, path: str | os.PathLike[str] | None = None, *, unit: str = ""
) -> "Figure":
    """Draw the loss and the metrics of every epoch, of training and of validation.

    One panel for the loss and one for each metric; a metric and its `val_` twin share one.

    Args:
        history: What `fit` returned, or its `history`: a dict from names to one number an epoch.
        path: Where to save the figure, in the format its ending says; needs no display. None
            leaves the figure to matplotlib's current back end, for `plt.show()` and notebooks.
        unit: What the numbers are of, or in, to be written beside them.

    Returns:
        The figure.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: There is nothing to draw, or the path's ending is no image format.

    """
    curves: Mapping[str, Sequence[float]] = getattr(history, "history", history)
    if not isinstance(curves, Mapping):
        raise ValueError(
            f"[plot.history] received a {type(history).__name__}; expected what fit returned, or a "
            "dict from names to numbers"
        )
    curves = {name: list(values) for name, values in curves.items() if len(values)}
    # A metric may exist for validation only; the order is that of fit, the loss first.
    names = list(dict.fromkeys(name.removeprefix("val_") for name in curves))
    if not names:
        raise ValueError("[plot.history] the history is empty; train for at least one epoch")
    epochs_of = getattr(history, "epochs_of", None) or _likely_epochs(history, curves)
    columns = min(len(names), _COLUMNS)
    rows = -(-len(names) // columns)
    figure = new_figure("plot.history", (4.8 * columns, 3.6 * rows), needs_display=path is None)
    for place, name in enumerate(names, start=1):
        panel = figure.add_subplot(rows, columns, place)
        _draw_panel(panel, name, curves, epochs_of)
        panel.set_ylabel(unit)
    return saved("plot.history", figure, path)


def _draw_panel(
    panel: "Axes",
    name: str,
    curves: Mapping[str, Sequence[float]],
    epochs_of: Mapping[str, Sequence[int]],
) -> None:
    for key, label, style in ((name, "training", "-"), (f"val_{name}", "validation", "--")):
        values = curves.get(key)
        if values:
            where = [epoch + 1 for epoch in epochs_of[key]]
            marker = "o" if len(values) == 1 else None
            panel.plot(where, values, style, label=label, marker=marker)
    panel.set_title(name.replace("_", " "))
    panel.set_xlabel("epoch")
    panel.locator_params(axis="x", integer=True)
    panel.grid(alpha=0.3)
    panel.legend()


def _likely_epochs(history: Any, curves: Mapping[str, Sequence[float]]) -> dict[str, list[int]]:
    """Return the epochs of the numbers in a dict: all of them, or every n-th one."""
    first, most = min(getattr(history, "epoch", None) or [0]), max(map(len, curves.values()))
    for name, values in curves.items():
        if most % len(values):
            raise ValueError(
                f"[plot.history] received {len(values)} numbers of {name!r} for {most} epochs; "
                "expected one for every n-th epoch, or what fit returned, which knows the epochs"
            )
    return {
        name: [first + (i + 1) * (most // len(values)) - 1 for i in range(len(values))]
        for name, values in curves.items()
    }
