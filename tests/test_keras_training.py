"""The same weights, the same data, the same steps: Keras's training, number by number."""

import inspect
import os
import warnings
from importlib.util import find_spec

import numpy as np
import pytest
from conftest import require_keras

import fastdnn as fd

# Keras's variables do not know NumPy 2's copy argument yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SMALL = 1e-3  # a thousandth of what is compared
# How far two float32 runs of fifteen steps may end from one another, as a share of the way of the
# weights: a gradient has the rounding of sums of some hundred products, some 1e-6 of it, and steps
# that divide by small roots have ten times as much (4e-5 was the most in ten runs of all cases).
OF_THE_WAY = 2e-4


@pytest.fixture(scope="module")
def keras():
    require_keras()
    os.environ["KERAS_BACKEND"] = "torch" if find_spec("torch") else "jax"  # JAX compiles, for long
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the peers' own imports
        import keras
    assert keras.config.backend() != "numpy", "another test of this process imported Keras"
    return keras


@pytest.fixture(autouse=True)
def _seeded(keras, rng):
    """Keras's initial weights, too, are those of the run's seed."""
    keras.utils.set_random_seed(int(rng.integers(2**31)))


def _layers(package, last):
    # Smooth functions alone: at a kink two float32 runs part, by some hundredths of the way (once
    # in ten runs of all cases where there was a LeakyReLU).
    return [
        package.layers.Dense(16, activation="tanh"),
        package.layers.BatchNormalization(momentum=0.9),
        package.layers.Dense(12, activation="elu"),
        package.layers.Activation("gelu"),
        package.layers.Dense(3, activation=last),
    ]


EMA = {"use_ema": True, "ema_momentum": 0.6, "ema_overwrite_frequency": 4}
EVERYTHING = {"weight_decay": 0.1, "global_clipnorm": 0.1, "gradient_accumulation_steps": 2}
CASES = [
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9}, "SparseCategoricalCrossentropy", {}),
    ("SGD", {"learning_rate": 0.1}, "CategoricalCrossentropy", {"label_smoothing": 0.1}),
    ("Adam", {"learning_rate": 0.01}, "SparseCategoricalCrossentropy", {"from_logits": True}),
    ("RMSprop", {"learning_rate": 0.01, "centered": True}, "BinaryCrossentropy", {}),
    ("SGD", {"learning_rate": 0.1}, "CategoricalFocalCrossentropy", {"alpha": 1.0}),
    ("SGD", {"learning_rate": 0.1}, "BinaryFocalCrossentropy", {"apply_class_balancing": True}),
    ("SGD", {"learning_rate": 0.1}, "CategoricalHinge", {}),
    ("Adagrad", {"learning_rate": 0.1}, "MeanSquaredError", {}),
    ("Ftrl", {"learning_rate": 0.1, "beta": 0.1}, "MeanAbsoluteError", {}),
    ("AdamW", {"learning_rate": 0.01, "amsgrad": True}, "MeanSquaredError", {}),
    ("Adadelta", {"learning_rate": 1.0}, "MeanSquaredError", {}),
    ("Nadam", {"learning_rate": 0.01}, "MeanSquaredError", {}),
    ("Adamax", {"learning_rate": 0.01}, "MeanSquaredError", {}),
    ("SGD", {"learning_rate": 0.1, "weight_decay": 0.1}, "MeanSquaredError", {}),
    ("SGD", {"learning_rate": 0.1, "clipvalue": 0.01}, "MeanSquaredError", {}),
    ("SGD", {"learning_rate": 0.1, "clipnorm": 0.05}, "MeanSquaredError", {}),
    ("SGD", {"learning_rate": 0.1, "global_clipnorm": 0.1}, "MeanSquaredError", {}),
    ("SGD", {"learning_rate": 0.1, **EMA}, "MeanSquaredError", {}),
    ("SGD", {"learning_rate": 0.1, **EMA, **EVERYTHING}, "MeanSquaredError", {}),
]
LAST = {
    "SparseCategoricalCrossentropy": "softmax",
    "CategoricalCrossentropy": "softmax",
    "BinaryCrossentropy": "sigmoid",
    "CategoricalFocalCrossentropy": "softmax",
    "BinaryFocalCrossentropy": "sigmoid",
}


