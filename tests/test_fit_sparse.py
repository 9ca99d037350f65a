"""Models on scipy's sparse matrices, which stay sparse."""

import numpy as np
import pytest

import fastdnn as fd
from fastdnn import _core, datasets
from fastdnn.layers import BatchNormalization, Dense, Dropout, Flatten, Input
from fastdnn.models.sparse_rows import SparseRows, to_sparse_rows

sparse = pytest.importorskip("scipy.sparse", reason="scipy, whose matrices these are")

COLUMNS, CLASSES = 120, 3
FORMATS = [sparse.csr_array, sparse.csc_array, sparse.coo_array, sparse.csr_matrix]


def draw(rng, rows=200, columns=COLUMNS, density=0.1):
    x = rng.standard_normal((rows, columns)).astype(np.float32)
    x[rng.random(x.shape) >= density] = 0.0
    return x, rng.integers(0, CLASSES, rows)


def model(optimizer="rmsprop", **dense):
    fd.set_seed(7)
    made = fd.Sequential(
        [
            Input(shape=(COLUMNS,)),
            Dense(20, activation="elu", **dense),
            BatchNormalization(),
            Dropout(0.2),
            Dense(CLASSES, activation="softmax"),
        ]
    )
    made.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam"])
@pytest.mark.parametrize("use_bias", [True, False])
def test_training_is_that_on_dense_rows(rng, optimizer, use_bias):
    x, y = draw(rng)
    ours, theirs = (model(optimizer, use_bias=use_bias) for _ in range(2))
    options = {"epochs": 3, "batch_size": 17, "validation_split": 0.2, "verbose": 0}
    weight = rng.uniform(0.5, 2.0, len(x))
    history = [
        net.fit(rows, y, sample_weight=weight, **options).history
        for net, rows in ((ours, sparse.csr_array(x)), (theirs, x))
    ]
    assert history[0].keys() == history[1].keys()
    # Orders of addition differ: gradients by some 1e-7 of their terms, thirty steps of at most 0.01
    # that divide by roots of such gradients by a hundred times as much (1.2e-6 in 70 runs).
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(history[0][name], history[1][name], rtol=2e-5)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)
    results = ours.evaluate(sparse.csr_array(x), y, verbose=0), theirs.evaluate(x, y, verbose=0)
    assert results[0][0] == pytest.approx(results[1][0], rel=2e-5)
    # A row whose two best outputs are equal up to rounding may fall either way.
    assert results[0][1] == pytest.approx(results[1][1], abs=1.5 / len(x))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.int64, bool])
