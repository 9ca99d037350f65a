import os
import stat

import numpy as np
import pytest
from hostile_files import rewritten
from safetensors.numpy import load_file, save_file

import fastdnn as fd
from fastdnn import layers


def _model(seed=3):
    fd.set_seed(seed)
    return fd.Sequential(
        [
            fd.Input(shape=(4,)),
            layers.Dense(9, activation=layers.LeakyReLU(0.1), kernel_initializer=np.ones((4, 9))),
            layers.BatchNormalization(momentum=0.9),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ],
        name="net",
    )


OPTIMIZERS = [
    fd.optimizers.SGD(0.1, momentum=0.9),
    fd.optimizers.SGD(0.1),
    fd.optimizers.Adagrad(0.1),
    fd.optimizers.RMSprop(centered=True, momentum=0.5),
    fd.optimizers.Adam(),
    fd.optimizers.Ftrl(0.1, beta=0.1),
    fd.optimizers.Nadam(0.01),
    fd.optimizers.AdamW(0.01, amsgrad=True, clipnorm=0.1),
    fd.optimizers.Adadelta(1.0, weight_decay=0.01, clipvalue=0.01),
    fd.optimizers.Adamax(0.01, use_ema=True, ema_overwrite_frequency=4),
]


def _data(rng):
    return rng.standard_normal((70, 4)).astype(np.float32), rng.integers(0, 3, 70)


def _trained(rng, optimizer="adam"):
    model = _model()
    model.compile(
        optimizer,
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        weighted_metrics=["acc"],
    )
    x, y = _data(rng)
    model.fit(x, y, epochs=2, verbose=0)
    return model, x, y


def _assert_equal(one, two):
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_a_loaded_model_trains_on_as_if_nothing_had_happened(tmp_path, rng, optimizer):
    model, x, y = _trained(rng, type(optimizer).from_config(optimizer.get_config()))
    path = tmp_path / "model.safetensors"
    model.save(path)
    loaded = fd.load_model(path)
    assert loaded.get_config()["layers"][2:] == model.get_config()["layers"][2:]
    assert repr(loaded.optimizer) == repr(optimizer) and loaded.optimizer.iterations == 6
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    assert loaded.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    a = model.fit(x, y, epochs=3, verbose=0)
    b = loaded.fit(x, y, epochs=3, verbose=0)
    assert a.history == b.history
    _assert_equal(model, loaded)


def test_the_changed_learning_rate_is_saved(tmp_path, rng):
    model, _, _ = _trained(rng)
    model.optimizer.learning_rate = 0.125
    model.save(tmp_path / "m.safetensors")
    assert fd.load_model(tmp_path / "m.safetensors").optimizer.learning_rate == 0.125


def test_not_compiled_and_never_trained(tmp_path):
    model = _model()
    model.layers[0].trainable = False
    model.save(tmp_path / "m.safetensors")
    loaded = fd.load_model(tmp_path / "m.safetensors")
    assert loaded.optimizer is None and not loaded.layers[0].trainable
    _assert_equal(model, loaded)
    model.compile("adam", "mse", metrics=["accuracy"])
    model.save(tmp_path / "m.safetensors")
    assert fd.load_model(tmp_path / "m.safetensors").optimizer.iterations == 0


def test_any_reader_opens_the_file(tmp_path, rng):
    model, _, _ = _trained(rng)
    model.save(tmp_path / "m.safetensors")
    tensors = load_file(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(tensors["dense/kernel"], model.get_weights()[0])
    assert {name.split("/")[0] for name in tensors} == {
        "dense",
        "batch_normalization",
        "dense_1",
        "optimizer",
    }
    model.save_weights(tmp_path / "w.safetensors")
    assert set(load_file(tmp_path / "w.safetensors")) == {w.path for w in model.weights}


def test_weights(tmp_path, rng):
    model, x, _ = _trained(rng)
    for save in (model.save, model.save_weights):
        save(tmp_path / "m.safetensors")
        other = _model(seed=4)
        other.load_weights(tmp_path / "m.safetensors")
        np.testing.assert_array_equal(other.predict(x), model.predict(x))
    with pytest.raises(
        ValueError, match=r"the file has no architecture; build the model and use l"
    ):
        fd.load_model(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda t: t.pop("dense/bias"),
            r"does not fit the model; missing: dense/bias; left over: no",
        ),
        (lambda t: t.update(extra=np.ones(3, np.float32)), r"missing: nothing; left over: extra"),
        (
            lambda t: t.update({"dense/bias": np.ones(8, np.float32)}),
            r"dense/bias: the file has float32 of shape \(8,\); expected float32 of shape \(9,\)",
        ),
        (
            lambda t: t.update({"dense/bias": np.ones(9, np.int32)}),
            r"dense/bias: the file has int32 of shape \(9,\)",
        ),
    ],
)
def test_weights_that_do_not_fit_change_nothing(tmp_path, rng, change, message):
    model, _, _ = _trained(rng)
    model.save_weights(tmp_path / "w.safetensors")
    tensors = load_file(tmp_path / "w.safetensors")
    tensors = {name: np.zeros_like(array) for name, array in tensors.items()}
    change(tensors)
    save_file(tensors, tmp_path / "w.safetensors")
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        model.load_weights(tmp_path / "w.safetensors")
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


