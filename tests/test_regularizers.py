"""Regularizers and constraints in training, against the float64 network and by what they do."""

import copy

import numpy as np
import pytest
from reference import network as reference
from test_network import (
    ADAM,
    EPSILON,
    FTRL,
    OUTPUTS,
    RMSPROP,
    SGD,
    WIDTH,
    _assert_trained_alike,
    _compare_training,
    _dense,
    _norm,
    _pair,
    _rows,
    _train,
)
from test_optimizer_arguments import arrays, bits, draw

import fastdnn as fd
from fastdnn import _core, constraints, layers, regularizers

OPTIMIZERS = [
    ("sgd", SGD),
    ("sgd", SGD | {"momentum": 0.9, "nesterov": 1.0, "weight_decay": 0.1}),
    ("rmsprop", RMSPROP),
    ("adam", ADAM),
    ("ftrl", FTRL),
    ("sgd", SGD | {"clipvalue": 0.002}),
    ("sgd", SGD | {"clipnorm": 0.05}),
    ("sgd", SGD | {"global_clipnorm": 0.05}),
    ("sgd", SGD | {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2}),
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
optimizers = pytest.mark.parametrize("optimizer, hyper", OPTIMIZERS)


def _penalized(graph, constrained=False):
    """Every kind of parameter with a penalty, one used twice, and penalties on activities."""
    x = graph.add_input(WIDTH)
    kernel = graph.add_parameter("a/kernel", (WIDTH, WIDTH), True)
    graph.set_penalty(kernel, 0.01, 0.02)
    for _ in range(2):
        x = graph.add_activation(graph.add_dense(x, kernel, None), "tanh", 0.0)
    x = graph.add_activity_penalty(x, 0.02, 0.03)
    x = _norm(graph, _dense(graph, x, "b", WIDTH, 33), "n", 33)
    graph.set_penalty(1, 0.003, 0.0)  # b/kernel
    graph.set_penalty(2, 0.0, 0.1)  # b/bias
    graph.set_penalty(3, 0.0, 0.1)  # n/gamma
    graph.set_penalty(5, 1.0, 1.0)  # n/moving_mean, which is not trained
    x = _dense(graph, graph.add_activation(x, "relu", 0.0), "c", 33, 19, trainable=False)
    graph.set_penalty(7, 1.0, 1.0)  # c/kernel, frozen
    x = _dense(graph, graph.add_activity_penalty(x, 0.0, 0.01), "d", 19, OUTPUTS)
    if constrained:
        graph.constrain_norms(kernel, 0.0, 0.75, 1.0, 0)
        graph.constrain_norms(1, 0.5, 1.0, 0.25, 1)
        graph.constrain_norms(2, 1.0, 1.0, 1.0, 0)
        graph.constrain_non_negative(3)
        graph.constrain_non_negative(7)
    graph.add_output(graph.add_activity_penalty(x, 0.01, 0.0))


@optimizers
@pytest.mark.parametrize("constrained", [False, True])
def test_trajectories(rng, optimizer, hyper, constrained):
    for _ in range(9):  # until no weight nor activity is near a kink of ReLU or of a magnitude
        ours, theirs, parameters = _pair(rng, _penalized, constrained)
        *data, _ = _rows(rng, "mean_squared_error", 40)
        start = [theirs.parameter(i).copy() for i in range(parameters)]
        for network in (ours, theirs):
            network.compile([("mean_squared_error", {}, 1.0, [])], [(optimizer, hyper)])
        neighbours = [copy.deepcopy(theirs) for _ in range(4)]
        for array in (array for each in neighbours for array in each.arrays):
            array *= 1.0 + 8 * EPSILON * rng.uniform(-1.0, 1.0, array.shape)
        everyone = ours, theirs, *neighbours
        totals = [_train(network, [*data, [None]], None, 40, 2) for network in everyone][:2]
        ways = [abs(array - at).max() for array, at in zip(theirs.arrays, start, strict=True)]
        if all(
            abs(one - other).max() <= 1e-4 * way + 1e-6
            for each in neighbours
            for one, other, way in zip(theirs.arrays, each.arrays, ways, strict=True)
        ):
            break
    # As in test_network.py: losses of a network of some products in float32.
    np.testing.assert_allclose(*totals, rtol=2000 * EPSILON)
    assert totals[0][-1] > 10
    _assert_trained_alike(ours, theirs, parameters, start)
    np.testing.assert_array_equal(ours.parameter(7), start[7].astype(np.float32))
    totals = [n.evaluate(*data, [None], 0, 3, 16, 1.0)[1] for n in (ours, theirs)]
    np.testing.assert_allclose(*totals, rtol=2000 * EPSILON)


def test_gradients(isa, rng):
    *data, _ = _rows(rng, "mean_squared_error", 40)
    _compare_training(*_pair(rng, _penalized), data, "sgd", SGD)


def _unused(graph):
    """A second output without a loss, behind a weight and an activity with penalties."""
    x = graph.add_input(WIDTH)
    graph.add_output(_dense(graph, x, "a", WIDTH, OUTPUTS))
    x = graph.add_activity_penalty(_dense(graph, x, "b", WIDTH, 4), 0.1, 0.2)
    graph.add_output(_dense(graph, x, "c", 4, OUTPUTS, bias=False))
    graph.set_penalty(4, 0.1, 0.2)  # c/kernel
    graph.constrain_norms(4, 1.0, 1.0, 1.0, 0)


@pytest.mark.parametrize("more", [{}, {"clipnorm": 0.1}, {"gradient_accumulation_steps": 2}])
def test_penalties_train_what_no_loss_depends_on(rng, more):
    ours, theirs, parameters = _pair(rng, _unused)
    (x,), (y,), _ = _rows(rng, "mean_squared_error", 40)
    start = [theirs.parameter(i).copy() for i in range(parameters)]
    for network in (ours, theirs):
        network.compile([("mean_squared_error", {}, 1.0, []), None], [("sgd", SGD | more)])
    data = [[x], [y, None], [None, None]]
    totals = [_train(network, data, None, 40, 3) for network in (ours, theirs)]
    np.testing.assert_allclose(*totals, rtol=2000 * EPSILON)
    _assert_trained_alike(ours, theirs, parameters, start)
    assert (ours.parameter(4) != start[4].astype(np.float32)).all()


def test_the_reference_against_finite_differences(rng):
    graph = reference.Graph()
    _penalized(graph)
    network = reference.Network(graph)
    for array, (name, shape, _) in zip(network.arrays, graph.parameters, strict=True):
        array[...] = rng.normal(0.0, shape[0] ** -0.5, shape)
        if name.endswith(("gamma", "moving_variance")):
            array[...] = abs(array) + 0.5
    network.compile([("mean_squared_error", {}, 1.0, [])], [("sgd", SGD)])
    (x,), (y,), _ = _rows(rng, "mean_squared_error", 12)
    start = [array.copy() for array in network.arrays]
    network.step([x], [y], [None])
    gradients = dict(network.gradients)

    def loss(index, place, change):
        for array, value in zip(network.arrays, start, strict=True):
            array[...] = value
        network.arrays[index][place] += change
        totals = network.totals(network.forward([x], training=True), [y], [None])[0]
        return (totals[2] + totals[-1]) / len(x)

    for index, gradient in gradients.items():
        place = np.unravel_index(abs(gradient).argmax(), gradient.shape)
        up, down = (loss(index, place, change) for change in (1e-6, -1e-6))
        # Central differences of sums of up to some ten: 1e-8 of rounding. A kink, of ReLU or of a
        # magnitude, is met by one in 1e4.
        assert gradient[place] == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-6)


