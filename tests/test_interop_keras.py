"""Models and weights of Keras 3."""

import io
import json
import os
import resource
import warnings
import zipfile
from importlib.util import find_spec

import numpy as np
import pytest
from conftest import require_keras
from equal_outputs import assert_equal_outputs

import fastdnn as fd
from fastdnn.interop import from_keras

# Keras's variables do not know NumPy 2's copy argument yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def keras():
    require_keras()
    os.environ["KERAS_BACKEND"] = "torch" if find_spec("torch") else "jax"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the peers' own imports
        import keras
    return keras


def _sequential(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Normalization(mean=[1.0] * 6, variance=[2.0] * 6),
            layers.Dense(8, "relu", kernel_regularizer="l2", kernel_constraint="max_norm"),
            layers.BatchNormalization(momentum=0.9),
            layers.Dropout(0.3),
            layers.Dense(7, name="zz", use_bias=False),
            layers.LayerNormalization(),
            layers.PReLU("ones"),
            layers.Dense(5, "gelu", name="a"),
            layers.LeakyReLU(negative_slope=0.1),
            layers.Dense(3, "softmax"),
        ]
    )


def _functional(keras):
    layers = keras.layers
    a, codes = keras.Input((6,), name="a"), keras.Input((2,), name="codes")
    tower = keras.Sequential([keras.Input((6,)), layers.Dense(4, "tanh"), layers.Dense(4)])
    embedded = layers.Flatten()(layers.Embedding(5, 2)(codes))
    shared = layers.Dense(4, name="shared")
    low = tower(a)
    joined = layers.Concatenate()([shared(low), shared(shared(low)), embedded])
    added = layers.Add()([layers.Dense(3)(joined), layers.Dense(3)(joined)])
    return keras.Model([a, codes], [layers.Dense(2)(added), layers.Activation("elu")(added)])


def _shaken(model, rng):
    """Give a model weights that no initializer has."""
    model.set_weights(
        [
            rng.uniform(0.2, 1.0, w.shape)
            if w.ndim == 1
            else rng.standard_normal(w.shape) / np.sqrt(len(w))
            for w in model.get_weights()
        ]
    )
    return model


def _compare(theirs, ours, x):
    expected = theirs.predict(x, verbose=0)
    found = ours.predict(x, verbose=0)
    for a, b in zip(
        expected if isinstance(expected, list) else [expected],
        found if isinstance(found, list) else [found],
        strict=True,
    ):
        assert_equal_outputs(b, a)


def test_models_and_files(keras, rng, tmp_path):
    x = rng.standard_normal((20, 6)).astype(np.float32)
    codes = rng.integers(0, 5, (20, 2)).astype(np.float32)
    for make, data in ((_sequential, x), (_functional, [x, codes])):
        theirs = _shaken(make(keras), rng)
        path, weights = tmp_path / "m.keras", tmp_path / "m.weights.h5"
        theirs.save(path)
        theirs.save_weights(weights)
        live, read = from_keras(theirs), from_keras(path)
        for ours in (live, read):
            _compare(theirs, ours, data)
            assert [layer.name for layer in ours.layers if layer.weights]
        for source in (path, theirs, weights):
            fresh = type(live).from_config(live.get_config())
            report = from_keras(source, fresh)
            # Given statistics are no weights there.
            assert all(name.startswith("normalization/") for name in report.missing)
            assert not report.skipped
            _compare(theirs, fresh, data)


def test_outputs_by_keys_and_of_models_inside(keras, rng, tmp_path):
    layers = keras.layers
    a = keras.Input((6,))
    hidden = layers.Dense(4, "tanh")(a)
    inner = keras.Model(a, [hidden, layers.Dense(3)(hidden)])
    x = keras.Input((6,), name="x")
    first, second = inner(layers.Dense(6)(x))
    third = inner(x)[1]
    theirs = keras.Model({"x": x}, {"sum": layers.Dense(3)(first), "own": second, "third": third})
    theirs = _shaken(theirs, rng)
    theirs.save(tmp_path / "m.keras")
    numbers = rng.standard_normal((20, 6)).astype(np.float32)
    expected = theirs.predict({"x": numbers}, verbose=0)
    for source in (theirs, tmp_path / "m.keras"):
        found = from_keras(source).predict(numbers, verbose=0)
        assert set(found) == set(expected) == {"sum", "own", "third"}
        for key in expected:
            assert_equal_outputs(found[key], expected[key])


