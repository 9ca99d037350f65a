import numpy as np
import pytest
from every_float import distinct_results_for_every_float
from guarded import Guarded
from reference.activation import DEFAULT_ALPHA, FORWARD, KINKS
from reference.math import assert_within_ulp, ulp_errors
from reference.network import ACTIVATIONS
from shapes import LENGTHS, MATRICES

from fastdnn import _core, activations, ops

# Marks which kernels a module tests; tests/test_registry.py asks that none is missing.
KERNELS = ["activation_f32", "activation_backward_f32"]

NAMES = sorted(FORWARD)
NEEDS_INPUT = {"gelu", "gelu_tanh", "silu", "mish"}

# What csrc/cpu/activation/activation.h promises. gelu_tanh rounds the argument u of its sigmoid,
# which multiplies the error by |u|; its denormals round once more.
MAX_ULP = 2.0

every_name = pytest.mark.parametrize("name", NAMES)


def oracle(name, x, alpha=None):
    """f(x) in float64, for alpha as the kernels have it: a float32."""
    alpha = DEFAULT_ALPHA.get(name, 0.0) if alpha is None else alpha
    with np.errstate(all="ignore"):
        return FORWARD[name](x.astype(np.float64), np.float64(np.float32(alpha)))


def assert_accurate(name, x, y, alpha=None):
    expected = oracle(name, x, alpha)
    if name != "gelu_tanh":
        return assert_within_ulp(y, expected, MAX_ULP, x)
    with np.errstate(all="ignore"):
        wide = x.astype(np.float64)
        u = np.abs(1.6 * (wide + 0.044715 * wide**3))
        bound = np.abs(expected) * (1 + u) * 2.0**-22 + 2.0**-149
        exact = (y == expected) | (np.isnan(y) & np.isnan(expected))
        assert np.all(exact | (np.abs(y - expected) <= bound))


def backward(name, x, dy, **options):
    saved = x if name in NEEDS_INPUT else ops.activation(x, name, **options)
    return ops.activation_backward(saved, dy, name, **options)


def sample(rng, shape):
    return (rng.standard_normal(shape) * 4).astype(np.float32)


@every_name
@pytest.mark.parametrize("shape", MATRICES)
def test_forward(isa, rng, name, shape):
    x = sample(rng, shape)
    y = Guarded(shape)
    ops.activation(x, name, out=y.array)
    y.check()
    assert_accurate(name, x, y.array)


def test_every_table_knows_every_activation():
    with pytest.raises(ValueError, match="expected one of") as error:
        ops.activation(np.zeros((1, 1), np.float32), "nonsense")
    names = set(str(error.value).partition("expected one of ")[2].split(", "))
    assert names == set(FORWARD)
    assert names == {*ACTIVATIONS, "gelu_tanh"}  # the function gelu has a parameter for it
    assert {*names, "softmax"} == {*activations.NAMES, "gelu_tanh"}
    assert all(f"\n    `{name}` " in ops.activation.__doc__ for name in names)


@every_name
def test_forward_sampled(isa, rng, name):
    """Random bit patterns of every magnitude, ordinary values, and special ones."""
    bits = rng.integers(0, 2**32, 100_000, dtype=np.uint32).view(np.float32)
    special = np.array([0, 1, 3, 6, np.inf, np.nan, 1e-45, 1e-38, 3.4e38], np.float32)
    x = np.concatenate([bits, sample(rng, 100_000), special, -special])
    assert_accurate(name, x, ops.activation(x, name))


@pytest.mark.slow
@every_name
def test_forward_for_every_float(name):
    """All 2**32 inputs at every level."""
    for x, y in distinct_results_for_every_float(lambda x: ops.activation(x, name)):
        assert_accurate(name, x, y)


@every_name
def test_gradient_by_central_differences(isa, rng, name):
    x, dy = sample(rng, 3000), sample(rng, 3000)
    h = 1e-5
    for kink in KINKS.get(name, ()):
        x[np.abs(x - kink) < 2 * h] += 1.0
    dx = backward(name, x, dy)
    wide = x.astype(np.float64)
    alpha = np.float64(np.float32(DEFAULT_ALPHA.get(name, 0.0)))
    slope = (FORWARD[name](wide + h, alpha) - FORWARD[name](wide - h, alpha)) / (2 * h)
    # y is off by at most 2 ulp, 2^-22 |y|; the derivative as a function of y, times y, is at most
    # twice the larger of 1 and the slope. Some roundings more; the differences are better still.
    bound = 2.0**-20 * np.abs(dy) * (1 + np.abs(slope))
    assert np.all(np.abs(dx - dy * slope) <= bound)