HUGE = {"units": 2**30, "name": "dense"}


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"format_version": "3"}, r"received format version 3; this fastdnn .* reads 1 to 2; upd"),
        ({"format_version": "0"}, r"received format version 0; this fastdnn .* reads 1 to 2; upd"),
        ({"format_version": "x"}, r"received format version x"),
        ({"architecture": None}, r"the file has no architecture"),
        ({"architecture": "{"}, r"the file's architecture is no JSON"),
        ({"architecture": "[" * 100_000}, r"the file's architecture is no JSON"),
        ({"architecture": {"class_name": "Sequential"}}, r"metadata is damaged: KeyError 'config'"),
        ({"architecture": {"class_name": "os.system", "config": {}}}, r"model class 'os.system'"),
        ({"architecture": 3}, r"metadata is damaged: TypeError"),
        ({"training": None}, r"metadata is damaged: KeyError 'training'"),
        (
            {"training": {"seed": -1, "iterations": 0, "passes": 0}},
            r"seed: received -1; expected a",
        ),
        ({"compile": {"optimizer": "x"}}, r"optimizer: received 'x'; expected one of adadelta"),
        ({"compile": {"optimiser": "x"}}, r"metadata is damaged: TypeError"),
        ({"compile": None}, r"metadata is damaged: KeyError 'compile'"),
        (
            {
                "architecture": {
                    "class_name": "Sequential",
                    "config": {
                        "layers": [
                            {"class_name": "Input", "config": {"shape": [4]}},
                            {"class_name": "Dense", "config": HUGE},
                        ]
                    },
                }
            },
            r"does not fit the model",
        ),
    ],
)
def test_damaged_metadata(tmp_path, rng, changes, message):
    model, _, _ = _trained(rng)
    path = tmp_path / "m.safetensors"
    model.save(path)
    rewritten(path, **changes)
    with pytest.raises(ValueError, match=message):
        fd.load_model(path)


def test_damaged_files(tmp_path, rng):
    model, _, _ = _trained(rng)
    path = tmp_path / "m.safetensors"
    model.save(path)
    content = path.read_bytes()
    for damaged in (b"", b"abc", content[:7], content[:100], content[:-1], b"\xff" * 64):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"the file is no valid safetensors file"):
            fd.load_model(path)
        with pytest.raises(ValueError, match=r"the file is no valid safetensors file"):
            model.load_weights(path)


def test_slots_that_do_not_fit(tmp_path, rng):
    model, _, _ = _trained(rng)
    path = tmp_path / "m.safetensors"
    model.save(path)
    rewritten(
        path, lambda tensors: tensors.pop(next(n for n in tensors if n.startswith("optimizer/")))
    )
    with pytest.raises(ValueError, match=r"does not fit the model; missing: optimizer/"):
        fd.load_model(path)


def test_where_a_file_cannot_be_written(tmp_path, rng):
    model, _, _ = _trained(rng)
    with pytest.raises(FileNotFoundError, match=r"cannot write .*: there is no folder"):
        model.save(tmp_path / "no" / "m.safetensors")
    with pytest.raises(IsADirectoryError, match=r"a folder; expected a file name"):
        model.save(tmp_path)
    with pytest.raises(ValueError, match=r"writes safetensors; use '.*m.safetensors'"):
        model.save(tmp_path / "m.keras")
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError, match="exists already; use overwrite=True"):
        model.save(path, overwrite=False)
    assert path.read_bytes() == b"old"
    for load in (fd.load_model, model.load_weights):
        with pytest.raises(
            FileNotFoundError, match=r"there is no file .*nothing.safetensors'; exp"
        ):
            load(tmp_path / "nothing.safetensors")
        with pytest.raises(IsADirectoryError, match=r"a folder; expected a file name"):
            load(tmp_path)