@pytest.mark.parametrize("optimizer, hyper, loss, options", CASES, ids=lambda c: str(c)[:20])
def test_a_small_training_run(keras, rng, optimizer, hyper, loss, options):
    x = rng.standard_normal((90, 6)).astype(np.float32)
    labels = rng.integers(0, 3, 90)
    sparse = loss == "SparseCategoricalCrossentropy"
    y = labels if sparse else np.eye(3, dtype=np.float32)[labels]
    weight = rng.uniform(0.5, 1.5, 90).astype(np.float32)
    last = None if options.get("from_logits") else LAST.get(loss)
    theirs = keras.Sequential([keras.Input((6,)), *_layers(keras, last)])
    ours = fd.Sequential([fd.Input(shape=(6,)), *_layers(fd, last)])
    ours.set_weights(theirs.get_weights())
    start, histories = ours.get_weights(), []
    for package, model in ((keras, theirs), (fd, ours)):
        model.compile(
            getattr(package.optimizers, optimizer)(**hyper),
            getattr(package.losses, loss)(**options),
            metrics=["accuracy"],
            weighted_metrics=["accuracy"],
        )
        history = model.fit(
            x,
            y,
            batch_size=16,
            epochs=3,
            shuffle=False,
            verbose=0,
            sample_weight=weight,
            validation_split=0.2,
        )
        histories.append(history.history)
    assert set(histories[0]) == set(histories[1])
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(histories[0][name], histories[1][name], rtol=SMALL)
    for name in ("accuracy", "weighted_accuracy", "val_accuracy"):
        # One row whose two best outputs are equal up to rounding may fall either way.
        np.testing.assert_allclose(histories[0][name], histories[1][name], atol=1.6 / 18)
    for a, b, before in zip(theirs.get_weights(), ours.get_weights(), start, strict=True):
        assert abs(a - b).max() <= OF_THE_WAY * abs(a - before).max() + 1e-6
    np.testing.assert_allclose(theirs.predict(x, verbose=0), ours.predict(x), atol=5 * SMALL)
    assert theirs.evaluate(x, y, verbose=0, batch_size=16)[0] == pytest.approx(
        ours.evaluate(x, y, verbose=0)[0], rel=5 * SMALL
    )


def _regularized(package):
    regularizers, constraints, layers = package.regularizers, package.constraints, package.layers
    return [
        layers.Dense(
            16,
            activation="tanh",
            kernel_regularizer=regularizers.L1L2(1e-3, 0.01),
            bias_regularizer="l2",
            kernel_constraint=constraints.MaxNorm(0.7),
            bias_constraint="non_neg",
        ),
        layers.BatchNormalization(
            momentum=0.9,
            gamma_regularizer="l2",
            beta_regularizer="l1",
            gamma_constraint=constraints.UnitNorm(),
        ),
        layers.Dense(
            12,
            activation="elu",
            activity_regularizer=regularizers.L2(0.02),
            kernel_constraint=constraints.MinMaxNorm(0.5, 0.9, rate=0.5, axis=1),
        ),
        layers.ActivityRegularization(l1=0.01, l2=0.01),
        layers.Dense(3, kernel_regularizer="l2", activity_regularizer="l1"),
    ]


