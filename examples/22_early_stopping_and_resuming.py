# SPDX-License-Identifier: Apache-2.0
"""Lesson 22: early stopping, the best weights, and going on after a crash.

Five layers of 100 learn the digits 0 to 4. Every ten epochs the model is saved with the state of
its optimizer, so that a process that is killed loses no more than what came after: what goes on
from the file makes the same steps as one that was never killed. Training ends when the validation
accuracy has not risen for a while, with the weights of the best epoch.
"""

import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np
from lesson import Lesson, Split

import fastdnn as fd
from fastdnn.callbacks import EarlyStopping, ModelCheckpoint
from fastdnn.layers import Dense

BATCH, EVERY = 50, 10


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


def train_until_killed(train: Split, folder: Path) -> None:
    """Train for very long, and save the model every ten epochs."""
    path = folder / "after-{epoch:05d}.safetensors"
    save = ModelCheckpoint(path, save_freq=EVERY * -(-len(train[0]) // BATCH))
    deep_net().fit(*train, batch_size=BATCH, epochs=100_000, callbacks=[save], verbose=0)


def killed(train: Split, folder: Path) -> Path:
    """Start a process that trains, kill it, and return the first checkpoint that it has left."""
    process = multiprocessing.get_context("spawn").Process(
        target=train_until_killed, args=(train, folder)
    )
    process.start()
    while process.is_alive() and not list(folder.glob("after-*.safetensors")):
        time.sleep(0.1)
    process.kill()
    process.join()
    return min(folder.glob("after-*.safetensors"))


def main(lesson: Lesson) -> None:
    """Be killed, go on, stop early."""
    train, validation, test = map(few_digits, lesson.mnist())
    with tempfile.TemporaryDirectory() as folder:
        path = killed(train, Path(folder))
        model, twin = fd.load_model(path), fd.load_model(path)
    done = model.optimizer.iterations // -(-len(train[0]) // BATCH)
    print(f"killed; going on after {done} epochs")

    # A process that was never killed is one epoch further with the same weights.
    never_killed = deep_net()
    never_killed.fit(*train, batch_size=BATCH, epochs=done + 1, verbose=0)
    twin.fit(*train, batch_size=BATCH, initial_epoch=done, epochs=done + 1, verbose=0)
    assert all(map(np.array_equal, twin.get_weights(), never_killed.get_weights()))

    history = model.fit(
        *train,
        batch_size=BATCH,
        initial_epoch=done,
        epochs=done + lesson.epochs(1000),
        validation_data=validation,
        callbacks=[EarlyStopping("val_accuracy", patience=20, restore_best_weights=True)],
        verbose=0,
    )
    del history.history["loss"], history.history["val_loss"]  # the figure is about the accuracy
    fd.plot.history(history, lesson.figure())
    lesson.report("epochs", history.epoch[-1] + 1)
    accuracy = model.evaluate(*validation, verbose=0)[1]
    lesson.report("validation accuracy", accuracy, to_reach=0.9941)
    lesson.report("test accuracy", model.evaluate(*test, verbose=0)[1])


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
