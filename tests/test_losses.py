"""Losses as objects: names, options, targets, training and files."""

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import layers, losses

WITH_OPTIONS = [
    losses.CategoricalFocalCrossentropy(alpha=0.5, gamma=1.5, label_smoothing=0.1),
    losses.BinaryFocalCrossentropy(True, alpha=0.75, gamma=0.5, from_logits=True),
    losses.Huber(0.25),
    losses.Quantile(0.9, name="upper"),
]
LAST = {
    "sparse_categorical_crossentropy": "softmax",
    "categorical_crossentropy": "softmax",
    "categorical_focal_crossentropy": "softmax",
    "kl_divergence": "softmax",
    "binary_crossentropy": "sigmoid",
    "binary_focal_crossentropy": "sigmoid",
    "mean_squared_logarithmic_error": "softplus",
    "poisson": "softplus",
}
NAMES = sorted({cls.native_name for cls in losses._CLASSES.values()})


def _data(rng, loss, rows=96):
    x = rng.standard_normal((rows, 6)).astype(np.float32)
    scores = x[:, :3] + 0.1 * rng.standard_normal((rows, 3))
    if loss.targets == "classes":
        return x, scores.argmax(axis=1)
    if loss.targets == "distribution":
        return x, np.eye(3)[scores.argmax(axis=1)]
    if loss.targets == "probabilities":
        return x, scores > 0
    if loss.targets == "signs":
        return x, np.sign(scores)
    return x, np.exp(scores / 2)


def _model(name):
    return fd.Sequential(
        [
            fd.Input(shape=(6,)),
            layers.Dense(16, activation="tanh"),
            layers.Dense(3, activation=LAST.get(name)),
        ]
    )


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("mape", losses.MeanAbsolutePercentageError),
        ("MAPE", losses.MeanAbsolutePercentageError),
        ("msle", losses.MeanSquaredLogarithmicError),
        ("kld", losses.KLDivergence),
        ("KLD", losses.KLDivergence),
        ("kl_divergence", losses.KLDivergence),
        ("log_cosh", losses.LogCosh),
        ("logcosh", losses.LogCosh),
        ("huber", losses.Huber),
        ("binary_focal_crossentropy", losses.BinaryFocalCrossentropy),
        ("SquaredHinge", losses.SquaredHinge),
    ],
)
def test_names(name, cls):
    assert type(losses.get(name)) is cls


@pytest.mark.parametrize("name", NAMES)
def test_training_by_name_lowers_the_loss(rng, name):
    loss = losses.get(name)
    assert loss.native_name == name
    model = _model(name)
    model.compile(fd.optimizers.Adam(0.01), name)
    history = model.fit(*_data(rng, loss), epochs=8, verbose=0).history["loss"]
    assert history[-1] < 0.95 * history[0]


@pytest.mark.parametrize("loss", WITH_OPTIONS, ids=repr)
def test_options_reach_the_native_core_and_files(tmp_path, rng, loss):
    again = type(loss).from_config(loss.get_config())
    assert repr(again) == repr(loss) and again.name == loss.name
    assert losses.get({"class_name": type(loss).__name__, "config": loss.get_config()}).options()
    model = _model(loss.native_name)
    x, y = _data(rng, loss)
    model.compile("sgd", loss)
    shown = model.fit(x, y, batch_size=96, verbose=0).history["loss"][0]
    plain = _model(loss.native_name)
    plain.set_weights(model.get_weights())
    plain.compile("sgd", type(loss)())
    assert plain.evaluate(x, y, verbose=0) != model.evaluate(x, y, verbose=0)
    assert np.isfinite(shown)
    model.save(tmp_path / "m.safetensors")
    loaded = fd.load_model(tmp_path / "m.safetensors")
    assert repr(loaded.loss) == repr(loss)
    assert loaded.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


@pytest.mark.parametrize(
    ("create", "message"),
    [
        (lambda: losses.Huber(0), r"\[Huber\] delta: received 0; expected a number above 0$"),
        (lambda: losses.Huber(np.inf), r"delta: received inf; expected a number above 0"),
        (lambda: losses.Quantile(1.0), r"\[Quantile\] quantile: received 1.0; expected a number "
         "between 0 and 1"),
        (lambda: losses.Quantile("0.5"), "quantile: received '0.5'"),
        (lambda: losses.BinaryFocalCrossentropy(alpha=1.1), r"\[BinaryFocalCrossentropy\] alpha: "
         "received 1.1; expected a number from 0 to 1"),
        (lambda: losses.CategoricalFocalCrossentropy([0.5, 1.0]), r"alpha: received \[0.5, 1.0\]; "
         "expected a number of at least 0"),
        (lambda: losses.CategoricalFocalCrossentropy(gamma=-1.0), "gamma: received -1.0"),
        (lambda: losses.BinaryFocalCrossentropy(gamma=np.nan), "gamma: received nan"),
    ],
)  # fmt: skip
def test_options_out_of_range(create, message):
    with pytest.raises(ValueError, match=message):
        create()


def test_what_float32_cannot_hold_is_refused_when_compiled(rng):
    model = _model("huber")
    model.compile("sgd", losses.Huber(1e-60))
    with pytest.raises(ValueError, match=r"\[compile\] received delta=0; expected a finite number"):
        model.fit(*_data(rng, losses.Huber()), verbose=0)


def test_hinges_take_signs_or_zeros_and_ones(rng):
    x, signs = _data(rng, losses.Hinge())
    results = []
    for y in (signs, (signs + 1) / 2, signs > 0):
        model = _model("hinge")
        model.set_weights([np.full_like(w, 0.1) for w in model.get_weights()])
        model.compile("sgd", "hinge")
        results.append(model.fit(x, y, epochs=2, shuffle=False, verbose=0).history["loss"])
    assert results[0] == results[1] == results[2]
    for y, message in (
        (np.where(x[:, :3] > 0, 0.5, 1), r"\[fit\] y: received 0.5 in row \d+, column \d; expected "
         "-1 and 1, or 0 and 1, for hinge"),
        (np.where(x[:, :3] > 0, np.sign(x[:, 3:]), 0), r"y: received -1, 0 and 1; expected -1 and"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            model.fit(x, y, verbose=0)


def test_class_weights_of_signs():
    x = np.zeros((4, 1), np.float32)
    model = fd.Sequential([fd.Input(shape=(1,)), layers.Dense(1)])
    model.compile(fd.optimizers.SGD(0.0), "hinge")
    weights = {0: 3.0, 1: 5.0}
    for y in ([-1, -1, -1, 1], [0, 0, 0, 1]):
        history = model.fit(x, y, class_weight=weights, verbose=0).history
        assert history["loss"] == [(3 * 3 + 5) / 4]
