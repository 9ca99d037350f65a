import numpy as np
import pytest

import fastdnn as fd
from fastdnn import activations, layers

ALL = [
    layers.Dense(3),
    layers.Dense(
        3, activation=layers.LeakyReLU(0.1), use_bias=False, kernel_initializer="he_normal"
    ),
    layers.Activation("elu"),
    layers.ReLU(),
    layers.ReLU(max_value=6),
    layers.LeakyReLU(),
    layers.ELU(0.5),
    layers.Softmax(),
    layers.BatchNormalization(momentum=0.9, center=False),
    layers.Dropout(0.25, seed=7),
    layers.Flatten(),
    layers.Rescaling(1 / 255, offset=-0.5),
    layers.LayerNormalization(epsilon=1e-5, scale=False),
    layers.PReLU(alpha_initializer=0.25 * np.ones(5, np.float32)),
    layers.GaussianNoise(0.1, seed=7),
    layers.AlphaDropout(0.25),
    layers.Reshape((-1, 1)),
    layers.Normalization(mean=[1, 2, 3, 4, 5], variance=[1.0] * 5),
    layers.Normalization(invert=True),
    layers.Embedding(9, 2, embeddings_regularizer="l2", embeddings_constraint="max_norm"),
]


@pytest.mark.parametrize("layer", ALL, ids=lambda layer: type(layer).__name__)
def test_config_round_trip(layer):
    again = type(layer).from_config(layer.get_config())
    assert repr(again) == repr(layer)
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("layer", ALL, ids=lambda layer: type(layer).__name__)
def test_output_shape_is_what_predict_returns(layer, rng):
    model = fd.Sequential([fd.Input(shape=(5,)), layer.clone()])
    x = rng.integers(0, 9, (4, 5)).astype(np.float32)
    assert model.predict(x).shape == (4, *layer.output_row((5,)))
    assert model.output_shape == (None, *layer.output_row((5,)))


def test_weights_and_their_order():
    dense, norm = layers.Dense(3, name="hidden"), layers.BatchNormalization()
    fd.Sequential([fd.Input(shape=(2,)), dense, norm])
    assert [w.path for w in dense.weights] == ["hidden/kernel", "hidden/bias"]
    assert [w.name for w in norm.weights] == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert [w.name for w in norm.trainable_weights] == ["gamma", "beta"]
    assert [w.shape for w in dense.weights] == [(2, 3), (3,)]
    assert (dense.count_params(), norm.count_params()) == (9, 12)
    assert [w.tolist() for w in norm.get_weights()] == [[1] * 3, [0] * 3, [0] * 3, [1] * 3]


