import numpy as np
import pytest

import fastdnn as fd
from fastdnn import initializers

RANDOM = [
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "variance_scaling",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "orthogonal",
]


@pytest.mark.parametrize("name", RANDOM)
def test_a_seed_fixes_the_values(name):
    cls = type(initializers.get(name))
    one, two, other = (cls(seed=seed)((20, 30)) for seed in (3, 3, 4))
    assert one.dtype == np.float32 and one.shape == (20, 30)
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("name", RANDOM)
def test_without_a_seed_every_draw_is_new(name):
    initializer = initializers.get(name)
    assert not np.array_equal(initializer((20, 30)), initializer((20, 30)))


# (name, variance, bound on |value|): the formulas of Keras's docstrings.
SCALED = [
    ("glorot_uniform", 2 / (300 + 500), np.sqrt(6 / (300 + 500))),
    ("glorot_normal", 2 / (300 + 500), 2 * np.sqrt(2 / (300 + 500)) / 0.87962566103423978),
    ("he_uniform", 2 / 300, np.sqrt(6 / 300)),
    ("he_normal", 2 / 300, 2 * np.sqrt(2 / 300) / 0.87962566103423978),
    ("lecun_uniform", 1 / 300, np.sqrt(3 / 300)),
    ("lecun_normal", 1 / 300, 2 * np.sqrt(1 / 300) / 0.87962566103423978),
    ("random_uniform", 0.1**2 / 12, 0.05),
    ("truncated_normal", (0.05 * 0.87962566103423978) ** 2, 0.1),
    ("random_normal", 0.05**2, np.inf),
]


@pytest.mark.parametrize("name, variance, bound", SCALED)
def test_variance_and_bound(name, variance, bound):
    values = type(initializers.get(name))(seed=7)((300, 500))
    assert abs(values).max() <= bound * (1 + 1e-6)
    # The sample variance of n numbers with kurtosis up to 3 deviates by sqrt(2 / n); five times
    # that is never seen.
    assert values.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / values.size))
    assert abs(values.mean()) < 5 * np.sqrt(variance / values.size)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (1, 3)])
def test_orthogonal(shape):
    q = initializers.Orthogonal(gain=2.0, seed=1)(shape).astype(np.float64) / 2.0
    product = q @ q.T if shape[0] < shape[1] else q.T @ q
    np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-6)  # float32 rounding of q


def test_orthogonal_needs_a_matrix():
    with pytest.raises(ValueError, match=r"\[Orthogonal\] received the shape \(3,\); expected \(i"):
        initializers.Orthogonal()((3,))


def test_constants():
    assert initializers.Zeros()((2, 2)).tolist() == [[0, 0], [0, 0]]
    assert initializers.get("ones")((2,)).tolist() == [1, 1]
    assert initializers.Constant(0.5)((2,)).tolist() == [0.5, 0.5]


def test_an_array_is_an_initializer():
    kernel = np.arange(6.0).reshape(2, 3)
    layer = fd.layers.Dense(3, kernel_initializer=kernel)
    model = fd.Sequential([fd.Input(shape=(2,)), layer])
    np.testing.assert_array_equal(model.get_weights()[0], kernel)
    kernel[:] = 0  # it was copied
    assert model.get_weights()[0][1, 2] == 5
    with pytest.raises(ValueError, match=r"array of shape \(2, 3\); expected the weight's shape"):
        fd.Sequential([fd.Input(shape=(4,)), fd.layers.Dense(3, kernel_initializer=kernel)])


@pytest.mark.parametrize("name", [*RANDOM, "zeros", "ones", "constant"])
def test_config_round_trip(name):
    initializer = initializers.get(name)
    again = initializers.get(
        {"class_name": type(initializer).__name__, "config": initializer.get_config()}
    )
    assert repr(again) == repr(initializer)


@pytest.mark.parametrize(
    "create, message",
    [
        (lambda: initializers.get("he"), r"initializer: received 'he'; expected one of constant, "),
        (lambda: initializers.get("he_norml"), "did you mean 'he_normal'"),
        (lambda: initializers.get(3), "received 3 of type int; expected a name"),
        (lambda: initializers.VarianceScaling(scale=0), "scale: received 0; expected a positive"),
        (lambda: initializers.VarianceScaling(mode="fan"), "mode: received 'fan'; expected one of"),
        (lambda: initializers.VarianceScaling(distribution="x"), "distribution: received 'x'"),
        (lambda: initializers.RandomNormal(stddev=-1), "stddev: received -1; expected a number of"),
        (lambda: initializers.RandomUniform(1.0, 0.0), "maxval: received 0.0; expected a number"),
        (lambda: initializers.HeNormal(seed=-1), r"seed: received -1; expected an integer from 0"),
    ],
)
def test_errors(create, message):
    with pytest.raises(ValueError, match=message):
        create()


def test_set_seed():
    def weights():
        layers = [fd.layers.Dense(5), fd.layers.Dropout(0.5), fd.layers.Dense(3)]
        return fd.Sequential([fd.Input(shape=(4,)), *layers]).get_weights()

    fd.set_seed(1)
    one, second = weights(), weights()
    fd.set_seed(1)
    two = weights()
    fd.set_seed(2)
    other = weights()
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one[0], second[0])
    assert not np.array_equal(one[0], other[0])
    assert not np.array_equal(one[0].ravel()[:6], one[2].ravel()[:6])


def test_a_dropout_layer_leaves_the_initial_weights_as_they_are():
    fd.set_seed(5)
    plain = fd.Sequential([fd.Input(shape=(4,)), fd.layers.Dense(5), fd.layers.Dense(3)])
    fd.set_seed(5)
    with_dropout = fd.Sequential(
        [fd.Input(shape=(4,)), fd.layers.Dense(5), fd.layers.Dropout(0.1), fd.layers.Dense(3)]
    )
    for a, b in zip(plain.get_weights(), with_dropout.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "1", True, None])
def test_set_seed_refuses(seed):
    with pytest.raises(ValueError, match=r"\[set_seed\] seed: received .*; expected an integer"):
        fd.set_seed(seed)
