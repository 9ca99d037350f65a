"""Random arrays that are pure functions of (seed, stream, step, position).

One generator serves everything: Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random
numbers: as easy as 1, 2, 3"). The bits of a result depend neither on the CPU nor on the number of
threads, and the first elements of a longer draw equal those of a shorter one.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fastdnn import _core


def _shape(shape: int | Sequence[int]) -> Sequence[int]:
    return (shape,) if isinstance(shape, int | np.integer) else shape


def random_bits(
    shape: int | Sequence[int],
    *,
    seed: int,
    stream: int = 0,
    step: int = 0,
    out: npt.NDArray[np.uint32] | None = None,
) -> npt.NDArray[np.uint32]:
    """Draw integers uniform over all 32-bit words.

    Args:
        shape: Shape of the result.
        seed: The key, from 0 to 2**64 - 1.
        stream: Which use of the seed this is, from 0 to 2**32 - 1.
        step: Which draw of that use this is, from 0 to 2**32 - 1.
        out: Array of that shape to write to.

    Returns:
        The words. Element `e` is word `e % 64 // 16` of Philox block `e // 64 * 16 + e % 16`.

    Raises:
        ValueError: For a seed, stream or step out of range, a negative extent or a wrong `out`.

    >>> from fastdnn import ops
    >>> [hex(word) for word in ops.random_bits(2, seed=0).tolist()]
    ['0x6627e8d5', '0xf8e4cca4']
    """
    return _core.random_bits(_shape(shape), seed, stream, step, out)


def random_uniform(
    shape: int | Sequence[int],
    low: float = 0.0,
    high: float = 1.0,
    *,
    seed: int,
    stream: int = 0,
    step: int = 0,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Draw numbers uniform over [low, high).

    `low + (word >> 8) * 2**-24 * (high - low)`, with the words of `random_bits`.

    Args:
        shape: Shape of the result.
        low: Least value.
        high: Upper limit, never reached unless it equals `low`.
        seed: The key, from 0 to 2**64 - 1.
        stream: Which use of the seed this is, from 0 to 2**32 - 1.
        step: Which draw of that use this is, from 0 to 2**32 - 1.
        out: Array of that shape to write to.

    Raises:
        ValueError: Unless `low <= high` and their difference is finite; for a seed, stream or step
            out of range, a negative extent or a wrong `out`.

    >>> from fastdnn import ops
    >>> x = ops.random_uniform((2, 3), -1, 1, seed=7)
    >>> bool((x >= -1).all() and (x < 1).all())
    True
    """
    return _core.random_uniform(_shape(shape), low, high, seed, stream, step, out)


def random_normal(
    shape: int | Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    *,
    seed: int,
    stream: int = 0,
    step: int = 0,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Draw normally distributed numbers.

    `mean + stddev * sqrt(-2 ln u) * cos(2 pi v)`, or `sin`, with `u` and `v` from two words of a
    Philox block (Box and Muller 1958, "A note on the generation of random normal deviates").

    Args:
        shape: Shape of the result.
        mean: Mean of the distribution.
        stddev: Standard deviation of the distribution.
        seed: The key, from 0 to 2**64 - 1.
        stream: Which use of the seed this is, from 0 to 2**32 - 1.
        step: Which draw of that use this is, from 0 to 2**32 - 1.
        out: Array of that shape to write to.

    Raises:
        ValueError: Unless mean and deviation are finite and the latter is not negative; for a seed,
            stream or step out of range, a negative extent or a wrong `out`.

    >>> from fastdnn import ops
    >>> x = ops.random_normal(10_000, seed=7)
    >>> abs(float(x.mean())) < 0.05, abs(float(x.std()) - 1) < 0.05
    (True, True)
    """
    return _core.random_normal(_shape(shape), mean, stddev, seed, stream, step, out)


def random_truncated_normal(
    shape: int | Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    *,
    seed: int,
    stream: int = 0,
    step: int = 0,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Draw normally distributed numbers without those beyond two deviations.

    `mean + stddev * sqrt(2) * erfinv(erf(sqrt(2)) * v)`, `v` uniform over [-1, 1]: as if a number
    beyond were drawn again, which is what Keras does. The deviation of the result is
    `0.87962566 * stddev`.

    Args:
        shape: Shape of the result.
        mean: Mean of the distribution.
        stddev: Standard deviation of the distribution before it is cut.
        seed: The key, from 0 to 2**64 - 1.
        stream: Which use of the seed this is, from 0 to 2**32 - 1.
        step: Which draw of that use this is, from 0 to 2**32 - 1.
        out: Array of that shape to write to.

    Raises:
        ValueError: Unless mean and deviation are finite and the latter is not negative; for a seed,
            stream or step out of range, a negative extent or a wrong `out`.

    >>> from fastdnn import ops
    >>> x = ops.random_truncated_normal(10_000, seed=7)
    >>> float(abs(x).max()) <= 2
    True
    """
    return _core.random_truncated_normal(_shape(shape), mean, stddev, seed, stream, step, out)


def gaussian_noise(
    x: npt.NDArray[np.float32],
    stddev: float,
    *,
    seed: int,
    stream: int = 0,
    step: int = 0,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Add normally distributed numbers of mean 0.

    Args:
        x: Array of shape (..., columns).
        stddev: Standard deviation of what is added.
        seed: The key, from 0 to 2**64 - 1.
        stream: Which use of the seed this is, from 0 to 2**32 - 1.
        step: Which draw of that use this is, from 0 to 2**32 - 1.
        out: Array of the shape of `x` to write to; may be `x`.

    Returns:
        Array of the shape of `x`. What is added depends on seed, stream, step, row and column
        alone; in the first row it is what `random_normal` draws.

    Raises:
        ValueError: For a deviation that is negative or not finite; for a seed, stream or step out
            of range; for arrays that are not float32 and C-contiguous.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> y = ops.gaussian_noise(np.zeros((100, 100), np.float32), 0.1, seed=7)
    >>> abs(float(y.mean())) < 0.005, abs(float(y.std()) - 0.1) < 0.005
    (True, True)
    """
    return _core.gaussian_noise(x, stddev, seed, stream, step, out)


def random_permutation(
    n: int,
    *,
    seed: int,
    stream: int = 0,
    step: int = 0,
    out: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.int64]:
    """Draw a permutation of 0 ... n - 1.

    Fisher and Yates's shuffle with the words of `random_bits` in order, made unbiased by rejection
    (Lemire 2019, "Fast random integer generation in an interval").

    Args:
        n: How many, from 0 to 2**32 - 1.
        seed: The key, from 0 to 2**64 - 1.
        stream: Which use of the seed this is, from 0 to 2**32 - 1.
        step: Which draw of that use this is, from 0 to 2**32 - 1.
        out: Array of shape (n,) to write to.

    Raises:
        ValueError: For `n`, a seed, stream or step out of range or a wrong `out`.

    >>> from fastdnn import ops
    >>> sorted(ops.random_permutation(5, seed=7).tolist())
    [0, 1, 2, 3, 4]
    """
    return _core.random_permutation(n, seed, stream, step, out)
