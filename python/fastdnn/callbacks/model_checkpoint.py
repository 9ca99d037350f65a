"""The model in files, while it is trained."""

import os
from pathlib import Path
from typing import Any

from fastdnn.callbacks.callback import Callback, Logs
from fastdnn.callbacks.monitor import Monitor
from fastdnn.checks import at_least, flag, number
from fastdnn.files import refuse_other_formats


class ModelCheckpoint(Callback):
    """Saves the model after every epoch, or every so many batches, or when it is the best so far.

    Args:
        filepath: the file. "{epoch:02d}" and "{val_loss:.2f}" in it stand for the epoch, counted
            from 1, and for numbers of the logs.
        monitor: the number by which the best is known.
        verbose: 1 to print when it saves.
        save_best_only: whether to save only where the number is better than before.
        save_weights_only: whether to save weights alone, without architecture and optimizer.
        mode: "min" or "max": whether less or more is better; "auto" to go by the name.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: a value that the number has to be better than.

    Raises:
        ValueError: if an argument is wrong; in `fit`, if the file's name asks for a number that
            the logs do not have.
        OSError: in `fit`, if the file cannot be written; an older file stays as it was.

    >>> best = ModelCheckpoint("best.safetensors", monitor="val_accuracy", save_best_only=True)
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: int | str = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__()
        self.filepath = os.fspath(filepath)
        refuse_other_formats("ModelCheckpoint", Path(self.filepath))
        where = "ModelCheckpoint"
        best_only = flag(where, "save_best_only", save_best_only)
        # Without, nobody needs to know which numbers are better.
        known = Monitor(where, monitor, mode if best_only or mode != "auto" else "min")
        self._monitor = known if best_only else None
        self.verbose = verbose
        self.save_weights_only = flag(where, "save_weights_only", save_weights_only)
        self.save_freq = save_freq
        self.best = initial_value_threshold
        if initial_value_threshold is not None:
            self.best = number(where, "initial_value_threshold", initial_value_threshold)
        self._epoch = self._batches = 0
        if save_freq != "epoch":
            self.save_freq = at_least(where, "save_freq", save_freq, 1)
            # Only now: a callback with this method makes fit come back after every batch.
            self.on_train_batch_end = self._after_batch  # type: ignore[method-assign]

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Remember the epoch."""
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save, unless that is done by batches."""
        if self.save_freq == "epoch":
            self._save(logs)

    def _after_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._batches += 1
        if self._batches % int(self.save_freq) == 0:
            self._save(logs)

    def _save(self, logs: Logs | None) -> None:
        numbers: dict[str, Any] = dict(logs or {})
        try:
            path = self.filepath.format(epoch=self._epoch + 1, **numbers)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"[ModelCheckpoint] filepath: received {self.filepath!r}, which asks for {error}; "
                f"expected names among epoch, {', '.join(numbers)}"
            ) from None
        value = None if self._monitor is None else self._monitor.value(logs)
        if self._monitor is not None and (
            value is None or not self._monitor.improves(value, self.best)
        ):
            return
        (self.model.save_weights if self.save_weights_only else self.model.save)(path)
        self.best = self.best if value is None else value  # only once there is the file
        if self.verbose:
            print(f"Epoch {self._epoch + 1}: the model is saved to {path}")
