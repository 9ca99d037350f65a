import hashlib
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import _core, layers
from fastdnn.models import loops


def _classifier(seed=1, outputs=3):
    fd.set_seed(seed)
    return fd.Sequential(
        [
            layers.Dense(16, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(outputs, activation="softmax"),
        ]
    )


def _data(rng, rows=203):
    x = rng.standard_normal((rows, 7)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(np.int64) + (x[:, 1] > 0)


def _fit(model, x, y, **kwargs):
    if model.optimizer is None:
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, **{"verbose": 0} | kwargs)


def _hash(model):
    return hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest()


def test_learns(rng):
    x, y = _data(rng, 2000)
    model = _classifier()
    model.compile(fd.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = _fit(model, x, y, epochs=8, validation_split=0.25)
    assert history.epoch == list(range(8))
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert history.params == {"verbose": 0, "epochs": 8, "steps": 47, "validates": True}
    assert history.history["val_accuracy"][-1] > 0.8
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert accuracy > 0.8 and model.metrics_names == ["loss", "accuracy"]
    assert model.evaluate(x, y, verbose=0, return_dict=True) == {"loss": loss, "accuracy": accuracy}
    assert (model.predict(x).argmax(axis=1) == y).mean() == pytest.approx(accuracy)


def test_same_seed_same_bits(rng):
    x, y = _data(rng)
    one, two, other = _classifier(1), _classifier(1), _classifier(2)
    for model in (one, two, other):
        _fit(model, x, y, epochs=3)
    assert _hash(one) == _hash(two) != _hash(other)


def _hashes_by_threads(make_model, x, y):
    before, hashes = _core.num_threads(), {}
    _core.testing.set_least_microseconds_per_thread(0.0)  # all threads, however small the work
    try:
        for count in (1, 2, 3, 5, 8, 23):
            fd.set_num_threads(count)
            model = make_model()
            _fit(model, x, y, epochs=3, batch_size=64)
            hashes[count] = _hash(model), model.predict(x).tobytes()
    finally:
        _core.testing.set_least_microseconds_per_thread(10.0)
        _core.set_num_threads(before)
    return hashes


def test_lower_precisions_train(rng, matmul_precision):
    """Close to float32, with the same bits again; other bits where the processor rounds."""
    x = rng.standard_normal((200, 300)).astype(np.float32)
    y = (x[:, :3].sum(axis=1) > 0).astype(np.int32)
    weights = {}
    for precision in ("highest", "high", "medium", "medium"):
        matmul_precision(precision)
        fd.set_seed(1)
        model = fd.Sequential(
            [fd.Input(300), layers.Dense(250, activation="tanh"), layers.Dense(2)]
        )
        # Neither the activation nor the optimizer turns a small difference into a large one.
        loss = fd.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(fd.optimizers.SGD(0.1), loss)
        _fit(model, x, y, epochs=2, batch_size=100)
        kernel = model.get_weights()[0]
        np.testing.assert_array_equal(weights.setdefault(precision, kernel), kernel)
    assert abs(weights["high"] - weights["highest"]).max() < 1e-5
    assert abs(weights["medium"] - weights["highest"]).max() < 1e-3
    rounds = _core.isa_level() in ("avx512_bf16", "amx")
    assert (weights["medium"] != weights["highest"]).any() == rounds


def test_same_bits_for_any_number_of_threads(rng):
    hashes = _hashes_by_threads(_classifier, *_data(rng, 1021))
    assert len(set(hashes.values())) == 1, {k: h for k, (h, _) in hashes.items()}


def test_wide_rows_are_gathered_alike_by_any_number_of_threads(rng):
    # 400 columns are 25 cache lines, about as many as there are threads; products of 400 terms by
    # 170 units are summed in two parts, those of the other layers computed by rows; the last batch
    # has one row.
    def make_model(*front):
        fd.set_seed(1)
        return fd.Sequential(
            [
                *front,
                layers.Dense(170, activation="relu"),
                layers.Dense(40, activation="elu"),
                layers.Dropout(0.2),
                layers.Dense(2, "softmax"),
            ]
        )

    pixels = rng.integers(0, 256, (129, 400)).astype(np.uint8)
    y = (pixels[:, 0] > 127).astype(np.int64)
    whole = _hashes_by_threads(lambda: make_model(layers.Rescaling(1 / 256)), pixels, y)
    floats = _hashes_by_threads(make_model, (pixels / 256).astype(np.float32), y)
    assert len(set(whole.values()) | set(floats.values())) == 1


@pytest.mark.parametrize(
    "optimizer",
    [
        fd.optimizers.SGD(0.1),
        fd.optimizers.SGD(0.1, momentum=0.9),
        fd.optimizers.Adam(),
        fd.optimizers.RMSprop(),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_bytes_are_multiplied_as_whole_numbers(product_isa, rng, optimizer):
    """By fewer products of parts, but to the same bits. A power of two scales exactly."""
    pixels = rng.integers(0, 256, (130, 400)).astype(np.uint8)
    y = (pixels[:, 0] > 127).astype(np.int64)

    def trained(x, *front):
        fd.set_seed(1)
        model = fd.Sequential([*front, layers.Dense(300, activation="tanh"), layers.Dense(2)])
        loss = fd.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer.from_config(optimizer.get_config()), loss)
        _fit(model, x, y, epochs=2, batch_size=50)
        outputs = model.predict(x, verbose=0), model.predict(x[:1], verbose=0)
        return [*model.get_weights(), *outputs, model.evaluate(x, y, verbose=0)]

    floats = (pixels / 256).astype(np.float32)
    for one, other in zip(trained(pixels, layers.Rescaling(1 / 256)), trained(floats), strict=True):
        np.testing.assert_array_equal(one, other)
    expected = trained(pixels)
    for one, other in zip(trained(pixels, layers.Rescaling(1 / 255)), expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("factor", [2.0**100, 2.0**-60])
def test_rescaling_brings_any_numbers_into_range(rng, factor):
    """Inputs are scaled, not gradients: of tiny numbers nothing would be left of these."""
    x, y = _data(rng)

    def trained(x, *front):
        fd.set_seed(1)
        model = fd.Sequential([*front, layers.Dense(20, activation="tanh"), layers.Dense(3)])
        model.compile("sgd", fd.losses.SparseCategoricalCrossentropy(from_logits=True))
        _fit(model, x, y, epochs=2, batch_size=32)
        return model.get_weights()

    found = trained((x / factor).astype(np.float32), layers.Rescaling(factor))
    for one, other in zip(found, trained(x), strict=True):
        np.testing.assert_array_equal(one, other)


def test_rescaling_in_the_midst_of_a_model(rng):
    """Gradients pass it: what it multiplies by may as well be in the weights behind it."""
    x, y = _data(rng)
    found = {}
    for factor in (1.0, 4.0):
        fd.set_seed(1)
        model = fd.Sequential(
            [
                fd.Input(shape=(x.shape[1],)),
                layers.Dense(20, activation="relu"),
                layers.Rescaling(factor, offset=0.5 * factor),
                layers.Dense(8, activation="relu"),
                layers.Rescaling(factor),
                layers.Dense(3),
            ]
        )
        first, second, third = (layer for layer in model.layers if layer.weights)
        second.set_weights([second.get_weights()[0] / factor, second.get_weights()[1]])
        third.set_weights([third.get_weights()[0] / factor, third.get_weights()[1]])
        model.compile("sgd", fd.losses.SparseCategoricalCrossentropy(from_logits=True))
        second.trainable = third.trainable = False
        _fit(model, x, y, epochs=2, batch_size=32, shuffle=False)
        found[factor] = first.get_weights()
    for one, other in zip(found[1.0], found[4.0], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_wide_targets_meet_predictions_by_rows_for_any_number_of_threads(rng):
    def make_model():
        fd.set_seed(1)
        model = fd.Sequential([layers.Dense(30, activation="tanh"), layers.Dense(300)])
        model.compile("adam", "mse", metrics=["mae"])
        return model

    x = rng.standard_normal((150, 20)).astype(np.float32)
    y = rng.standard_normal((150, 300)).astype(np.float32)
    assert len(set(_hashes_by_threads(make_model, x, y).values())) == 1


def test_two_fits_equal_one(rng):
    x, y = _data(rng)
    one, two = _classifier(), _classifier()
    _fit(one, x, y, epochs=4)
    _fit(two, x, y, epochs=2)
    history = _fit(two, x, y, epochs=4, initial_epoch=2)
    assert history.epoch == [2, 3]
    assert _hash(one) == _hash(two)


def test_shuffle_draws_a_new_order_every_epoch(rng):
    x, y = _data(rng)
    hashes = set()
    for shuffle in (True, False):
        model = _classifier()
        _fit(model, x, y, epochs=1, shuffle=shuffle)
        hashes.add(_hash(model))
    assert len(hashes) == 2
    # Without shuffling, fit makes the steps of train_on_batch.
    one, two = _classifier(), _classifier()
    _fit(one, x, y, shuffle=False, batch_size=50)
    two.compile("adam", "sparse_categorical_crossentropy")
    for first in range(0, len(x), 50):
        two.train_on_batch(x[first : first + 50], y[first : first + 50])
    assert _hash(one) == _hash(two)
    assert two.optimizer.iterations == 5


def test_steps_per_epoch_go_on_where_they_stopped(rng):
    x, y = _data(rng)  # 203 rows: 5 batches of 50
    one, two = _classifier(), _classifier()
    _fit(one, x, y, epochs=3, batch_size=50)
    _fit(two, x, y, epochs=5, batch_size=50, steps_per_epoch=3)
    assert one.optimizer.iterations == two.optimizer.iterations == 15
    assert _hash(one) == _hash(two)


def test_kinds_of_inputs_and_targets(rng):
    x, y = _data(rng)
    expected = _classifier()
    _fit(expected, x, y)

    class Frame:
        def __init__(self, array):
            self._array = array

        def to_numpy(self):
            return self._array

    class Tensor:
        def __init__(self, array):
            self._array = array
            self.__dlpack__ = array.__dlpack__
            self.__dlpack_device__ = array.__dlpack_device__

    for name, a, b in [
        ("list", x.tolist(), y.tolist()),
        ("float64", x.astype(np.float64), y.astype(np.int8)),
        ("strided", np.repeat(x, 2, axis=1)[:, ::2], y[:, None]),
        ("fortran", np.asfortranarray(x), y.astype(np.float64)),
        ("frame", Frame(x.astype(object)), Frame(y)),
        ("dlpack", Tensor(x), Tensor(y)),
        ("readonly", _readonly(x), _readonly(y)),
    ]:
        model = _classifier()
        _fit(model, a, b)
        assert _hash(model) == _hash(expected), name


def _readonly(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def test_uint8_is_scaled_and_bool_is_not(rng):
    images = rng.integers(0, 256, (60, 5), dtype=np.uint8)
    model = fd.Sequential([fd.Input(shape=(5,)), layers.Dense(2)])
    kernel = model.get_weights()[0].astype(np.float64)
    # float32 rounding of five products
    np.testing.assert_allclose(model.predict(images), images / 255 @ kernel, atol=1e-5)
    bits = images > 100
    np.testing.assert_allclose(model.predict(bits), bits @ kernel, atol=1e-5)


def test_one_hot_and_sparse_targets_train_alike(rng):
    x, y = _data(rng)
    one, two = _classifier(), _classifier()
    _fit(one, x, y)
    two.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    history = _fit(two, x, np.eye(3)[y])
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert history.history["accuracy"] == pytest.approx(one.history.history["accuracy"], abs=0.02)


def test_logs_do_not_depend_on_how_often_fit_comes_back(rng, monkeypatch):
    """Neither on callbacks that look at batches, nor on slices of time."""
    x, y = (rng.standard_normal((200, width)).astype(np.float32) for width in (5, 3))
    results = []
    for seconds, callbacks in ((loops.SLICE_SECONDS, []), (0.0, []), (10.0, [EveryBatch()])):
        monkeypatch.setattr(loops, "SLICE_SECONDS", seconds)
        fd.set_seed(4)
        model = fd.Sequential([fd.Input((5,)), fd.layers.Dense(3, kernel_regularizer="l2")])
        model.compile("sgd", "mse", metrics=["mae"])
        history = model.fit(
            x, y, batch_size=16, epochs=3, validation_split=0.2, callbacks=callbacks, verbose=0
        )
        results.append([*history.history.values(), model.evaluate(x, y, batch_size=7, verbose=0)])
    assert results[0] == results[1] == results[2]


class EveryBatch(fd.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        assert logs["loss"] > 0


def test_class_weights_are_for_training_alone(rng):
    """As in Keras; sample weights count for the rows to validate on."""
    x = rng.standard_normal((40, 3)).astype(np.float32)
    y = np.tile([0.0, 1.0], 20).astype(np.float32)
    weight = rng.uniform(0.5, 1.5, 40).astype(np.float32)
    results = []
    for options in (
        {"validation_split": 0.25},
        {"validation_split": 0.25, "class_weight": {0: 1.0, 1: 100.0}},
        {"validation_split": 0.25, "class_weight": "balanced"},
    ):
        fd.set_seed(2)
        model = fd.Sequential([fd.Input((3,)), fd.layers.Dense(1)])
        model.compile(fd.optimizers.SGD(0.0), "mse", weighted_metrics=["mae"])
        history = model.fit(x, y, sample_weight=weight, verbose=0, **options).history
        results.append(history)
        expected = model.evaluate(x[30:], y[30:], sample_weight=weight[30:], verbose=0)
        assert [history["val_loss"][0], history["val_mae"][0]] == pytest.approx(expected)
    assert results[1]["loss"][0] > 10 * results[0]["loss"][0]
    # Thirty rows to train on, fifteen of each class: all weights are 1.
    assert results[2]["loss"] == results[0]["loss"]


def test_sample_and_class_weights(rng):
    x, y = _data(rng)
    weights = {0: 1.0, 1: 2.0, 2: 0.5}
    by_class, by_sample, both, balanced, plain = (_classifier() for _ in range(5))
    per_row = np.array([weights[label] for label in y])
    _fit(by_class, x, y, class_weight=weights)
    _fit(by_sample, x, y, sample_weight=per_row)
    _fit(both, x, y, class_weight=weights, sample_weight=np.ones((len(y), 1)))
    assert _hash(by_class) == _hash(by_sample) == _hash(both)
    _fit(balanced, x, y, class_weight="balanced")
    _fit(plain, x, y, class_weight=dict(enumerate(len(y) / (3 * np.bincount(y)))))
    assert _hash(balanced) == _hash(plain) != _hash(by_class)


def test_a_weighted_loss_is_divided_by_the_rows(rng):
    x, y = rng.standard_normal((30, 4)), rng.standard_normal((30, 2))
    weight = rng.random(30)
    model = fd.Sequential([fd.Input(shape=(4,)), layers.Dense(2)])
    model.compile("sgd", "mse", metrics=["mse"], weighted_metrics=["mae"])
    values = model.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True)
    error = y - model.predict(x).astype(np.float64)
    squared, absolute = (error**2).mean(axis=1), abs(error).mean(axis=1)
    # A mean of 30 float32 losses, each of a few operations.
    close = {"rel": 1e-5}
    assert values["loss"] == pytest.approx((squared * weight).mean(), **close)
    assert values["mse"] == pytest.approx(squared.mean(), **close)
    assert values["mae"] == pytest.approx((absolute * weight).sum() / weight.sum(), **close)


def test_validation(rng):
    x, y = _data(rng)
    model = _classifier()
    history = _fit(model, x, y, epochs=4, validation_data=(x[:20], y[:20]), validation_freq=2)
    assert len(history.history["val_loss"]) == 2
    loss, accuracy = model.evaluate(x[:20], y[:20], verbose=0)
    assert history.history["val_loss"][-1] == loss
    assert history.history["val_accuracy"][-1] == accuracy
    history = _fit(model, x, y, epochs=4, validation_split=0.5, validation_freq=[1, 3, 4])
    assert len(history.history["val_loss"]) == 3
    weighted = _fit(model, x, y, validation_data=(x[:20], y[:20], np.full(20, 2.0)), epochs=1)
    loss, _ = model.evaluate(x[:20], y[:20], verbose=0)
    assert weighted.history["val_loss"][-1] == pytest.approx(2 * loss)


def test_validation_split_takes_the_last_rows(rng):
    x, y = _data(rng, 100)
    one, two = _classifier(), _classifier()
    a = _fit(one, x, y, validation_split=0.2)
    b = _fit(two, x[:80], y[:80], validation_data=(x[80:], y[80:]))
    assert a.history == b.history and _hash(one) == _hash(two)


def test_batches_larger_than_the_data(rng):
    x, y = _data(rng, 10)
    one, two = _classifier(), _classifier()
    _fit(one, x, y, batch_size=10)
    _fit(two, x, y, batch_size=4096)
    assert _hash(one) == _hash(two)
    assert one.predict(x, batch_size=1000).shape == (10, 3)


def test_one_column(rng):
    x = rng.random(50)
    model = fd.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, 2 * x, verbose=0)
    assert model.input_shape == (None, 1)
    assert model.predict(x).shape == (50, 1)
    assert isinstance(model.evaluate(x, 2 * x, verbose=0), float)


def test_batch_methods(rng):
    x, y = _data(rng)
    model = _classifier()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    loss, accuracy = model.train_on_batch(x, y, class_weight={0: 1.0})
    assert loss > 0 and 0 <= accuracy <= 1
    logs = model.test_on_batch(x, y, return_dict=True)
    assert logs == model.evaluate(x, y, verbose=0, return_dict=True, batch_size=len(x))
    np.testing.assert_array_equal(model.predict_on_batch(x), model.predict(x))


def test_predict_of_no_rows_and_of_nan(rng):
    x, y = _data(rng)
    model = _classifier()
    _fit(model, x, y)
    assert model.predict(np.zeros((0, 7))).shape == (0, 3)
    x[3] = np.nan
    assert np.isnan(model.predict(x)[3]).all() and not np.isnan(model.predict(x)[4]).any()


def test_the_learning_rate_may_change(rng):
    x, y = _data(rng)

    class Stop(fd.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 0.0 if epoch else 0.1

        def on_epoch_end(self, epoch, logs=None):
            weights.append(self.model.get_weights()[0])

    weights = []
    _fit(_classifier(), x, y, epochs=3, callbacks=Stop())
    assert (weights[1] == weights[2]).all()


def test_a_new_optimizer_starts_anew_and_the_same_one_does_not(rng):
    x, y = _data(rng)
    model = _classifier()
    optimizer = fd.optimizers.Adam()
    model.compile(optimizer, "sparse_categorical_crossentropy")
    _fit(model, x, y)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    _fit(model, x, y)
    assert optimizer.iterations == 14
    model.compile("adam", "sparse_categorical_crossentropy")
    _fit(model, x, y)
    assert model.optimizer.iterations == 7


def test_max_seconds(rng):
    x, y = _data(rng)
    model = _classifier()
    start = time.perf_counter()
    history = _fit(model, x, y, epochs=10**6, max_seconds=0.2)
    assert 0.2 <= time.perf_counter() - start < 2
    assert history.epoch


@pytest.fixture
def ctrl_c():
    """Python's own handler of SIGINT, which shells take from what they run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_stops_a_fit_and_leaves_a_usable_model(rng):
    x, y = _data(rng, 20_000)
    model = _classifier()
    _fit(model, x[:100], y[:100])
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        signal.raise_signal(signal.SIGINT)

    timer = threading.Timer(0.3, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        _fit(model, x, y, epochs=10**6, max_seconds=30)
    # One slice of 0.05 s and a step; generous, as machines that test are busy.
    assert time.perf_counter() - sent[0] < 0.1 + 0.4
    timer.join()
    assert np.isfinite(model.predict(x)).all()
    assert model.optimizer.iterations == model._binding.network.iterations > 4
    _fit(model, x[:100], y[:100])


def test_a_callback_that_fails_leaves_a_usable_model(rng):
    class Fail(fd.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                raise RuntimeError("enough")

    x, y = _data(rng)
    model = _classifier()
    with pytest.raises(RuntimeError, match="enough"):
        _fit(model, x, y, callbacks=[Fail()], verbose=1)
    assert model._binding.network.iterations == 3
    _fit(model, x, y)


def test_the_process_ends_while_a_daemon_thread_trains():
    """Python unwinds daemon threads at exit; that must not end in an abort."""
    script = """
import threading, time
import numpy as np
import fastdnn as fd
model = fd.Sequential([fd.Input((4,)), fd.layers.Dense(8), fd.layers.Dense(1)])
model.compile("sgd", "mse")
x, y = np.ones((1000, 4), np.float32), np.ones((1000, 1), np.float32)
train = lambda: model.fit(x, y, epochs=10**6, verbose=0)
threading.Thread(target=train, daemon=True).start()
time.sleep(0.5)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")


MEMORY = """
import sys
import numpy as np
import fastdnn as fd

def resident():
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

x = np.ones((64, 3000), np.float32)
model = fd.Sequential([fd.Input(3000), *(fd.layers.Dense(3000) for _ in range(3))])
for layer in model.layers[: int(sys.argv[1])]:
    layer.trainable = False
model.predict(x[:1])
before = resident()
model.compile("adam", loss="mean_squared_error")
model.fit(x, x, epochs=2, verbose=0)
weights = sum(weight.size for weight in model.weights) * 4
print((resident() - before) / weights)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for resident memory")
@pytest.mark.parametrize("frozen", [0, 1, 2])
def test_memory_of_training(frozen):
    """Two slots of Adam for what is trained, no gradients of kernels, and a little."""
    command = [sys.executable, "-c", MEMORY, str(frozen)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(run.stdout) < 2 * (3 - frozen) / 3 + 0.4
