"""Every mistake is answered in words, and the model stays as it was."""

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import layers

X = np.linspace(-1, 1, 80, dtype=np.float32).reshape(20, 4)
Y = np.arange(20) % 3
ONE_HOT = np.eye(3, dtype=np.float32)[Y]
SPARSE = "sparse_categorical_crossentropy"


def _with(array, place, value):
    array = np.array(array, np.float64)
    array[place] = value
    return array


class Sparse:
    nnz, shape = 3, (20, 4)

    def toarray(self):
        return X


# (loss, arguments of fit, message)
DATA = [
    (SPARSE, {"x": X.reshape(20, 2, 2)}, r"\[fit\] x: received shape \(20, 2, 2\); expected \(rows,"
     r" 4\); use x.reshape\(-1, 4\)"),
    (SPARSE, {"x": X[:, :3]}, r"x: received shape \(20, 3\); expected \(rows, 4\)$"),
    (SPARSE, {"x": X[0], "y": Y[:4]}, r"x: received shape \(4,\); .*for one row use x\[None\]"),
    (SPARSE, {"x": None}, r"x: received None; expected an array"),
    (SPARSE, {"x": 3.0}, r"x: received the number 3.0; expected an array"),
    (SPARSE, {"x": [[1, 2], [3]]}, r"x: received a list that is not an array of numbers .*equal"),
    (SPARSE, {"x": [["a"] * 4] * 20}, r"x: received an array of <U1; expected numbers; encode"),
    (SPARSE, {"x": np.array([["a"] * 4] * 20, object)}, "entries that are no numbers .*encode"),
    (SPARSE, {"x": X.astype(complex)}, r"x: received an array of complex128; expected numbers"),
    (SPARSE, {"x": {"a": X}}, r"x: received a dict with the keys \['a'\]; expected input"),
    (SPARSE, {"x": Sparse()}, r"x: received a sparse matrix .*; use x.toarray\(\)"),
    (SPARSE, {"x": X[:0], "y": Y[:0]}, r"x: received an array of shape \(0, 4\); expected at leas"),
    (SPARSE, {"x": _with(X, (7, 2), np.nan)}, r"x: received nan in row 7, column 2; expected fini"),
    (SPARSE, {"x": _with(X, (7, 2), -np.inf)}, r"x: received -inf in row 7, column 2"),
    (SPARSE, {"x": _with(X, (19, 3), 1e300)}, r"received 1e\+300 in row 19, column 3; float32 can"),
    (SPARSE, {"y": Y[:19]}, r"\[fit\] received 20 rows of x and 19 of y; expected equal numbers"),
    (SPARSE, {"y": None}, r"y: received None"),
    (SPARSE, {"y": _with(Y, 5, 3)}, r"y: received the label 3.0 in row 5; expected integers from 0 "
     r"to 2, as the model has 3 outputs"),
    (SPARSE, {"y": Y - 1}, r"y: received the label -1 in row 0"),
    (SPARSE, {"y": _with(Y, 4, 0.5)}, r"y: received the label 0.5 in row 4"),
    (SPARSE, {"y": _with(Y, 4, np.nan)}, r"y: received the label nan in row 4"),
    (SPARSE, {"y": ONE_HOT}, r"y: received shape \(20, 3\); .*for one-hot labels use loss='catego"),
    (SPARSE, {"y": ONE_HOT[:, :2]}, r"y: received shape \(20, 2\); expected \(rows,\), one intege"),
    ("categorical_crossentropy", {}, r"y: received shape \(20,\); expected \(rows, 3\), the "
     r"model's outputs; for integer labels use loss='sparse_categorical_crossentropy'"),
    ("categorical_crossentropy", {"y": ONE_HOT * 2}, r"received 2.0 in row 0, column 0; expected "),
    ("binary_crossentropy", {"y": ONE_HOT - 0.5}, r"received -0.5 in row 0, column 1; expected"),
    ("mse", {"y": ONE_HOT[:, :2]}, r"y: received shape \(20, 2\); expected \(rows, 3\)"),
    ("mse", {"y": _with(ONE_HOT, (3, 1), np.nan)}, r"y: received nan in row 3, column 1"),
    (SPARSE, {"sample_weight": np.ones(19)}, r"sample_weight: received shape \(19,\); expected \("),
    (SPARSE, {"sample_weight": _with(np.ones(20), 3, np.nan)}, r"sample_weight: received nan in r"),
    (SPARSE, {"class_weight": [1, 2]}, r"class_weight: received \[1, 2\]; expected a dict such as"),
    (SPARSE, {"class_weight": {0: "a"}}, r"class_weight: received 'a' for class 0; expected a fin"),
    (SPARSE, {"class_weight": {0: np.nan}}, r"class_weight: received nan for class 0"),
    (SPARSE, {"class_weight": {0: 1e39}}, r"received 1e\+39 for class 0; expected a finite num"),
    (SPARSE, {"class_weight": {0: -1}}, r"class_weight: received -1 for class 0"),
    (SPARSE, {"class_weight": {0: None}}, r"class_weight: received None for class 0"),
    (SPARSE, {"class_weight": {3: 1}}, r"class_weight: received the class 3; expected integers from"
     r" 0 to 2"),
    (SPARSE, {"class_weight": {-1: 1}}, r"class_weight: received the class -1"),
    (SPARSE, {"class_weight": {"0": 1}}, r"class_weight: received the class '0'"),
    (SPARSE, {"class_weight": {0.5: 1}}, r"class_weight: received the class 0.5"),
    (SPARSE, {"class_weight": {True: 1}}, r"class_weight: received the class True"),
    (SPARSE, {"class_weight": {1: 1e30}, "sample_weight": np.full(20, 1e30)}, r"class_weight: rec"
     r"eived 1e\+30 for row 1, which float32 cannot hold times its sample_weight"),
    (SPARSE, {"x": np.ma.masked_array(X, X > 0)}, r"x: received a masked array; .*x.filled\(0\)"),
    (SPARSE, {"y": np.ma.masked_array(Y, Y > 1)}, r"y: received a masked array; .*y.filled\(0\)"),
    (SPARSE, {"sample_weight": np.ma.masked_array(np.ones(20), Y > 1)}, r"sample_weight: rec"
     r"eived a masked array"),
    (SPARSE, {"callbacks": 3}, r"\[fit\] callbacks: received 3 of type int; expected objects of "),
    (SPARSE, {"callbacks": [fd.callbacks.History]}, r"callbacks: received <class .* of type type"),
    (SPARSE, {"max_seconds": np.nan}, r"\[fit\] max_seconds: received nan; expected a number of"),
    (SPARSE, {"validation_data": X}, r"validation_data: received ndarray; expected \(x, y\) or"),
    (SPARSE, {"validation_data": (X[:, :2], Y)}, r"\[fit validation_data\] x: received shape"),
    (SPARSE, {"validation_data": (X, Y + 1)}, r"\[fit validation_data\] y: received the label 3"),
    (SPARSE, {"validation_split": 1.0}, r"validation_split: received 1.0; expected a number"),
    (SPARSE, {"validation_split": 0.999}, r"validation_split: received 0.999 for 20 rows; one"),
    (SPARSE, {"batch_size": 0}, r"\[fit\] batch_size: received 0; expected an integer of at least"),
    (SPARSE, {"batch_size": 2.5}, r"\[fit\] batch_size: received 2.5"),
    (SPARSE, {"epochs": -1}, r"\[fit\] epochs: received -1; expected an integer of at least 0"),
    (SPARSE, {"initial_epoch": True}, r"\[fit\] initial_epoch: received True"),
    (SPARSE, {"steps_per_epoch": 0}, r"\[fit\] steps_per_epoch: received 0"),
    (SPARSE, {"validation_freq": 0}, r"\[fit\] validation_freq: received 0"),
    (SPARSE, {"verbose": "loud"}, r"\[verbose\] received 'loud'"),
]  # fmt: skip


