"""The loss and the metrics, epoch by epoch."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastdnn.plot.figure import new_figure, saved

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
    first_epoch = min(getattr(history, "epoch", None) or [0]) + 1
    figure = new_figure("plot.history", (4.8 * len(names), 3.6), needs_display=path is None)
    for panel, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        _draw_panel(panel, name, curves, first_epoch)
        panel.set_ylabel(unit)
    return saved("plot.history", figure, path)


def _draw_panel(
    panel: "Axes", name: str, curves: Mapping[str, Sequence[float]], first_epoch: int
) -> None:
    epochs = max(len(values) for values in curves.values())
    for key, label, style in ((name, "training", "-"), (f"val_{name}", "validation", "--")):
        values = curves.get(key)
        if values:
            # Validation every n-th epoch only gives fewer numbers.
            every = epochs // len(values)
            where = [first_epoch - 1 + every * (i + 1) for i in range(len(values))]
            marker = "o" if len(values) == 1 else None
            panel.plot(where, values, style, label=label, marker=marker)
    panel.set_title(name.replace("_", " "))
    panel.set_xlabel("epoch")
    panel.locator_params(axis="x", integer=True)
    panel.grid(alpha=0.3)
    panel.legend()
