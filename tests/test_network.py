"""The native Network against reference/network.py, and that against finite differences."""

import numpy as np
import pytest
from reference import network as reference

from fastdnn import _core, ops

WIDTH, OUTPUTS = 7, 5
EPSILON = np.finfo(np.float32).eps

LOSSES = [
    ("sparse_categorical_crossentropy", {"from_logits": 0.0}, "softmax"),
    ("sparse_categorical_crossentropy", {"from_logits": 1.0}, "linear"),
    ("sparse_categorical_crossentropy", {"from_logits": 0.0}, "sigmoid"),
    ("categorical_crossentropy", {"from_logits": 0.0, "label_smoothing": 0.1}, "softmax"),
    ("categorical_crossentropy", {"from_logits": 1.0, "label_smoothing": 0.0}, "linear"),
    ("binary_crossentropy", {"from_logits": 0.0, "label_smoothing": 0.0}, "sigmoid"),
    ("binary_crossentropy", {"from_logits": 1.0, "label_smoothing": 0.2}, "linear"),
    ("binary_crossentropy", {"from_logits": 0.0, "label_smoothing": 0.0}, "softmax"),
    ("categorical_focal_crossentropy", {"alpha": 1.0, "gamma": 1.5}, "softmax"),
    ("categorical_focal_crossentropy", {"from_logits": 1.0, "gamma": 2.0}, "linear"),
    ("binary_focal_crossentropy", {"gamma": 2.0, "label_smoothing": 0.1}, "sigmoid"),
    ("binary_focal_crossentropy", {"apply_class_balancing": 1.0}, "softmax"),
    ("mean_squared_error", {}, "tanh"),
    ("mean_absolute_error", {}, "linear"),
]

SGD = {"learning_rate": 0.1, "momentum": 0.0, "nesterov": 0.0}
# The first steps are those of g / (|g| + epsilon) and g / sqrt(g^2 / 10 + epsilon): a rounding of
# 1e-7 in a gradient g that is a sum that cancels changes them by up to a ten-thousandth of the
# learning rate. The golden tests of test_optimizer.py have smaller epsilons.
RMSPROP = {
    "learning_rate": 0.01,
    "rho": 0.9,
    "momentum": 0.0,
    "epsilon": 1e-6,
    "centered": 0.0,
}
ADAM = {"learning_rate": 0.01, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-3}
FTRL = {
    "learning_rate": 0.1,
    "learning_rate_power": -0.5,
    "initial_accumulator_value": 0.1,
    "l1_regularization_strength": 0.0,
    "l2_regularization_strength": 0.0,
    "l2_shrinkage_regularization_strength": 0.0,
    "beta": 0.0,
}
OPTIMIZERS = [
    ("sgd", SGD),
    ("sgd", SGD | {"momentum": 0.9}),
    ("sgd", SGD | {"momentum": 0.9, "nesterov": 1.0}),
    ("adagrad", {"learning_rate": 0.05, "initial_accumulator_value": 0.1, "epsilon": 1e-7}),
    ("rmsprop", RMSPROP),
    ("rmsprop", RMSPROP | {"momentum": 0.5, "centered": 1.0}),
    ("adam", ADAM),
    ("ftrl", FTRL),
    (
        "ftrl",
        FTRL
        | {
            "l1_regularization_strength": 0.01,
            "l2_regularization_strength": 0.1,
            "l2_shrinkage_regularization_strength": 0.02,
            "beta": 0.5,
        },
    ),
    ("sgd", SGD | {"weight_decay": 0.1}),
    ("sgd", SGD | {"clipvalue": 0.002}),
    ("sgd", SGD | {"clipnorm": 0.05}),
    ("adam", ADAM | {"weight_decay": 0.1, "global_clipnorm": 0.05}),
    ("sgd", SGD | {"use_ema": True, "ema_momentum": 0.8}),
    ("adam", ADAM | {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2}),
    ("sgd", SGD | {"gradient_accumulation_steps": 2}),
    (
        "adam",
        ADAM
        | {
            "weight_decay": 0.1,
            "global_clipnorm": 0.05,
            "use_ema": True,
            "ema_momentum": 0.5,
            "ema_overwrite_frequency": 2,
            "gradient_accumulation_steps": 3,
        },
    ),
]


