"""Callbacks that change the learning rate from epoch to epoch."""

import inspect
from collections.abc import Callable
from typing import Any

from fastdnn.callbacks.callback import Callback, Logs, checked_state
from fastdnn.callbacks.monitor import Monitor
from fastdnn.checks import at_least, is_number, number


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of every epoch.

    The rate is in the logs, and so in the `History`, as "learning_rate".

    Args:
        schedule: a function of the epoch, the first is 0, and of the rate so far, or of the
            epoch alone; returns the rate.
        verbose: 1 to print the rate.

    Raises:
        ValueError: if it is no function; in `fit`, if that returns no number, or the rate cannot
            be set because there is a schedule or a `MultiOptimizer`.

    >>> halve = LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate)
    """

    def __init__(
        self, schedule: Callable[[int, float], float] | Callable[[int], float], verbose: int = 0
    ) -> None:
        super().__init__()
        if not callable(schedule):
            raise ValueError(
                f"[LearningRateScheduler] schedule: received {schedule!r}; expected a function of "
                "the epoch and the rate so far"
            )
        self.schedule = schedule
        self.verbose = verbose
        self._takes_rate = _takes_two(schedule)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the rate."""
        old = self.model.optimizer.learning_rate
        rate = self.schedule(*((epoch, old) if self._takes_rate else (epoch,)))
        if not is_number(rate):
            raise ValueError(
                f"[LearningRateScheduler] schedule: returned {rate!r} for epoch {epoch}; expected "
                "a number"
            )
        self.model.optimizer.learning_rate = rate
        if self.verbose:
            print(f"Epoch {epoch + 1}: learning rate {rate:g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Add the rate to the logs."""
        if logs is not None:
            logs["learning_rate"] = self.model.optimizer.learning_rate


class ReduceLROnPlateau(Callback):
    """Lowers the learning rate when a number has stopped getting better.

    The rate is in the logs, and so in the `History`, as "learning_rate". Those of a
    `MultiOptimizer` are all lowered; the logs have the first.

    Args:
        monitor: the number's name in the logs.
        factor: what the rate is multiplied by, below 1.
        patience: the epochs without an improvement to wait for one.
        verbose: 1 to print when it lowers the rate.
        mode: "min" or "max": whether less or more is better; "auto" to go by the name.
        min_delta: how much better it has to get to count as better.
        cooldown: the epochs after lowering the rate that do not count.
        min_lr: the rate is not made smaller than that.

    Raises:
        ValueError: if an argument is wrong; in `fit`, before the first step, if a schedule gives
            the rate.

    >>> plateau = ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=5)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__()
        self._monitor = Monitor("ReduceLROnPlateau", monitor, mode, min_delta)
        self.factor = number("ReduceLROnPlateau", "factor", factor, above=0.0, below=1.0)
        self.patience = at_least("ReduceLROnPlateau", "patience", patience, 0)
        self.cooldown = at_least("ReduceLROnPlateau", "cooldown", cooldown, 0)
        self.min_lr = number("ReduceLROnPlateau", "min_lr", min_lr, 0.0)
        self.verbose = verbose
        self._start()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start anew."""
        for rule in self.model.optimizer.rules:
            rule.learning_rate = rule.learning_rate  # raises where it cannot be set
        self._start()

    def _start(self) -> None:
        self._best: float | None = None
        self._waited = self._cooling = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Look at the number, and lower the rate where it has not got better for too long."""
        if logs is not None:
            logs["learning_rate"] = self.model.optimizer.learning_rate
        value = self._monitor.value(logs)
        if value is None:
            return
        if self._cooling > 0:
            self._cooling -= 1
            self._waited = 0
        if self._monitor.improves(value, self._best):
            self._best, self._waited = value, 0
        elif self._cooling == 0:
            self._waited += 1
            if self._waited >= self.patience:
                self._lower(epoch)

    def get_state(self) -> dict[str, Any]:
        """Return the best value, and how long it waits and cools down."""
        return {"best": self._best, "waited": self._waited, "cooling": self._cooling}

    def check_state(self, state: dict[str, Any]) -> None:
        """Raise a ValueError unless it is such a state."""
        checked_state(self, state, best=(float, int, None), waited=int, cooling=int)

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._best, self._waited = state["best"], state["waited"]
        self._cooling = state["cooling"]

    def _lower(self, epoch: int) -> None:
        above = [rule for rule in self.model.optimizer.rules if rule.learning_rate > self.min_lr]
        for rule in above:
            rule.learning_rate = max(rule.learning_rate * self.factor, self.min_lr)
        if above:
            self._cooling, self._waited = self.cooldown, 0
            if self.verbose:
                rates = ", ".join(f"{rate:g}" for rate in self.model.optimizer.learning_rates)
                print(f"Epoch {epoch + 1}: learning rate {rates}")


def _takes_two(function: Callable[..., float]) -> bool:
    try:
        inspect.signature(function).bind(0, 0.0)
    except (TypeError, ValueError):
        return False
    return True
