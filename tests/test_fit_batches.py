"""fit on batches that an iterator makes."""

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import layers


@pytest.fixture
def data(rng):
    """Rows and labels."""
    return rng.standard_normal((50, 4)).astype(np.float32), rng.integers(0, 3, 50)


def _model():
    fd.set_seed(4)
    model = fd.Sequential(
        [layers.Dense(8, activation="relu"), layers.Dense(3, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Loader:
    """Can be iterated over again, as data loaders can."""

    def __init__(self, x, y, size=16):
        self.x, self.y, self.size = x, y, size

    def __iter__(self):
        for first in range(0, len(self.x), self.size):
            rows = slice(first, first + self.size)
            yield self.x[rows], self.y[rows]


def _assert_equal(one, two):
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def _close(one, two):
    # Sums of the same numbers, batch by batch or all at once.
    return list(one) == list(two) and all(one[name] == pytest.approx(two[name]) for name in one)


def test_batches_are_those_of_arrays(data):
    one, two, three = _model(), _model(), _model()
    options = {"epochs": 3, "verbose": 0, "validation_data": data}
    expected = one.fit(*data, batch_size=16, shuffle=False, **options).history
    history = two.fit(Loader(*data), **options)
    assert _close(history.history, expected)
    assert history.params["steps"] is None
    _assert_equal(one, two)

    def forever():
        while True:
            yield from Loader(*data)

    assert _close(three.fit(forever(), steps_per_epoch=4, **options).history, expected)
    _assert_equal(one, three)


def test_weights_of_rows_and_classes(data):
    x, y = data
    weight = np.linspace(0.5, 1.5, len(x), dtype=np.float32)
    one, two = _model(), _model()
    one.fit(
        x, y, sample_weight=weight, class_weight={0: 2.0}, shuffle=False, batch_size=25, verbose=0
    )
    parts = [(x[i : i + 25], y[i : i + 25], weight[i : i + 25]) for i in (0, 25)]
    two.fit(iter(parts), class_weight={0: 2.0}, verbose=0)
    _assert_equal(one, two)


def test_several_inputs(data):
    x, _ = data
    a, b = fd.Input((4,), name="a"), fd.Input((4,), name="b")
    model = fd.Model([a, b], layers.Dense(1)(layers.Add()([a, b])))
    model.compile("sgd", "mse")
    batches = [({"a": x, "b": x}, x[:, :1]), ([x, x], x[:, :1])]
    losses = model.fit(iter(batches), verbose=0).history["loss"]
    assert len(losses) == 1 and model.optimizer.iterations == 2


def test_an_iterator_that_ends_early_ends_training(data):
    model = _model()
    with pytest.warns(UserWarning, match="an iterator that has no more batches; training ends"):
        history = model.fit(iter(Loader(*data)), epochs=5, steps_per_epoch=3, verbose=0)
    assert history.epoch == [0, 1] and model.optimizer.iterations == 4
    model = _model()
    with pytest.warns(UserWarning, match="no more batches"):
        history = model.fit(iter(Loader(*data)), epochs=5, verbose=0)
    assert len(history.history["loss"]) == 1 and history.epoch == [0]


@pytest.mark.parametrize("verbose", [1, 2])
def test_the_bar_does_without_a_number_of_steps(data, verbose, capsys):
    _model().fit(Loader(*data), epochs=2, verbose=verbose)
    assert "loss" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"x": iter([])}, r"x: received an iterator without batches; expected some"),
        ({"x": iter([np.ones((3, 4))])}, r"the iterator made a ndarray; expected batches \(x, y\)"),
        ({"x": iter([]), "y": [1]}, r"y: received a list beside an iterator of batches; expected"),
        ({"x": iter([]), "validation_split": 0.5}, r"validation_split: received a float beside"),
        ({"x": iter([(1, 1)]), "class_weight": "balanced"}, r"received 'balanced' beside an iter"),
        ({"x": iter([(np.ones((3, 4)), [7, 7, 7])])}, r"received the label 7 in row 0"),
    ],
)
def test_errors(arguments, message):
    model = _model()
    with pytest.raises(ValueError, match=message):
        model.fit(**arguments, verbose=0)
    assert not model.built


def test_a_bad_batch_stops_where_it_is(data):
    x, y = data
    model = _model()
    batches = [(x, y), (x[:, :3], y)]
    with pytest.raises(ValueError, match=r"x: received shape \(50, 3\); expected \(rows, 4\)"):
        model.fit(iter(batches), verbose=0)
    assert model.optimizer.iterations == 1
    model.fit(x, y, verbose=0)
