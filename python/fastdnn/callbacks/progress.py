"""What `fit` shows while it runs."""

import os
import stat
import sys
import time
from typing import Any

from fastdnn.callbacks.callback import Callback, Logs


class ProgressBar(Callback):
    """Shows the loss and the metrics: a bar in a terminal or a notebook, else a line an epoch.

    Args:
        verbose: 1 for the bar, 2 for the line, "auto" to choose by where the output goes. In a
            file 1 gives the line, too: a bar would leave there all it has ever shown.

    >>> ProgressBar(2).verbose
    2
    """

    def __init__(self, verbose: int | str = "auto") -> None:
        super().__init__()
        self.verbose = chosen_verbosity(verbose)
        self._bar: Any = None
        self._start = self._fitted = 0.0

    def show_resumption(self, epochs: int, batches: int) -> None:
        """Say how much training a file's fit has had that this one goes on with."""
        if self.verbose:
            begun = f" and {batches} batches" if batches else ""
            print(f"Goes on after {epochs} of {self.params['epochs']} epochs{begun}", flush=True)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Open the epoch's bar."""
        self._start = time.perf_counter()
        if self.verbose == 1:
            self._bar = progress_bar(self._title(epoch), self.params["steps"])
            self._fitted = 0.0

    def on_train_progress(self, steps: int, logs: Logs | None = None) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.set_postfix_str(format_logs(logs or {}), refresh=False)
            now = time.perf_counter()
            if now - self._fitted > self._bar.mininterval:  # tqdm draws no more often
                _fit_line(self._bar)
                self._fitted = now
            self._bar.update(steps - self._bar.n)

    def make_way(self) -> None:
        """Take the bar off its line, for what others print; it comes back when it changes."""
        if self._bar is not None:
            self._bar.display("")
            self._bar.fp.write("\r")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Close the bar, or print the line."""
        if self._bar is not None:
            numbers = format_logs(logs or {})
            self._bar.set_postfix_str(numbers, refresh=False)
            fits = _fit_line(self._bar)
            self._bar.refresh()
            self.close()
            if not fits:
                print(numbers, flush=True)  # the terminal breaks the line
        elif self.verbose:
            seconds = time.perf_counter() - self._start
            line = f"{self._title(epoch)} - {seconds:.1f}s - {format_logs(logs or {}, ': ', ' - ')}"
            print(line, flush=True)

    def close(self) -> None:
        """Leave the bar as it is; also called when training is interrupted."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _title(self, epoch: int) -> str:
        return f"Epoch {epoch + 1}/{self.params['epochs']}"


def chosen_verbosity(verbose: int | str) -> int:
    """Return 0, 1 or 2; "auto" is 1 in a terminal or a notebook and 2 elsewhere."""
    if verbose == "auto":
        return 1 if _can_rewrite_lines(sys.stdout) else 2
    if verbose not in (0, 1, 2):
        raise ValueError(f"[verbose] received {verbose!r}; expected 0, 1, 2 or 'auto'")
    return int(verbose)


def progress_bar(title: str, total: int | None, delay: float = 0.0) -> Any:
    """Return a tqdm bar on the standard output; None where that is nowhere, or a file."""
    if sys.stdout is None or _is_file(sys.stdout):
        return None
    from tqdm import tqdm  # type: ignore[import-untyped]

    return tqdm(total=total, desc=title, file=sys.stdout, delay=delay, dynamic_ncols=True)


def _can_rewrite_lines(stream: Any) -> bool:
    # IPython's kernels, those of notebooks, have streams of their own, which are no terminals.
    if type(stream).__module__.startswith("ipykernel"):
        return True
    isatty = getattr(stream, "isatty", None)  # None: there is no output, or one that only writes
    return isatty is not None and bool(isatty()) and os.environ.get("TERM") != "dumb"


def _is_file(stream: Any) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (AttributeError, OSError, ValueError):  # no file of the system's
        return False


# What a line shows, from much to little; tqdm would cut off its end, the newest numbers.
_LAYOUTS = (
    "{l_bar}{bar}{r_bar}",
    "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]",
    "{desc}: {n_fmt}/{total_fmt} [{elapsed}{postfix}]",
    "{desc}{postfix}",
)
# The same where nobody knows how many steps there are.
_ENDLESS = (
    "{desc}: {n_fmt}it [{elapsed}, {rate_fmt}{postfix}]",
    "{desc}: {n_fmt}it [{elapsed}{postfix}]",
    "{desc}{postfix}",
)


def _fit_line(bar: Any) -> bool:
    """Choose the fullest layout that fits the terminal; return whether one does."""
    shown = bar.format_dict
    for layout in _ENDLESS if bar.total is None else _LAYOUTS:
        bar.bar_format = layout
        # Without a width, tqdm draws a bar of ten columns and cuts nothing.
        line = bar.format_meter(**shown | {"bar_format": layout, "ncols": None})
        if shown["ncols"] is None or len(line) <= shown["ncols"]:
            return True
    return False


def format_logs(logs: Logs, equals: str = "=", comma: str = ", ") -> str:
    """Return the numbers in a line.

    >>> format_logs({"loss": 0.25, "accuracy": 0.9})
    'loss=0.2500, accuracy=0.9000'
    """
    return comma.join(f"{name}{equals}{_format(value)}" for name, value in logs.items())


def _format(value: float) -> str:
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e5 or value == 0.0 else f"{value:.4e}"
