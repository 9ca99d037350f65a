"""Model.health: sick networks are called what they are, and healthy ones healthy."""

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import layers
from fastdnn.initializers import RandomNormal


def _deep(activation, initializer, seed=1):
    fd.set_seed(seed)
    hidden = [
        layers.Dense(50, activation=activation, kernel_initializer=initializer) for _ in range(10)
    ]
    model = fd.Sequential([fd.Input((30,)), *hidden, layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.fixture
def data(rng):
    """Rows and labels."""
    return rng.standard_normal((200, 30)).astype(np.float32), rng.integers(0, 3, 200)


def test_sigmoid_of_large_weights_saturates_and_vanishes(data):
    report = _deep("sigmoid", RandomNormal(stddev=1.0)).health(*data)
    assert not report.healthy
    assert any(layer.saturated > 0.15 for layer in report.layers[:-1])
    assert any(
        problem.startswith("dense: its gradient is vanishing") for problem in report.problems
    )
    assert "Saturated" in str(report) and report.problems[0] in str(report)


def test_elu_with_he_is_healthy(data):
    report = _deep("elu", "he_normal").health(*data)
    assert report.healthy, report
    assert str(report).endswith("Nothing wrong was found.")
    gradients = [layer.gradient for layer in report.layers]
    assert min(gradients) > 0.01 * max(gradients)


def test_dead_units(data):
    model = _deep("relu", "he_normal")
    model.layers[1].bias.value[:20] = -1e3
    report = model.health(data[0])
    assert report.layers[1].dead == pytest.approx(0.4, abs=0.1)
    assert any(
        "dense_1: 4" in problem and "units are dead" in problem for problem in report.problems
    )
    assert np.isnan(report.layers[1].gradient)


def test_exploding_outputs_and_weights_that_are_not_finite(data):
    model = _deep("relu", RandomNormal(stddev=2.0))
    report = model.health(data[0])
    assert any("outputs are exploding" in problem for problem in report.problems)
    model.layers[3].kernel.value[0, 0] = np.nan
    report = model.health(*data)
    assert any(p.startswith("dense_3: ") and "not finite" in p for p in report.problems)
    assert any("gradient of its kernel is not finite" in problem for problem in report.problems)


def test_it_changes_nothing(data):
    model = _deep("elu", "he_normal")
    expected = fd.Sequential().seed
    twin = _deep("elu", "he_normal")
    twin.health(*data)
    twin.extract("dense_1")
    assert fd.Sequential().seed == expected  # of the next model
    for each in (model, twin):
        each.fit(*data, verbose=0)
    for one, two in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_several_inputs(data):
    a, b = fd.Input((30,), name="a"), fd.Input((30,), name="b")
    shared = layers.Dense(4, activation="tanh")
    model = fd.Model([a, b], layers.Add()([shared(a), shared(b)]))
    report = model.health([data[0], data[0]])
    assert [layer.name for layer in report.layers] == ["dense", "add"]