def test_value_is_a_view_and_get_weights_a_copy():
    dense = layers.Dense(3)
    model = fd.Sequential([fd.Input(shape=(2,)), dense])
    dense.kernel.value[:] = 2.0
    dense.bias.assign([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(model.predict([[1.0, 1.0]]), [[5.0, 6.0, 7.0]])
    dense.get_weights()[0][:] = 9.0
    dense.kernel.numpy()[:] = 9.0
    np.asarray(dense.kernel)[:] = 9.0
    assert (dense.kernel.value == 2.0).all()


def test_set_weights_changes_all_or_nothing():
    dense = layers.Dense(3)
    fd.Sequential([fd.Input(shape=(2,)), dense])
    dense.set_weights([np.ones((2, 3)), np.arange(3)])
    assert dense.bias.numpy().tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match=r"received 1 arrays; expected 2: dense/kernel \(2, 3\)"):
        dense.set_weights([np.zeros((2, 3))])
    with pytest.raises(ValueError, match=r"dense/bias\] received an array of shape \(4,\); expect"):
        dense.set_weights([np.zeros((2, 3)), np.zeros(4)])
    assert (dense.kernel.numpy() == 1).all()


def test_a_layer_without_a_model_has_no_values():
    dense = layers.Dense(3)
    assert dense.weights == [] and not dense.built
    with pytest.raises(ValueError, match=r"the weight has no value yet; build the model first"):
        dense.build((2,))
        _ = dense.kernel.value


def test_clone_copies_the_weights():
    old = fd.Sequential([fd.Input(shape=(4,)), layers.Dense(3), layers.Dense(2)])
    old.layers[0].trainable = False
    new = fd.Sequential([old.layers[0].clone(), layers.Dense(5)])
    new.build((None, 4))
    np.testing.assert_array_equal(new.get_weights()[0], old.get_weights()[0])
    assert not new.layers[0].trainable
    new.layers[0].kernel.value[:] = 0.0
    assert old.get_weights()[0].any()


def test_a_clone_refuses_other_rows():
    old = fd.Sequential([fd.Input(shape=(4,)), layers.Dense(3)])
    with pytest.raises(ValueError, match=r"received rows of shape \(5,\); the layer was built for"):
        fd.Sequential([fd.Input(shape=(5,)), old.layers[0].clone()])


def test_flatten_and_rows_that_are_images(rng):
    x = rng.random((6, 3, 4)).astype(np.float32)
    model = fd.Sequential([fd.Input(shape=(3, 4)), layers.Flatten(), layers.Dense(2)])
    kernel = model.layers[1].kernel.numpy()
    np.testing.assert_allclose(model.predict(x), x.reshape(6, 12) @ kernel, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"\[dense\] received rows of shape \(3, 4\); .*Flatten"):
        fd.Sequential([fd.Input(shape=(3, 4)), layers.Dense(2)])


def test_names_of_activations():
    assert activations.get(None).name == "linear"
    assert activations.get("swish").name == "silu"
    assert activations.get(activations.relu).name == "relu"
    assert activations.get("leaky_relu").alpha == 0.2
    assert activations.get(layers.LeakyReLU()).alpha == 0.3
    assert layers.ReLU(negative_slope=0.1).nonlinearity == ("leaky_relu", 0.1)
    assert layers.Dense(1, activation=activations.tanh).activation == "tanh"


@pytest.mark.parametrize(
    "create, message",
    [
        (lambda: layers.Dense(0), r"\[Dense\] units: received 0; expected a positive integer"),
        (lambda: layers.Dense(2.5), r"\[Dense\] units: received 2.5"),
        (lambda: layers.Dense("3"), r"\[Dense\] units: received '3'"),
        (lambda: layers.Dense(3, "rleu"), r"activation: received 'rleu'; .*did you mean 'relu'"),
        (lambda: layers.Dense(3, 7), r"activation: received 7 of type int; expected a name"),
        (lambda: layers.Dense(3, name="a/b"), r"name: received 'a/b'; expected a string without"),
        (lambda: layers.Dense(3, kernel_initializer="x"), r"\[Dense\] initializer: received 'x'"),
        (lambda: layers.Rescaling("x"), r"\[Rescaling\] scale: received 'x'; expected a number"),
        (lambda: layers.Rescaling(1, np.nan), r"\[Rescaling\] offset: received nan"),
        (lambda: layers.Rescaling(10**400), r"\[Rescaling\] scale: received 1000"),
        (
            lambda: layers.Rescaling(1e39),
            r"\[Rescaling\] scale: received 1e\+39; expected a number from",
        ),
        (lambda: layers.Dropout(1.0), r"\[Dropout\] rate: received 1.0; expected a number"),
        (
            lambda: layers.Dense(2**63),
            r"units: received 9223372036854775808; .* at most 2147483647",
        ),
        (lambda: layers.Dense(True), r"\[Dense\] units: received True"),
        (lambda: layers.Dense(np.ones(2)), r"\[Dense\] units: received array"),
        (
            lambda: layers.Dropout(0.9999999999),
            r"rate: received 0.9999999999; .* and below 0.999992: the share",
        ),
        (lambda: layers.Dropout("x"), r"\[Dropout\] rate: received 'x'"),
        (lambda: layers.Dropout(0.1, seed=0.5), r"\[Dropout\] seed: received 0.5"),
        (lambda: layers.Dropout(-0.1), r"\[Dropout\] rate: received -0.1"),
        (lambda: layers.Dropout(0.1, seed=-1), r"\[Dropout\] seed: received -1"),
        (lambda: layers.AlphaDropout(1.0), r"\[AlphaDropout\] rate: received 1.0; expected a n"),
        (lambda: layers.AlphaDropout(0.1, seed=-1), r"\[AlphaDropout\] seed: received -1"),
        (lambda: layers.GaussianNoise(1.5), r"\[GaussianNoise\] stddev: received 1.5; expect"),
        (lambda: layers.GaussianNoise(0.1, 0.5), r"\[GaussianNoise\] seed: received 0.5"),
        (lambda: layers.LayerNormalization(axis=0), r"axis: received 0; expected -1, the last"),
        (lambda: layers.Softmax(0), r"\[Softmax\] axis: received 0; expected -1, the last axis"),
        (lambda: layers.LayerNormalization(epsilon=0), r"epsilon: received 0; expected a number"),
        (lambda: layers.PReLU("x"), r"\[PReLU\] initializer: received 'x'"),
        (lambda: layers.PReLU()(fd.Input(shape=(2, 3))), r"put a Flatten\(\) layer in front"),
        (lambda: layers.Reshape((2, -1, -1)), r"target_shape: received \(2, -1, -1\); expec"),
        (lambda: layers.Reshape((0, 2)), r"target_shape: received \(0, 2\); expected a tuple"),
        (lambda: layers.Reshape(()), r"\[Reshape\] target_shape: received \(\)"),
        (
            lambda: layers.Reshape((4, -1))(fd.Input(shape=(6,))),
            r"received rows of shape \(6,\); expected rows that 4 elements divide, for \(4, -1\)",
        ),
        (
            lambda: layers.Reshape((4, 2))(fd.Input(shape=(16,))),
            r"received rows of shape \(16,\); expected rows that 8 elements make up, for \(4, 2\)",
        ),
        (lambda: layers.Embedding(0, 2), r"\[Embedding\] input_dim: received 0; expected a posit"),
        (lambda: layers.Embedding(2**24 + 1, 2), r"input_dim: received .*of at most 16777216"),
        (lambda: layers.Embedding(2, 1.5), r"\[Embedding\] output_dim: received 1.5; expected a"),
        (lambda: layers.Embedding(2, 2, mask_zero=True), r"mask_zero: received True; expected Fal"),
        (lambda: layers.Embedding(2, 2, "x"), r"\[Embedding\] initializer: received 'x'"),
        (
            lambda: layers.Embedding(2, 2, weights=np.ones((2, 3))),
            r"\[Embedding: weights\] received an array of shape \(2, 3\); expected \(2, 2\)",
        ),
        (
            lambda: layers.Embedding(2, 2**30)(fd.Input(shape=(3,))),
            r"\[embedding\] shape: received \(3, 1073741824\); expected at most",
        ),
        (lambda: layers.BatchNormalization(axis=0), r"axis: received 0; expected -1"),
        (lambda: layers.BatchNormalization(momentum=1.5), r"momentum: received 1.5; expected"),
        (lambda: layers.BatchNormalization(epsilon=0), r"epsilon: received 0; expected a number f"),
        (lambda: layers.BatchNormalization(epsilon=1e-50), r"epsilon: received 1e-50; expected"),
        (lambda: layers.ReLU(max_value=3), r"\[ReLU\] received max_value=3"),
        (lambda: layers.LeakyReLU(-1), r"negative_slope: received -1; expected a number of at"),
        (lambda: layers.LeakyReLU(np.nan), r"\[LeakyReLU\] negative_slope: received nan"),
        (lambda: layers.ELU(-0.5), r"\[ELU\] alpha: received -0.5; expected a number of at least"),
        (lambda: layers.ELU("x"), r"\[ELU\] alpha: received 'x'"),
        (
            lambda: layers.Dense(3, {"name": "elu", "alpha": np.nan}),
            r"\[Dense\] alpha: received nan; expected a number of at least 0",
        ),
        (
            lambda: layers.Dense(3, {"name": "leaky_relu", "alpha": None}),
            r"\[Dense\] alpha: received None",
        ),
        (
            lambda: layers.Activation(activations.Nonlinearity("elu", -1.0)),
            r"\[Activation\] alpha: received -1.0",
        ),
        (lambda: layers.BatchNormalization(momentum="x"), r"momentum: received 'x'; expected"),
        (lambda: fd.Input(shape=(2**63,)), r"\[Input\] shape: .*at most 2147483647 elements a row"),
        (lambda: fd.Input(shape=(2**20, 2**20)), r"\[Input\] shape: .*at most 2147483647"),
        (
            lambda: fd.Input(shape=(2,), dtype="string"),
            r"\[Input\] dtype: received 'string'; expec",
        ),
        (lambda: fd.Input(shape=(2,), dtype=complex), r"dtype: received <class 'complex'>"),
        (lambda: fd.Input(shape=np.ones(2)), r"\[Input\] shape: received array"),
        (lambda: fd.Input(shape=(0,)), r"\[Input\] shape: received \(0,\); expected a tuple"),
        (lambda: fd.Input(shape=(None, 3)), r"\[Input\] shape: received \(None, 3\)"),
        (lambda: layers.Dense.from_config({"unit": 3}), r"received the argument 'unit'; expected"),
    ],
)
def test_errors(create, message):
    with pytest.raises(ValueError, match=message):
        create()


def test_a_weight_is_not_replaced():
    dense = layers.Dense(2)
    model = fd.Sequential([fd.Input(shape=(3,)), dense])
    with pytest.raises(
        AttributeError, match=r"\[dense\] kernel: received ndarray; .* use kernel.as"
    ):
        dense.kernel = np.zeros((3, 2))
    assert model.weights[0] is dense.kernel


def test_trainable_is_a_truth_value():
    dense = layers.Dense(2)
    model = fd.Sequential([fd.Input(shape=(3,)), dense])
    for each in (dense, model):
        with pytest.raises(
            ValueError, match=r"trainable: received 'False'; expected True or False"
        ):
            each.trainable = "False"
    assert dense.trainable is True


def test_a_name_that_was_set_is_kept():
    first, second = layers.Dense(2, name="digits"), layers.Dense(2)
    second.name = "digits"
    with pytest.raises(ValueError, match=r"received two layers named 'digits'"):
        fd.Sequential([fd.Input(shape=(3,)), first, second])
    assert second.name == "digits"


def test_adapted_statistics_can_be_read(rng):
    norm = layers.Normalization()
    assert norm.mean is None and norm.variance is None
    for data, text in (
        ([[np.nan, 1], [1, 2]], "received data whose mean is nan in column 0"),
        (np.ma.masked_array(np.ones((3, 2))), "received a masked array"),
        ([[1], [1, 2]], "received no array of numbers"),
        (np.ones(3), r"expected numbers of shape \(rows, features\); for one feature use data\["),
    ):
        with pytest.raises(ValueError, match=text):
            norm.adapt(data)
        assert not norm.built
    x = rng.normal(3.0, 2.0, (500, 3))
    norm.adapt(x)
    np.testing.assert_allclose(norm.mean, x.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(norm.variance, x.var(axis=0), rtol=1e-6)
    config = norm.get_config()
    assert config["mean"] is None and config["variance"] is None


def test_numbers_may_be_numpy_s():
    dense = layers.Dense(np.int64(3), activation=layers.ELU(np.float32(0.5)))
    assert (dense.units, dense.nonlinearity.alpha) == (3, 0.5)
    assert layers.Dropout(np.float32(0.5), seed=np.int64(3)).get_config()["seed"] == 3


def test_reshape(rng):
    x = rng.standard_normal((5, 12)).astype(np.float32)
    model = fd.Sequential([fd.Input(shape=(12,)), layers.Reshape((3, -1)), layers.Reshape((-1,))])
    assert layers.Reshape((3, -1)).output_row((12,)) == (3, 4)
    assert layers.Reshape(12).output_row((3, 4)) == (12,)
    np.testing.assert_array_equal(model.predict(x), x)
    image = fd.Sequential([fd.Input(shape=(12,)), layers.Reshape((3, 4))])
    np.testing.assert_array_equal(image.predict(x), x.reshape(5, 3, 4))
    image.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"\[fit\] the model's output 'reshape' has rows of shape"):
        image.fit(x, x, verbose=0)
    # Bytes go through it whole, as through Flatten.
    raw = rng.integers(0, 256, (5, 12), dtype=np.uint8)
    scaled = fd.Sequential([fd.Input(shape=(12,)), layers.Reshape((3, 4)), layers.Rescaling(2.0)])
    np.testing.assert_array_equal(scaled.predict(raw), 2.0 * raw.reshape(5, 3, 4))


def _noisy():
    return fd.Sequential(
        [
            fd.Input(shape=(6,)),
            layers.GaussianNoise(0.5),
            layers.Dense(16, activation="selu", kernel_initializer="lecun_normal"),
            layers.AlphaDropout(0.2, seed=3),
            layers.LayerNormalization(),
            layers.Dense(8),
            layers.PReLU(),
            layers.Dense(2),
        ]
    )


@pytest.mark.parametrize("threads", [1, 2, 5], indirect=True)
def test_training_has_the_same_bits_for_any_number_of_threads(threads, rng, tmp_path):
    x, y = rng.standard_normal((70, 6)), rng.standard_normal((70, 2))
    results = []
    for count in (threads, 1):
        fd.set_num_threads(count)
        fd.set_seed(11)
        model = _noisy()
        model.compile("adam", "mse")
        history = model.fit(x, y, batch_size=16, epochs=3, verbose=0)
        results.append([*model.get_weights(), history.history["loss"]])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
    # Neither noise nor dropout at inference, nor in what is saved.
    predicted = model.predict(x)
    np.testing.assert_array_equal(model.predict(x), predicted)
    model.save(tmp_path / "model.safetensors")
    again = fd.load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(x), predicted)
    # A float32 mean of 140 squares.
    loss = np.square(predicted - y).mean()
    assert model.evaluate(x, y, verbose=0) == pytest.approx(loss, rel=1e-5)