# --- Models ---


def make_model(optimizer, columns=40, **options):
    fd.set_seed(3)
    model = fd.Sequential(
        [
            layers.Input((columns,)),
            layers.Dense(
                300,
                "relu",
                kernel_regularizer=regularizers.L1L2(1e-4, 1e-3),
                bias_regularizer="l2",
                activity_regularizer=regularizers.L2(1e-3),
                kernel_constraint=constraints.MaxNorm(0.8),
                bias_constraint="non_neg",
            ),
            layers.BatchNormalization(
                beta_regularizer="l1",
                gamma_regularizer="l2",
                beta_constraint=constraints.MinMaxNorm(0.1, 0.2, 0.5),
                gamma_constraint="max_norm",
            ),
            layers.ActivityRegularization(l1=1e-4),
            layers.Dense(3, kernel_regularizer="l2", kernel_constraint=constraints.UnitNorm(1)),
        ]
    )
    model.compile(optimizer, fd.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


@pytest.mark.parametrize("arguments", [{}, {"clipnorm": 0.1}, {"gradient_accumulation_steps": 3}])
def test_same_bits_for_any_number_of_threads(assert_same_bits, rng, arguments):
    x, y = draw(rng)

    def run():
        model = make_model(fd.optimizers.RMSprop(0.01, **arguments))
        history = model.fit(x, y, batch_size=48, epochs=2, verbose=0).history
        return [*arrays(model), *history.values(), model.evaluate(x, y, verbose=0)]

    assert_same_bits(run)


@pytest.mark.parametrize("arguments", [{}, {"gradient_accumulation_steps": 3}])
def test_a_loaded_model_goes_on(rng, tmp_path, arguments):
    x, y = draw(rng)
    model = make_model(fd.optimizers.Adam(0.01, **arguments))
    model.fit(x, y, batch_size=50, epochs=1, verbose=0)
    model.save(tmp_path / "model.safetensors")
    loaded = fd.load_model(tmp_path / "model.safetensors")
    assert [repr(layer) for layer in loaded.layers] == [repr(layer) for layer in model.layers]
    losses = [one.train_on_batch(x, y) for one in (model, loaded, model, loaded)]
    assert losses[0] == losses[1]
    assert losses[2] == losses[3]
    assert bits(model) == bits(loaded)


@pytest.mark.parametrize("arguments", [{}, {"clipvalue": 0.01}, {"clipnorm": 0.05}])
def test_sparse_rows(rng, arguments):
    sparse = pytest.importorskip("scipy.sparse", reason="scipy, whose matrices these are")
    x, y = draw(rng)
    x[rng.random(x.shape) < 0.8] = 0.0
    results = []
    for rows in (sparse.csr_array(x), x):
        model = make_model(fd.optimizers.SGD(0.1, momentum=0.5, **arguments))
        start = model.get_weights()
        history = model.fit(rows, y, batch_size=48, epochs=2, verbose=0).history
        results.append((model.get_weights(), history["loss"]))
    for one, other, before in zip(results[0][0], results[1][0], start, strict=True):
        # Other orders of addition over ten steps.
        assert abs(one - other).max() <= 1e-4 * abs(other - before).max() + 1e-6
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-5)


