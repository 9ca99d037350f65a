"""A figure for a file, or for matplotlib's back end."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(where: str, size: tuple[float, float], *, needs_display: bool) -> "Figure":
    """Return an empty figure of so many inches.

    Args:
        where: what the caller was doing, for messages.
        size: width and height.
        needs_display: whether it is shown, by pyplot, instead of saved.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f"[{where}] matplotlib cannot be imported ({error}); install it with "
            "pip install 'fastdnn[plot]'"
        ) from None
    if needs_display:
        from matplotlib import pyplot

        return pyplot.figure(figsize=size, layout="constrained")
    # Without pyplot: no back end is chosen for the user, and nothing has to be closed.
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def saved(where: str, figure: "Figure", path: str | os.PathLike[str] | None) -> "Figure":
    """Return the figure, in a file as well if there is a path."""
    if path is not None:
        formats = figure.canvas.get_supported_filetypes()
        ending = Path(path).suffix.lower().removeprefix(".")
        if ending not in formats:
            raise ValueError(
                f"[{where}] the path {os.fspath(path)!r} ends in {'.' + ending!r}; expected "
                f"one of {', '.join(f'.{name}' for name in sorted(formats))}"
            )
        figure.savefig(path, dpi=120)
    return figure