def test_branches_of_equal_shapes(keras, rng, tmp_path):
    dense = keras.layers.Dense
    a = keras.Input((4,))
    theirs = keras.Model(a, [dense(4, name="z")(a), dense(4, name="b")(dense(4, name="y")(a))])
    theirs = _shaken(theirs, rng)
    path = tmp_path / "m.weights.h5"
    theirs.save_weights(path)
    own = fd.Input((4,))
    y = fd.layers.Dense(4, name="y")(own)
    b, z = fd.layers.Dense(4, name="b")(y), fd.layers.Dense(4, name="z")(own)
    ours = fd.Model(own, [z, b])
    for source in (path, theirs):
        ours.set_weights([np.zeros(w.shape) for w in ours.weights])
        from_keras(source, ours)
        _compare(theirs, ours, rng.standard_normal((5, 4)).astype(np.float32))


def test_half_precision(keras, rng, tmp_path):
    for dtype in ("bfloat16", "float16"):
        theirs = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, dtype=dtype)])
        theirs = _shaken(theirs, rng)
        theirs.save(tmp_path / "m.keras")
        expected = theirs.get_weights()[0].astype(np.float32)
        for source in (theirs, tmp_path / "m.keras"):
            np.testing.assert_array_equal(from_keras(source).get_weights()[0], expected)


def test_what_is_taken_over(keras):
    theirs = _sequential(keras)
    theirs.layers[1].trainable = False
    ours = from_keras(theirs)
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    assert not ours.layers[1].trainable and ours.layers[2].momentum == 0.9
    assert ours.layers[1].kernel_regularizer.get_config() == {"l2": pytest.approx(0.01)}
    ours.compile("adam", "sparse_categorical_crossentropy")
    ours.fit(np.ones((8, 6)), np.zeros(8, int), verbose=0)


def test_what_there_is_no_layer_for(keras, tmp_path):
    layers = keras.layers
    for layer, message in (
        (layers.GaussianDropout(0.1), r"received the layer 'gaussian_dropout', a GaussianDropout"),
        (layers.ReLU(threshold=0.5), r"is a ReLU with threshold=0.5, which is not there"),
    ):
        model = keras.Sequential([keras.Input((3,)), layer])
        with pytest.raises(ValueError, match=r"\[from_keras\] .*" + message):
            from_keras(model)
    again = layers.Dense(3)
    inner = keras.Sequential([keras.Input((3,)), again, layers.Dense(3), again])
    for model in (inner, keras.Sequential([keras.Input((3,)), inner])):
        with pytest.raises(ValueError, match=r"' is a Sequential that has a layer twice, of which"):
            from_keras(model)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model.save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(ValueError, match="received weights without an architecture; expected a"):
        from_keras(tmp_path / "w.weights.h5")
    other = fd.Sequential([fd.Input(shape=(3,)), fd.layers.Dense(3)])
    before = other.get_weights()
    for source in (model, tmp_path / "w.weights.h5"):
        with pytest.raises(ValueError, match=r"dense/kernel: the file has float32 of shape \(3, 2"):
            from_keras(source, other)
    turned = fd.Sequential([fd.Input(shape=(2,)), fd.layers.Dense(3)])  # as many weights
    with pytest.raises(ValueError, match=r"dense\w*/kernel: the file has float32 of shape \(3, 2"):
        from_keras(model, turned)
    deeper = fd.Sequential([fd.Input(shape=(3,)), fd.layers.Dense(2), fd.layers.Dense(2)])
    with pytest.raises(ValueError, match="received 1 layers with weights for 2; expected the same"):
        from_keras(model, deeper)
    np.testing.assert_array_equal(before[0], other.get_weights()[0])


