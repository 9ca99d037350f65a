# SPDX-License-Identifier: Apache-2.0
"""Lesson 22: early stopping, the best weights, and going on after a crash.

Five layers of 100 learn the digits 0 to 4. A process trains them, and is killed in the middle of
an epoch. Another one calls the same fit: its callback `BackupAndRestore` finds the file that the
first one wrote every hundred batches, and goes on from there. It ends with the same weights, to the
last bit, as one that was never killed. Training ends when the validation accuracy has not risen
for a while, with the weights of the best epoch; every ten epochs a model is saved besides, and
the last two of these are kept.
"""

import multiprocessing
import os
import signal
import tempfile
from pathlib import Path

import numpy as np
from lesson import Lesson, Split

import fastdnn as fd
from fastdnn.callbacks import BackupAndRestore, Callback, EarlyStopping, History, ModelCheckpoint
from fastdnn.layers import Dense


def few_digits(split: Split) -> Split:
    """Return the images of the digits 0 to 4."""
    x, y = split
    return x[y < 5], y[y < 5]


def deep_net() -> fd.Sequential:
    """Return 784-5x100-5, compiled."""
    fd.set_seed(42)
    model = fd.Sequential([fd.Input(shape=(784,))])
    for i in range(1, 6):
        model.add(Dense(100, activation="elu", kernel_initializer="he_normal", name=f"hidden{i}"))
    model.add(Dense(5, activation="softmax", name="digits"))
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(
    model: fd.Sequential, folder: Path, data: list[Split], epochs: int, *others: Callback
) -> History:
    """Train until it has not helped for twenty epochs, or go on with that."""
    images, validation = data
    folder.mkdir(exist_ok=True)
    stopping = EarlyStopping("val_accuracy", patience=20, restore_best_weights=True)
    every_ten = ModelCheckpoint(folder / "after-{epoch:03d}.safetensors", period=10, max_to_keep=2)
    backup = BackupAndRestore(folder / "backup.safetensors", save_freq=100 if epochs > 1 else 2)
    return model.fit(
        *images,
        batch_size=50,
        epochs=epochs,
        validation_data=validation,
        callbacks=[stopping, every_ten, backup, *others],
        verbose=0,
    )


class Crash(Callback):
    """Kills the process."""

    def __init__(self, epoch: int, batch: int) -> None:
        super().__init__()
        self.epoch, self.batch = epoch, batch

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """See whether it is time."""
        self.epoch -= 1

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Kill the process if it is."""
        if self.epoch < 0 and batch >= self.batch:
            os.kill(os.getpid(), signal.SIGKILL)


def train_until_killed(folder: Path, data: list[Split], epochs: int) -> None:
    """Train, and crash in the middle of an epoch."""
    crash = Crash(12, 123) if epochs > 1 else Crash(0, 4)
    train(deep_net(), folder, data, epochs, crash)


def main(lesson: Lesson) -> None:
    """Be killed, go on, stop early."""
    *data, test = map(few_digits, lesson.mnist())
    epochs = lesson.epochs(1000)
    with tempfile.TemporaryDirectory() as name:
        one, other = Path(name) / "killed", Path(name) / "never killed"
        process = multiprocessing.get_context("spawn").Process(
            target=train_until_killed, args=(one, data, epochs)
        )
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        print("killed; what it has left:", ", ".join(sorted(path.name for path in one.iterdir())))

        model, never_killed = deep_net(), deep_net()
        history = train(model, one, data, epochs)
        train(never_killed, other, data, epochs)
        same = map(np.array_equal, model.get_weights(), never_killed.get_weights())
        assert all(same), "a process that was never killed has other weights"
        assert [path.name for path in one.iterdir()] == [path.name for path in other.iterdir()]

    del history.history["loss"], history.history["val_loss"]  # the figure is about the accuracy
    fd.plot.history(history, lesson.figure())
    lesson.report("epochs", history.epoch[-1] + 1)
    accuracy = model.evaluate(*data[1], verbose=0)[1]
    lesson.report("validation accuracy", accuracy, to_reach=0.9941)
    lesson.report("test accuracy", model.evaluate(*test, verbose=0)[1])


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
