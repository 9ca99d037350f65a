"""The dropout mask in NumPy."""

import numpy as np

from reference.random import philox


def dropped(rows, cols, rate, seed, stream=0, step=0):
    """Whether each element is dropped: 128 columns from the halves of the words of 16 blocks."""
    groups = -(-cols // 128)
    block = np.arange(groups * 16, dtype=np.uint64)
    row = np.arange(rows, dtype=np.uint64)[:, None]
    words = philox((block, row, step, stream), (seed % 2**32, seed >> 32))
    halves = np.stack([words & np.uint32(0xFFFF), words >> np.uint32(16)], axis=1)  # word, half
    numbers = halves.reshape(8, rows, groups, 16).transpose(1, 2, 0, 3).reshape(rows, groups * 128)
    return numbers[:, :cols] < np.floor(np.float64(np.float32(rate)) * 65536 + 0.5)


def dropout(x, rate, **key):
    scale = np.float32(1 / (1 - np.float64(np.float32(rate))))
    return np.where(dropped(*x.shape, rate, **key), np.float32(0), x * scale)
