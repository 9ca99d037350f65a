import math

import numpy as np
import pytest
from guarded import Guarded
from reference import random as reference
from shapes import LENGTHS, MATRICES

from fastdnn import _core, ops

KERNELS = [
    "random_bits_i32",
    "random_uniform_f32",
    "random_normal_f32",
    "random_truncated_normal_f32",
    "gaussian_noise_f32",
]

EPSILON = 2.0**-24  # relative error of one rounding
FLOAT_DRAWS = [ops.random_uniform, ops.random_normal, ops.random_truncated_normal]

# Statistical bounds below fail by chance once in 10^12 runs.
UNLIKELY = 1e-12


def fresh_key(rng):
    return {
        "seed": int(rng.integers(2**64, dtype=np.uint64)),
        "stream": int(rng.integers(2**32)),
        "step": int(rng.integers(2**32)),
    }


def assert_same_bits(actual, expected):
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual.view(np.uint32), expected.view(np.uint32))


def assert_distributed(sample, cdf):
    """Kolmogorov-Smirnov with the bound of Dvoretzky, Kiefer, Wolfowitz and Massart."""
    p = cdf(np.sort(sample.astype(np.float64)))
    n = len(p)
    distance = max(np.max(np.arange(1, n + 1) / n - p), np.max(p - np.arange(n) / n))
    assert distance <= math.sqrt(math.log(2 / UNLIKELY) / (2 * n))


def chi_square_bound(freedom):
    """Laurent and Massart 2000: P(chi^2 > k + 2 sqrt(k x) + 2 x) <= exp(-x)."""
    x = math.log(1 / UNLIKELY)
    return freedom + 2 * math.sqrt(freedom * x) + 2 * x


def normal_cdf(x):
    return np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in x])


# The known answers of Random123 (kat_vectors, philox 4x32 10): counter, key, words.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    (
        (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
        (0xFFFFFFFF, 0xFFFFFFFF),
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_philox_known_answers(isa, counter, key, words):
    block = counter[1] << 32 | counter[0]
    group = _core.testing.random_group(key[1] << 32 | key[0], counter[3], counter[2], block // 16)
    assert tuple(group[block % 16 :: 16]) == words
    assert tuple(reference.philox(counter, key)) == words


def test_blocks_continue_past_32_bits(isa, rng):
    key = fresh_key(rng)
    group = int(rng.integers(2**28, 2**59))
    block = np.arange(group * 16, group * 16 + 16, dtype=np.uint64)
    words = reference.philox(
        (block % 2**32, block >> np.uint64(32), key["step"], key["stream"]),
        (key["seed"] % 2**32, key["seed"] >> 32),
    )
    actual = _core.testing.random_group(key["seed"], key["stream"], key["step"], group)
    assert actual == words.reshape(-1).tolist()


@pytest.mark.parametrize("count", LENGTHS)
def test_bits(isa, rng, count):
    key = fresh_key(rng)
    y = Guarded((count,))
    ops.random_bits(count, **key, out=y.array.view(np.uint32))
    y.check()
    np.testing.assert_array_equal(y.array.view(np.uint32), reference.bits(count, **key))


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.05, 0.05), (1, 2), (-3e37, 3e38), (5, 5)])
@pytest.mark.parametrize("count", LENGTHS)
def test_uniform(isa, rng, count, low, high):
    key = fresh_key(rng)
    y = Guarded((count,))
    ops.random_uniform(count, low, high, **key, out=y.array)
    y.check()
    assert_same_bits(y.array, reference.uniform(count, low, high, **key))


def test_uniform_never_reaches_the_upper_limit(isa):
    # Half of the values of this interval of two floats would round up to the limit.
    low = np.float32(1.0)
    high = np.nextafter(low, np.float32(2))
    assert np.all(ops.random_uniform(1000, low, high, seed=1) == low)


