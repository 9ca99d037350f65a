"""The model in files, while it is trained."""

import os
import re
import string
from pathlib import Path
from typing import Any

from fastdnn import checkpoint, files
from fastdnn.callbacks.callback import Logs, checked_state
from fastdnn.callbacks.monitor import Monitor
from fastdnn.callbacks.saver import Saver
from fastdnn.checks import at_least, flag, number

# More than systems take: matching longer ones would take long.
_LONGEST_PATH = 4096
# What the numbers in names look like.
_NUMBER = r"(?:[-+ 0-9.,_%e]+|[-+]?(?:inf|nan))"


class ModelCheckpoint(Saver):
    """Saves the model after every epoch, or every so many batches, or when it is the best so far.

    Training goes on while a file is written. `BackupAndRestore` can go on from a copy of any file.

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
        period: the epochs from one file to the next, where `save_freq` is "epoch".
        max_to_keep: how many files to keep; older ones that this callback has written are
            deleted. None for all.

    Attributes:
        best: the number of the best model that there is a file of.

    Raises:
        ValueError: if an argument is wrong; in `fit`, if the file's name asks for a number that
            the logs do not have.
        OSError: in `fit`, if the file cannot be written, when the next one is or training ends; an
            older file stays as it was.

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
        period: int = 1,
        max_to_keep: int | None = None,
    ) -> None:
        where = "ModelCheckpoint"
        super().__init__(where, filepath, save_freq)
        try:
            _pattern(self.filepath, "")
        except ValueError as error:
            raise ValueError(
                f"[{where}] filepath: received {self.filepath!r} ({error}); expected braces in "
                "pairs, as in 'w{epoch:02d}.safetensors', and '{{' for one that stays"
            ) from None
        best_only = flag(where, "save_best_only", save_best_only)
        # Without, nobody needs to know which numbers are better.
        known = Monitor(where, monitor, mode if best_only or mode != "auto" else "min")
        self._monitor = known if best_only else None
        self.verbose = verbose
        self.save_weights_only = flag(where, "save_weights_only", save_weights_only)
        self.best = initial_value_threshold
        if initial_value_threshold is not None:
            self.best = number(where, "initial_value_threshold", initial_value_threshold)
        self.period = at_least(where, "period", period, 1)
        self.max_to_keep = max_to_keep
        if max_to_keep is not None:
            self.max_to_keep = at_least(where, "max_to_keep", max_to_keep, 1)
        self._epoch = self._epochs = 0
        self._kept: list[str] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Look whether files can be written, as far as their names are known."""
        folder, name = os.path.split(self.filepath)
        if all(field is None for _, field, _, _ in string.Formatter().parse(folder)):
            # What stands for numbers in the name of the file makes no difference.
            files.destination("ModelCheckpoint", Path(folder.format(), name))

    def may_write(self, filepath: str) -> bool:
        """Whether this may be one of its files: the same name, or one with numbers in it."""
        here = str(Path.cwd()).replace("{", "{{").replace("}", "}}")
        own = _pattern(str(Path(here, self.filepath).resolve()), _NUMBER)
        written = re.fullmatch(own, str(Path(filepath).resolve()))
        return super().may_write(filepath) or written is not None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Remember the epoch."""
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save, unless that is done by batches."""
        self._epochs += 1
        if self.save_freq == "epoch" and self._epochs % self.period == 0:
            self.save(logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Wait for the last file."""
        self._wait()

    def get_state(self) -> dict[str, Any]:
        """Return the best number, the files, and where it is between two of them."""
        return {
            "best": self.best,
            "kept": self._kept,
            "epoch": self._epoch,
            "epochs": self._epochs,
            "steps": self._steps,
        }

    def check_state(self, state: dict[str, Any]) -> None:
        """Raise a ValueError unless it is such a state, of files that this callback may delete."""
        whole = dict.fromkeys(("epoch", "epochs", "steps"), int)
        checked_state(self, state, best=(float, int, None), kept=list, **whole)
        own = _pattern(self.filepath, f"[^{re.escape(os.sep)}]*")
        for path in state["kept"]:
            named = isinstance(path, str) and len(path) < _LONGEST_PATH
            if not named or not re.fullmatch(own, path):
                raise ValueError(
                    f"[ModelCheckpoint] filepath: the file's fit has written {path!r}; expected "
                    f"names such as {self.filepath!r}"
                )

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.best, self._kept, self._epoch = state["best"], state["kept"], state["epoch"]
        self._epochs, self._steps = state["epochs"], state["steps"]

    def save(self, logs: Logs | None = None) -> None:
        """Write a file, if the model is good enough."""
        numbers: dict[str, Any] = dict(logs or {})
        try:
            path = self.filepath.format(epoch=self._epoch + 1, **numbers)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"[ModelCheckpoint] filepath: received {self.filepath!r}, which asks for {error}; "
                f"expected names among epoch, {', '.join(numbers)}"
            ) from None
        self._wait()
        value = None if self._monitor is None else self._monitor.value(logs)
        if self._monitor is not None and (
            value is None or not self._monitor.improves(value, self.best)
        ):
            return
        before = self.best, self._kept
        self.best = self.best if value is None else value
        kept = [*(each for each in self._kept if each != path), path]
        surplus = [] if self.max_to_keep is None else kept[: -self.max_to_keep]
        self._kept = kept[len(surplus) :]
        epoch, verbose = self._epoch, self.verbose
        take = checkpoint.Snapshot.of_weights if self.save_weights_only else checkpoint.Snapshot.of
        snapshot = take(self.model).copied()

        def write() -> None:
            try:
                files.remove_leftovers(path)
                files.write("ModelCheckpoint", path, True, lambda: snapshot.write)
            except BaseException:
                self.best, self._kept = before  # there is no such file
                raise
            for old in surplus:
                Path(old).unlink(missing_ok=True)
            if verbose:
                print(f"Epoch {epoch + 1}: the model is saved to {path}")

        self._write(write)


def _pattern(template: str, field: str) -> str:
    """Return a regular expression for what a template becomes where fields are like `field`."""
    parts = string.Formatter().parse(template)
    return "".join(re.escape(text) + field * (name is not None) for text, name, _, _ in parts)
