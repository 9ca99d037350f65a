"""What the callbacks that save have in common."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import permutations
from pathlib import Path
from typing import Any

from fastdnn.callbacks.callback import Callback, Logs
from fastdnn.checks import at_least
from fastdnn.files import FilePath, path_of, refuse_other_formats


class Writer:
    """Runs functions that write files, one after the other, and none after one that failed."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._last: Future[None] | None = None

    def submit(self, job: Callable[[], None]) -> "Future[None]":
        """Run it after all others; what one of those raised, it raises, too."""
        before = self._last

        def run() -> None:
            if before is not None:
                before.result()
            job()

        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "fastdnn-writer")
        self._last = self._pool.submit(run)
        return self._last

    def close(self) -> None:
        """Wait for all of them."""
        if self._pool is not None:
            self._pool.shutdown()
        self._pool = self._last = None


class Saver(Callback):
    """Base of the callbacks that save the model.

    `fit` calls them after all others, and the files hold what those have become. Training goes on
    while a file is written: only copying the numbers holds it up.

    Args:
        where: the callback, for messages.
        filepath: the file to write.
        save_freq: "epoch", or a number of batches.
    """

    # Whether the file is to hold what the other savers have become, too.
    comes_last = False

    def __init__(self, where: str, filepath: FilePath, save_freq: int | str) -> None:
        super().__init__()
        refuse_other_formats(where, path_of(where, filepath))
        self.filepath = os.fspath(filepath)
        self.save_freq = save_freq
        if isinstance(save_freq, str) and save_freq != "epoch":
            raise ValueError(
                f"[{where}] save_freq: received {save_freq!r}; expected 'epoch' or a number of "
                "batches"
            )
        if save_freq != "epoch":
            self.save_freq = at_least(where, "save_freq", save_freq, 1)
        self._steps = 0  # since the last file
        self.writer: Writer | None = None  # while fit runs: that of all its savers
        self._writing: Future[None] | None = None

    def may_write(self, filepath: str) -> bool:
        """Whether this may be one of its files."""
        return Path(self.filepath).resolve() == Path(filepath).resolve()

    def steps_to_go(self) -> int | None:
        """Return the batches before the next file, or None where files go by epochs."""
        return None if self.save_freq == "epoch" else int(self.save_freq) - self._steps

    def count_steps(self, steps: int) -> bool:
        """Note batches, at most `steps_to_go`, and return whether to `save` now."""
        if self.save_freq == "epoch":
            return False
        self._steps = (self._steps + steps) % int(self.save_freq)
        return self._steps == 0

    def save(self, logs: Logs | None = None) -> None:
        """Write a file."""
        raise NotImplementedError

    def on_time_out(self, logs: Logs | None = None) -> None:
        """Run where `max_seconds` are over, before the epoch's end."""

    def close(self) -> None:
        """Wait for the file that is being written."""
        self.writer = None
        self._wait()

    def _write(self, job: Callable[[], None]) -> None:
        """Run a function that writes a file: later, while `fit` runs, else now.

        Raises:
            OSError: what the last one raised.
        """
        self._wait()
        if self.writer is None:
            job()
        else:
            self._writing = self.writer.submit(job)

    def _wait(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "writer": None, "_writing": None}


def refuse_shared_files(where: str, savers: Iterable[Saver]) -> None:
    """Raise a ValueError if one may write, or delete, a file of another."""
    for one, other in permutations(savers, 2):
        if one.may_write(other.filepath):
            raise ValueError(
                f"[{where}] callbacks: received {type(one).__name__}({one.filepath!r}) and "
                f"{type(other).__name__}({other.filepath!r}), which may write the same file; "
                "expected a name of its own for each; to go on from a file of ModelCheckpoint, "
                "copy it to one for BackupAndRestore"
            )
