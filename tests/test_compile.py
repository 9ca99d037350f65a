import copy
import inspect
import json
import math

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import losses, metrics, optimizers
from fastdnn.models.compiling import Compiled


def _model():
    return fd.Sequential([fd.Input(shape=(4,)), fd.layers.Dense(3)])


@pytest.mark.parametrize(
    "name, cls",
    [
        ("mse", losses.MeanSquaredError),
        ("MSE", losses.MeanSquaredError),
        ("mae", losses.MeanAbsoluteError),
        ("mean_squared_error", losses.MeanSquaredError),
        ("MeanSquaredError", losses.MeanSquaredError),
        ("bce", losses.BinaryCrossentropy),
        ("sparse_categorical_crossentropy", losses.SparseCategoricalCrossentropy),
        ("categorical_crossentropy", losses.CategoricalCrossentropy),
    ],
)
def test_names_of_losses(name, cls):
    assert type(losses.get(name)) is cls
    assert type(losses.get(cls)) is cls


@pytest.mark.parametrize("name", ["sgd", "SGD", "Adam", "adam", "rmsprop", "RMSprop", "ftrl"])
def test_names_of_optimizers(name):
    assert optimizers.get(name).native_name == name.lower()


def test_every_optimizer_goes_by_its_class_name():
    for name in optimizers.NAMES:
        assert type(optimizers.get(name)).__name__.lower() == name
    assert optimizers.get("adamw").native_name == "adam"
    assert optimizers.get("AdamW").weight_decay == 0.004