def test_sources_of_other_kinds(keras, tmp_path):
    class Own(keras.Model):
        def __init__(self, **options):
            super().__init__(**options)
            self.dense = keras.layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    theirs = Own()
    theirs(np.ones((1, 3)))
    theirs.save(tmp_path / "own.keras")
    ours = fd.Sequential([fd.Input(shape=(3,)), fd.layers.Dense(2)])
    for source in (theirs, tmp_path / "own.keras"):
        with pytest.raises(
            ValueError, match=r"received a Own, a class of the user's, whose config"
        ):
            from_keras(source)
    assert len(from_keras(theirs, ours).loaded) == 2
    whole = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    whole.save(tmp_path / "old.h5")
    (tmp_path / "sd.pt").touch()
    for source, model, message in (
        (
            tmp_path / "old.h5",
            ours,
            r"a whole model in Keras's old format; expected a \.keras file",
        ),
        (
            tmp_path / "sd.pt",
            None,
            r"not named as Keras's are; .*; use fastdnn\.interop\.from_torch",
        ),
        (whole, 3, r"model: received int; expected a model"),
        (keras.Model, None, r"source: received the class Model; expected a Keras model or a path"),
    ):
        with pytest.raises(ValueError, match=r"\[from_keras.*" + message):
            from_keras(source, model)


def test_damaged_files(keras, tmp_path, rng):
    from hostile_files import Mutations

    path = tmp_path / "m.keras"
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(path)
    content, mutations = path.read_bytes(), Mutations(rng)
    for _ in range(100):
        path.write_bytes(mutations.of(content))
        try:
            from_keras(path)
        except ValueError as error:
            assert str(error).startswith("["), error
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", "{" + " " * 1_000_000)
    with pytest.raises(ValueError, match=r"config\.json is compressed, which Keras does not do"):
        from_keras(path)


def _archive(path, units, fill):
    """A forged `.keras` file of one Dense layer; `fill` writes its weights."""
    h5py = pytest.importorskip("h5py", reason="no h5py: pip install h5py")
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 2], "name": "x"}},
        {"class_name": "Dense", "config": {"units": units, "name": "dense"}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "forged", "layers": layers}}
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        fill(h5py, file.create_group("layers/dense/vars"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", weights.getvalue())


def _whole(h5py, group):
    group["0"], group["1"] = np.ones((2, 3), np.float32), np.zeros(3, np.float32)


def _link_to_a_file(h5py, group):
    group["0"], group["1"] = h5py.ExternalLink("/etc/passwd", "x"), np.zeros(3, np.float32)


def _numbers_of_another_file(h5py, group):
    group.create_dataset("0", (2, 3), "f4", external=[(os.__file__, 0, 24)])
    group["1"] = np.zeros(3, np.float32)


def _virtual(h5py, group):
    layout = h5py.VirtualLayout((2, 3), np.float32)
    layout[...] = h5py.VirtualSource("other.h5", "x", (2, 3))
    group.create_virtual_dataset("0", layout)
    group["1"] = np.zeros(3, np.float32)


def _nothing_behind(h5py, group):
    group.create_dataset("0", (2, 3_000_000_000), "f4")
    group["1"] = np.zeros(3, np.float32)


def _compressed(h5py, group):
    group.create_dataset("0", data=np.zeros((2, 1_000_000), np.float32), compression="gzip")
    group["1"] = np.zeros(3, np.float32)


@pytest.mark.parametrize(
    "units, fill, message",
    [
        (3, _link_to_a_file, "has no '0', or it leads elsewhere"),
        (3, _numbers_of_another_file, "0 is no plain array of numbers, as Keras writes"),
        (3, _virtual, "0 is no plain array of numbers, as Keras writes"),
        (3, _nothing_behind, "0 is no plain array of numbers, as Keras writes"),
        (3, _compressed, "0 is no plain array of numbers, as Keras writes"),
        (2_000_000_000, _whole, r"the file has float32 of shape \(2, 3\); expected float32 of"),
    ],
)
def test_forged_files(tmp_path, units, fill, message):
    path = tmp_path / "m.keras"
    _archive(path, 3, _whole)
    assert from_keras(path).count_params() == 9
    _archive(path, units, fill)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"\[from_keras.*" + message):
        from_keras(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most < 20_000  # KiB
