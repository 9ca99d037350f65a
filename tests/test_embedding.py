import numpy as np
import pytest
from guarded import Guarded

import fastdnn as fd
from fastdnn import _core, layers, ops

KERNELS = ["embedding_f32", "embedding_gradient_f32"]

EPSILON = 2.0**-24  # relative error of one rounding

# Rows, columns of codes, how many codes there are, length of a vector.
SHAPES = [
    (0, 3, 5, 4),
    (1, 1, 1, 1),
    (7, 3, 5, 17),
    (40, 2, 1000, 33),
    (300, 5, 3, 8),
    (64, 1, 9, 64),
]


def draw(rng, rows, columns, count, width):
    codes = rng.integers(0, count, (rows, columns)).astype(np.float32)
    table = rng.standard_normal((count, width)).astype(np.float32)
    return codes, table, rng.standard_normal((rows, columns, width)).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_both_directions(isa, rng, shape):
    codes, table, dy = draw(rng, *shape)
    y, dtable = Guarded(dy.shape), Guarded(table.shape)
    ops.embedding(codes, table, out=y.array)
    ops.embedding_backward(codes, dy, len(table), out=dtable.array)
    y.check()
    dtable.check()
    places = codes.astype(np.int64)
    np.testing.assert_array_equal(y.array, table[places])
    exact, size = np.zeros(table.shape), np.zeros(table.shape)
    np.add.at(exact, places, dy.astype(np.float64))
    np.add.at(size, places, abs(dy.astype(np.float64)))
    # Up to 64 terms are added one by one, then blocks of them; every sum rounds once.
    terms = np.bincount(places.ravel(), minlength=len(table))[:, None]
    assert np.all(abs(dtable.array - exact) <= (np.minimum(terms, 64) + 2) * EPSILON * size)


@pytest.mark.parametrize("width", [1, 70])
def test_a_code_of_many_rows(isa, rng, width):
    """One by one, a million equal terms would lose their last bits: 1e-2 of the sum."""
    rows = 2**20 // width
    codes = np.zeros((rows, 1), np.float32)
    dy = np.full((rows, 1, width), 0.1, np.float32)
    exact = rows * float(np.float32(0.1))
    dtable = ops.embedding_backward(codes, dy, 2)
    # A block of 64 equal terms, whose sums all round the same way, and the total once.
    assert abs(dtable[0] - exact).max() <= 65 * EPSILON * exact
    assert not dtable[1].any()


def test_codes_may_have_any_shape(rng):
    codes, table, dy = draw(rng, 6, 4, 5, 3)
    for shape in ((), (4,), (2, 3, 4)):
        some = np.resize(codes, shape)
        y = ops.embedding(some, table)
        assert y.shape == (*shape, 3)
        np.testing.assert_array_equal(y, table[some.astype(int)])
    np.testing.assert_array_equal(
        ops.embedding_backward(codes.ravel(), dy.reshape(-1, 3), 5),
        ops.embedding_backward(codes, dy, 5),
    )


def test_threads_agree_bit_for_bit(rng, assert_same_bits):
    codes, table, dy = draw(rng, 301, 3, 37, 19)
    assert_same_bits(lambda: [ops.embedding(codes, table), ops.embedding_backward(codes, dy, 37)])


def test_errors_of_ops():
    codes, table = np.zeros((2, 3), np.float32), np.ones((4, 5), np.float32)
    for wrong in (4.0, -1.0, 0.5, np.nan, np.inf):
        codes[1, 1] = wrong
        with pytest.raises(
            ValueError,
            match=r"\[embedding\] codes: received .* in place 4; expected whole .* from 0 to 3$",
        ):
            ops.embedding(codes, table)
    codes[1, 1] = 3
    with pytest.raises(ValueError, match=r"codes: received a int64 array .*numpy.float32"):
        ops.embedding(codes.astype(np.int64), table)
    with pytest.raises(ValueError, match=r"\[embedding\] embeddings: .*expected two dimensions"):
        ops.embedding(codes, table[0])
    with pytest.raises(ValueError, match=r"\[embedding_backward\] dy: .*expected the shape of cod"):
        ops.embedding_backward(codes, np.ones((2, 2, 5), np.float32), 4)
    with pytest.raises(ValueError, match=r"\[embedding_backward\] input_dim: received 0"):
        ops.embedding_backward(codes, np.ones((2, 3, 5), np.float32), 0)
    memory = np.zeros(40, np.float32)
    with pytest.raises(ValueError, match="shares memory with an input"):
        ops.embedding(codes, memory[:20].reshape(4, 5), out=memory[10:].reshape(2, 3, 5))