@pytest.mark.parametrize(
    "thing",
    [
        losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
        optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        optimizers.Ftrl(beta=0.2, l1_regularization_strength=0.1),
        optimizers.RMSprop(centered=True),
        optimizers.Adam(0.01),
        optimizers.Adagrad(),
        optimizers.AdamW(weight_decay=0.01, amsgrad=True),
        optimizers.Adadelta(rho=0.9, clipnorm=1.0, use_ema=True, ema_overwrite_frequency=3),
        optimizers.Nadam(global_clipnorm=2, gradient_accumulation_steps=4),
        optimizers.Adamax(clipvalue=0.5, ema_momentum=1.0),
        optimizers.Lion(weight_decay=0.1, name="leo"),
        metrics.RootMeanSquaredError(name="r"),
        metrics.BinaryAccuracy(threshold=0.25),
        metrics.TopKCategoricalAccuracy(k=2),
        metrics.SparseTopKCategoricalAccuracy(3, name="top"),
        metrics.BinaryCrossentropy("bce", from_logits=True, label_smoothing=0.5),
        metrics.CategoricalCrossentropy(label_smoothing=0.25),
        metrics.SparseCategoricalCrossentropy(from_logits=True),
        metrics.R2Score("variance_weighted_average", num_regressors=2),
        metrics.Precision(thresholds=0.25, class_id=1),
        metrics.Recall(thresholds=[0.75, 0.25], top_k=3),
        metrics.F1Score("macro", threshold=0.5),
        metrics.FBetaScore("micro", beta=2.0),
        metrics.AUC(7, "PR", "minoring", multi_label=True, num_labels=2, label_weights=[1.0, 2.0]),
        metrics.AUC(thresholds=[0.75, 0.25], from_logits=True),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_config_round_trip(thing):
    again = type(thing).from_config(json.loads(json.dumps(thing.get_config())))
    assert repr(again) == repr(thing)


def test_arguments_before_there_were_common_ones_make_the_same_optimizer():
    config = {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "name": "sgd"}
    assert repr(optimizers.SGD.from_config(config)) == repr(optimizers.SGD(0.1, 0.9, True))


@pytest.mark.parametrize("cls", [optimizers.SGD, optimizers.AdamW, optimizers.Lion])
def test_signatures_list_every_argument(cls):
    names = list(inspect.signature(cls).parameters)
    common = ["clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_momentum"]
    common += ["ema_overwrite_frequency", "gradient_accumulation_steps", "name"]
    assert names[-8:] == common and names.count("weight_decay") == 1
    assert inspect.signature(cls).parameters["name"].default == cls.__name__.lower()


COMMON = {"use_ema": False, "ema_momentum": 0.99}


def test_defaults_are_keras_s():
    assert optimizers.SGD().hyperparameters() == COMMON | {
        "learning_rate": 0.01,
        "momentum": 0.0,
        "nesterov": 0.0,
    }
    assert optimizers.Adam().hyperparameters() == COMMON | {
        "learning_rate": 0.001,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-7,
        "amsgrad": False,
    }
    assert optimizers.Adadelta().hyperparameters()["rho"] == 0.95
    assert optimizers.Lion().hyperparameters()["beta_2"] == 0.99
    assert optimizers.RMSprop().hyperparameters()["rho"] == 0.9
    assert optimizers.Adagrad().hyperparameters()["initial_accumulator_value"] == 0.1
    assert optimizers.Ftrl().hyperparameters()["learning_rate_power"] == -0.5


def _plan(loss, columns, **metrics):
    choices = {"metrics": None, "weighted_metrics": None} | metrics
    return Compiled.parse("sgd", ["output"], loss, None, choices).plan([columns])


@pytest.mark.parametrize(
    "loss, outputs, native",
    [
        ("sparse_categorical_crossentropy", 10, "sparse_categorical_accuracy"),
        ("categorical_crossentropy", 10, "categorical_accuracy"),
        ("binary_crossentropy", 1, "binary_accuracy"),
        ("binary_crossentropy", 5, "categorical_accuracy"),
        ("mse", 1, "binary_accuracy"),
        ("mse", 5, "categorical_accuracy"),
    ],
)
def test_accuracy_is_chosen_by_loss_and_shape(loss, outputs, native):
    plan = _plan(loss, outputs, metrics=["accuracy", "acc"])
    options = {"threshold": 0.5} if native == "binary_accuracy" else {}
    assert plan.native == [
        (plan.native[0][0], plan.native[0][1], 1.0, [(native, options, [False])])
    ]
    assert plan.names == ["loss", "accuracy", "acc"]


def test_logs():
    plan = _plan("mse", 3, metrics=["mse", "rmse"], weighted_metrics=["mse"])
    assert plan.native[0][3] == [("mean_squared_error", {}, [False, True])] and plan.size == 6
    logs = plan.logs([4.0, 8.0, 10.0, 36.0, 40.0, 6.0])
    assert logs == {"loss": 4.0, "mse": 9.0, "rmse": 3.0, "weighted_mse": 5.0}
    assert math.isnan(plan.logs([0.0] * 6)["loss"])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"loss": 3}, r"\[compile\] loss: received 3 of type int; expected a name"),
        ({"loss": "msee"}, r"loss: received 'msee'; expected one of .*; did you mean 'mse'"),
        (
            {"optimizer": "adm"},
            r"optimizer: received 'adm'; expected one of adadelta, .*you mean 'adam'",
        ),
        ({"metrics": "accuracy"}, r"metrics: received 'accuracy'; expected a list such as"),
        ({"metrics": ["acuracy"]}, r"metrics: received 'acuracy'; .* did you mean 'accuracy'"),
        ({"weighted_metrics": 3}, r"weighted_metrics: received 3; expected a list"),
    ],
)
def test_errors_leave_the_model_as_it_was(arguments, message):
    model = _model()
    model.compile("sgd", "mse")
    before = model.optimizer
    with pytest.raises(ValueError, match=message):
        model.compile(**{"optimizer": "adam", "loss": "mse"} | arguments)
    assert model.optimizer is before


def test_an_argument_that_no_optimizer_has():
    with pytest.raises(TypeError, match=r"\[Adam\] received the argument 'clip_norm'.*'clipnorm'"):
        optimizers.Adam(clip_norm=1.0)


def test_the_weight_of_one_loss_is_kept():
    model = _model()
    model.compile("sgd", "mse", loss_weights=[2.0])
    config = model._compiled.get_config()
    model.compile(**config)
    assert config["loss_weights"] == [2.0] and model._compiled.get_config() == config


def test_metrics_must_take_the_targets_of_the_loss():
    model = _model()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["mse"])
    with pytest.raises(ValueError, match=r"received 'mse' with loss 'sparse_categorical_crossent"):
        model.fit([[0.0] * 4], [0], verbose=0)