@every_name
@pytest.mark.parametrize("shape", MATRICES)
def test_backward_shapes(isa, rng, name, shape):
    """Tails are computed as the middle is, and nothing outside is written."""
    x, dy = sample(rng, shape), sample(rng, shape)
    dx = Guarded(shape)
    saved = x if name in NEEDS_INPUT else ops.activation(x, name)
    ops.activation_backward(saved, dy, name, out=dx.array)
    dx.check()
    pad = np.zeros(64, np.float32)
    flat = [np.concatenate([a.ravel(), pad]) for a in (saved, dy)]
    expected = ops.activation_backward(*flat, name)[: x.size]
    np.testing.assert_array_equal(dx.array.ravel(), expected)


@every_name
def test_lengths(isa, rng, name):
    x = sample(rng, max(LENGTHS) + 64)
    whole = ops.activation(x, name)
    for length in LENGTHS:
        y = Guarded((length,))
        ops.activation(x[:length], name, out=y.array)
        y.check()
        np.testing.assert_array_equal(y.array, whole[:length])


@every_name
def test_levels_agree(rng, name):
    """AVX2 and AVX-512 do the same arithmetic, lane by lane; scalar rounds products as well."""
    levels, before = _core.supported_isa_levels(), _core.isa_level()
    x = np.concatenate(
        [sample(rng, 20_000), rng.integers(0, 2**32, 20_000, dtype=np.uint32).view(np.float32)]
    )
    dy = sample(rng, x.shape)
    y, dx = {}, {}
    for level in levels:
        _core.testing.set_isa_level(level)
        y[level], dx[level] = ops.activation(x, name), backward(name, x, dy)
    _core.testing.set_isa_level(before)
    if "avx512" in levels:
        np.testing.assert_array_equal(y["avx2"], y["avx512"])
        np.testing.assert_array_equal(dx["avx2"], dx["avx512"])
    if name != "gelu_tanh":
        # Signalling NaN among the random bits.
        with np.errstate(invalid="ignore"):
            wide = y["scalar"].astype(np.float64)
        errors = ulp_errors(y[levels[-1]], wide)
        assert errors.max() <= 2 * MAX_ULP


@pytest.mark.parametrize("name", ["leaky_relu", "elu"])
@pytest.mark.parametrize("alpha", [0.0, 0.01, 0.3, 1.7])
def test_alpha(isa, rng, name, alpha):
    x, dy = sample(rng, 1000), sample(rng, 1000)
    y = ops.activation(x, name, alpha=alpha)
    assert_accurate(name, x, y, alpha)
    dx = ops.activation_backward(y, dy, name, alpha=alpha)
    below = alpha if name == "leaky_relu" else y + np.float64(np.float32(alpha))
    expected = dy * np.where(x > 0, 1.0, below)
    np.testing.assert_allclose(dx, expected, rtol=4 * 2.0**-24, atol=2.0**-24 * alpha * 20)


@every_name
def test_limits_and_nan(isa, name):
    x = np.array([np.inf, -np.inf, np.nan], np.float32)
    y = ops.activation(x, name)
    limits = {
        "linear": (np.inf, -np.inf),
        "leaky_relu": (np.inf, -np.inf),
        "elu": (np.inf, -1),
        "selu": (np.inf, np.float32(-1.7580993408473766)),
        "tanh": (1, -1),
        "softsign": (1, -1),
        "hard_tanh": (1, -1),
        "sigmoid": (1, 0),
        "hard_sigmoid": (1, 0),
        "relu6": (6, 0),
    }
    assert tuple(y[:2]) == limits.get(name, (np.inf, 0))
    assert np.isnan(y[2])


@every_name
def test_derivative_at_infinity_and_nan(isa, name):
    x = np.array([np.inf, -np.inf, np.nan], np.float32)
    dx = backward(name, x, np.ones(3, np.float32))
    right = {"selu": np.float32(1.0507009873554805), "exponential": np.inf}
    flat = {"sigmoid", "tanh", "softsign", "hard_sigmoid", "hard_tanh", "relu6"}
    left = {"linear": 1, "leaky_relu": np.float32(0.2)}
    assert dx[0] == (0 if name in flat else right.get(name, 1))
    assert dx[1] == pytest.approx(left.get(name, 0), abs=1e-30)
    # Those that choose between two constants have no use for the NaN; the forward pass shows it.
    piecewise = {"linear", "relu", "leaky_relu", "hard_sigmoid", "hard_tanh", "relu6"}
    assert np.isnan(dx[2]) == (name not in piecewise)


