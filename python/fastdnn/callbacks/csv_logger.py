"""The numbers of every epoch in a text file."""

import os
from pathlib import Path
from typing import Any, TextIO

from fastdnn.callbacks.callback import Callback, Logs, checked_state
from fastdnn.checks import at_least, flag


class CSVLogger(Callback):
    """Writes a line an epoch: the epoch, and the loss and the metrics in the order of names.

    A number that an epoch does not have, as without validation, is "NA".

    Args:
        filename: the file.
        separator: what stands between numbers.
        append: whether to go on in an existing file, which keeps its columns.

    Raises:
        ValueError: if the separator is not one character.
        OSError: in `fit`, if the file cannot be written.

    >>> logger = CSVLogger("training.csv")
    """

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        super().__init__()
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(
                f"[CSVLogger] separator: received {separator!r}; expected one character"
            )
        self.filename = Path(filename)
        self.separator = separator
        self.append = flag("CSVLogger", "append", append)
        self._file: TextIO | None = None
        self._columns: list[str] | None = None
        self._size = 0  # of the lines to keep

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open the file."""
        import csv  # here, as importing it takes milliseconds

        self._columns, self._size = None, 0
        if self.append and self.filename.exists():
            with self.filename.open(newline="") as file:
                header = next(csv.reader(file, delimiter=self.separator), None)
            self._columns = header[1:] if header else None
            self._size = self.filename.stat().st_size
        # What is not kept goes with the first line: until then a backup may tell to keep it.
        self._file = self.filename.open("a", newline="")
        self.append = True  # another fit goes on in the same file

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write a line."""
        import csv

        assert self._file is not None, "opened by on_train_begin"
        numbers: dict[str, Any] = dict(logs or {})
        self._file.truncate(self._size)
        writer = csv.writer(self._file, delimiter=self.separator, lineterminator="\n")
        if self._columns is None:
            names = set(numbers)
            # Epochs without validation may come before those with it.
            if self.params.get("validates"):
                names |= {f"val_{name}" for name in self.model.metrics_names}
            self._columns = sorted(names)
            writer.writerow(["epoch", *self._columns])
        writer.writerow([epoch, *(numbers.get(name, "NA") for name in self._columns)])
        self._file.flush()
        self._size = self._file.tell()

    def get_state(self) -> dict[str, Any]:
        """Return the columns, and the bytes of the lines so far."""
        return {"columns": self._columns, "size": self._size}

    def check_state(self, state: dict[str, Any]) -> None:
        """Raise a ValueError unless it is such a state."""
        checked_state(self, state, columns=(list, None), size=int)
        at_least("CSVLogger", "size", state["size"], 0)
        if not all(isinstance(column, str) for column in state["columns"] or ()):
            raise ValueError(f"[CSVLogger] columns: received {state['columns']!r}; expected names")

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on after these lines, if the file still has them."""
        if self.filename.stat().st_size >= state["size"]:
            self._columns, self._size = state["columns"], state["size"]

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file, also where `fit` raises."""
        if self._file is not None:
            self._file.close()
            self._file = None
