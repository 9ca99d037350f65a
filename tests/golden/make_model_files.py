"""Writes files in the format of this version: a model's, with what it predicts, and a fit's.

    python tests/golden/make_model_files.py FOLDER

Run once for every version of the format; tests/test_golden_files.py reads what it has left here.
"""

import sys
from pathlib import Path

import numpy as np

import fastdnn as fd
from fastdnn import checkpoint

if __name__ == "__main__":
    fd.set_seed(20)
    model = fd.Sequential(
        [
            fd.Input(shape=(5,)),
            fd.layers.Dense(8, activation="elu", kernel_regularizer="l2", name="hidden"),
            fd.layers.BatchNormalization(),
            fd.layers.Dropout(0.25),
            fd.layers.Dense(3, activation="softmax", kernel_constraint="max_norm", name="classes"),
        ]
    )
    rate = fd.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
    optimizer = fd.optimizers.AdamW(rate, weight_decay=0.01, clipnorm=1.0, use_ema=True)
    folder, version = Path(sys.argv[1]), checkpoint.FORMAT_VERSION
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = np.random.default_rng(20).standard_normal((60, 5)).astype(np.float32)
    y = np.arange(60) % 3
    model.fit(x, y, epochs=3, batch_size=16, verbose=0)
    model.save(folder / f"model-{version}.safetensors")
    np.savez(folder / f"model-{version}.npz", x=x, y=y, outputs=model.predict(x))
    backup = folder / f"fit-{version}.safetensors"
    watchers = [fd.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True)]
    saver = fd.callbacks.BackupAndRestore(backup, save_freq=7, delete_checkpoint=False)
    model.fit(x, y, epochs=2, batch_size=16, verbose=0, callbacks=[*watchers, saver])