def _is_near_a_kink(rng, start, train):
    """Whether runs that begin nearer to each other than fifteen steps round part."""
    ways = []
    for amount in (0.0, *[10 * 2.0**-20] * 8):
        model = fd.Sequential([fd.Input(shape=(6,)), *_regularized(fd)])
        model.set_weights([w * (1 + amount * rng.uniform(-1, 1, w.shape)) for w in start])
        before = model.get_weights()
        train(model)
        ways.append([a - b for a, b in zip(model.get_weights(), before, strict=True)])
    return any(
        abs(a - b).max() > OF_THE_WAY * abs(a).max() + 1e-6
        for other in ways[1:]
        for a, b in zip(ways[0], other, strict=True)
    )


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize(
    "hyper", [{}, {"clipvalue": 0.05}, {"clipnorm": 0.1}, EMA, {**EMA, **EVERYTHING}], ids=str
)
def test_regularizers_and_constraints(keras, rng, monkeypatch, hyper, frozen):
    # Keras tells the penalties of a layer's outputs from others by their addresses in memory. A
    # traced function of JAX frees them, and the next one may have its own at the same places: in
    # one run of seven a penalty was left out of the validation's loss, unless all are kept.
    kept, add_loss = [], keras.layers.Layer.add_loss
    monkeypatch.setattr(
        keras.layers.Layer, "add_loss", lambda self, loss: add_loss(self, kept.append(loss) or loss)
    )

    def train(package, model):
        model.layers[0].trainable = not frozen
        model.compile(package.optimizers.SGD(0.1, **hyper), "mse")
        options = {"batch_size": 16, "epochs": 3, "shuffle": False, "verbose": 0}
        return model.fit(x, y, validation_split=0.2, **options).history

    theirs = keras.Sequential([keras.Input((6,)), *_regularized(keras)])
    ours = fd.Sequential([fd.Input(shape=(6,)), *_regularized(fd)])
    drawn = theirs.get_weights()
    while True:
        x, y = (rng.standard_normal((90, n)).astype(np.float32) for n in (6, 3))
        # No number is 0, where L1 has a kink.
        start = [(w + rng.uniform(0.01, 0.1, w.shape)).astype(np.float32) for w in drawn]
        if not _is_near_a_kink(rng, start, lambda model: train(fd, model)):
            break
    theirs.set_weights(start)
    ours.set_weights(start)
    histories = [train(keras, theirs), train(fd, ours)]
    for name in ("loss", "val_loss"):
        # 2e-5 was the most in 60 runs.
        np.testing.assert_allclose(histories[0][name], histories[1][name], rtol=SMALL / 10)
    pairs = zip(theirs.get_weights(), ours.get_weights(), start, strict=True)
    for a, b, before in pairs:
        # As in a small training run.
        assert abs(a - b).max() <= OF_THE_WAY * abs(a - before).max() + 1e-6


def test_regularizers_and_constraints_of_arrays(keras, rng):
    w = rng.standard_normal((30, 20)).astype(np.float32)
    for name, arguments in (("L1", (0.3,)), ("L2", (0.2,)), ("L1L2", (0.1, 0.2)), ("L2", ())):
        theirs, ours = (getattr(p.regularizers, name)(*arguments) for p in (keras, fd))
        assert ours.get_config() == pytest.approx(theirs.get_config())
        theirs = float(theirs(keras.ops.convert_to_tensor(w)))
        # Theirs is a sum of 600 numbers in float32.
        assert ours(w) == pytest.approx(theirs, rel=1e-4)
    for name, options in (
        ("MaxNorm", {}),
        ("MaxNorm", {"max_value": 3.0, "axis": 1}),
        ("UnitNorm", {}),
        ("MinMaxNorm", {"min_value": 3.0, "max_value": 4.0, "rate": 0.5}),
        ("NonNeg", {}),
    ):
        theirs, ours = (getattr(p.constraints, name)(**options) for p in (keras, fd))
        assert ours.get_config() == theirs.get_config()
        theirs = keras.ops.convert_to_numpy(theirs(w))
        # Norms of 20 or 30 squares in float32, quotients and products.
        np.testing.assert_allclose(ours(w), theirs, rtol=1e-5)


def test_initial_values_have_keras_s_distributions(keras):
    for name in ("GlorotUniform", "HeNormal", "LecunUniform", "TruncatedNormal", "RandomNormal"):
        theirs = np.asarray(getattr(keras.initializers, name)(seed=1)((400, 300)))
        ours = getattr(fd.initializers, name)(seed=1)((400, 300))
        # The largest difference of two distribution functions of n draws each is above
        # 3 sqrt(2 / n) once in 2 exp(-2 * 9), one in 3e7 (Kolmogorov and Smirnov).
        points = np.sort(theirs.ravel())
        share = np.searchsorted(np.sort(ours.ravel()), points) / points.size
        largest = abs(share - np.arange(points.size) / points.size).max()
        assert largest < 3 * np.sqrt(2 / points.size)