def test_what_is_no_code_touches_nothing_else(isa):
    """A network does not look at codes again that somebody changes while it trains."""
    graph = _core.Graph()
    x, table = graph.add_input(5), graph.add_parameter("table", (3, 2), True)
    other = graph.add_parameter("other", (2, 2), True)
    graph.add_output(graph.add_embedding(x, table))
    network = _core.Network(graph)
    network.parameter(table)[...] = [[1, 2], [3, 4], [5, 6]]
    codes = np.array([[np.nan, -1, 3, np.inf, 1.5]], np.float32)
    y = np.empty((1, 10), np.float32)
    network.predict([codes], [y], 0, 1, 1, 1.0)
    np.testing.assert_array_equal(y, [[1, 2, 1, 2, 5, 6, 5, 6, 3, 4]])
    network.compile([("mean_squared_error", {}, 1.0, [])], [("sgd", {"learning_rate": 1.0})])
    network.train([codes], [y - 5], [None], None, 0, 1, 1, 1.0)
    # Each of ten errors is 5, so that a slope is 1; two codes each ended as the first and the last.
    np.testing.assert_allclose(network.parameter(table), [[-1, 0], [2, 3], [3, 4]], rtol=1e-6)
    assert not network.parameter(other).any()


def test_errors_of_graphs():
    graph = _core.Graph()
    x = graph.add_input(3)
    table, vector = graph.add_parameter("a", (4, 2), True), graph.add_parameter("b", (3,), True)
    many = graph.add_parameter("c", (2**24 + 1, 1), True)
    wide = graph.add_parameter("d", (1, 2**30), True)
    for parameter, shape in ((vector, r"\(3,\)"), (many, r"\(16777217, 1\)")):
        with pytest.raises(ValueError, match=rf"\[embedding\] received '.' of shape {shape}; exp"):
            graph.add_embedding(x, parameter)
    with pytest.raises(ValueError, match=r"'d': received 3 codes a row; expected at most 2\^31 co"):
        graph.add_embedding(x, wide)
    with pytest.raises(ValueError, match=r"\[embedding\] received the parameter 9; expected one"):
        graph.add_embedding(x, 9)
    with pytest.raises(ValueError, match=r"'a': received what another layer computes; expected co"):
        graph.add_embedding(graph.add_activation(x, "relu", 0.0), table)


def _model(columns=3, count=7, first=None):
    return fd.Sequential(
        [
            *([] if columns is None else [fd.Input(shape=(columns,))]),
            first or layers.Embedding(count, 4),
            layers.Flatten(),
            layers.Dense(8, activation="elu"),
            layers.Dense(2),
        ]
    )


def test_training_has_the_same_bits_for_any_number_of_threads(rng, assert_same_bits):
    x, y = rng.integers(0, 7, (150, 3)), rng.standard_normal((150, 2))

    def run():
        fd.set_seed(5)
        model = _model(first=layers.Embedding(7, 4, embeddings_regularizer="l2"))
        model.compile("adam", "mse")
        history = model.fit(x, y, batch_size=64, epochs=3, verbose=0)
        return [*model.get_weights(), history.history["loss"], model.predict(x, verbose=0)]

    assert_same_bits(run)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.float16, np.float32, np.float64])
