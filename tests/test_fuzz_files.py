"""Damaged and forged files, for as long as one likes: FASTDNN_FUZZ_SECONDS, 10 without.

Under AddressSanitizer: FASTDNN_FUZZ_SECONDS=300 tools/dev.sh sanitize tests/test_fuzz_files.py -s
"""

import copy
import json
import os
import time
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hostile_files import Mutations, header_of, signed

import fastdnn as fd
from fastdnn import callbacks, layers

SECONDS = float(os.environ.get("FASTDNN_FUZZ_SECONDS", "10"))
GOLDEN = Path(__file__).with_name("golden") / "model-1.safetensors"
X = np.linspace(-1.0, 1.0, 64, dtype=np.float32).reshape(16, 4)
Y = np.arange(16) % 3


def _model():
    """Return a small model that has much to say of itself."""
    codes, numbers = fd.Input(shape=(2,), name="codes"), fd.Input(shape=(4,), name="numbers")
    parts = [layers.Flatten()(layers.Embedding(5, 2)(codes)), layers.LayerNormalization()(numbers)]
    hidden = layers.Dense(5, layers.LeakyReLU(0.1), kernel_regularizer="l2")(
        layers.Concatenate()(parts)
    )
    inner = fd.Sequential([fd.Input(shape=(5,)), layers.Dense(4, kernel_constraint="max_norm")])
    hidden = layers.Dropout(0.2)(layers.BatchNormalization()(inner(hidden)))
    model = fd.Model([codes, numbers], layers.Dense(3, "softmax")(hidden))
    rate = fd.optimizers.schedules.PiecewiseConstantDecay([3, 5], [0.1, 0.01, 0.001])
    optimizer = fd.optimizers.MultiOptimizer(
        [(fd.optimizers.Adam(rate, clipnorm=1.0), "dense"), (fd.optimizers.SGD(use_ema=True), ".*")]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _data():
    return [np.arange(32).reshape(16, 2) % 5, X], Y


def _fit(model, path):
    stopping = callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True)
    backup = callbacks.BackupAndRestore(path, save_freq=3, delete_checkpoint=False)
    arguments = {"batch_size": 5, "epochs": 2, "verbose": 0, "callbacks": [stopping, backup]}
    return model.fit(*_data(), **arguments)


VALUES = (None, True, -1, 0, 1, 7, 2**31, 2**63, -(2**70), 0.5, -1e30, float("nan"), float("inf"))
ODD = (*VALUES, "", "x", "relu", "\0", "a" * 300, [], [0], [[]], {}, {"class_name": "Dense"})


def _places(value, path=()):
    """Yield where the parts of a text in JSON are."""
    if isinstance(value, dict | list):
        items = list(value.items() if isinstance(value, dict) else enumerate(value))
    else:
        items = []
    for key, item in items:
        yield (*path, key)
        yield from _places(item, (*path, key))


def _forged(content, path, rng):
    """Return a file that says something else of itself, with digests that fit."""
    path.write_bytes(content)
    header = header_of(path)
    metadata = header["__metadata__"]
    texts = [name for name in ("architecture", "compile", "training", "fit") if name in metadata]
    name = texts[rng.integers(len(texts))]
    text = {"": json.loads(metadata[name])}
    for _ in range(rng.integers(1, 3)):
        places = list(_places(text))
        *way, last = places[rng.integers(len(places))]
        part = text
        for key in way:
            part = part[key]
        kind = rng.integers(5)
        if kind == 0 and isinstance(part, dict) and last != "":
            del part[last]
        elif kind == 1:
            source = text
            for key in places[rng.integers(len(places))]:
                source = source[key]
            part[last] = copy.deepcopy(source)
        else:
            part[last] = copy.deepcopy(ODD[rng.integers(len(ODD))])
    metadata[name] = json.dumps(text[""])
    size = int.from_bytes(content[:8], "little")
    return signed(header, content[8 + size :])


def _try(action, message):
    """Run it: it ends well, or with a ValueError in words, quickly."""
    started = time.perf_counter()
    try:
        return action()
    except ValueError as error:
        assert str(error).startswith("["), error
    finally:
        assert time.perf_counter() - started < 20, message
    return None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of numbers that are absurd
def test_damaged_and_forged_files(tmp_path, rng):
    fd.set_seed(3)
    model, path = _model(), tmp_path / "m.safetensors"
    _fit(model, path)
    seeds = [path.read_bytes()]
    assert _fit(_model(), path).epoch == [0, 1]  # as it is, one can go on from it
    model.save(path)
    seeds += [path.read_bytes(), GOLDEN.read_bytes()]
    mutations, counts = Mutations(rng), {"tried": 0, "loaded": 0}
    end = time.perf_counter() + SECONDS
    tracemalloc.start()
    while time.perf_counter() < end:
        content = seeds[rng.integers(3)]
        forge = content is not seeds[2] and rng.integers(2)
        content = _forged(content, path, rng) if forge else mutations.of(content)
        path.write_bytes(content)
        before, iterations = model.get_weights(), model.optimizer.iterations
        tracemalloc.reset_peak()
        base, _ = tracemalloc.get_traced_memory()
        try:
            loaded = _try(lambda: fd.load_model(path), "load_model")
            if loaded is not None:
                counts["loaded"] += 1
                _try(partial(loaded.predict, _data()[0], verbose=0), "predict")
            _try(lambda: model.load_weights(path, dry_run=True), "dry_run")
            if _try(lambda: model.load_weights(path), "load_weights") is None:
                for a, b in zip(before, model.get_weights(), strict=True):
                    np.testing.assert_array_equal(a, b)
            other = _model()
            if _try(partial(_fit, other, path), "fit") is None:
                assert other.optimizer.iterations == 0
            _, most = tracemalloc.get_traced_memory()
            assert most - base < 32 << 20, most - base
            assert model.optimizer.iterations == iterations
        except BaseException:
            kept = tmp_path / "finding.safetensors"
            kept.write_bytes(content)
            print(f"the file is {kept}, forged: {bool(forge)}")
            raise
        counts["tried"] += 1
    tracemalloc.stop()
    print(f"{counts['tried']} files, {counts['loaded']} of them were loaded")
    assert counts["tried"] > SECONDS