def test_the_loss_is_that_of_the_outputs_and_the_penalties(rng):
    x, y = draw(rng, 64)
    model = make_model(fd.optimizers.SGD(0.0))
    dense, norm = model.layers[0], model.layers[1]
    penalties = [
        dense.kernel_regularizer(dense.kernel.value),
        dense.bias_regularizer(dense.bias.value),
        norm.beta_regularizer(norm.beta.value),
        norm.gamma_regularizer(norm.gamma.value),
        model.layers[3].kernel_regularizer(model.layers[3].kernel.value),
    ]
    outputs = [model.extract(layer.name).predict(x, verbose=0) for layer in model.layers[:3]]
    penalties += [dense.activity_regularizer(outputs[0]) / 64, 1e-4 * abs(outputs[2]).sum() / 64]
    logits = model.predict(x, verbose=0).astype(np.float64)
    entropy = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(64), y]
    loss = model.evaluate(x, y, verbose=0)
    # Numbers of the network in float32.
    assert loss == pytest.approx(entropy.mean() + sum(penalties), rel=1e-5)
    assert sum(penalties) > 0.1
    dense.trainable = False
    assert loss - model.evaluate(x, y, verbose=0) == pytest.approx(sum(penalties[:2]), rel=1e-4)


class Holds(fd.callbacks.Callback):
    """Notes the largest norm of a unit's weights and the least bias after every step."""

    def __init__(self):
        super().__init__()
        self.largest, self.least = [], []

    def on_train_batch_end(self, batch, logs=None):
        kernel = self.model.layers[0].kernel.numpy().astype(np.float64)
        self.largest.append(np.sqrt((kernel**2).sum(axis=0)).max())
        self.least.append(self.model.layers[0].bias.value.min())