def _model(loss, shape=(4,)):
    front = [fd.Input(shape=shape)] if shape else []
    model = fd.Sequential([*front, layers.Dense(5), layers.Dense(3, activation="sigmoid")])
    model.compile(fd.optimizers.SGD(momentum=0.9), loss)
    return model


def _state(model):
    binding = model._binding
    slots = [view.copy() for view in binding.slots().values()]
    return [*model.get_weights(), *slots, np.array(binding.network.iterations)]


@pytest.mark.parametrize("loss, arguments, message", DATA)
def test_fit(loss, arguments, message):
    model = _model(loss)
    good = Y if loss == SPARSE else ONE_HOT
    model.fit(X, good, epochs=2, verbose=0)
    before = _state(model)
    with pytest.raises(ValueError, match=message):
        model.fit(**{"x": X, "y": Y, "verbose": 0} | arguments)
    for a, b in zip(before, _state(model), strict=True):
        np.testing.assert_array_equal(a, b)
    model.fit(X, good, verbose=0)


@pytest.mark.parametrize(
    "arguments",
    [
        {"x": _with(X, (0, 0), np.nan)},
        {"y": Y + 1},
        {"epochs": -1},
        {"class_weight": 3},
        {"validation_data": (X[:, :2], Y)},
        {"validation_data": (X, Y + 1)},
        {"validation_data": X},
        {"validation_split": 2.0},
        {"validation_split": 0.5, "validation_batch_size": 0},
        {"callbacks": [3]},
        {"max_seconds": -1},
    ],
)
def test_a_failed_first_fit_does_not_build(arguments):
    model = _model(SPARSE, shape=None)
    with pytest.raises(ValueError, match=r"\[fit"):
        model.fit(**{"x": X, "y": Y, "verbose": 0} | arguments)
    assert not model.built and not model.layers[0].built
    model.fit(X[:, :2], Y, verbose=0)