def _dense(graph, x, name, inputs, outputs, trainable=True, bias=True):
    kernel = graph.add_parameter(f"{name}/kernel", (inputs, outputs), trainable)
    bias = graph.add_parameter(f"{name}/bias", (outputs,), trainable) if bias else None
    return graph.add_dense(x, kernel, bias)


def _norm(graph, x, name, width, scale=True, center=True, frozen=False):
    gamma = graph.add_parameter(f"{name}/gamma", (width,), True) if scale else None
    beta = graph.add_parameter(f"{name}/beta", (width,), True) if center else None
    mean = graph.add_parameter(f"{name}/moving_mean", (width,), False)
    variance = graph.add_parameter(f"{name}/moving_variance", (width,), False)
    return graph.add_batch_normalization(x, gamma, beta, mean, variance, 0.9, 1e-3, frozen)


def _deep(graph, last, hidden="tanh", dropout=0.0):
    """Dense with and without bias, batch norm of every kind, dropout, an activation at the end."""
    x = graph.add_input(WIDTH)
    x = graph.add_activation(_dense(graph, x, "a", WIDTH, 19), hidden, 0.3)
    x = _norm(graph, x, "n", 19)
    if dropout:
        x = graph.add_dropout(x, dropout, 5)
    x = graph.add_activation(_dense(graph, x, "b", 19, 33, bias=False), hidden, 0.3)
    x = _norm(graph, x, "m", 33, scale=False)
    x = _dense(graph, x, "c", 33, OUTPUTS)
    graph.add_output(graph.add_activation(x, last, 0.0) if last != "linear" else x)


def _mask(seed, stream, step, shape, rate):
    """The factors of the native dropout, for the reference."""
    return ops.dropout(np.ones(shape, np.float32), rate, seed=seed, stream=stream, step=step)


def _pair(rng, describe, *arguments, **options):
    """A native and a reference network with the same weights."""
    graphs = _core.Graph(), reference.Graph()
    for graph in graphs:
        describe(graph, *arguments, **options)
    ours, theirs = _core.Network(graphs[0]), reference.Network(graphs[1], _mask)
    for index, (name, shape, _) in enumerate(graphs[1].parameters):
        value = rng.normal(0.0, shape[0] ** -0.5, shape).astype(np.float32)
        if name.endswith(("gamma", "moving_variance")):
            value = abs(value) + np.float32(0.5)
        ours.parameter(index)[...] = value
        theirs.parameter(index)[...] = value
    ours.seed = theirs.seed = 12345
    return ours, theirs, len(graphs[1].parameters)


def _rows(rng, loss, rows):
    x = rng.standard_normal((rows, WIDTH)).astype(np.float32)
    weight = rng.uniform(0.5, 2.0, rows).astype(np.float32)
    if loss == "sparse_categorical_crossentropy":
        return [x], [rng.integers(0, OUTPUTS, rows).astype(np.int32)], weight
    if loss.startswith("categorical"):
        y = rng.dirichlet(np.ones(OUTPUTS), rows)
    elif loss.startswith("binary"):
        y = rng.integers(0, 2, (rows, OUTPUTS))
    else:
        y = rng.standard_normal((rows, OUTPUTS))
    return [x], [y.astype(np.float32)], weight


def _metrics(loss):
    if loss == "sparse_categorical_crossentropy":
        return [("sparse_categorical_accuracy", {}, [False, True])]
    return [
        ("categorical_accuracy", {}, [False]),
        ("binary_accuracy", {}, [True]),
        ("mean_squared_error", {}, [True, False]),
        ("mean_absolute_error", {}, [False, True]),
    ]


