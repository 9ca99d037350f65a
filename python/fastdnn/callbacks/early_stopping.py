"""Callbacks that end training."""

import math
from typing import Any

from fastdnn.callbacks.callback import Callback, Logs, checked_state
from fastdnn.callbacks.monitor import Monitor
from fastdnn.checks import at_least, flag, number
from fastdnn.layers.weight import checked_value


class EarlyStopping(Callback):
    """Ends training when a number has stopped getting better.

    Args:
        monitor: the number's name in the logs.
        min_delta: how much better it has to get to count as better.
        patience: the epochs without an improvement to wait for one.
        verbose: 1 to print when it stops.
        mode: "min" or "max": whether less or more is better; "auto" to go by the name.
        baseline: a value that must be reached for an improvement to count against `patience`.
        restore_best_weights: whether the weights of the best epoch are put back when `fit` ends,
            be it by this callback or after the last epoch.
        start_from_epoch: the first epoch that is looked at.

    Attributes:
        best: the best value.
        best_epoch: its epoch; 0 before there is one.
        stopped_epoch: the epoch after which training was stopped; 0 if it was not.

    Raises:
        ValueError: if an argument is wrong.

    Source: Prechelt, Early Stopping - But When?, 1998.

    >>> import numpy as np, fastdnn as fd
    >>> model = fd.Sequential([fd.Input(shape=(1,)), fd.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x = np.ones((8, 1), np.float32)
    >>> stopping = EarlyStopping("loss", min_delta=0.1, patience=2)
    >>> len(model.fit(x, x, epochs=500, callbacks=[stopping], verbose=0).epoch) < 500
    True
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__()
        self._monitor = Monitor("EarlyStopping", monitor, mode, min_delta)
        self.patience = at_least("EarlyStopping", "patience", patience, 0)
        self.verbose = verbose
        self.baseline = None if baseline is None else number("EarlyStopping", "baseline", baseline)
        self.restore_best_weights = flag(
            "EarlyStopping", "restore_best_weights", restore_best_weights
        )
        self.start_from_epoch = at_least("EarlyStopping", "start_from_epoch", start_from_epoch, 0)
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start anew."""
        self.best: float | None = None
        self.best_epoch = self.stopped_epoch = self._waited = 0
        self._best_weights: list[Any] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Look at the number, and stop where it has not got better for too long."""
        value = self._monitor.value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self._best_weights is None:
            self._keep_weights(epoch)  # should no epoch be better than another
        self._waited += 1
        if self._monitor.improves(value, self.best):
            self.best = value
            self._keep_weights(epoch)
            if self._monitor.improves(value, self.baseline):
                self._waited = 0
            return
        if self._waited >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Put the best weights back."""
        if self.stopped_epoch > 0 and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self._best_weights is not None:
            if self.verbose:
                print(f"The weights are those of the best epoch, {self.best_epoch + 1}")
            self.model.set_weights(self._best_weights)

    def get_state(self) -> dict[str, Any]:
        """Return the best value, its epoch and weights, and how long there was no better one."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "stopped_epoch": self.stopped_epoch,
            "waited": self._waited,
            "best_weights": self._best_weights,
        }

    def check_state(self, state: dict[str, Any]) -> None:
        """Raise a ValueError unless it is such a state, with weights of the model's shapes."""
        whole = dict.fromkeys(("best_epoch", "stopped_epoch", "waited"), int)
        kinds = {"best": (float, int, None), "best_weights": (list, None), **whole}
        state = checked_state(self, state, **kinds)
        if state["best_weights"] is not None:
            for stored, weight in zip(state["best_weights"], self.model.weights, strict=True):
                checked_value("EarlyStopping", stored, weight.shape)

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.stopped_epoch, self._waited = state["stopped_epoch"], state["waited"]
        self._best_weights = state["best_weights"]

    def _keep_weights(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self._best_weights = self.model.get_weights()


class TerminateOnNaN(Callback):
    """Ends training at the first batch after which the loss is not finite.

    `fit` by itself ends before the step of a batch whose loss is not finite; with this callback
    infinite penalties end it, too. Looks at every batch, which costs time with small ones.

    >>> import numpy as np, fastdnn as fd
    >>> model = fd.Sequential([fd.Input(shape=(1,)), fd.layers.Dense(1)])
    >>> model.compile("sgd", loss="mse")
    >>> x = np.ones((4, 1), np.float32)
    >>> history = model.fit(x, x, callbacks=fd.callbacks.TerminateOnNaN(), verbose=0)
    """

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Look at the loss."""
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            self.model.stop_training = True