@pytest.mark.parametrize("path", [None, 3, "", "a\0b", b"x"])
def test_what_is_no_path(path):
    model = fd.Sequential([fd.Input(shape=(2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    for call in (fd.load_model, model.save, model.save_weights, model.load_weights):
        with pytest.raises(ValueError, match=r"\[\w+\] received .*; expected the path of a file"):
            call(path)


def test_a_failed_write_leaves_the_old_file(tmp_path, rng, monkeypatch):
    model, _, _ = _trained(rng)
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"old")

    def fail(handle):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        model.save(path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_the_file_has_the_usual_mode(tmp_path):
    before = os.umask(0o027)
    try:
        _model().save(tmp_path / "m.safetensors")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "m.safetensors").stat().st_mode) == 0o640


def test_an_unbuilt_model_is_not_saved(tmp_path):
    model = fd.Sequential([layers.Dense(3)])
    for save in (model.save, model.save_weights):
        with pytest.raises(ValueError, match="the model has no weights yet"):
            save(tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "deep" / "target.safetensors", tmp_path / "m.safetensors"
    target.parent.mkdir()
    link.symlink_to(target)
    for _ in range(2):  # a link to nothing, then to a file
        _model().save(link)
        assert link.is_symlink() and [target] == list(target.parent.iterdir())
        _assert_equal(fd.load_model(link), fd.load_model(target))
    with pytest.raises(FileExistsError, match="exists already"):
        _model().save(link, overwrite=False)


def test_only_ordinary_files_are_replaced(tmp_path):
    pipe, circle = tmp_path / "pipe", tmp_path / "circle"
    os.mkfifo(pipe)
    circle.symlink_to(circle)
    for path in (pipe, circle, "/dev/null"):
        with pytest.raises(OSError, match=r"\[save\] received .*; expected the name of an ordin"):
            _model().save(path)
    assert stat.S_ISFIFO(pipe.stat().st_mode) and sorted(tmp_path.iterdir()) == [circle, pipe]


def test_the_mode_of_an_old_file_is_kept_and_the_umask_never_set(tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"old")
    path.chmod(0o606)
    modes = []

    def note_mode(handle):
        modes.append(stat.S_IMODE(os.fstat(handle).st_mode))

    monkeypatch.setattr(os, "umask", None)
    monkeypatch.setattr(os, "fsync", note_mode)
    _model().save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o606
    assert not modes[0] & ~0o606


def _change_units(model):
    model.layers[0].units = 8


def _change_name(model):
    model.layers[1]._name = "dense"  # past the check of `name`


def _change_rate(model):
    model.layers[2].rate = 2.0


def _change_seed(model):
    model.seed = -1


def _change_momentum(model):
    model.optimizer.__dict__["momentum"] = 0.9  # past the check of the optimizer


def _change_smoothing(model):
    model.loss.label_smoothing = 7.0


@pytest.mark.parametrize(
    "change",
    [_change_units, _change_name, _change_rate, _change_seed, _change_momentum, _change_smoothing],
)
def test_nothing_is_written_that_cannot_be_read(tmp_path, change):
    model = _model()
    model.compile(fd.optimizers.RMSprop(), fd.losses.CategoricalCrossentropy())
    model.fit(np.ones((4, 4)), np.eye(3)[[0, 1, 2, 0]], verbose=0)
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"old")
    change(model)
    with pytest.raises(ValueError, match=r"\[save\] load_model would refuse the file"):
        model.save(path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_saving_and_loading_draw_no_seed(tmp_path):
    fd.set_seed(1)
    expected = [fd.Sequential().seed, fd.Sequential().seed][1]
    fd.set_seed(1)
    model = fd.Sequential([fd.Input(shape=(2,)), layers.Dense(1)])
    model.save(tmp_path / "m.safetensors")
    fd.load_model(tmp_path / "m.safetensors")
    assert fd.Sequential().seed == expected


def test_models_in_models_that_are_larger_than_they_look():
    inputs = fd.Input(shape=(2,))
    config = fd.Model(inputs, layers.ReLU()(layers.ReLU()(inputs))).get_config()
    for _ in range(20):  # a million calls in some kilobytes
        config = {
            "name": "m",
            "inputs": config["inputs"],
            "layers": [{"class_name": "Model", "config": config}],
            "calls": [[0, [0]], [0, [1]]],
            "outputs": [2],
        }
    with pytest.raises(ValueError, match=r"models in models with \d+ calls of layers in all"):
        fd.Model.from_config(config)


def test_a_name_that_is_another_part_s(tmp_path):
    inner = fd.Sequential([fd.Input(shape=(2,)), layers.Dense(2, name="d")], name="momentum")
    middle = fd.Sequential([fd.Input(shape=(2,)), inner], name="optimizer")
    model = fd.Sequential([fd.Input(shape=(2,)), layers.Dense(2, name="d"), middle])
    model.compile(fd.optimizers.SGD(momentum=0.9), "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 2)), verbose=0)
    with pytest.raises(ValueError, match=r"a weight named 'optimizer/momentum/d/.*', which is"):
        model.save(tmp_path / "m.safetensors")