@pytest.mark.parametrize("count", LENGTHS)
def test_normal(isa, rng, count):
    key = fresh_key(rng)
    y = Guarded((count,))
    ops.random_normal(count, **key, out=y.array)
    y.check()
    exact = reference.normal(count, **key)
    # Roundings: radius 2.5 (the logarithm's 3 are halved by the root), angle 2.5, sine or cosine
    # 2, their product 1.
    assert np.all(np.abs(y.array - exact) <= 8 * EPSILON * np.abs(exact))


@pytest.mark.parametrize("count", LENGTHS)
def test_truncated_normal(isa, rng, count):
    key = fresh_key(rng)
    y = Guarded((count,))
    ops.random_truncated_normal(count, **key, out=y.array)
    y.check()
    exact = reference.truncated_normal(count, **key)
    # The argument carries 2.5 roundings, which the steep inverse multiplies by up to 4.4; Giles's
    # polynomial is good to 3e-7 = 5 roundings, evaluating it takes 2 more.
    assert np.all(np.abs(y.array - exact) <= 18 * EPSILON * np.abs(exact))
    assert np.all(np.abs(y.array) <= 2)


@pytest.mark.parametrize("draw", [ops.random_normal, ops.random_truncated_normal])
def test_mean_and_stddev_are_applied_unfused(isa, rng, draw):
    key = fresh_key(rng)
    z = draw(1000, **key)
    expected = z * np.float32(0.3) + np.float32(-1.7)
    assert_same_bits(draw(1000, -1.7, 0.3, **key), expected)


@pytest.mark.parametrize("draw", FLOAT_DRAWS)
def test_levels_agree_bit_for_bit(isa, rng, draw):
    key = fresh_key(rng)
    actual = draw(200_003, 0.25, 1.5, **key)
    _core.testing.set_isa_level("scalar")
    assert_same_bits(actual, draw(200_003, 0.25, 1.5, **key))


@pytest.mark.parametrize("draw", [ops.random_bits, *FLOAT_DRAWS])
def test_threads_agree_bit_for_bit(threads, draw):
    many = draw(200_003, seed=11, stream=2, step=3)
    _core.set_num_threads(1)
    assert_same_bits(many, draw(200_003, seed=11, stream=2, step=3))


@pytest.mark.parametrize("draw", [ops.random_bits, *FLOAT_DRAWS])
def test_a_prefix_of_a_longer_draw_is_the_shorter_one(isa, rng, draw):
    key = fresh_key(rng)
    longest = draw(5000, **key)
    for count in LENGTHS:
        assert_same_bits(draw(count, **key), longest[:count])
    assert_same_bits(draw((50, 100), **key).reshape(-1), longest)


@pytest.mark.parametrize("other", [{"seed": 6}, {"stream": 1}, {"step": 1}, {"seed": 5 + 2**32}])
def test_each_part_of_the_key_counts(other):
    key = {"seed": 5, "stream": 0, "step": 0}
    a = ops.random_bits(1024, **key)
    b = ops.random_bits(1024, **{**key, **other})
    # Each of 1024 words agrees by chance with probability 2^-32.
    assert np.count_nonzero(a == b) <= 4


def test_uniform_is_uniform(rng):
    n = 1 << 20
    u = ops.random_uniform(n, **fresh_key(rng)).astype(np.float64)
    assert u.min() >= 0 and u.max() < 1
    # Hoeffding: P(|mean - expectation| > t) <= 2 exp(-2 n t^2) for values in [0, 1].
    bound = math.sqrt(math.log(2 / UNLIKELY) / (2 * n))
    assert abs(u.mean() - 0.5) <= bound
    assert abs((u * u).mean() - 1 / 3) <= bound
    assert abs((u[1:] * u[:-1])[::2].mean() - 1 / 4) <= bound
    assert_distributed(u, lambda x: x)
    counts = np.bincount((u * 1024).astype(int), minlength=1024)
    assert np.sum((counts - n / 1024) ** 2) / (n / 1024) <= chi_square_bound(1023)