def test_predictions_are_those_for_dense_rows(rng, form, dtype):
    x = (3 * draw(rng)[0]).astype(dtype)
    net = model()
    expected = net.predict(x.astype(np.float32), verbose=0)
    np.testing.assert_allclose(net.predict(form(x), verbose=0), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_multi_hot_rows_into_a_wide_layer(isa, rng, threads, optimizer):
    """The gradient of such a kernel exists in pieces only, and all values are 1."""
    columns, rows = 4000, 64  # several pieces of 1170 columns for up to three members
    x = (rng.random((rows, columns)) < 0.05).astype(np.float32)
    y = rng.standard_normal((rows, 2)).astype(np.float32)
    nets = []
    for data, count in ((sparse.csr_array(x), threads), (sparse.csr_array(x), 1), (x, 1)):
        _core.set_num_threads(count)
        fd.set_seed(7)
        net = fd.Sequential([Input(shape=(columns,)), Dense(100, activation="tanh"), Dense(2)])
        net.compile(optimizer, loss="mse")
        net.fit(data, y, epochs=3, batch_size=20, verbose=0)
        nets.append(net)
    for several, alone, dense in zip(*(net.get_weights() for net in nets), strict=True):
        assert several.tobytes() == alone.tobytes()
        np.testing.assert_allclose(alone, dense, atol=2e-4)
    assert to_sparse_rows("fit", sparse.csr_array(x), False).data is None


def test_single_batches(rng):
    x, y = draw(rng, 32)
    ours, theirs = model(), model()
    for rows, net in ((sparse.csr_array(x), ours), (x, theirs)):
        net.train_on_batch(rows, y)
        net.loss_seen = net.test_on_batch(rows, y, return_dict=True)["loss"]
    assert ours.loss_seen == pytest.approx(theirs.loss_seen, rel=1e-4)


def test_same_bits_for_any_number_of_threads(isa, rng, threads):
    x, y = draw(rng)
    rows = sparse.csr_array(x)

    def weights():
        net = model("adam")
        net.fit(rows, y, epochs=2, batch_size=33, verbose=0)
        return [w.tobytes() for w in (*net.get_weights(), net.predict(rows, verbose=0))]

    ours = weights()
    _core.set_num_threads(1)
    assert weights() == ours


def test_wide_rows_are_never_made_dense(rng):
    """As a dense array these rows would take 800 GB."""
    columns, rows = 2_000_000, 100_000
    indices = rng.integers(0, columns, (rows, 3))
    x = sparse.csr_array(
        (np.ones(3 * rows, np.float32), indices.ravel(), np.arange(0, 3 * rows + 1, 3)),
        shape=(rows, columns),
    )
    net = fd.Sequential([Input(shape=(columns,)), Dense(1, kernel_initializer="ones")])
    net.compile("sgd", loss="mse")
    assert (net.predict(x, verbose=0) == 3.0).all()
    net.evaluate(x, np.zeros((rows, 1), np.float32), verbose=0)


def test_order_and_repetitions_do_not_matter(rng):
    """Entries of the same place add up, as in scipy; the caller's matrix stays as it is."""
    indptr, indices = np.array([0, 4, 5]), np.array([7, 2, 7, 0, 3])
    data = np.array([1.0, 2.0, 3.0, 4.0, 5.0], np.float32)
    x = sparse.csr_array((data, indices, indptr), shape=(2, COLUMNS))
    net = model()
    expected = net.predict(x.toarray(), verbose=0)
    np.testing.assert_allclose(net.predict(x, verbose=0), expected, rtol=1e-5)
    assert x.indices.tolist() == [7, 2, 7, 0, 3]


def test_memory_is_shared_where_it_fits(rng):
    x = sparse.csr_array(draw(rng)[0])
    rows = to_sparse_rows("fit", x, False)
    assert np.shares_memory(rows.data, x.data)
    assert np.shares_memory(rows.indices, x.indices)


def test_slices(rng):
    x = sparse.csr_array(draw(rng, 20)[0])
    rows = to_sparse_rows("fit", x, False)
    for part in (slice(0, 20), slice(5, 9), slice(9, 5), slice(13, None)):
        taken = rows[part]
        assert isinstance(taken, SparseRows)
        assert taken.data is not None
        again = sparse.csr_array((taken.data, taken.indices, taken.indptr), shape=taken.shape)
        np.testing.assert_array_equal(again.toarray(), x.toarray()[part])
        assert np.shares_memory(taken.data, rows.data) or not len(taken.data)


def test_no_rows(rng):
    assert model().predict(sparse.csr_array((0, COLUMNS)), verbose=0).shape == (0, CLASSES)


def test_what_scipy_remembers_of_the_order_is_not_believed(rng):
    x = sparse.csr_array(draw(rng)[0])
    assert x.has_canonical_format
    x.indices = rng.permutation(COLUMNS).astype(x.indices.dtype)[x.indices]
    rows = to_sparse_rows("fit", x, False)
    again = sparse.csr_array((rows.data, rows.indices, rows.indptr), shape=rows.shape)
    np.testing.assert_array_equal(again.toarray(), x.toarray())
    starts = np.isin(np.arange(1, len(rows.indices)), rows.indptr)
    assert ((np.diff(rows.indices) > 0) | starts).all()


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"])
def test_columns_of_any_integer_type_in_any_order(rng, dtype):
    x = sparse.csr_array(draw(rng)[0])
    x.indices = rng.permutation(COLUMNS).astype(dtype)[x.indices]
    rows = to_sparse_rows("fit", x, False)
    expected = np.zeros(x.shape, np.float32)
    expected[np.repeat(np.arange(len(rows)), np.diff(x.indptr)), x.indices] = x.data
    again = sparse.csr_array((rows.data, rows.indices, rows.indptr), shape=rows.shape)
    np.testing.assert_array_equal(again.toarray(), expected)


def test_spare_room_behind_the_last_row(rng):
    x = sparse.csr_array(draw(rng)[0])
    expected = x.toarray()
    x.indices = np.append(x.indices, [0, 0]).astype(x.indices.dtype)
    x.data = np.append(x.data, np.array([np.nan, 5], np.float32))
    net = model()
    np.testing.assert_allclose(
        net.predict(x, verbose=0), net.predict(expected, verbose=0), rtol=1e-5, atol=1e-6
    )


def test_numbers_too_small_for_float32_are_zero():
    x = sparse.csr_array(([1e-300, 1.0], [0, 1], [0, 2]), shape=(1, COLUMNS))
    with np.errstate(all="raise"):
        assert to_sparse_rows("fit", x, False).data.tolist() == [0.0, 1.0]


def broken(**changes):
    """Arrays that scipy takes as they are."""
    x = sparse.csr_array(np.eye(4, COLUMNS, dtype=np.float32))
    for name, value in changes.items():
        setattr(x, name, value)
    return x


BAD = sparse.csr_array(np.eye(4, COLUMNS, dtype=np.float32))
NAN = BAD.copy()
NAN.data[2] = np.nan


@pytest.mark.parametrize(
    "x, words",
    [
        (BAD.astype(np.uint8), "sparse matrix of uint8; .* use x.astype"),
        (BAD.astype(complex), "sparse matrix of complex128; expected numbers"),
        (NAN, "received nan, as float32, in row 2, column 2; expected finite"),
        (BAD[:, :7], rf"received shape \(4, 7\); expected \(rows, {COLUMNS}\)"),
        (BAD[:0], r"received a sparse matrix of shape \(0, .*expected at least one row"),
        (BAD[:3], "received 3 rows of x and 4 of y"),
        (
            broken(indices=np.array([0, 1, 500, 3])),
            "column 500 in row 2 of a sparse matrix",
        ),
        (broken(indices=np.array([0, -1, 2, 3])), "column -1 in row 1 .*; expected 0 to 119"),
        (broken(indices=np.array([0, 1, 2, 2**32 + 3])), "received column 4294967299 in row 3"),
        (broken(data=np.ones(3, np.float32)), "indptr, indices and data do not belong together"),
        (broken(data=np.ones((4, 1), np.float32)), "do not belong together"),
        (broken(indptr=np.array([0, 3, 2, 3, 4])), "do not belong together"),
        (broken(indptr=np.array([1, 1, 2, 3, 4])), "do not belong together"),
        (broken(indptr=np.array([0, 1, 4])), "do not belong together"),
        (broken(indices=np.array([0, np.nan, 2, 3])), "do not belong together"),
        (
            [BAD[:1], BAD[1:]],
            r"a list of sparse matrices; .* use scipy.sparse.vstack\(x\)",
        ),
        (sparse.coo_array(np.ones(4, np.float32)), r"sparse array of shape \(4,\); expected two"),
    ],
)
def test_bad_matrices_are_refused_in_words(x, words):
    net = model()
    before = [w.copy() for w in net.get_weights()]
    with pytest.raises(ValueError, match=words):
        net.fit(x, np.zeros(4, int), verbose=0)
    for one, other in zip(net.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("first", [Dropout(0.5), BatchNormalization()])
def test_a_layer_that_is_not_dense_at_the_start_is_refused(first):
    net = fd.Sequential([first, Dense(CLASSES)])
    net.compile("sgd", loss="mse")
    words = f"sparse matrix for a model with {type(first).__name__} at its start; expected Dense"
    with pytest.raises(ValueError, match=words):
        net.fit(BAD, np.zeros((4, CLASSES)), verbose=0)
    assert not net.built


def test_flatten_may_come_first(rng):
    net = fd.Sequential([Flatten(), Dense(CLASSES, activation="softmax")])
    net.compile("sgd", loss="sparse_categorical_crossentropy")
    net.fit(BAD, np.zeros(4, int), verbose=0)
    assert net.predict(BAD, verbose=0).shape == (4, CLASSES)


def test_the_network_itself_refuses_what_it_cannot_read():
    graph = _core.Graph()
    x = graph.add_input(COLUMNS)
    graph.add_output(graph.add_activation(x, "relu", 0.0))
    network = _core.Network(graph)
    out = np.empty((4, COLUMNS), np.float32)
    rows = to_sparse_rows("predict", BAD, False)
    with pytest.raises(ValueError, match="first layer is not Dense"):
        network.predict([rows], [out], 0, 1, 4, 1.0)


def test_inputs_that_are_no_arrays(rng):
    net = model()
    with pytest.raises(ValueError, match="input: received a list; expected NumPy arrays"):
        net._binding.network.predict([[1.0]], [np.empty((1, CLASSES), np.float32)], 0, 1, 1, 1.0)


def test_text(real_data, monkeypatch):
    """IMDB, 10,000 words, 16-16-1: Keras reaches loss 0.299 and accuracy 0.8826 in four epochs."""
    monkeypatch.setenv("FASTDNN_DATA", str(real_data))
    (x, y), (x_test, y_test) = datasets.load_imdb(10_000)
    fd.set_seed(1)
    net = fd.Sequential(
        [
            Dense(16, activation="relu"),
            Dense(16, activation="relu"),
            Dense(1, activation="sigmoid"),
        ]
    )
    net.compile("rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
    net.fit(x, y, batch_size=512, epochs=4, verbose=0)
    loss, accuracy = net.evaluate(x_test, y_test, verbose=0)
    # Seeds differ by a percent; published is one run.
    assert loss < 0.31
    assert accuracy > 0.875
