"""The base of the callbacks, and how they are called."""

from collections.abc import Iterable, MutableMapping
from contextlib import ExitStack
from typing import Any

# Those of an epoch are one dict for all callbacks: what one adds, later ones see.
Logs = MutableMapping[str, float]


class Callback:
    """Base of the callbacks; override what is needed.

    Attributes:
        model: the model that is being trained. `model.stop_training = True` ends `fit` after
            the epoch, or at once from `on_train_batch_end`.
        params: of a fit "verbose"; "epochs"; "steps", the number of batches in an epoch, None
            where nobody knows; and "validates", whether there is data to validate on. Of an
            evaluation or a prediction "verbose" alone.

    A callback with `on_train_batch_begin` or `on_train_batch_end` makes `fit` come back to
    Python after every batch, which costs time with small batches. `on_train_progress` does
    not: it is called some twenty times a second.

    >>> class Stop(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.model.stop_training = logs["loss"] < 0.1
    """

    def __init__(self) -> None:
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        """Remember the model."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Remember how `fit` was called."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Run before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Run after the last epoch, with its loss and metrics."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Run before an epoch; the first is 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Run after an epoch, with its loss and metrics, also those with `val_` in front."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Run before a batch; the first of an epoch is 0."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Run after a batch, with the loss and the metrics of the epoch so far."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Run before an evaluation, also those of `fit` on validation data."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Run after an evaluation, with the loss and the metrics."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Run before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Run after a prediction."""

    def on_train_progress(self, steps: int, logs: Logs | None = None) -> None:
        """Run every now and then, with the number of batches done in this epoch."""

    def close(self) -> None:
        """Release what is open; run last, also when `fit` is interrupted or raises."""


class CallbackList:
    """The callbacks of a fit, an evaluation or a prediction, as one."""

    def __init__(self, callbacks: Iterable[Callback], model: Any, params: dict[str, Any]) -> None:
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)
        self.wants_batches = any(map(_wants_batches, self.callbacks))

    def call(self, event: str, *arguments: Any) -> None:
        """Call a method of every callback, in the order they were given."""
        for callback in self.callbacks:
            getattr(callback, event)(*arguments)

    def close(self) -> None:
        """Close every callback, whatever the others raise."""
        with ExitStack() as stack:
            for callback in reversed(self.callbacks):
                stack.callback(callback.close)


def checked_callbacks(callbacks: Any, where: str = "fit") -> list[Callback]:
    """Return the callbacks in a list, or raise a ValueError."""
    if callbacks is None or isinstance(callbacks, Callback):
        return [] if callbacks is None else [callbacks]
    found = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    for callback in found:
        if not isinstance(callback, Callback):
            raise ValueError(
                f"[{where}] callbacks: received {callback!r} of type {type(callback).__name__}; "
                "expected objects of classes derived from fastdnn.callbacks.Callback"
            )
    return found


def _wants_batches(callback: Callback) -> bool:
    for name in ("on_train_batch_begin", "on_train_batch_end"):
        method = getattr(callback, name)
        if getattr(method, "__func__", method) is not getattr(Callback, name):
            return True
    return False