def test_every_bit_is_fair(rng):
    n = 1 << 18
    words = ops.random_bits(n, **fresh_key(rng))
    ones = np.array([np.count_nonzero(words >> np.uint32(b) & np.uint32(1)) for b in range(32)])
    assert np.all(np.abs(ones / n - 0.5) <= math.sqrt(math.log(64 / UNLIKELY) / (2 * n)))


def test_normal_is_normal(rng):
    n = 1 << 18
    z = ops.random_normal(n, **fresh_key(rng)).astype(np.float64)
    # The mean is normal with deviation 1 / sqrt(n); 7.2 deviations are as unlikely as 10^-12.
    assert abs(z.mean()) <= 7.2 / math.sqrt(n)
    # Laurent and Massart for the sum of squares, both sides.
    x = math.log(2 / UNLIKELY)
    assert -2 * math.sqrt(n * x) <= np.sum(z * z) - n <= 2 * math.sqrt(n * x) + 2 * x
    assert_distributed(z[:100_000], normal_cdf)
    # Both numbers of a pair, which share a radius: each quadrant equally often.
    pairs = z.reshape(-1, 2, 2, 16)
    quadrant = (pairs[:, :, 0] > 0).astype(int) * 2 + (pairs[:, :, 1] > 0)
    counts, each = np.bincount(quadrant.reshape(-1), minlength=4), n / 8
    assert np.sum((counts - each) ** 2) / each <= chi_square_bound(3)


def test_truncated_normal_is_the_cut_distribution(rng):
    n = 1 << 18
    z = ops.random_truncated_normal(n, **fresh_key(rng)).astype(np.float64)
    # Hoeffding for values in [-2, 2] and their squares in [0, 4]: both intervals have length 4.
    bound = 4 * math.sqrt(math.log(2 / UNLIKELY) / (2 * n))
    assert abs(z.mean()) <= bound
    assert abs((z * z).mean() - 0.87962566**2) <= bound
    low, high = normal_cdf([-2.0, 2.0])
    assert_distributed(z[:100_000], lambda x: (normal_cdf(x) - low) / (high - low))


@pytest.mark.parametrize("n", [0, 1, 2, 3, 17, 255, 256, 1000, 4099])
def test_permutation(isa, rng, n):
    key = fresh_key(rng)
    y = ops.random_permutation(n, **key)
    assert y.dtype == np.int64
    assert y.tolist() == reference.permutation(n, **key)
    assert sorted(y.tolist()) == list(range(n))


def test_permutations_are_equally_likely(rng):
    n = 24_000
    seed = fresh_key(rng)["seed"]
    counts = {}
    for step in range(n):
        p = tuple(ops.random_permutation(4, seed=seed, step=step).tolist())
        counts[p] = counts.get(p, 0) + 1
    assert len(counts) == 24
    statistic = sum((count - n / 24) ** 2 for count in counts.values()) / (n / 24)
    assert statistic <= chi_square_bound(23)


def test_permutation_writes_to_out():
    out = np.full(100, -1, np.int64)
    assert ops.random_permutation(100, seed=3, out=out) is out
    np.testing.assert_array_equal(out, ops.random_permutation(100, seed=3))