@pytest.mark.parametrize(
    "create, message",
    [
        (lambda: optimizers.SGD(-1), r"\[SGD\] learning_rate: received -1; expected a number of"),
        (lambda: optimizers.SGD("0.1x"), r"\[SGD\] learning_rate: received '0.1x'"),
        (lambda: optimizers.SGD(momentum=1.0), r"momentum: received 1.0; .*at least 0 and below 1"),
        (lambda: optimizers.Adam(beta_1=1.0), r"beta_1: received 1.0"),
        (lambda: optimizers.Ftrl(learning_rate_power=0.5), r"received 0.5; expected zero or a neg"),
        (lambda: losses.BinaryCrossentropy(label_smoothing=2), r"label_smoothing: received 2"),
        (
            lambda: optimizers.Lion(beta_1=0),
            r"\[Lion\] beta_1: received 0; expected a number above",
        ),
        (
            lambda: optimizers.AdamW(weight_decay=None),
            r"received None; expected a number; use Adam",
        ),
        (
            lambda: optimizers.SGD("0.5"),
            r"\[SGD\] learning_rate: received '0.5'; expected a number",
        ),
        (lambda: optimizers.SGD(True), r"\[SGD\] learning_rate: received True; expected a num"),
        (lambda: optimizers.SGD(weight_decay=-1), r"weight_decay: received -1; expected a num"),
        (lambda: optimizers.SGD(ema_momentum=1.5), r"received 1.5; expected a number from 0 to 1"),
        (
            lambda: optimizers.Adam(clipnorm=1, global_clipnorm=2.0),
            r"\[Adam\] received clipnorm=1.0, global_clipnorm=2.0; expected at most one of",
        ),
        (
            lambda: optimizers.SGD(gradient_accumulation_steps=1),
            r"\[SGD\] gradient_accumulation_steps: received 1; expected an integer of at least 2",
        ),
        (
            lambda: optimizers.SGD(use_ema=True, ema_overwrite_frequency=0.5),
            r"ema_overwrite_frequency: received 0.5; expected an integer of at least 1",
        ),
    ],
)
def test_numbers_out_of_range(create, message):
    with pytest.raises(ValueError, match=message):
        create()


def test_freezing_before_compile_keeps_the_optimizers_state():
    optimizer = fd.optimizers.Adam(0.01)
    model = fd.Sequential([fd.Input((3,)), fd.layers.Dense(4), fd.layers.Dense(1)])
    model.compile(optimizer, "mse")
    x, y = np.ones((8, 3), np.float32), np.ones((8, 1), np.float32)
    model.fit(x, y, batch_size=4, epochs=5, verbose=0)
    model.layers[0].trainable = False
    model.compile(optimizer, "mse")
    model.fit(x, y, batch_size=4, verbose=0)
    assert optimizer.iterations == 12
    model.compile(optimizer, "mse")
    model.layers[0].trainable = True
    model.fit(x, y, batch_size=4, verbose=0)
    assert optimizer.iterations == 14


@pytest.mark.parametrize(
    "optimizer, name",
    [
        (optimizers.SGD(), "momentum"),
        (optimizers.SGD(), "nesterov"),
        (optimizers.RMSprop(), "centered"),
        (optimizers.Adam(), "beta_1"),
        (optimizers.Adam(), "weight_decay"),
    ],
)
def test_only_the_learning_rate_of_an_optimizer_changes(optimizer, name):
    before = getattr(optimizer, name)
    with pytest.raises(AttributeError, match=rf"{name}: received 0.9; only learning_rate may be c"):
        setattr(optimizer, name, 0.9)
    assert getattr(optimizer, name) == before
    optimizer.learning_rate, optimizer.note = 0.5, "mine"
    optimizer.note = "changed"
    assert copy.deepcopy(optimizer).learning_rate == 0.5


def test_other_metrics_for_the_same_optimizer_keep_its_state():
    model, optimizer = _model(), optimizers.SGD(momentum=0.9)
    model.compile(optimizer, "mse")
    x, y = np.ones((4, 4), np.float32), np.ones((4, 3), np.float32)
    model.fit(x, y, verbose=0)
    slots = [view.copy() for view in model._binding.slots().values()]
    model.compile(optimizer, "mse", metrics=["mae"])
    model.layers[0].trainable = False
    model.layers[0].trainable = True
    model.add(fd.layers.Activation("linear"))
    model.evaluate(x, y, verbose=0)
    for before, view in zip(slots, model._binding.slots().values(), strict=True):
        np.testing.assert_array_equal(before, view)
    assert model._binding.network.iterations == 1


def test_an_optimizer_has_one_model():
    models = [fd.Sequential([fd.Input((2,)), fd.layers.Dense(1)]) for _ in range(2)]
    sgd = optimizers.SGD(0.1)
    models[0].compile(sgd, "mse")
    models[0].compile(sgd, "mae")
    with pytest.raises(ValueError, match=r"optimizer: received the SGD of another model, whose st"):
        models[1].compile(sgd, "mse")
    assert models[1].optimizer is None
    models[0].compile("adam", "mse")
    models[1].compile(sgd, "mse")
