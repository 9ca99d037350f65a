"""Rows of float16 and bfloat16, and rows in files, which become float32 batch by batch."""

import tracemalloc

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import _core
from fastdnn.layers import BatchNormalization, Dense, Dropout, Flatten, Input
from fastdnn.models import data as datasets

CLASSES = 3
DTYPES = ["float16", "bfloat16"]


def numpy_type(name):
    if name != "bfloat16":
        return np.dtype(name)
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes, which has bfloat16 for NumPy")
    return np.dtype(ml_dtypes.bfloat16)


@pytest.fixture(params=DTYPES)
def half(request):
    return numpy_type(request.param)


@pytest.fixture(params=["float32", "float16", "bfloat16", "uint8"])
def dtype(request):
    return numpy_type(request.param)


def draw(rng, dtype, rows=203, width=37):
    if dtype == np.uint8:
        x = rng.integers(0, 256, (rows, width)).astype(np.uint8)
    else:
        x = rng.standard_normal((rows, width)).astype(dtype)
    return x, rng.integers(0, CLASSES, rows)


def model(*front):
    fd.set_seed(1)
    made = fd.Sequential(
        [
            *front,
            Dense(20, activation="relu"),
            BatchNormalization(),
            Dropout(0.2),
            Dense(CLASSES, activation="softmax"),
        ]
    )
    made.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


def assert_alike(x, y, expected_x, **options):
    """Fit, evaluate and predict give the same bits for both."""
    results = []
    for rows in (x, expected_x):
        net = model(*([Flatten()] if rows.ndim > 2 else []))
        history = net.fit(rows, y, **{"verbose": 0, "epochs": 3, "batch_size": 16} | options)
        results.append(
            (
                history.history,
                net.evaluate(rows, y, batch_size=50, verbose=0),
                net.predict(rows, batch_size=50, verbose=0).tobytes(),
                b"".join(weight.tobytes() for weight in net.get_weights()),
            )
        )
    assert results[0] == results[1]


@pytest.mark.parametrize("width", [1, 37, 400])  # from 256 on members share the columns of a row
def test_training_is_that_on_float32(isa, rng, half, threads, width):
    x, y = draw(rng, half, width=width)
    assert_alike(x, y, x.astype(np.float32), validation_split=0.2)


