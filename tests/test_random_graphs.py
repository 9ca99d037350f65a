"""Random small graphs: the native Network against reference/network.py in float64, and that against
finite differences."""

import numpy as np
import pytest
from conftest import at_threads
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import network as reference
from test_network import EPSILON, MORE, SGD, _add_to, _assert_trained_alike, _pair, _train

CODES, CODE_COLUMNS = 6, 2
WIDTHS, OUTPUTS, ROWS = (7, 8), 5, 40


class Recorder:
    """Calls the methods of a reference graph, and can repeat them on another one."""

    def __init__(self):
        self.graph, self.calls = reference.Graph(), []

    def __getattr__(self, name):
        method = getattr(self.graph, name)

        def call(*arguments):
            result = method(*arguments)
            self.calls.append((name, arguments, result))
            return result

        return call

    def repeat(self, graph):
        for name, arguments, result in self.calls:
            assert getattr(graph, name)(*arguments) == result

    def __repr__(self):
        return "\n".join(f"{name}{arguments} -> {result}" for name, arguments, result in self.calls)


@st.composite
def graphs(draw):
    """Merges and layers in any order, one to three outputs; some weights are shared.

    There are two inputs of numbers and one of CODE_COLUMNS codes below CODES, which `widths` has
    embeddings of instead.
    """
    graph = Recorder()
    widths = {graph.add_input(width): width for width in WIDTHS}
    codes = graph.add_input(CODE_COLUMNS)
    kernels, large = {}, set()  # products of products grow beyond what a step can bear

    def one_of(items):
        return draw(st.sampled_from(list(items)))

    def happens():
        return draw(st.booleans())

    def note(y, width, xs, is_product=False):
        widths[y] = width
        if is_product or not large.isdisjoint(xs):
            large.add(y)
        return y

    def dense(x, units):
        shape = widths[x], units
        if shape not in kernels or happens():
            kernels[shape] = graph.add_parameter(f"d{len(widths)}/kernel", shape, happens())
            if happens():
                graph.set_penalty(kernels[shape], 0.01, 0.02)
            if happens():
                graph.constrain_norms(kernels[shape], 0.0, 1.0, 0.5, draw(st.integers(0, 1)))
        bias = graph.add_parameter(f"d{len(widths)}/bias", (units,), True) if happens() else None
        return note(graph.add_dense(x, kernels[shape], bias), units, [x])

    def norm(x):
        def vector(role, trainable):
            return graph.add_parameter(f"n{len(widths)}/{role}", (widths[x],), trainable)

        gamma, beta = (vector(role, True) if happens() else None for role in ("gamma", "beta"))
        moving = vector("moving_mean", False), vector("moving_variance", False)
        # An epsilon of the size of the variance: columns may be nearly constant.
        return graph.add_batch_normalization(x, gamma, beta, *moving, 0.9, 0.5, happens())

    def merge(x, name):
        alike = [t for t in widths if name == "concatenation" or widths[t] == widths[x]]
        if name == "product":
            alike = [t for t in alike if t not in large]
            if x in large or not alike:
                return
        xs = [x, *draw(st.lists(st.sampled_from(alike), min_size=1, max_size=2))]
        width = sum(widths[t] for t in xs) if name == "concatenation" else widths[x]
        note(graph.add_merge(name, xs), width, xs, name == "product")

    table = graph.add_parameter("table", (CODES, 3), happens())
    graph.set_penalty(table, 0.01, 0.02)
    for _ in range(draw(st.integers(1, 2))):
        note(graph.add_embedding(codes, table), 3 * CODE_COLUMNS, [codes])
    for x in draw(st.permutations(list(widths))):
        dense(x, one_of([8, 6]))
    kinds = ("dense", "activation", "dropout", "penalty", "norm", "merge", *MORE)
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=8)):
        x = one_of(list(widths)[-5:])  # one behind the other, and beside one another
        if kind == "dense":
            dense(x, one_of([4, 8, 19]))
        elif kind == "merge":
            merge(x, one_of(["sum", "product", "concatenation"]))
        else:
            if kind == "activation":
                y = graph.add_activation(x, one_of(["tanh", "gelu", "relu"]), 0.0)
            elif kind == "dropout":
                y = graph.add_dropout(x, 0.25, len(widths))
            elif kind == "penalty":
                # Of magnitudes: squares of products would take over.
                y = graph.add_activity_penalty(x, 0.01, 0.0)
            elif kind == "norm":
                y = norm(x)
            else:
                y = _add_to(graph, x, kind, widths[x], len(widths), [happens() for _ in range(3)])
            note(y, widths[x], [x])
    ends = st.lists(st.sampled_from(list(widths)[-5:]), min_size=1, max_size=3)
    for x in draw(ends):
        graph.add_output(dense(x, OUTPUTS))
    return graph


