"""What a program that serves predictions relies on, call after call and from many threads."""

import gc
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import layers


def _model():
    model = fd.Sequential(
        [
            fd.Input(shape=(30,)),
            layers.Dense(40, use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("elu"),
            layers.Dropout(0.5),
            layers.Dense(5, activation="softmax"),
        ]
    )
    # Not all ones and zeros, and variances above 0.
    for weight in model.layers[1].weights:
        weight.value[...] = 1 + np.arange(40, dtype=np.float32) / 40
    return model


def test_many_threads_at_once_get_what_one_gets(rng, threads):
    model = _model()
    inputs = [rng.standard_normal((rows, 30), np.float32) for rows in (1, 2, 33, 700) * 8]
    expected = [model.predict(x, verbose=0) for x in inputs]
    with ThreadPoolExecutor(6) as callers:
        results = callers.map(lambda x: model.predict(x, verbose=0), inputs * 5)
        for result, one in zip(results, expected * 5, strict=True):
            np.testing.assert_array_equal(result, one)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc/self/statm")
@pytest.mark.skipif(sys.getallocatedblocks() == 0, reason="needs Python's own allocator")
@pytest.mark.parametrize("calls", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_memory_stays_constant(rng, calls):
    model = _model()
    x = rng.standard_normal((1, 30), np.float32)

    def measure():
        for _ in range(calls):
            model.predict(x, verbose=0)
        gc.collect()
        fields = Path("/proc/self/statm").read_text().split()
        anonymous = int(fields[1]) - int(fields[2])  # not the pages of libraries
        return anonymous * os.sysconf("SC_PAGE_SIZE"), sys.getallocatedblocks()

    used = [measure() for _ in range(3)]
    # The smaller of two growths: a huge page may come once, a leak comes in both.
    grown, blocks = (min(b - a, c - b) for a, b, c in zip(*used, strict=True))
    assert blocks < calls // 20
    assert grown < 64 * 20_000
