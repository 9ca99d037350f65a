"""The nets that come with the package."""

from pathlib import Path

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import zoo

DATA = {"digits-32": "digits", "fashion-mnist-128": "fashion_mnist", "mnist-300-100": "mnist"}


def test_all_of_them_are_small_and_known():
    assert [entry.name for entry in zoo.list()] == sorted(DATA)
    files = Path(zoo.__file__).with_name("files").iterdir()
    assert sum(path.stat().st_size for path in files) < 1_000_000


@pytest.mark.parametrize("name", DATA)
def test_they_are_as_good_as_they_say(name, real_data, monkeypatch):
    monkeypatch.setenv("FASTDNN_DATA", str(real_data))
    _, (x, y) = getattr(fd.datasets, f"load_{DATA[name]}")()
    model = zoo.load(name)
    [entry] = [entry for entry in zoo.list() if entry.name == name]
    assert model.count_params() == entry.parameters
    # A row whose two best outputs are equal up to rounding may fall either way.
    assert model.evaluate(x, y, verbose=0)[1] == pytest.approx(
        entry.accuracy, abs=5e-4 + 1 / len(x)
    )


def test_a_net_can_be_trained_and_saved(tmp_path):
    (x, y), _ = fd.datasets.load_digits()
    model, other = zoo.load("digits-32"), zoo.load("digits-32")
    before = other.get_weights()
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(
        fd.load_model(tmp_path / "m.safetensors").get_weights()[0], model.get_weights()[0]
    )
    for a, b in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(before[0], model.get_weights()[0])
    assert zoo.load("digits-32", compile=False).optimizer is None


def test_unknown_names():
    with pytest.raises(ValueError, match=r"zoo.load.*'mnist-300'.*did you mean 'mnist-300-100'"):
        zoo.load("mnist-300")