def test_extreme_keys():
    last = ops.random_bits(8, seed=2**64 - 1, stream=2**32 - 1, step=2**32 - 1)
    numpy_integers = ops.random_bits(
        np.int64(8), seed=np.uint64(2**64 - 1), stream=np.uint32(2**32 - 1), step=2**32 - 1
    )
    np.testing.assert_array_equal(last, numpy_integers)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ({"seed": -1}, r"\[random_bits\] seed: received -1; expected an integer from 0 to 2\*\*64"),
        ({"seed": 2**64}, r"seed: received 18446744073709551616; expected"),
        ({"seed": 1.5}, r"seed: received 1.5; expected an integer"),
        ({"seed": 1, "stream": 2**32}, r"stream: received 4294967296; expected .* 2\*\*32 - 1"),
        ({"seed": 1, "step": -7}, r"step: received -7; expected"),
    ],
)
def test_bad_keys(key, text):
    with pytest.raises(ValueError, match=text):
        ops.random_bits(4, **key)


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"\[random_uniform\] received low = 2 and high = 1;"):
        ops.random_uniform(3, 2, 1, seed=1)
    with pytest.raises(ValueError, match="finite float32 difference"):
        ops.random_uniform(3, -3e38, 3e38, seed=1)
    with pytest.raises(ValueError, match="expected low <= high"):
        ops.random_uniform(3, math.nan, 1, seed=1)
    with pytest.raises(ValueError, match=r"\[random_normal\] .* stddev = -1; .* stddev >= 0"):
        ops.random_normal(3, 0, -1, seed=1)
    with pytest.raises(ValueError, match=r"\[random_truncated_normal\] received mean = inf"):
        ops.random_truncated_normal(3, math.inf, 1, seed=1)
    with pytest.raises(ValueError, match="negative extent -3"):
        ops.random_uniform((2, -3), seed=1)
    with pytest.raises(ValueError, match=r"\[random_permutation\] n: received -1; expected"):
        ops.random_permutation(-1, seed=1)
    with pytest.raises(ValueError, match=r"out: received a float32 array of shape \(4,\)"):
        ops.random_normal(3, seed=1, out=np.empty(4, np.float32))
    with pytest.raises(ValueError, match="out: received a float64 array"):
        ops.random_normal(3, seed=1, out=np.empty(3))
    with pytest.raises(ValueError, match="out: received a non-contiguous"):
        ops.random_normal(3, seed=1, out=np.empty(6, np.float32)[::2])


@pytest.mark.parametrize("shape", MATRICES)
def test_gaussian_noise(isa, rng, shape):
    x, key = rng.standard_normal(shape).astype(np.float32), fresh_key(rng)
    y = Guarded(shape)
    ops.gaussian_noise(x, 0.3, **key, out=y.array)
    y.check()
    z = reference.normal_rows(*shape, **key)
    # z within a few roundings of the largest normal, below 7; the product and the sum round.
    bound = EPSILON * (12 * 7 * 0.3 + np.abs(x))
    assert np.all(np.abs(y.array - (x + np.float32(0.3) * z)) <= bound)
    ops.gaussian_noise(x, 0.3, **key, out=x)
    assert_same_bits(x, y.array)


def test_gaussian_noise_is_a_normal_draw_in_the_first_row(isa, rng):
    key = fresh_key(rng)
    noise = ops.gaussian_noise(np.zeros((1, 333), np.float32), 1.0, **key)
    np.testing.assert_array_equal(noise[0], ops.random_normal(333, **key))


def test_gaussian_noise_by_threads_levels_and_shapes(threads, rng):
    x, key = np.ones((301, 517), np.float32), fresh_key(rng)
    y = ops.gaussian_noise(x, 0.5, **key)
    assert_same_bits(y[:7, :129], ops.gaussian_noise(x[:7, :129].copy(), 0.5, **key))
    level = _core.isa_level()
    _core.testing.set_isa_level("scalar")
    try:
        assert_same_bits(ops.gaussian_noise(x, 0.5, **key), y)
    finally:
        _core.testing.set_isa_level(level)


def test_gaussian_noise_is_distributed(rng):
    y = ops.gaussian_noise(np.zeros((100, 300), np.float32), 1.0, **fresh_key(rng))
    assert_distributed(y.ravel(), normal_cdf)


def test_bad_stddev_of_noise():
    x = np.ones((2, 2), np.float32)
    for stddev in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=r"\[gaussian_noise\] stddev: received .*at least 0"):
            ops.gaussian_noise(x, stddev, seed=1)
