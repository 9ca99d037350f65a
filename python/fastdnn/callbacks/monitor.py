"""A number of every epoch that callbacks watch."""

import math
import warnings

from fastdnn.callbacks.callback import Logs
from fastdnn.checks import number

# Parts of names of metrics that are better when they are larger, and of those that are not.
_RISING = ("acc", "auc", "precision", "recall", "f1", "fbeta", "r2")
_FALLING = (
    "loss",
    "error",
    "entropy",
    "mse",
    "mae",
    "mape",
    "msle",
    "rmse",
    "divergence",
    "poisson",
)


class Monitor:
    """Finds a number in the logs and knows what is an improvement of it.

    Args:
        where: the callback, for messages.
        name: the number's name in the logs.
        mode: "min", "max", or "auto" to choose by the name.
        min_delta: how much better an improvement has to be.

    Raises:
        ValueError: if the mode is none of the three, or the name says nothing.
    """

    def __init__(self, where: str, name: str, mode: str, min_delta: float = 0.0) -> None:
        if not isinstance(name, str):
            raise ValueError(
                f"[{where}] monitor: received {name!r}; expected the name of a number in the logs, "
                "such as 'val_loss'"
            )
        self.name = name
        self._where = where
        self._sign = _sign(where, name, mode)
        self._min_delta = abs(number(where, "min_delta", min_delta))
        self._warned = False

    def value(self, logs: Logs | None) -> float | None:
        """Return the number, or None, after saying so once, where it is missing."""
        if logs is None or self.name not in logs:
            if not self._warned:
                known = ", ".join(logs or {}) or "nothing"
                warnings.warn(
                    f"[{self._where}] monitor: {self.name!r} is not in the logs, which have "
                    f"{known}; nothing is done without it",
                    stacklevel=2,
                )
                self._warned = True
            return None
        return logs[self.name]

    def improves(self, value: float, best: float | None) -> bool:
        """Whether `value` is better than `best`; NaN never is."""
        if math.isnan(value):
            return False
        return best is None or self._sign * (best - value) > self._min_delta


def _sign(where: str, name: str, mode: str) -> float:
    """Return 1 where less is better, -1 where more is."""
    if mode not in ("auto", "min", "max"):
        raise ValueError(f"[{where}] mode: received {mode!r}; expected 'auto', 'min' or 'max'")
    if mode != "auto":
        return 1.0 if mode == "min" else -1.0
    if name.endswith("loss"):  # whatever the output that it is of is called
        return 1.0
    if any(part in name for part in _RISING):
        return -1.0
    if any(part in name for part in _FALLING):
        return 1.0
    raise ValueError(
        f"[{where}] mode: received 'auto' for {name!r}, whose name does not say what is better; "
        "use 'min' or 'max'"
    )
