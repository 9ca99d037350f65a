"""Weights in NumPy's archives."""

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import layers
from fastdnn.interop import from_npz


def _model():
    return fd.Sequential(
        [fd.Input(shape=(3,)), layers.Dense(2, name="a"), layers.Dense(1, name="b")]
    )


def _arrays(rng):
    return [rng.standard_normal(weight.shape) for weight in _model().weights]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_named_and_nameless_arrays(tmp_path, rng, save):
    arrays, model = _arrays(rng), _model()
    names = list(model.named_weights().values())
    save(tmp_path / "named.npz", **dict(zip(names, arrays, strict=True)))
    save(tmp_path / "plain.npz", *arrays)
    save(tmp_path / "other.npz", **dict(zip(["x/kernel", "x/bias"], arrays[:2], strict=True)))
    for name in ("named.npz", "plain.npz"):
        model = _model()
        assert list(from_npz(tmp_path / name, model).loaded) == names
        for weight, array in zip(model.get_weights(), arrays, strict=True):
            np.testing.assert_array_equal(weight, array.astype(np.float32))
    model = _model()
    report = from_npz(tmp_path / "other.npz", model, rename={"x": "a"}, strict=False)
    assert report.loaded == {"a/kernel": "x/kernel", "a/bias": "x/bias"}
    assert report.missing == ("b/kernel", "b/bias")
    path = tmp_path / "named.npz"
    assert list(from_npz(path, model, match="b").loaded) == ["b/kernel", "b/bias"]
    before = model.get_weights()
    assert list(from_npz(path, model, dry_run=True).loaded) == names
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_no_archive_of_weights(tmp_path, rng):
    model, path = _model(), tmp_path / "w.npz"
    before = model.get_weights()
    arrays = _arrays(rng)
    np.savez(path, *arrays)
    content = path.read_bytes()
    cases = [
        (lambda: path.write_bytes(content[:-30]), r"is no archive of plain arrays"),
        (lambda: path.write_bytes(b"x"), r"is no archive of plain arrays"),
        (lambda: np.savez(path, *arrays[:3]), r"received 3 arrays without names for 4 weights"),
        (
            lambda: np.savez(path, np.array([{}], object)),
            r"is no archive of plain arrays of numbers",
        ),
        (lambda: np.savez(path, np.array(["a"])), r"arr_0: received <U1; expected numbers"),
        (lambda: np.savez(path, *arrays[::-1]), r"a/kernel: the file has float32 of shape \(1,\)"),
        (
            lambda: np.savez_compressed(path, np.zeros(3_000_000)),
            r"arr_0.npy is 24000128 bytes large, more than all weights of the model",
        ),
    ]
    for write, message in cases:
        write()
        with pytest.raises(ValueError, match=r"^\[from_npz .*w.npz\] .*" + message):
            from_npz(path, model)
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match=r"model: received int; expected a model"):
        from_npz(path, 3)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        from_npz(tmp_path / "no.npz", model)


def test_mutated_archives(tmp_path, rng):
    from hostile_files import Mutations

    np.savez(tmp_path / "w.npz", *_arrays(rng))
    content, mutations = (tmp_path / "w.npz").read_bytes(), Mutations(rng)
    for _ in range(300):
        (tmp_path / "w.npz").write_bytes(mutations.of(content))
        try:
            from_npz(tmp_path / "w.npz", _model())
        except ValueError as error:
            assert str(error).startswith("["), error
