"""Writes a model's file in the format of this version, and what the model predicts.

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
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = np.random.default_rng(20).standard_normal((60, 5)).astype(np.float32)
    y = np.arange(60) % 3
    model.fit(x, y, epochs=3, batch_size=16, verbose=0)
    path = Path(sys.argv[1]) / f"model-{checkpoint.FORMAT_VERSION}.safetensors"
    model.save(path)
    np.savez(path.with_suffix(".npz"), x=x, y=y, outputs=model.predict(x))