@every_name
def test_in_place(isa, rng, name):
    x, dy = sample(rng, (13, 33)), sample(rng, (13, 33))
    y = ops.activation(x, name)
    saved = x.copy() if name in NEEDS_INPUT else y
    assert ops.activation(x, name, out=x) is x
    np.testing.assert_array_equal(x, y)
    expected = ops.activation_backward(saved, dy, name)
    for i in range(2):
        arrays = [saved.copy(), dy.copy()]
        ops.activation_backward(*arrays, name, out=arrays[i])
        np.testing.assert_array_equal(arrays[i], expected)


@every_name
def test_padded_rows(isa, rng, name):
    """Elements between columns and stride are neither read nor written."""
    rows, cols = 9, 21
    x, y, dy, dx = (np.full((rows, width), np.nan, np.float32) for width in (32, 25, 24, 29))
    x[:, :cols], dy[:, :cols] = sample(rng, (rows, cols)), sample(rng, (rows, cols))
    _core.testing.activation_columns(name, x, y, cols)
    dense_x, dense_dy = x[:, :cols].copy(), dy[:, :cols].copy()
    np.testing.assert_array_equal(y[:, :cols], ops.activation(dense_x, name))
    assert np.isnan(y[:, cols:]).all()
    saved = x if name in NEEDS_INPUT else y
    _core.testing.activation_backward_columns(name, saved, dy, dx, cols)
    np.testing.assert_array_equal(dx[:, :cols], backward(name, dense_x, dense_dy))
    assert np.isnan(dx[:, cols:]).all()


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu"])
@pytest.mark.parametrize("shape", [(300_007,), (1, 300_007), (1009, 301)])
def test_same_bits_for_any_number_of_threads(isa, rng, threads, name, shape):
    x, dy = sample(rng, shape), sample(rng, shape)
    y, dx = Guarded(shape), Guarded(shape)
    ops.activation(x, name, out=y.array)
    saved = x if name in NEEDS_INPUT else y.array
    ops.activation_backward(saved, dy, name, out=dx.array)
    y.check()
    dx.check()
    _core.set_num_threads(1)
    assert y.array.tobytes() == ops.activation(x, name).tobytes()
    assert dx.array.tobytes() == backward(name, x, dy).tobytes()


def test_any_number_of_dimensions(rng):
    for shape in [(), (0,), (2, 3, 4), (2, 0, 4)]:
        x = np.asarray(sample(rng, shape), np.float32)
        np.testing.assert_array_equal(ops.activation(x, "relu"), np.maximum(x, 0))


def test_needs_input():
    assert {name for name in NAMES if ops.activation_needs_input(name)} == NEEDS_INPUT


def test_errors_of_names_and_alpha():
    x = np.zeros(3, np.float32)
    with pytest.raises(ValueError, match=r"\[activation\] received 'rellu'; expected one of"):
        ops.activation(x, "rellu")
    with pytest.raises(ValueError, match="received ''; expected one of linear, relu"):
        ops.activation_needs_input("")
    with pytest.raises(ValueError, match=r"alpha=0.1 for 'relu', which has no parameter"):
        ops.activation(x, "relu", alpha=0.1)
    for alpha in (-0.5, np.nan):
        with pytest.raises(ValueError, match=r"for 'elu'; expected alpha >= 0"):
            ops.activation_backward(x, x, "elu", alpha=alpha)


def test_errors_of_arrays():
    x = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match=r"\[activation\] x: received a float64 array of shape"):
        ops.activation(np.zeros((2, 3)), "relu")
    with pytest.raises(ValueError, match=r"use numpy.ascontiguousarray\(x, dtype=numpy.float32\)"):
        ops.activation(np.zeros((2, 3)), "relu")
    with pytest.raises(ValueError, match=r"non-contiguous .*; use numpy.ascontiguousarray\(x\)"):
        ops.activation(np.zeros((4, 6), np.float32)[:, ::2], "relu")
    with pytest.raises(ValueError, match=r"out: received .*; expected shape \(2, 3\)"):
        ops.activation(x, "relu", out=np.zeros((3, 2), np.float32))
    with pytest.raises(ValueError, match=r"out: received a read-only array"):
        frozen = np.zeros((2, 3), np.float32)
        frozen.flags.writeable = False
        ops.activation(x, "relu", out=frozen)
    with pytest.raises(ValueError, match=r"\[activation_backward\] received y_or_x, a .*equal"):
        ops.activation_backward(x, np.zeros((3, 2), np.float32), "relu")
    with pytest.raises(ValueError, match="shares memory with an input"):
        whole = np.zeros(8, np.float32)
        ops.activation(whole[:6], "relu", out=whole[2:])
