"""Weights of a file that go to other places, or only some of them."""

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import layers
from fastdnn.loading import LoadReport, load_arrays


def _model(names, units=5, seed=1):
    fd.set_seed(seed)
    return fd.Sequential(
        [
            fd.Input(shape=(5,)),
            *(layers.Dense(units, name=name, bias_initializer="random_normal") for name in names),
        ]
    )


@pytest.fixture
def saved(tmp_path):
    """A file of three layers, and its model."""
    model = _model(["hidden1", "hidden2", "outputs"])
    model.compile("adam", "mse")
    model.fit(np.ones((4, 5)), np.ones((4, 5)), verbose=0)
    model.save(tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors", model


def _values(model):
    return {name: weight.numpy() for weight, name in model.named_weights().items()}


def _assert_loaded(model, before, source, report):
    """What the report calls loaded is the source's, and all else as it was."""
    for name, value in _values(model).items():
        expected = source[report.loaded[name]] if name in report.loaded else before[name]
        np.testing.assert_array_equal(value, expected)


def test_all_by_their_names(saved):
    path, source = saved
    model = _model(["outputs", "hidden2", "hidden1"], seed=2)
    report = model.load_weights(path)
    assert isinstance(report, LoadReport) and len(report.loaded) == 6
    assert not report.skipped and not report.missing and not report.mismatched
    _assert_loaded(model, {}, _values(source), report)


@pytest.mark.parametrize("match", ["hidden[12]", "hidden.*", r"hidden\d/.*", "hidden(1|2)/kernel"])
def test_some_of_them(saved, match):
    path, source = saved
    model = _model(["hidden1", "hidden2", "other"], seed=2)
    before = _values(model)
    report = model.load_weights(path, match=match)
    wanted = ["kernel"] if match.endswith("kernel") else ["kernel", "bias"]
    assert list(report.loaded) == [f"hidden{i}/{name}" for i in (1, 2) for name in wanted]
    assert "outputs/kernel" in report.skipped and not report.missing
    _assert_loaded(model, before, _values(source), report)


@pytest.mark.parametrize(
    "rename",
    [
        {"hidden1": "first", "hidden2/kernel": "second/kernel", "hidden2/bias": "second/bias"},
        lambda name: name.replace("hidden1", "first").replace("hidden2", "second"),
    ],
)
def test_other_names(saved, rename):
    path, source = saved
    model = _model(["first", "second", "outputs"], seed=2)
    report = model.load_weights(path, rename=rename)
    assert report.loaded["second/kernel"] == "hidden2/kernel" and len(report.loaded) == 6
    _assert_loaded(model, {}, _values(source), report)
    assert "loaded  second/kernel  from hidden2/kernel" in str(report)


def test_left_out_and_exchanged(saved):
    path, source = saved
    model = _model(["hidden1", "hidden2"], seed=2)
    names = {"hidden1": "hidden2", "hidden2": "hidden1", "outputs": None}
    report = model.load_weights(path, rename=names)
    assert report.loaded["hidden1/bias"] == "hidden2/bias"
    assert report.skipped == ("outputs/bias", "outputs/kernel")
    _assert_loaded(model, {}, _values(source), report)


def test_what_does_not_fit_is_said_and_nothing_changed(saved):
    path, _ = saved
    model = _model(["hidden1", "other"], units=4, seed=2)
    before = _values(model)
    report = model.load_weights(path, dry_run=True, strict=False)
    assert report == model.load_weights(path, dry_run=True)
    assert not report.loaded and report.missing == ("other/kernel", "other/bias")
    assert str(report).splitlines() == [
        "0 loaded, 4 skipped, 2 missing, 2 mismatched",
        "skipped     hidden2/bias",
        "skipped     hidden2/kernel",
        "skipped     outputs/bias",
        "skipped     outputs/kernel",
        "missing     other/kernel",
        "missing     other/bias",
        "mismatched  hidden1/kernel  the file has float32 of shape (5, 5); expected float32 of "
        "shape (5, 4)",
        "mismatched  hidden1/bias    the file has float32 of shape (5,); expected float32 of "
        "shape (4,)",
    ]
    for arguments, message in (
        ({}, r"hidden1/kernel: the file has float32 of shape \(5, 5\); expected float32 of shape"),
        ({"strict": False}, r"hidden1/bias: the file has float32 of shape \(5,\); expected floa"),
        ({"match": "other"}, r"does not fit the model; missing: other/kernel, other/bias; left o"),
        ({"match": "other", "strict": False}, r"the file has none of these weights: other/kernel"),
        ({"match": "x"}, r"match: received 'x', which matches no weight; expected a pattern for"),
        ({"match": "("}, r"received the pattern '\(', which is no regular expression"),
        ({"match": 3}, r"received the pattern 3, which is no regular expression"),
        ({"rename": {"hiden1": "x"}}, r"received 'hiden1', which the file does not have; .*; did"),
        ({"rename": {"hidden1": "outputs"}}, r"'outputs/bias' both become|both become 'outputs/bi"),
        ({"rename": {"hidden1": 3}}, r"rename: received 3 for 'hidden1/bias'; expected a name, o"),
        ({"rename": "x"}, r"rename: received a str; expected a dict from names in the file to na"),
    ):
        with pytest.raises(ValueError, match=message):
            model.load_weights(path, **arguments)
    for name, value in _values(model).items():
        np.testing.assert_array_equal(value, before[name])
    part = _model(["hidden2", "other"], seed=2)
    report = part.load_weights(path, rename={"hidden1": None}, strict=False)
    assert report.missing == ("other/kernel", "other/bias") and len(report.loaded) == 2


def test_more_in_the_file_than_in_the_model(saved):
    path, source = saved
    model = _model(["hidden1"], seed=2)
    with pytest.raises(ValueError, match=r"missing: nothing; left over: hidden2/bias, hidden2/ker"):
        model.load_weights(path)
    report = model.load_weights(path, strict=False)
    assert list(report.loaded) == ["hidden1/kernel", "hidden1/bias"] and len(report.skipped) == 4
    _assert_loaded(model, {}, _values(source), report)


def test_a_layer_called_optimizer(tmp_path):
    model = _model(["optimizer", "fit"])
    model.compile("adam", "mse")
    model.fit(np.ones((4, 5)), np.ones((4, 5)), verbose=0)
    path = tmp_path / "m.safetensors"
    for save in (model.save, model.save_weights):
        save(path)
        other = _model(["optimizer", "fit"], seed=2)
        assert len(other.load_weights(path).loaded) == 4
        for a, b in zip(other.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    model.save(path)
    assert fd.load_model(path).optimizer.iterations == 1


def test_arrays():
    model = _model(["a"])
    arrays = {"x/kernel": np.ones((5, 5), np.float32), "x/bias": np.zeros(5, np.float32)}
    report = load_arrays("there", model, arrays, rename={"x": "a"})
    assert len(report.loaded) == 2 and model.get_weights()[0].sum() == 25
    with pytest.raises(ValueError, match=r"\[there\] a/kernel: the file has float64 of shape \(5"):
        load_arrays("there", model, {"a/kernel": np.ones((5, 5))}, strict=False)


def test_weights_of_nested_models(tmp_path):
    tower = _model(["low", "high"])
    model = fd.Sequential([fd.Input(shape=(5,)), tower, layers.Dense(2, name="head")])
    model.save_weights(tmp_path / "w.safetensors")
    other = _model(["low", "high"], seed=2)
    report = other.load_weights(
        tmp_path / "w.safetensors",
        rename=lambda name: name.removeprefix(f"{tower.name}/"),
        strict=False,
    )
    assert len(report.loaded) == 4 and report.skipped == ("head/bias", "head/kernel")