def _train(network, data, order, rows, epochs, batch_size=16):
    totals, steps = 0.0, -(-rows // batch_size)
    for _ in range(epochs):
        done = 0
        while done < steps:
            batches, part = network.train(
                *data, order, done * batch_size, steps - done, batch_size, 0.05
            )
            totals = totals + part
            done += batches
    return totals


def _assert_trained_alike(ours, theirs, parameters, start):
    for index in range(parameters):
        moved = abs(theirs.parameter(index) - start[index]).max()
        # A gradient is a sum of some hundred products that may cancel, a step divides by roots of
        # such sums, later steps start from slightly different weights: a thousandth of the way,
        # ten thousand epsilons, bounds that; a wrong term is a thousand times as much.
        np.testing.assert_allclose(
            ours.parameter(index),
            theirs.parameter(index),
            rtol=8 * EPSILON,
            atol=1e-3 * moved + 1e-7,
        )


@pytest.mark.parametrize("loss, options, last", LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
def test_losses(isa, rng, loss, options, last, weighted):
    # Three batches of 16 and one of 7. With two rows the gradient through batch normalization is a
    # difference of equals, and float32 keeps little of it.
    rows = 55
    ours, theirs, parameters = _pair(rng, _deep, last)
    *data, weight = _rows(rng, loss, rows)
    data.append([weight if weighted else None])
    for network in (ours, theirs):
        network.compile([(loss, options, 1.0, _metrics(loss))], [("sgd", SGD)])
    for first, batches in ((0, 4), (16, 1), (48, 1)):
        a = ours.evaluate(*data, first, batches, 16, 10.0)
        b = theirs.evaluate(*data, first, batches, 16, 10.0)
        assert a[0] == b[0] == batches
        # Fifty-five losses, each of a network of three products in float32.
        np.testing.assert_allclose(a[1], b[1], rtol=2000 * EPSILON, atol=1e-5)
    start = [theirs.parameter(i).copy() for i in range(parameters)]
    order = rng.permutation(rows)
    totals = [_train(network, data, order, rows, 2) for network in (ours, theirs)]
    assert totals[0][0] == 2 * rows
    np.testing.assert_allclose(totals[0][1:3], totals[1][1:3], rtol=2000 * EPSILON)
    _assert_trained_alike(ours, theirs, parameters, start)
    assert ours.iterations == theirs.iterations == 8


@pytest.mark.parametrize("optimizer, hyper", OPTIMIZERS)
def test_optimizers(isa, rng, optimizer, hyper):
    loss, rows = "mean_squared_error", 40
    ours, theirs, parameters = _pair(rng, _deep, "linear")
    *data, _ = _rows(rng, loss, rows)
    start = [theirs.parameter(i).copy() for i in range(parameters)]
    for network in (ours, theirs):
        network.compile([(loss, {}, 1.0, [])], [(optimizer, hyper)])
        _train(network, [*data, [None]], None, rows, 2)
        network.learning_rates = [hyper["learning_rate"] / 2.0]
        _train(network, [*data, [None]], None, rows, 1)
    _assert_trained_alike(ours, theirs, parameters, start)
    _assert_slots_alike(ours, theirs)


def _assert_slots_alike(ours, theirs):
    for index, (_, shape, trainable) in enumerate(theirs.graph.parameters):
        assert sorted(ours.slot_names(index)) == sorted(theirs.slot_names(index))
        for name in ours.slot_names(index) if trainable else []:
            slot = theirs.slot(name, index)
            assert ours.slot(name, index).shape == shape
            np.testing.assert_allclose(
                ours.slot(name, index), slot, rtol=8 * EPSILON, atol=1e-3 * abs(slot).max()
            )


@pytest.mark.parametrize(
    "common",
    [
        {},
        {"clipnorm": 0.05},
        {"global_clipnorm": 0.05},
        {"use_ema": 1, "ema_momentum": 0.5},
        {"gradient_accumulation_steps": 2},
    ],
    ids=str,
)
def test_rules_of_their_own_for_some_weights(rng, common):
    ours, theirs, parameters = _pair(rng, _deep, "linear")
    *data, _ = _rows(rng, "mean_squared_error", 40)
    start = [theirs.parameter(i).copy() for i in range(parameters)]
    # The last takes what comes with the others alone; sums over steps are made for all.
    shared = {key: n for key, n in common.items() if key == "gradient_accumulation_steps"}
    rules = [("adam", ADAM | common), ("sgd", SGD | shared), ("rmsprop", RMSPROP | common)]
    rule_of = rng.permutation(np.arange(parameters) % 3).tolist()
    for network in (ours, theirs):
        network.compile([("mean_squared_error", {}, 1.0, [])], rules, rule_of)
        _train(network, [*data, [None]], None, 40, 2)
        network.learning_rates = [0.005, 0.2, 0.001]
        _train(network, [*data, [None]], None, 40, 1)
    _assert_trained_alike(ours, theirs, parameters, start)
    _assert_slots_alike(ours, theirs)


def test_rules_that_do_not_fit(rng):
    network, _, parameters = _pair(rng, _deep, "linear")
    loss, sgd = [("mean_squared_error", {}, 1.0, [])], ("sgd", SGD)
    for rules, rule_of, text in (
        ([], [], "received 0 optimizers; expected 1 to 8"),
        ([sgd] * 9, [], "received 9 optimizers; expected 1 to 8"),
        ([sgd], [0], f"received optimizers of 1 parameters; expected {parameters}"),
        ([sgd], [1] * parameters, "received optimizer 1; expected one of 1"),
        (
            [sgd, ("sgd", SGD | {"gradient_accumulation_steps": 2})],
            [],
            "received optimizers with other numbers of gradient_accumulation_steps",
        ),
    ):
        with pytest.raises(ValueError, match=text):
            network.compile(loss, rules, rule_of)
    network.compile(loss, [sgd, sgd], [0] * parameters)
    with pytest.raises(ValueError, match="received 1 learning rates; expected 2"):
        network.learning_rates = [0.1]


@pytest.mark.parametrize("name", sorted(reference.ACTIVATIONS))
def test_activations(rng, name):
    ours, theirs, parameters = _pair(rng, _deep, "linear", hidden=name)
    *data, _ = _rows(rng, "mean_squared_error", 30)
    start = [theirs.parameter(i).copy() for i in range(parameters)]
    for network in (ours, theirs):
        network.compile([("mean_squared_error", {}, 1.0, [])], [("sgd", SGD)])
        _train(network, [*data, [None]], None, 30, 1)
    _assert_trained_alike(ours, theirs, parameters, start)


def test_dropout_is_that_of_ops(isa, rng):
    ours, theirs, parameters = _pair(rng, _deep, "linear", dropout=0.4)
    *data, _ = _rows(rng, "mean_squared_error", 40)
    start = [theirs.parameter(i).copy() for i in range(parameters)]
    for network in (ours, theirs):
        network.compile([("mean_squared_error", {}, 1.0, [])], [("sgd", SGD)])
        _train(network, [*data, [None]], None, 40, 2)
    _assert_trained_alike(ours, theirs, parameters, start)


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("name", ["relu", "leaky_relu", "relu6", "elu"])
def test_dropout_between_dense_layers(isa, rng, name, rate):
    def describe(graph):
        x = graph.add_input(WIDTH)
        for i, (inputs, units) in enumerate([(WIDTH, 19), (19, 33)]):
            x = graph.add_activation(_dense(graph, x, f"d{i}", inputs, units), name, 0.3)
            x = graph.add_dropout(x, rate, i)
        graph.add_output(_dense(graph, x, "c", 33, OUTPUTS))

    _train_alike(rng, describe, "sgd", SGD)


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 33])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_predict(isa, rng, rows, dtype):
    ours, theirs, _ = _pair(rng, _deep, "softmax")
    x = rng.standard_normal((rows, WIDTH)).astype(np.float32)
    if dtype is np.uint8:
        x = rng.integers(0, 256, (rows, WIDTH), dtype=np.uint8)
    a, b = (np.full((rows, OUTPUTS), np.nan, np.float32) for _ in range(2))
    batches = -(-rows // 16)
    assert ours.predict([x], [a], 0, batches, 16, 10.0) == batches
    theirs.predict([x], [b], 0, batches, 16, 10.0)
    # Three products of up to 33 terms, and a softmax.
    np.testing.assert_allclose(a, b, rtol=500 * EPSILON, atol=1e-6)


def _train_alike(rng, describe, optimizer, options):
    """Train both networks and compare them; return the native one and where it started."""
    ours, theirs, parameters = _pair(rng, describe)
    *data, _ = _rows(rng, "mean_squared_error", 40)
    start = [theirs.parameter(i).copy() for i in range(parameters)]
    for network in (ours, theirs):
        network.compile([("mean_squared_error", {}, 1.0, [])], [(optimizer, options)])
        _train(network, [*data, [None]], None, 40, 2)
    _assert_trained_alike(ours, theirs, parameters, start)
    return ours, start


def test_frozen_parameters_stay(rng):
    def describe(graph):
        x = graph.add_input(WIDTH)
        x = graph.add_activation(_dense(graph, x, "a", WIDTH, 8, trainable=False), "relu", 0.0)
        x = _dense(graph, x, "b", 8, 8)
        graph.add_output(_dense(graph, x, "c", 8, OUTPUTS, trainable=False))

    ours, start = _train_alike(rng, describe, "adam", ADAM)
    for index in (0, 1, 4, 5):
        np.testing.assert_array_equal(ours.parameter(index), start[index])


def test_frozen_batch_normalization_uses_the_moving_statistics(rng):
    def describe(graph):
        x = graph.add_input(WIDTH)
        x = _norm(graph, _dense(graph, x, "a", WIDTH, 8), "n", 8, frozen=True)
        graph.add_output(_dense(graph, x, "b", 8, OUTPUTS))

    ours, start = _train_alike(rng, describe, "sgd", SGD)
    for index in (4, 5):
        np.testing.assert_array_equal(ours.parameter(index), start[index])


def _shared(graph, times):
    """The same weights so many times."""
    x = graph.add_input(WIDTH)
    kernel = graph.add_parameter("a/kernel", (WIDTH, WIDTH), True)
    for _ in range(times):
        x = graph.add_activation(graph.add_dense(x, kernel, None), "tanh", 0.0)
    graph.add_output(_dense(graph, x, "c", WIDTH, OUTPUTS))


def test_a_layer_used_several_times_shares_its_weights(rng):
    _train_alike(rng, lambda graph: _shared(graph, 3), "sgd", SGD)


MORE = ["layer_norm", "alpha_dropout", "noise", "prelu", "normalize"]


def _add_to(graph, x, name, width, place, options):
    """Add one of MORE; `options` are three truth values."""
    if name == "alpha_dropout":
        return graph.add_alpha_dropout(x, 0.25, place)
    if name == "noise":
        return graph.add_gaussian_noise(x, 0.25, place)

    def vector(role, trainable):
        return graph.add_parameter(f"{name}{place}/{role}", (width,), bool(trainable))

    if name == "prelu":
        return graph.add_prelu(x, vector("alpha", options[0]))
    if name == "normalize":
        mean, variance = vector("mean", False), vector("moving_variance", False)
        return graph.add_normalization(x, mean, variance, bool(options[0]))
    gamma, beta = (
        vector(role, options[2]) if there else None
        for role, there in zip(("gamma", "beta"), options[:2], strict=True)
    )
    # An epsilon of the size of the variance: rows of few columns may be nearly constant.
    return graph.add_layer_normalization(x, gamma, beta, 0.5)


@pytest.mark.parametrize("options", [(True, True, True), (False, True, False)])
@pytest.mark.parametrize("name", MORE)
@pytest.mark.parametrize("optimizer, hyper", [("sgd", SGD), OPTIMIZERS[-1]])
def test_operations_between_dense_layers(isa, rng, name, options, optimizer, hyper):
    def describe(graph):
        x = graph.add_input(WIDTH)
        for i, (inputs, units) in enumerate([(WIDTH, 19), (19, 33)]):
            x = _add_to(graph, _dense(graph, x, f"d{i}", inputs, units), name, units, i, options)
        graph.add_output(_dense(graph, x, "c", 33, OUTPUTS))

    _train_alike(rng, describe, optimizer, hyper)


@pytest.mark.parametrize("name", MORE)
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_operations_on_inputs_and_outputs(isa, rng, name, dtype):
    """Also of bytes, with weights that two nodes share, and with another reader of the input."""

    def describe(graph):
        x, kernel = graph.add_input(WIDTH), graph.add_parameter("a", (WIDTH, WIDTH), True)
        y = _add_to(graph, x, name, WIDTH, 0, (True, True, True))
        y = graph.add_merge("sum", [y, graph.add_dense(y, kernel, None)])
        if name == "prelu":
            y = graph.add_merge("sum", [x, graph.add_prelu(y, 1)])
        if name == "layer_norm":
            y = graph.add_merge("sum", [x, graph.add_layer_normalization(y, None, 2, 0.5)])
        y = _dense(graph, y, "b", WIDTH, OUTPUTS)
        graph.add_output(_add_to(graph, y, name, OUTPUTS, 1, (True, False, True)))

    data = _bytes(rng, 40)
    if dtype is np.float32:
        data[0][0] = rng.standard_normal((40, WIDTH)).astype(np.float32)
    _compare_training(*_pair(rng, describe), data, "sgd", SGD | {"learning_rate": 0.01})


@pytest.mark.parametrize("threads", [1, 5], indirect=True)
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
@pytest.mark.parametrize("optimizer, hyper", [("sgd", SGD), ("rmsprop", RMSPROP)])
def test_embeddings(isa, rng, threads, dtype, optimizer, hyper):
    """Two that share a table, one of its own that is wider than a vector, one that is frozen."""

    def describe(graph):
        x = graph.add_input(WIDTH)
        shared, own = (graph.add_parameter(f"t{n}", (9, n), True) for n in (3, 19))
        frozen = graph.add_parameter("frozen", (9, 2), False)
        ys = [graph.add_embedding(x, table) for table in (shared, own, shared, frozen)]
        y = graph.add_merge("concatenation", ys)
        graph.add_output(_dense(graph, y, "a", WIDTH * (3 + 19 + 3 + 2), OUTPUTS))

    data = _bytes(rng, 40)
    data[0][0] = (data[0][0] % 9).astype(dtype)
    _compare_training(*_pair(rng, describe), data, optimizer, hyper)


def test_errors_of_operations():
    graph = _core.Graph()
    x = graph.add_input(3)
    vector = graph.add_parameter("a", (4,), True)
    good = graph.add_parameter("b", (3,), True)
    with pytest.raises(ValueError, match=r"\[layer_normalization\] gamma: received 'a' of shape"):
        graph.add_layer_normalization(x, vector, None, 1e-3)
    with pytest.raises(ValueError, match=r"received epsilon -1; expected a positive number"):
        graph.add_layer_normalization(x, None, None, -1.0)
    with pytest.raises(ValueError, match=r"\[prelu\] alpha: received 'a' of shape \(4,\); exp"):
        graph.add_prelu(x, vector)
    with pytest.raises(ValueError, match=r"\[normalization\] received the trainable parameter"):
        graph.add_normalization(x, good, good, False)
    with pytest.raises(ValueError, match=r"\[alpha_dropout\] rate: received 1; expected the share"):
        graph.add_alpha_dropout(x, 1.0, 0)
    with pytest.raises(ValueError, match=r"\[gaussian_noise\] received stddev -1; expected a f"):
        graph.add_gaussian_noise(x, -1.0, 0)
    with pytest.raises(ValueError, match=r"received the tensor 9; this graph has 1"):
        graph.add_gaussian_noise(9, 1.0, 0)


def test_merge_errors():
    graph = _core.Graph()
    x, y = graph.add_input(3), graph.add_input(4)
    with pytest.raises(ValueError, match=r"\[merge\] received 1 tensors; expected at least 2"):
        graph.add_merge("sum", [x])
    with pytest.raises(ValueError, match=r"tensors of 3 and 4 columns; expected equal widths"):
        graph.add_merge("product", [x, y])
    with pytest.raises(ValueError, match=r"received 'max'; expected one of sum, product, conc"):
        graph.add_merge("max", [x, x])
    with pytest.raises(ValueError, match=r"received the tensor 7; this graph has 2"):
        graph.add_merge("sum", [x, 7])


def _bytes(rng, rows):
    x = rng.integers(0, 256, (rows, WIDTH), dtype=np.uint8)
    return [x], [rng.standard_normal((rows, OUTPUTS)).astype(np.float32)]


def _compare_training(ours, theirs, parameters, data, optimizer, options):
    """Gradients before the first update, and weights after some."""
    start = [theirs.parameter(i).copy() for i in range(parameters)]
    for network in (ours, theirs):
        network.compile([("mean_squared_error", {}, 1.0, [])], [(optimizer, options)])
    (x,), (y,) = data
    ours.train([x[:16]], [y[:16]], [None], None, 0, 1, 16, 1.0, update=False)
    before = theirs.parameter(0).copy()
    theirs.step([x[:16]], [y[:16]], [None])
    for index, expected in theirs.gradients.items():
        tolerance = 1e-4 * abs(expected).max()
        np.testing.assert_allclose(ours.gradient(index), expected, rtol=0, atol=tolerance)
    assert (theirs.parameter(0) != before).any()
    ours.train([x[:16]], [y[:16]], [None], None, 0, 1, 16, 1.0)
    for network in (ours, theirs):
        _train(network, [*data, [None]], None, len(x), 2)
    _assert_trained_alike(ours, theirs, parameters, start)


# In front of everything: scaled products, except with an offset, or far from 1, or twice.
FRONTS = [[], [(1 / 64, 0.0)], [(-1 / 64, 0.5)], [(2.0**-8, 0.0), (3.0, 0.0)], [(2.0**-21, 0.25)]]


@pytest.mark.parametrize(
    "optimizer, options", [("sgd", SGD | {"learning_rate": 0.01}), ("rmsprop", RMSPROP)]
)
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
@pytest.mark.parametrize("front", FRONTS)
def test_rescaling_and_bytes(isa, rng, front, dtype, optimizer, options):
    def describe(graph):
        x = graph.add_input(WIDTH)
        for scale, offset in front:
            x = graph.add_rescaling(x, scale, offset)
        x = graph.add_activation(_dense(graph, x, "a", WIDTH, 19), "tanh", 0.0)
        x = graph.add_rescaling(x, 3.0, 0.25)
        x = _dense(graph, graph.add_rescaling(x, 0.5, 0.0), "b", 19, OUTPUTS)
        graph.add_output(graph.add_rescaling(x, 2.0, 0.0))

    data = _bytes(rng, 40)
    if dtype is np.float32:
        data[0][0] = rng.standard_normal((40, WIDTH)).astype(np.float32)
    _compare_training(*_pair(rng, describe), data, optimizer, options)


def test_bytes_into_a_layer_used_twice(isa, rng):
    _compare_training(*_pair(rng, _shared, 2), _bytes(rng, 40), "sgd", SGD)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_rescaling_alone(isa, rng, dtype):
    x = rng.integers(0, 256, (21, 37)).astype(dtype)
    for scales in ([2.0], [2.0, 0.25]):
        graph = _core.Graph()
        tensor = graph.add_input(37)
        for scale in scales:
            tensor = graph.add_rescaling(tensor, scale, 0.0)
        graph.add_output(tensor)
        y = np.empty(x.shape, np.float32)
        assert _core.Network(graph).predict([x], [y], 0, 3, 7, 1.0) == 3
        np.testing.assert_array_equal(y, x * np.float32(np.prod(scales)))


def test_bytes_are_whole_or_fractions_for_all_who_read_them():
    graph = _core.Graph()
    x = graph.add_input(4)
    graph.add_output(graph.add_rescaling(x, 1.0, 0.0))
    graph.add_output(graph.add_activation(x, "relu", 0.0))
    network = _core.Network(graph)
    floats, outputs = np.ones((2, 4), np.float32), [np.empty((2, 4), np.float32) for _ in range(2)]
    assert network.predict([floats], outputs, 0, 1, 2, 1.0) == 1
    with pytest.raises(ValueError, match=r"\[network\] received bytes for .* Rescaling layer"):
        network.predict([floats.astype(np.uint8)], outputs, 0, 1, 2, 1.0)


@pytest.mark.parametrize("threads", [1, 2], indirect=True)
def test_what_decays_ends_at_zero(isa, rng, threads):
    """Rounded to the nearest, 0.9 times the smallest subnormal number is that number again."""
    width = 300  # enough weights for two threads to update

    def describe(graph):
        graph.add_output(_dense(graph, graph.add_input(width), "a", width, OUTPUTS))

    halved = np.float32(1e-40) / np.float32(2.0)
    ours, _, _ = _pair(rng, describe)
    x = rng.standard_normal((16, width)).astype(np.float32)
    y = rng.standard_normal((16, OUTPUTS)).astype(np.float32)
    ours.compile([("mean_squared_error", {}, 1.0, [])], [("rmsprop", RMSPROP)])
    ours.train([x], [y], [None], None, 0, 1, 16, 1.0)
    velocity = ours.slot("velocity", 0)
    assert velocity.all()
    x[:, ::2] = 0.0
    for _ in range(1200):
        ours.train([x], [y], [None], None, 0, 1, 16, 1.0)
    assert not velocity[::2].any()
    # The caller's own arithmetic is as it was.
    assert np.float32(1e-40) / np.float32(2.0) == halved


def test_no_seconds_are_one_batch(rng):
    ours, _, _ = _pair(rng, _deep, "linear")
    *data, _ = _rows(rng, "mean_squared_error", 40)
    ours.compile([("mean_squared_error", {}, 1.0, [])], [("sgd", SGD)])
    done, totals = ours.train(*data, [None], None, 0, 3, 16, 0.0)
    assert (done, totals[0], ours.iterations) == (1, 16.0, 1)


@pytest.mark.parametrize("loss, options, last", LOSSES)
def test_the_reference_against_finite_differences(rng, loss, options, last):
    graph = reference.Graph()
    _deep(graph, last)
    network = reference.Network(graph)
    for array, (name, shape, _) in zip(network.arrays, graph.parameters, strict=True):
        array[...] = rng.normal(0.0, shape[0] ** -0.5, shape)
        if name.endswith(("gamma", "moving_variance")):
            array[...] = abs(array) + 0.5
    network.compile([(loss, options, 1.0, [])], [("sgd", SGD)])
    (x,), (y,), weight = _rows(rng, loss, 12)

    start = [array.copy() for array in network.arrays]
    network.step([x], [y], [weight])
    gradients = [(a - b) / SGD["learning_rate"] for a, b in zip(start, network.arrays, strict=True)]

    def mean_loss(index, place, change):
        for array, value in zip(network.arrays, start, strict=True):
            array[...] = value
        network.arrays[index][place] += change
        return network.totals(network.forward([x], training=True), [y], [weight])[0][2] / len(x)

    for index, (name, shape, trainable) in enumerate(graph.parameters):
        if trainable:
            place = np.unravel_index(rng.integers(np.prod(shape)), shape)
            up, down = (mean_loss(index, place, change) for change in (1e-5, -1e-5))
            # Central differences: 1e-10 of truncation, 1e-11 of rounding.
            assert gradients[index][place] == pytest.approx(
                (up - down) / 2e-5, rel=1e-5, abs=1e-8
            ), name