@pytest.mark.parametrize("arguments", [{}, {"use_ema": True, "ema_momentum": 0.5}])
def test_constraints_hold_after_every_step(rng, arguments):
    x, y = draw(rng)
    model, holds = make_model(fd.optimizers.SGD(0.5, **arguments)), Holds()
    model.fit(x, y, batch_size=20, epochs=2, verbose=0, callbacks=[holds])
    # A norm of 40 squares and their quotient: some tens of roundings; epsilon takes one more.
    assert len(holds.largest) == 20
    assert 0.8 * (1 - 1e-5) < max(holds.largest) <= 0.8 * (1 + 1e-5)
    assert min(holds.least) == 0.0


def test_l1_makes_weights_nearly_zero(rng):
    x, y = draw(rng)
    y = (x[:, 0] > 0).astype(np.int64)  # one column is enough
    small = []
    for regularizer in (None, regularizers.L1(0.02)):
        fd.set_seed(3)
        model = fd.Sequential(
            [layers.Input((40,)), layers.Dense(2, kernel_regularizer=regularizer)]
        )
        model.compile(
            fd.optimizers.SGD(0.02), fd.losses.SparseCategoricalCrossentropy(from_logits=True)
        )
        model.fit(x, y, batch_size=200, epochs=800, verbose=0)
        small.append((abs(model.get_weights()[0]) < 1e-3).mean())
    assert small[0] < 0.1
    assert small[1] > 0.5


def test_two_outputs_share_the_penalties(rng):
    x, _ = draw(rng, 60)
    inputs = layers.Input((40,))
    hidden = layers.Dense(8, "tanh", kernel_regularizer="l2")(inputs)
    model = fd.Model(inputs, [layers.Dense(2, name=name)(hidden) for name in "ab"])
    model.compile("sgd", "mse", loss_weights=[2.0, 0.5])
    y = rng.standard_normal((2, 60, 2)).astype(np.float32)
    logs = model.evaluate(x, list(y), verbose=0, return_dict=True)
    penalty = regularizers.L2()(model.weights[0].value)
    wanted = 2.0 * logs["a_loss"] + 0.5 * logs["b_loss"] + penalty
    assert logs["loss"] == pytest.approx(wanted, rel=1e-6)


def test_by_name_by_config_and_by_object():
    assert regularizers.get(None) is None
    assert repr(regularizers.get("l2")) == "L2()"
    assert repr(regularizers.get("l1_l2")) == repr(regularizers.get("L1L2")) == "L1L2()"
    both = regularizers.L1L2(0.25, 0.5)
    assert regularizers.get(both) is both
    copy = regularizers.get({"class_name": "L1L2", "config": both.get_config()})
    assert copy.factors == both.factors == (0.25, 0.5)
    layer = layers.Dense(3, kernel_regularizer="l1", kernel_constraint="unit_norm")
    assert repr(layers.Dense.from_config(layer.get_config())) == repr(layer)
    assert fd.regularizers.L1(0.5)(np.array([[1, -2]], np.float64)) == 1.5


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: regularizers.L2(-0.1), r"\[L2\] l2: received -0.1; expected a number from 0"),
        (lambda: regularizers.L1(1e39), r"\[L1\] l1: received 1e\+39; expected a number from"),
        (lambda: regularizers.L1L2(l2=None), r"\[L1L2\] l2: received None"),
        (lambda: layers.Dense(2, kernel_regularizer="l3"), r"\[Dense\] regularizer: received 'l3'"),
        (lambda: layers.ActivityRegularization(l1="x"), r"l1: received 'x'; expected a number"),
        (lambda: _core.Graph().set_penalty(0, 0.1, 0.1), r"\[penalty\] received the parameter 0"),
        (
            lambda: _core.Graph().add_activity_penalty(0, 0.1, 0.1),
            r"\[activity_penalty\] received the tensor 0; this graph has 0",
        ),
        (
            lambda: _core.Graph().constrain_norms(0, 0.0, 1.0, 1.0, 0),
            r"\[constraint\] received the parameter 0; expected one of this graph",
        ),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()
