"""Training that goes on where it was interrupted."""

import os
from pathlib import Path

from fastdnn import checkpoint, files
from fastdnn.callbacks.callback import Logs
from fastdnn.callbacks.saver import Saver
from fastdnn.checks import flag


class BackupAndRestore(Saver):
    """Lets an interrupted `fit` go on, also in the middle of an epoch, as if nothing had happened.

    If the file exists when `fit` begins, the model, its optimizer, the other callbacks, the history
    and the place in the data become what they were when the file was written. Called with the
    same model, data and arguments, `fit` then ends with the same weights, to the last bit, as
    one that was never interrupted. A kill at any moment leaves a whole file.

    What the model is compiled with, the number of rows, `batch_size` and `shuffle` have to be the
    same; what the rows hold, and their weights, is not looked at. `epochs` may be another number.
    Learning rates become those of the file, which callbacks may have set: to train on with
    another one, use `load_model` and a `fit` without the file.

    The file is one of `Model.save`. A copy of one that `ModelCheckpoint` has written does as well,
    with the same `ModelCheckpoint` among the callbacks. Callbacks of one's own take part if they
    have `get_state` and `set_state`; layers that they freeze have to be frozen before `fit`. Of an
    iterator of batches, those that were used are taken from it anew and skipped: it has to make
    the same ones. Where `max_seconds` end a fit, the file stays, and the next one goes on.

    Args:
        path: the file.
        save_freq: "epoch" to save after every epoch, or a number of batches.
        delete_checkpoint: whether to delete the file when training has ended well.

    Raises:
        ValueError: if an argument is wrong; in `fit`, if the file is damaged, is that of another
            model, number of rows or other callbacks, or may be one of `ModelCheckpoint`'s; nothing
            is changed then.
        OSError: in `fit`, if the file cannot be read or written.

    >>> import tempfile, numpy as np, fastdnn as fd
    >>> x = np.linspace(0, 1, 100, dtype=np.float32)
    >>> def train(folder, epochs):
    ...     model = fd.Sequential([fd.Input(shape=(1,)), fd.layers.Dense(1)])
    ...     model.compile("adam", loss="mse")
    ...     backup = BackupAndRestore(f"{folder}/backup", save_freq=3, delete_checkpoint=False)
    ...     return model.fit(x, x, epochs=epochs, callbacks=[backup], verbose=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     first, second = train(folder, 2), train(folder, 5)
    >>> second.epoch
    [0, 1, 2, 3, 4]
    """

    comes_last = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        *,
        delete_checkpoint: bool = True,
    ) -> None:
        where = "BackupAndRestore"
        super().__init__(where, path, save_freq)
        self.path = Path(path)
        self.delete_checkpoint = flag(where, "delete_checkpoint", delete_checkpoint)
        self._timed_out = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Look whether a file can be written, and remove what a kill has left of one."""
        self._steps, self._timed_out = 0, False
        files.destination("BackupAndRestore", self.path)
        files.remove_leftovers(self.path)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save, unless that is done by batches."""
        if self.save_freq == "epoch" and not self._timed_out:
            self.save(logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Delete the file."""
        self._wait()
        if self.delete_checkpoint and not self._timed_out:
            Path(os.path.realpath(self.path)).unlink(missing_ok=True)

    def on_time_out(self, logs: Logs | None = None) -> None:
        """Save where training stands, and keep the file."""
        self.save(logs)
        self._timed_out = True

    def save(self, logs: Logs | None = None) -> None:
        """Write the file."""
        snapshot = checkpoint.Snapshot.of(self.model).copied()
        self._write(
            lambda: files.write("BackupAndRestore", self.path, True, lambda: snapshot.write)
        )
