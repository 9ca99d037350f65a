"""The same weights, the same data, the same steps: Keras's training, number by number."""

import os
import warnings

import numpy as np
import pytest

import fastdnn as fd

# Keras's variables do not know NumPy 2's copy argument yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SMALL = 1e-3  # a thousandth of what is compared; see the comment where it is used


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the peers' own imports
        pytest.importorskip("torch", reason="Keras trains on a backend; torch is the one used here")
        keras = pytest.importorskip("keras", reason="its training is what ours is compared with")
    if keras.config.backend() == "numpy":
        pytest.skip("a test before this one chose Keras's NumPy backend; run this file by itself")
    return keras


def _layers(package, last):
    return [
        package.layers.Dense(16, activation="tanh"),
        package.layers.BatchNormalization(momentum=0.9),
        package.layers.Dense(12, activation="elu"),
        package.layers.LeakyReLU(0.1),
        package.layers.Dense(3, activation=last),
    ]


EMA = {"use_ema": True, "ema_momentum": 0.6, "ema_overwrite_frequency": 4}
EVERYTHING = {"weight_decay": 0.1, "global_clipnorm": 0.1, "gradient_accumulation_steps": 2}
CASES = [
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9}, "SparseCategoricalCrossentropy", {}),
    ("SGD", {"learning_rate": 0.1}, "CategoricalCrossentropy", {"label_smoothing": 0.1}),
    ("Adam", {"learning_rate": 0.01}, "SparseCategoricalCrossentropy", {"from_logits": True}),
    ("RMSprop", {"learning_rate": 0.01, "centered": True}, "BinaryCrossentropy", {}),
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
        # Two float32 runs of fifteen steps: rounding of some hundred epsilons in a gradient, more
        # where a step divides by a small root; a wrong term would be as large as the way itself.
        assert abs(a - b).max() <= SMALL * 5 * abs(a - before).max() + 1e-6
    np.testing.assert_allclose(theirs.predict(x, verbose=0), ours.predict(x), atol=5 * SMALL)
    assert theirs.evaluate(x, y, verbose=0, batch_size=16)[0] == pytest.approx(
        ours.evaluate(x, y, verbose=0)[0], rel=5 * SMALL
    )


def test_initial_values_have_keras_s_distributions(keras):
    for name in ("GlorotUniform", "HeNormal", "LecunUniform", "TruncatedNormal", "RandomNormal"):
        theirs = np.asarray(getattr(keras.initializers, name)(seed=1)((400, 300)))
        ours = getattr(fd.initializers, name)(seed=1)((400, 300))
        a, b = (np.quantile(v, np.linspace(0.01, 0.99, 25)) for v in (theirs, ours))
        # Quantiles of 120,000 draws lie within a hundredth of a deviation.
        np.testing.assert_allclose(a, b, atol=0.02 * theirs.std())
