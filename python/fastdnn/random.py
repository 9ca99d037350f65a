"""One seed for everything: initial weights, dropout, shuffling.

Every random number is a pure function of (seed, stream, step, element); see
`csrc/core/philox.h`. A model draws its seed when it is created and keeps it. Inside a
model, the stream tells the uses apart and the step one draw of a use from the next:

    stream                 use                                step
    0x01000000             order of the rows in `fit`         passes over the data so far
    0x02000000 + n         initial value of the n-th weight   0
    0x03000000 + n         mask of the n-th dropout layer     optimizer step
    0x04000000 + seed      mask of a Dropout with a seed      optimizer step

Layers of noise count as dropout layers. Weights and dropout layers are counted on their own, so
that adding a Dropout leaves the initial weights as they are.
"""

import os
import threading

import numpy as np

SHUFFLE_STREAM = 0x01000000
WEIGHT_STREAM = 0x02000000
DROPOUT_STREAM = 0x03000000
SEEDED_DROPOUT_STREAM = 0x04000000
STREAM_SIZE = 0x01000000

_lock = threading.Lock()
_entropy = int.from_bytes(os.urandom(8), "little")
_handed_out = 0


def set_seed(seed: int) -> None:
    """Make everything drawn afterwards reproducible.

    Models built in the same way after the same `set_seed` are equal, bit for bit, and stay
    equal when trained in the same way, for any number of threads. A model that exists
    already keeps the seed it has.

    Args:
        seed: an integer from 0 to 2**64 - 1.

    Raises:
        ValueError: if the seed is not such an integer.

    >>> import fastdnn as fd
    >>> fd.set_seed(42)
    >>> one = fd.Sequential([fd.Input(shape=(4,)), fd.layers.Dense(2)])
    >>> fd.set_seed(42)
    >>> two = fd.Sequential([fd.Input(shape=(4,)), fd.layers.Dense(2)])
    >>> bool((one.get_weights()[0] == two.get_weights()[0]).all())
    True
    """
    global _entropy, _handed_out
    seed = checked_seed("set_seed", seed)
    with _lock:
        _entropy, _handed_out = seed, 0


def next_seed() -> int:
    """Return the seed of the next model or initializer: a hash of the seed and a counter."""
    global _handed_out
    with _lock:
        entropy, count = _entropy, _handed_out
        _handed_out += 1
    state = np.random.SeedSequence(entropy, spawn_key=(count,)).generate_state(1, np.uint64)
    return int(state[0])


def checked_seed(where: str, seed: object) -> int:
    """Return the seed as an int, or raise a ValueError that says what is wrong with it."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**64:
        raise ValueError(
            f"[{where}] seed: received {seed!r}; expected an integer from 0 to 2**64 - 1"
        )
    return int(seed)