def test_codes_of_any_type(rng, dtype):
    """Bytes, too, are whole numbers here, not shares of 255."""
    x, y = rng.integers(0, 7, (50, 3)), rng.standard_normal((50, 2))
    results = []
    for codes in (x, x.astype(dtype)):
        fd.set_seed(5)
        model = _model()
        model.compile("sgd", "mse")
        model.fit(codes, y, epochs=2, verbose=0)
        results.append([*model.get_weights(), model.predict(codes)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("columns", [3, None])
@pytest.mark.parametrize(
    "wrong, dtype",
    [(7, np.int64), (-1, np.int64), (7, np.uint8), (2**24 + 1, np.int64)]
    + [(value, dtype) for value in (7, -1, 2.5) for dtype in (np.float16, np.float64)],
)
def test_wrong_codes_change_nothing(rng, columns, wrong, dtype):
    x, y = rng.integers(0, 7, (60, 3)).astype(dtype), rng.standard_normal((60, 2))
    model = _model(columns)
    model.compile("sgd", "mse")
    good = x.copy()
    x[41, 2] = wrong
    message = (
        rf"x: received {wrong}(\.0)? in row {{}}, column 2; expected whole numbers from 0 to 6, "
        "the codes of an Embedding layer"
    )
    before = model.get_weights() if columns else []
    with pytest.raises(ValueError, match=r"\[fit\] " + message.format(41)):
        model.fit(x, y, verbose=0)
    with pytest.raises(ValueError, match=r"\[fit\] " + message.format(1)):
        model.fit(iter([(x[40:], y[40:])]), verbose=0)
    assert model.built == bool(columns)
    if columns:
        with pytest.raises(ValueError, match=r"\[fit validation_data\] " + message.format(41)):
            model.fit(good, y, validation_data=(x, y), verbose=0)
        for a, b in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(a, b)
    model.fit(good, y, verbose=0)
    for call in (model.predict, model.predict_on_batch, model.forward):
        with pytest.raises(ValueError, match=message.format(41)):
            call(x)


def test_nan_is_no_code():
    with pytest.raises(ValueError, match=r"\[predict\] x: received nan in row 0, column 1; expect"):
        _model().predict(np.array([[0, np.nan, 1]]))
    bfloat16 = pytest.importorskip("ml_dtypes", reason="its bfloat16 rows are taken").bfloat16
    with pytest.raises(ValueError, match=r"\[predict\] x: received 7.0 in row 1, column 0; expect"):
        _model().predict(np.array([[0, 1, 6], [7, 0, 0]], bfloat16))


def _two_inputs():
    """One table for two inputs of unlike shapes, another for one of them; and a plain input."""
    one, two = fd.Input(shape=(), name="one"), fd.Input(shape=(2, 2), name="two")
    plain = fd.Input(shape=(3,), name="plain")
    shared, own = layers.Embedding(9, 4, name="shared"), layers.Embedding(6, 2, name="own")
    parts = [shared(one), own(one), layers.Flatten()(shared(two)), plain]
    return fd.Model([one, two, plain], layers.Dense(2)(layers.Concatenate()(parts)))


def _data_for_two_inputs(rng, rows):
    x = {"one": rng.integers(0, 6, rows), "two": rng.integers(0, 9, (rows, 2, 2))}
    return x | {"plain": rng.standard_normal((rows, 3))}, rng.standard_normal((rows, 2))


def test_inputs_that_share_a_table(rng):
    model = _two_inputs()
    x, y = _data_for_two_inputs(rng, 40)
    kernel, bias = model.layers[-1].get_weights()
    shared, own = (model.get_layer(name).embeddings.value for name in ("shared", "own"))
    assert shared.shape == (9, 4)
    rows = [shared[x["one"]], own[x["one"]], shared[x["two"]].reshape(40, -1), x["plain"]]
    expected = np.concatenate(rows, axis=1) @ kernel + bias
    # Some 25 products and their sums, of numbers that are of size 1 at most.
    np.testing.assert_allclose(model.predict(x), expected, atol=64 * EPSILON * 4)
    model.compile("sgd", "mse")
    model.fit(x, y, verbose=0)
    # The fewest codes of all who read an input are what it may have.
    with pytest.raises(
        ValueError, match=r"received 6 in row 0; expected whole numbers from 0 to 5"
    ):
        model.predict(x | {"one": x["one"] + (6 - x["one"][0])})
    with pytest.raises(ValueError, match=r"received 9 in row 3, column 1, 0; .* from 0 to 8"):
        x["two"][3, 1, 0] = 9
        model.evaluate(x, y)
    with pytest.raises(
        ValueError, match=r"received shape \(40, 1\); expected \(rows,\); use x.res"
    ):
        model.predict(x | {"one": x["one"][:, None]})


def test_models_inside_models_know_their_codes(rng):
    inner = fd.Sequential([layers.Reshape((4,)), layers.Embedding(5, 2)])
    model = fd.Sequential([inner, layers.Flatten(), layers.Dense(2)])
    x, y = rng.integers(0, 5, (20, 2, 2)), rng.standard_normal((20, 2))
    model.compile("sgd", "mse")
    for _ in range(2):
        with pytest.raises(ValueError, match="expected whole numbers from 0 to 4"):
            model.fit(x + 1, y, verbose=0)
        model.fit(x, y, verbose=0)


def test_saving_and_loading(rng, tmp_path):
    model = _two_inputs()
    model.compile("adam", "mse")
    x, y = _data_for_two_inputs(rng, 40)
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.safetensors")
    again = fd.load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    for each in (model, again):
        each.fit(x, y, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="expected whole numbers from 0 to 5"):
        again.predict(x | {"one": x["one"] + 6})


def test_summary_and_health(rng, capsys):
    model = _model()
    model.compile("sgd", "mse")
    model.summary()
    assert "embedding (Embedding)  (None, 3, 4)      28\n" in capsys.readouterr().out
    report = model.health(rng.integers(0, 7, (30, 3)), rng.standard_normal((30, 2)))
    assert [layer.name for layer in report.layers] == ["embedding", "flatten", "dense", "dense_1"]
    # Of uniform numbers within a twentieth.
    assert 0.01 < report.layers[0].output < 0.05


def test_gradients_in_a_loop_of_one_s_own(rng):
    model = fd.Sequential([fd.Input(shape=(3,)), layers.Embedding(7, 4)])
    model.compile("sgd")
    total, size = np.zeros((7, 4)), np.zeros((7, 4))
    for _ in range(2):
        x, dy = rng.integers(0, 7, (30, 3)), rng.standard_normal((30, 3, 4)).astype(np.float32)
        np.testing.assert_array_equal(model.forward(x, training=True), model.predict(x))
        model.backward(dy)
        np.add.at(total, x, dy)
        np.add.at(size, x, abs(dy))
    # At most 180 terms, which are added up one by one.
    gradient = model.gradients["embedding/embeddings"]
    assert np.all(abs(gradient - total) <= 180 * EPSILON * size)


def test_given_weights(rng):
    table = rng.standard_normal((7, 4)).astype(np.float32)
    for given in (table, [table], table.tolist()):
        layer = layers.Embedding(7, 4, weights=given)
        x = rng.integers(0, 7, (5, 3))
        model = fd.Sequential([fd.Input(shape=(3,)), layer])
        np.testing.assert_array_equal(model.predict(x), table[x])
        np.testing.assert_array_equal(layer.clone().get_weights()[0], table)
    frozen = layers.Embedding(7, 4, weights=table)
    frozen.trainable = False
    model = _model(first=frozen)
    model.compile("sgd", "mse")
    model.fit(x, rng.standard_normal((5, 2)), verbose=0)
    np.testing.assert_array_equal(frozen.embeddings.value, table)


def test_what_goes_before():
    message = "'embedding/embeddings': received what another layer computes; expected codes"
    with pytest.raises(ValueError, match=message):
        fd.Sequential([fd.Input(shape=(3,)), layers.Dense(3), layers.Embedding(4, 2)])
    x = fd.Input(shape=(3,))
    both = layers.Concatenate()([layers.Flatten()(layers.Embedding(4, 2)(x)), x])
    model = fd.Model(x, both)
    np.testing.assert_array_equal(model.predict([[1.0, 2.0, 3.0]])[:, 6:], [[1, 2, 3]])
    with pytest.raises(ValueError, match=r"\[network\] received bytes for .* Embedding or Rescal"):
        model.predict(np.ones((1, 3), np.uint8))
    sparse = pytest.importorskip("scipy.sparse", reason="its matrices are sparse rows")
    with pytest.raises(ValueError, match="received a sparse matrix for a model with Embedding at"):
        model.predict(sparse.csr_matrix(np.ones((2, 3))))