def test_wide_layers(product_isa, rng, half):
    """Wide enough for tiles, which multiply bfloat16 as it is."""
    x, y = draw(rng, half, rows=130, width=400)
    found = []
    for rows in (x, x.astype(np.float32)):
        fd.set_seed(1)
        net = fd.Sequential([Dense(300, activation="tanh"), Dense(CLASSES, activation="softmax")])
        net.compile("adam", "sparse_categorical_crossentropy")
        net.fit(rows, y, batch_size=50, epochs=2, verbose=0)
        found.append([*net.get_weights(), net.predict(rows, verbose=0)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("options", [{"shuffle": False}, {"batch_size": 1000}, {"epochs": 1}])
def test_ways_of_training(rng, half, options):
    x, y = draw(rng, half)
    assert_alike(x, y, x.astype(np.float32), **options)


def test_validation_data(rng, half):
    (x, y), (other, labels) = draw(rng, half), draw(rng, half, rows=51)
    expected = other.astype(np.float32)
    losses = [
        model().fit(x, y, validation_data=(rows, labels), verbose=0).history["val_loss"]
        for rows in (other, expected)
    ]
    assert losses[0] == losses[1]


def test_batch_methods(rng, half):
    x, y = draw(rng, half)
    results = []
    for rows in (x, x.astype(np.float32)):
        net = model()
        results.append((net.train_on_batch(rows, y), net.test_on_batch(rows, y)))
        results[-1] += (net.predict_on_batch(rows).tobytes(),)
    assert results[0] == results[1]


def test_layouts_and_shapes(rng, half):
    x, y = draw(rng, half, width=36)
    expected = x.astype(np.float32)
    raw = np.empty(x.nbytes + 1, np.uint8)
    odd = raw[1:].view(half).reshape(x.shape)
    odd[...] = x
    for rows in (
        np.asfortranarray(x),
        np.repeat(x, 2, axis=1)[:, ::2],
        np.repeat(x, 2, axis=0)[::2],
        x.astype(half.newbyteorder()),
        odd,
        x.tolist() if half == np.float16 else list(x),
    ):
        np.testing.assert_array_equal(prediction(rows), prediction(expected))
    assert_alike(x.reshape(-1, 6, 6), y, expected.reshape(-1, 6, 6))


def prediction(x):
    fd.set_seed(1)
    net = fd.Sequential([Input(shape=(np.shape(x)[1],)), Dense(5)])
    return net.predict(x, verbose=0)


def test_one_column(rng, half):
    x = rng.random(50).astype(half)
    fits = []
    for rows in (x, x.astype(np.float32)):
        fd.set_seed(1)
        net = fd.Sequential([Dense(1)])
        net.compile("sgd", "mse")
        fits.append(net.fit(rows, x, verbose=0).history["loss"])
    assert fits[0] == fits[1]


def test_every_number_reaches_the_network(isa, half):
    """Subnormal numbers too: those of float16 are normal in float32, where networks compute."""
    bits = np.resize(np.arange(2**16).astype(np.uint16), (1772, 37))
    x = bits.view(half)
    with np.errstate(invalid="ignore"):
        expected = x.astype(np.float32)
    graph = _core.Graph()
    graph.add_output(graph.add_activation(graph.add_input(37), "linear", 0.0))
    network = _core.Network(graph)
    results = []
    for rows in (x, expected):
        results.append(np.empty(x.shape, np.float32))
        assert network.predict([rows], [results[-1]], 0, 18, 100, 10.0) == 18
    np.testing.assert_array_equal(*results)
    normal = ~((expected != 0) & (abs(expected) < np.finfo(np.float32).smallest_normal))
    assert normal.all() == (half == np.float16)
    np.testing.assert_array_equal(results[0][normal], expected[normal])


def test_subnormal_float16_trains(isa):
    # One step of SGD: the kernel's gradient is the input times that of the output, 2 (0 - 1).
    x = np.full((1, 1), 2.0**-24, np.float16)
    net = fd.Sequential([Input(shape=(1,)), Dense(1, kernel_initializer="zeros", use_bias=False)])
    net.compile(fd.optimizers.SGD(1.0), "mse")
    net.fit(x, np.ones((1, 1)), verbose=0)
    assert net.get_weights()[0] == 2.0**-23


@pytest.mark.parametrize("place", [(0, 0), (7, 2), (202, 36)])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(rng, half, place, value):
    x, y = draw(rng, half)
    x[place] = value
    row, column = place
    message = rf"\[fit\] x: received {value} in row {row}, column {column}; expected finite numbers"
    with pytest.raises(ValueError, match=message):
        model().fit(x, y, verbose=0)
    message = message.replace("fit", "fit validation_data")
    with pytest.raises(ValueError, match=message):
        model().fit(np.ones_like(x), y, validation_data=(x, y), verbose=0)
    net = model(Input(shape=(37,)))
    bad = np.isnan(net.predict(x, verbose=0)).any(axis=1)
    assert bad[row] and bad.sum() == 1


def test_they_are_found_far_from_the_start(half):
    """In the second piece that is looked at, in the middle of an image."""
    x = np.zeros((1200, 20, 20), half)
    x[1100, 3, 4] = np.inf
    with pytest.raises(ValueError, match="received inf in row 1100, column 3, 4; expected finite"):
        model(Flatten()).fit(x, np.zeros(1200), verbose=0)


def test_targets_and_weights_of_halves(rng, half):
    x, y = draw(rng, half)
    weight = rng.random(len(x)).astype(half)
    one, other = model(), model()
    a = one.fit(x, y.astype(half), sample_weight=weight, verbose=0)
    b = other.fit(x, y, sample_weight=weight.astype(np.float32), verbose=0)
    assert a.history == b.history
    labels = y.astype(half)
    labels[5] = np.nan
    with pytest.raises(ValueError, match=r"\[fit\] y: received the label nan in row 5"):
        model().fit(x, labels, verbose=0)
    weight[6] = np.inf
    with pytest.raises(ValueError, match=r"\[fit\] sample_weight: received inf in row 6"):
        model().fit(x, y, sample_weight=weight, verbose=0)


def test_files_of_bfloat16_need_their_type_back(tmp_path, rng):
    dtype = numpy_type("bfloat16")
    x, y = draw(rng, dtype)
    np.save(tmp_path / "x.npy", x)
    rows = np.load(tmp_path / "x.npy", mmap_mode="r")
    with pytest.raises(ValueError, match=r"of \|V2; .* bfloat16, use x.view\(ml_dtypes.bfloat16\)"):
        model().fit(rows, y, verbose=0)
    assert_alike(rows.view(dtype), y, x.astype(np.float32))


def test_the_native_network_refuses_other_types(half):
    graph = _core.Graph()
    graph.add_output(graph.add_activation(graph.add_input(4), "linear", 0.0))
    network, y = _core.Network(graph), np.empty((3, 4), np.float32)
    swapped = np.zeros((3, 4), half).astype(half.newbyteorder())
    for x in (np.zeros((3, 4), np.uint16), swapped):
        with pytest.raises(ValueError, match=r"array of shape .*; expected float32, float16, bflo"):
            network.predict([x], [y], 0, 1, 3, 1.0)
    with pytest.raises(ValueError, match=f"received a non-contiguous {half} .* use numpy.ascontig"):
        network.predict([np.zeros((4, 3), half).T], [y], 0, 1, 3, 1.0)
    odd = np.zeros(25, np.uint8)[1:].view(half).reshape(3, 4)
    with pytest.raises(ValueError, match=r"no multiple of its items' size; .* input.copy\(\)"):
        network.predict([odd], [y], 0, 1, 3, 1.0)


# Memory.


def in_file(path, x):
    path.write_bytes(x.tobytes())
    return np.memmap(path, x.dtype, "r", shape=x.shape)


def test_files_train_as_memory_does(tmp_path, rng, dtype):
    x, y = draw(rng, dtype)
    assert_alike(in_file(tmp_path / "x", x), y, x, validation_split=0.2)


def test_contiguous_rows_are_used_as_they_are(tmp_path, rng, dtype):
    x, _ = draw(rng, dtype, width=36)
    for array in (x, in_file(tmp_path / "x", x), x.reshape(-1, 4, 9), x[5:9]):
        rows = datasets.to_array("fit", "x", array)
        assert np.shares_memory(datasets.to_inputs("fit", rows, array.shape[1:]), array)


def test_large_files_are_not_read_into_memory(tmp_path, dtype):
    rows, width = 2**16, 2**9
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.truncate(rows * width * dtype.itemsize)  # zeros, which take no space
    x = np.memmap(path, dtype, "r", shape=(rows, width))
    y = np.zeros(rows, np.int32)
    net = fd.Sequential([Input(shape=(width,)), Dense(2, activation="softmax")])
    net.compile("sgd", "sparse_categorical_crossentropy")
    tracemalloc.start()
    try:
        net.fit(x, y, batch_size=256, validation_split=0.25, verbose=0)
        net.evaluate(x, y, verbose=0)
        net.predict(x, verbose=0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The order of the rows, predictions, and a piece of the rows that is looked at: some 2 MiB.
    assert peak < x.nbytes / 4