# Arguments of Keras's losses that are not for dense networks.
ELSEWHERE = {"axis", "reduction", "dtype", "ignore_class"}


OURS = {"FunctionLoss", "Loss", "Quantile", "check_derivatives", "get"}


@pytest.mark.parametrize("name", sorted(set(fd.losses.__all__) - OURS))
def test_arguments_of_losses_and_their_defaults(keras, name):
    ours, theirs = (
        inspect.signature(getattr(package.losses, name)).parameters for package in (fd, keras)
    )
    wanted = [(p.name, p.default) for p in theirs.values() if p.name not in ELSEWHERE]
    assert [(p.name, p.default) for p in ours.values()] == wanted


def _shared_classes():
    for module in ("callbacks", "constraints", "initializers", "layers", "losses", "metrics"):
        for name, cls in vars(getattr(fd, module)).items():
            if inspect.isclass(cls) and not inspect.isabstract(cls) and name != "CallbackList":
                yield module, name


@pytest.mark.parametrize(("module", "name"), list(_shared_classes()))
def test_arguments_by_position_are_keras_s(keras, module, name):
    theirs = getattr(getattr(keras, module), name, None)
    if not inspect.isclass(theirs) or name == "BackupAndRestore":
        return  # not in Keras, or a function there: Input; or of a folder there, of a file here
    parameters = inspect.signature(getattr(getattr(fd, module), name)).parameters.values()
    ours = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    theirs = inspect.signature(theirs).parameters.values()
    # What Keras takes among its **kwargs, such as name, stands behind the others here.
    wanted = [p.name for p in theirs if p.kind is p.POSITIONAL_OR_KEYWORD]
    common = min(len(ours), len(wanted))
    assert ours[:common] == wanted[:common]


def _more_layers(package):
    return [
        package.layers.Dense(16),
        package.layers.LayerNormalization(),
        package.layers.PReLU(alpha_initializer="ones"),
        package.layers.Dense(12, activation="silu"),
        package.layers.LayerNormalization(epsilon=0.1, center=False),
        package.layers.Reshape((3, -1)),
        package.layers.Flatten(),
        package.layers.Dense(3),
        package.layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 0.5, 1.0], invert=True),
    ]


def test_training_with_normalized_rows_and_learned_slopes(keras, rng):
    x = rng.standard_normal((90, 6)).astype(np.float32)
    y = rng.standard_normal((90, 3)).astype(np.float32)
    theirs = keras.Sequential([keras.Input((6,)), *_more_layers(keras)])
    ours = fd.Sequential([fd.Input(shape=(6,)), *_more_layers(fd)])
    # Ours keeps given statistics among the weights.
    ours.set_weights([*theirs.get_weights(), *ours.layers[-1].get_weights()])
    start = ours.get_weights()
    for package, model in ((keras, theirs), (fd, ours)):
        model.compile(package.optimizers.SGD(0.01, momentum=0.9), "mse")
        model.fit(x, y, batch_size=16, epochs=3, shuffle=False, verbose=0)
    for a, b, before in zip(theirs.get_weights(), ours.get_weights()[:-2], start[:-2], strict=True):
        # As in test_a_small_training_run.
        assert abs(a - b).max() <= OF_THE_WAY * abs(a - before).max() + 1e-6
    np.testing.assert_allclose(theirs.predict(x, verbose=0), ours.predict(x), atol=5 * SMALL)