# Some outputs go without a loss, never the first.
scored = st.lists(st.booleans(), min_size=2, max_size=2).map(lambda others: [True, *others])
seeds = st.integers(0, 2**32 - 1)


def _problem(rng, graph, scored):
    """Return inputs, targets, weights of rows, and losses."""
    x = [rng.normal(0.0, 0.3, (ROWS, width)).astype(np.float32) for width in WIDTHS]
    x.append(rng.integers(0, CODES, (ROWS, CODE_COLUMNS)).astype(np.float32))
    choices = [
        ("mean_squared_error", {}, 1.0 + i, [("mean_absolute_error", {}, [i == 0])])
        if has_loss
        else None
        for i, has_loss in enumerate(scored[: len(graph.graph.outputs)])
    ]
    y = [choice and rng.standard_normal((ROWS, OUTPUTS)).astype(np.float32) for choice in choices]
    weights = [None, rng.uniform(0.5, 2.0, ROWS).astype(np.float32), None][: len(choices)]
    return [x, y, weights], choices


@pytest.mark.parametrize("threads", [1, 3])
@settings(deadline=None, max_examples=25)
@given(graph=graphs(), scored=scored, seed=seeds)
def test_as_in_float64(threads, graph, scored, seed):
    """Three steps, and predictions after them."""
    rng = np.random.default_rng(seed)
    with at_threads(threads):
        ours, theirs, parameters = _pair(rng, graph.repeat)
        data, choices = _problem(rng, graph, scored)
        start = [theirs.parameter(i).copy() for i in range(parameters)]
        for network in (ours, theirs):
            network.compile(choices, [("sgd", SGD | {"learning_rate": 1e-3})])
        totals = [_train(network, data, None, ROWS, 1) for network in (ours, theirs)]
        # Sums of forty squares of sums of products of up to four numbers of either sign.
        np.testing.assert_allclose(*totals, rtol=1e-4, atol=1e-4 * abs(totals[1]).max())
        _assert_trained_alike(ours, theirs, parameters, start)
        predictions = [[np.empty((ROWS, OUTPUTS), np.float32) for _ in choices] for _ in range(2)]
        for network, into in zip((ours, theirs), predictions, strict=True):
            network.predict(data[0], into, 0, 3, 16, 10.0)
        for a, b in zip(*predictions, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * abs(b).max())


@settings(deadline=None, max_examples=100)
@given(graph=graphs(), scored=scored, seed=seeds)
def test_the_reference_against_finite_differences(graph, scored, seed):
    rng = np.random.default_rng(seed)
    _, network, _ = _pair(rng, graph.repeat)
    data, choices = _problem(rng, graph, scored)
    network.compile(choices, [("sgd", SGD)])
    start = [array.copy() for array in network.arrays]
    network.step(*data)
    gradients = dict(network.gradients)

    def loss(index, place, change):
        for array, value in zip(network.arrays, start, strict=True):
            array[...] = value
        network.arrays[index][place] += change
        network.iterations = 0  # masks and noise are those of the step
        totals = network.totals(network.forward(data[0], training=True), *data[1:])[0]
        parts = np.split(totals[:-1], _ends(choices))
        sums = [each[2] * part[2] for each, part in zip(choices, parts, strict=True) if each]
        return (sum(sums) + totals[-1]) / ROWS

    for index, gradient in gradients.items():
        place = np.unravel_index(abs(gradient).argmax(), gradient.shape)
        here = loss(index, place, 0.0)
        slopes = [(loss(index, place, h) - here) / h for h in (1e-6, -1e-6)]
        # The slopes on both sides differ by the curvature times 1e-6, and where a kink of ReLU,
        # PReLU or of a magnitude lies between: the gradient is one of them, or between.
        slack = 1e-5 * max(1.0, abs(gradient[place])) + EPSILON * abs(here)
        assert min(slopes) - slack <= gradient[place] <= max(slopes) + slack
        assert abs(slopes[0] - slopes[1]) < 1.0


def _ends(choices):
    """Where the totals of the outputs end."""
    return np.cumsum([3 if choice is None else 3 + len(choice[3]) for choice in choices])[:-1]
