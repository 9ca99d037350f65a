"""Philox4x32-10 in NumPy integers, and float64 oracles of what is made from its words."""

from statistics import NormalDist

import numpy as np

_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


def philox(counter, key):
    """Map words (c0, c1, c2, c3), arrays or integers, and key words (k0, k1) to four words."""
    c0, c1, c2, c3 = np.broadcast_arrays(*(np.asarray(c, np.uint64) for c in counter))
    k0, k1 = key
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (
            (p1 >> _32) ^ c1 ^ np.uint64(k0),
            p1 & _LOW,
            (p0 >> _32) ^ c3 ^ np.uint64(k1),
            p0 & _LOW,
        )
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return np.stack([c0, c1, c2, c3]).astype(np.uint32)


def bits(count, seed, stream=0, step=0):
    """Element e is word e % 64 // 16 of block e // 64 * 16 + e % 16."""
    groups = -(-count // 64)
    block = np.arange(groups * 16, dtype=np.uint64)
    words = philox((block & _LOW, block >> _32, step, stream), (seed % 2**32, seed >> 32))
    return words.reshape(4, groups, 16).transpose(1, 0, 2).reshape(-1)[:count]


def uniform(count, low, high, **key):
    """Exactly what the kernels compute: every operation rounds to float32."""
    low, high = np.float32(low), np.float32(high)
    u = (bits(count, **key) >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)
    y = u * np.float32(high - low) + low
    return np.minimum(y, np.nextafter(high, low)) if high > low else y


def normal(count, **key):
    """Box and Muller's formula in float64; rounding u to float32 is part of the definition."""
    return _normals(bits(-(-count // 64) * 64, **key))[:count]


def normal_rows(rows, cols, seed, stream=0, step=0):
    """A draw for every row, in whose blocks' numbers it is the high half."""
    groups = -(-cols // 64)
    block = np.arange(groups * 16, dtype=np.uint64)
    row = np.arange(rows, dtype=np.uint64)[:, None]
    words = philox((block, row, step, stream), (seed % 2**32, seed >> 32))
    words = words.reshape(4, rows, groups, 16).transpose(1, 2, 0, 3)
    return _normals(words).reshape(rows, groups * 64)[:, :cols]


def _normals(words):
    words = words.reshape(-1, 2, 2, 16)
    u = words[:, :, 0].astype(np.float32) * np.float32(2**-32) + np.float32(2**-33)
    radius = np.sqrt(-2 * np.log(u.astype(np.float64)))
    # Quarter turns and the rest, so that the zeros of sine and cosine are exact.
    angle = words[:, :, 1].astype(np.int64)
    quarter = (angle + 2**29) >> 30
    x = (angle - (quarter << 30)) * (np.pi / 2 / 2**30)
    cosine = np.choose(quarter % 4, [np.cos(x), -np.sin(x), -np.cos(x), np.sin(x)])
    sine = np.choose(quarter % 4, [np.sin(x), np.cos(x), -np.sin(x), -np.cos(x)])
    return np.stack([radius * cosine, radius * sine], axis=2).reshape(-1)


def truncated_normal(count, **key):
    """Inverse of the distribution function between -2 and 2, in float64."""
    x = bits(count, **key).view(np.int32) * 2.0**-31
    gauss = NormalDist()
    return np.array([gauss.inv_cdf(0.5 + v * (gauss.cdf(2.0) - 0.5)) for v in x])


def permutation(n, **key):
    """Fisher and Yates with Lemire's bounded draws, in Python integers."""
    words = iter(bits(4 * n + 256, **key).tolist())
    y = list(range(n))
    for i in range(n - 1, 0, -1):
        bound = i + 1
        product = next(words) * bound
        while product % 2**32 < 2**32 % bound:
            product = next(words) * bound
        j = product >> 32
        y[i], y[j] = y[j], y[i]
    return y