def test_images_need_flatten():
    model = _model(SPARSE, shape=None)
    with pytest.raises(ValueError, match=r"received rows of shape \(2, 2\); .*put a Flatten\(\)"):
        model.fit(X.reshape(20, 2, 2), Y, verbose=0)
    assert not model.built


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_not_compiled(method):
    model = fd.Sequential([fd.Input(shape=(4,)), layers.Dense(3)])
    with pytest.raises(
        ValueError, match=rf"\[{method}\] the model is not compiled; call compile\("
    ):
        getattr(model, method)(X, Y)


@pytest.mark.parametrize("method", ["evaluate", "train_on_batch", "test_on_batch"])
def test_other_methods_check_the_data(method):
    model = _model(SPARSE)
    with pytest.raises(ValueError, match=rf"\[{method}\] y: received the label 3 in row 2"):
        getattr(model, method)(X, Y + 1)


def test_predict():
    model = _model(SPARSE)
    with pytest.raises(
        ValueError, match=r"\[predict\] x: received shape \(20, 2\); expected \(row"
    ):
        model.predict(X[:, :2])
    with pytest.raises(ValueError, match=r"\[predict\] batch_size: received 0"):
        model.predict(X, batch_size=0)
    with pytest.raises(ValueError, match=r"\[evaluate\] batch_size: received -1"):
        model.evaluate(X, Y, batch_size=-1, verbose=0)


def test_a_model_without_layers():
    model = fd.Sequential()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"\[sequential\] the model has no layers; add some"):
        model.fit(X, Y, verbose=0)


def test_class_weights_by_the_numbers_of_numpy():
    fd.set_seed(1)
    losses = []
    for weights in ({0: 2.0, 2: 0.0}, {np.float64(0.0): np.float32(2.0), np.int64(2): np.int8(0)}):
        fd.set_seed(1)
        model = _model(SPARSE)
        losses.append(model.fit(X, Y, class_weight=weights, verbose=0).history["loss"])
    assert losses[0] == losses[1]


def test_a_validation_split_in_float32():
    seen = []

    class Count(fd.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.params["steps"])

    for share in (0.2, np.float32(0.2), np.float16(0.2)):
        _model(SPARSE).fit(X, Y, batch_size=1, validation_split=share, callbacks=Count(), verbose=0)
    assert seen == [16, 16, 16]
