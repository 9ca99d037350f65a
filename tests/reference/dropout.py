"""The dropout mask in NumPy."""

import numpy as np

from reference.random import philox


def share(rate):
    """The share that is dropped: a multiple of 2^-16."""
    return np.floor(np.float64(np.float32(rate)) * 65536 + 0.5) / 65536


def dropped(rows, cols, rate, seed, stream=0, step=0):
    """Whether each element is dropped: 128 columns from the halves of the words of 16 blocks."""
    groups = -(-cols // 128)
    block = np.arange(groups * 16, dtype=np.uint64)
    row = np.arange(rows, dtype=np.uint64)[:, None]
    words = philox((block, row, step, stream), (seed % 2**32, seed >> 32))
    halves = np.stack([words & np.uint32(0xFFFF), words >> np.uint32(16)], axis=1)  # word, half
    numbers = halves.reshape(8, rows, groups, 16).transpose(1, 2, 0, 3).reshape(rows, groups * 128)
    return numbers[:, :cols] < share(rate) * 65536


def dropout(x, rate, **key):
    scale = np.float32(1 / (1 - share(rate)))
    return np.where(dropped(*x.shape, rate, **key), np.float32(0), x * scale)


def alpha_factors(rate):
    """Scale, offset and the value of what is dropped, as Keras computes them."""
    p, saturated = share(rate), -1.6732632423543772 * 1.0507009873554805
    scale = ((1 - p) * (1 + p * saturated**2)) ** -0.5
    offset = -scale * saturated * p
    return scale, offset, scale * saturated + offset


def alpha_dropout(x, rate, **key):
    """Exactly what the kernels compute: products and sums round to float32, one by one."""
    scale, offset, gone = (np.float32(value) for value in alpha_factors(rate))
    return np.where(dropped(*x.shape, rate, **key), gone, x * scale + offset)


def alpha_dropout_backward(dy, rate, **key):
    scale = np.float32(alpha_factors(rate)[0])
    return np.where(dropped(*dy.shape, rate, **key), np.float32(0), dy * scale)