def test_adapted_normalization(keras, rng):
    x = (rng.standard_normal((500, 6)) * [1, 2, 3, 1e-3, 1e3, 0] + 5).astype(np.float32)
    for invert in (False, True):
        theirs, ours = (package.layers.Normalization(invert=invert) for package in (keras, fd))
        theirs.adapt(x)
        ours.adapt(x)
        expected = [np.asarray(weight) for weight in theirs.get_weights()[:2]]
        for a, b in zip(expected, ours.get_weights(), strict=True):
            # Keras sums in float32: of 500 rows, relative to sums of sizes of up to 5e5.
            np.testing.assert_allclose(a, b, rtol=SMALL, atol=1e-6)
        model = fd.Sequential([fd.Input(shape=(6,)), ours])
        ours.set_weights(expected)
        # A root, a quotient, a product or a sum of numbers of one size: each rounds four times.
        values = np.asarray(theirs(x))
        np.testing.assert_allclose(values, model.predict(x), rtol=8 * 2.0**-24, atol=1e-5 * invert)


def test_noise_has_keras_s_distribution(keras, rng):
    x = rng.standard_normal((2000, 50)).astype(np.float32)
    key = {"seed": int(rng.integers(2**32))}
    for name, ours, amount in (
        ("AlphaDropout", fd.ops.alpha_dropout, 0.3),
        ("GaussianNoise", fd.ops.gaussian_noise, 0.4),
    ):
        layer = getattr(keras.layers, name)(amount)
        a, b = np.asarray(layer(x, training=True)), ours(x, amount, **key)
        # Where both have a density, quantiles of 100,000 numbers lie within five hundredths.
        quantiles = np.linspace(0.01, 0.99, 25)
        np.testing.assert_allclose(*(np.quantile(v, quantiles) for v in (a, b)), atol=0.05)
        model = fd.Sequential([fd.Input(shape=(50,)), getattr(fd.layers, name)(amount)])
        np.testing.assert_array_equal(model.predict(x), x)


def _with_embeddings(package):
    """A table for two inputs and one of its own for another, and a plain input."""
    layers, inputs = package.layers, [package.Input(shape=shape) for shape in ((), (3,), (4,))]
    shared = layers.Embedding(11, 4, embeddings_regularizer="l2", embeddings_constraint="max_norm")
    own = layers.Embedding(5, 2, "normal", name="own")
    parts = [shared(inputs[0]), layers.Flatten()(shared(inputs[1])), own(inputs[0]), inputs[2]]
    hidden = layers.Dense(12, activation="tanh")(layers.Concatenate()(parts))
    return package.Model(inputs, layers.Dense(3, activation="softmax")(hidden))


@pytest.mark.parametrize(
    "optimizer, hyper", [("SGD", {"learning_rate": 0.1}), ("Adam", EVERYTHING), ("Ftrl", {})]
)
def test_training_with_embeddings(keras, rng, optimizer, hyper):
    x = [rng.integers(0, 5, 90), rng.integers(0, 11, (90, 3)), rng.standard_normal((90, 4))]
    x, y = [part.astype(np.float32) for part in x], rng.integers(0, 3, 90)
    theirs, ours = _with_embeddings(keras), _with_embeddings(fd)
    for model in (theirs, ours):
        assert [weight.shape for weight in model.weights][:2] == [(11, 4), (5, 2)]
        assert np.abs(model.get_weights()[0]).max() <= 0.05
    ours.set_weights(theirs.get_weights())
    start = ours.get_weights()
    for package, model in ((keras, theirs), (fd, ours)):
        rule = getattr(package.optimizers, optimizer)(**hyper)
        model.compile(rule, "sparse_categorical_crossentropy")
        model.fit(x, y, batch_size=16, epochs=3, shuffle=False, verbose=0)
    for a, b, before in zip(theirs.get_weights(), ours.get_weights(), start, strict=True):
        # As in test_a_small_training_run.
        assert abs(a - b).max() <= OF_THE_WAY * abs(a - before).max() + 1e-6
    np.testing.assert_allclose(theirs.predict(x, verbose=0), ours.predict(x), atol=5 * SMALL)


def test_arguments_of_embedding(keras):
    theirs = inspect.signature(keras.layers.Embedding.__init__).parameters
    ours = inspect.signature(fd.layers.Embedding.__init__).parameters
    # Without the low-rank and the quantized kind.
    count = len(ours) - 1
    wanted = [(name, each.default) for name, each in theirs.items()][:count]
    assert [(name, each.default) for name, each in ours.items()] == [*wanted, ("name", None)]
