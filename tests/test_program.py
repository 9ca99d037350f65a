"""Graphs beyond chains: shared weights, many readers of a tensor, many inputs and outputs."""

import os
import signal
import threading
import warnings

import numpy as np
import pytest

from fastdnn import _core

ROWS = 7


class Problem:
    """A graph with its data, and the same computation in float64 for finite differences."""

    def __init__(self, rng, inputs, targets, shapes, build, forward):
        graph = _core.Graph()
        tensors = [graph.add_input(width) for width in inputs]
        self.ids = [
            graph.add_parameter(f"layer/{i}", shape, True) for i, shape in enumerate(shapes)
        ]
        for output in build(graph, tensors, self.ids):
            graph.add_output(output)
        self.network = _core.Network(graph)
        for i, shape in zip(self.ids, shapes, strict=True):
            self.network.parameter(i)[...] = 0.5 * rng.standard_normal(shape)
        self.x = [rng.standard_normal((ROWS, width)).astype(np.float32) for width in inputs]
        self.y = [rng.standard_normal((ROWS, width)).astype(np.float32) for width in targets]
        self.forward = forward
        squares = [("mean_squared_error", {}, 1.0, [])] * len(targets)
        self.network.compile(squares, [("sgd", {"learning_rate": 0.125})])

    def weights(self):
        return [self.network.parameter(i).astype(np.float64) for i in self.ids]

    def loss(self, weights):
        outputs = self.forward([x.astype(np.float64) for x in self.x], weights)
        return sum(np.mean((o - y) ** 2) for o, y in zip(outputs, self.y, strict=True))

    def differences(self):
        weights, step, gradients = self.weights(), 1e-6, []
        for w in weights:
            gradient = np.empty_like(w)
            for index in np.ndindex(w.shape):
                kept = w[index]
                w[index] = kept + step
                above = self.loss(weights)
                w[index] = kept - step
                gradient[index] = (above - self.loss(weights)) / (2 * step)
                w[index] = kept
            gradients.append(gradient)
        return gradients

    def run(self, update):
        return self.network.train(
            self.x, self.y, [None] * len(self.y), None, 0, 1, ROWS, 0.0, update=update
        )


def _shared_in_a_chain(rng):
    def build(graph, x, p):
        hidden = graph.add_activation(graph.add_dense(x[0], p[0], p[1]), "tanh", 0.0)
        return [graph.add_activation(graph.add_dense(hidden, p[0], p[1]), "tanh", 0.0)]

    def forward(x, w):
        return [np.tanh(np.tanh(x[0] @ w[0] + w[1]) @ w[0] + w[1])]

    return Problem(rng, [5], [5], [(5, 5), (5,)], build, forward)


def _several_readers_and_outputs(rng):
    def build(graph, x, p):
        hidden = graph.add_activation(graph.add_dense(x[0], p[0], None), "tanh", 0.0)
        first = graph.add_dense(hidden, p[1], None)
        second = graph.add_activation(hidden, "sigmoid", 0.0)
        return [first, graph.add_dense(second, p[2], None), hidden]

    def forward(x, w):
        hidden = np.tanh(x[0] @ w[0])
        return [hidden @ w[1], 1 / (1 + np.exp(-hidden)) @ w[2], hidden]

    return Problem(rng, [6], [3, 2, 4], [(6, 4), (4, 3), (4, 2)], build, forward)


def _two_inputs_one_tower(rng):
    def build(graph, x, p):
        tower = [graph.add_activation(graph.add_dense(t, p[0], p[1]), "elu", 1.0) for t in x]
        return [graph.add_dense(t, p[2], None) for t in tower]

    def forward(x, w):
        def elu(z):
            return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))

        return [elu(t @ w[0] + w[1]) @ w[2] for t in x]

    return Problem(rng, [4, 4], [2, 2], [(4, 3), (3,), (3, 2)], build, forward)


PROBLEMS = [_shared_in_a_chain, _several_readers_and_outputs, _two_inputs_one_tower]


@pytest.mark.parametrize("make", PROBLEMS)
def test_gradients_are_those_of_the_whole_graph(isa, rng, make):
    problem = make(rng)
    before = problem.weights()
    done, totals = problem.run(update=False)
    assert done == 1
    mean = sum(totals[2::3]) / ROWS
    assert mean == pytest.approx(problem.loss(before), rel=1e-5)
    for i, expected in zip(problem.ids, problem.differences(), strict=True):
        # Sums of some ten float32 products of numbers around 1.
        np.testing.assert_allclose(problem.network.gradient(i), expected, rtol=1e-4, atol=1e-5)
    for now, old in zip(problem.weights(), before, strict=True):
        np.testing.assert_array_equal(now, old)


@pytest.mark.parametrize("make", PROBLEMS)
def test_a_step_follows_the_gradients(isa, rng, make):
    problem = make(rng)
    problem.run(update=False)
    expected = [
        w - 0.125 * problem.network.gradient(i).astype(np.float64)
        for i, w in zip(problem.ids, problem.weights(), strict=True)
    ]
    problem.run(update=True)
    for i, w in zip(problem.ids, expected, strict=True):
        # Two roundings where a level has no FMA.
        np.testing.assert_allclose(problem.network.parameter(i), w, rtol=2e-7, atol=2e-7)


@pytest.mark.parametrize("make", PROBLEMS)
def test_same_bits_for_any_number_of_threads(make, threads):
    def train():
        problem = make(np.random.default_rng(3))
        for _ in range(3):
            problem.run(update=True)
        return b"".join(problem.network.parameter(i).tobytes() for i in problem.ids)

    found = train()
    _core.set_num_threads(1)
    assert found == train()


def _chain(width=3):
    graph = _core.Graph()
    return graph, graph.add_input(width)


def test_wrong_graphs_are_refused_in_words():
    graph, x = _chain()
    kernel = graph.add_parameter("dense/kernel", (4, 2), True)
    with pytest.raises(
        ValueError, match=r"'dense/kernel' of shape \(4, 2\); expected \(3, units\)"
    ):
        graph.add_dense(x, kernel, None)
    with pytest.raises(ValueError, match="received the parameter 'dense/kernel' twice"):
        graph.add_parameter("dense/kernel", (1,), True)
    with pytest.raises(ValueError, match="received the tensor 9; this graph has 1"):
        graph.add_activation(9, "relu", 0.0)
    with pytest.raises(ValueError, match="rate: received 1; expected the share"):
        graph.add_dropout(x, 1.0, 0)
    with pytest.raises(ValueError, match="a graph without output"):
        _core.Network(graph)


def _network():
    graph, x = _chain()
    kernel = graph.add_parameter("dense/kernel", (3, 2), True)
    graph.add_output(graph.add_dense(x, kernel, None))
    return _core.Network(graph), kernel


def test_calls_that_do_not_fit_are_refused_in_words():
    network, _ = _network()
    x, labels = np.zeros((4, 3), np.float32), np.zeros(4, np.int32)
    with pytest.raises(ValueError, match="expected compile"):
        network.evaluate([x], [labels], [None], 0, 1, 4, 1.0)
    rate = {"learning_rate": 0.1}
    with pytest.raises(ValueError, match="received the metric 'mean_squared_error'"):
        network.compile(
            [("sparse_categorical_crossentropy", {}, 1.0, [("mean_squared_error", {}, [False])])],
            [("sgd", rate)],
        )
    network.compile(
        [("sparse_categorical_crossentropy", {"from_logits": 1}, 1.0, [])], [("sgd", rate)]
    )
    bad = labels.copy()
    bad[2] = 2
    with pytest.raises(ValueError, match="received the label 2 in row 2; expected 0 to 1"):
        network.train([x], [bad], [None], None, 0, 1, 4, 1.0)
    order = np.array([0, 1, 2, 4])
    with pytest.raises(ValueError, match="order: received row 4; expected 0 to 3"):
        network.train([x], [labels], [None], order, 0, 1, 4, 1.0)
    with pytest.raises(ValueError, match=r"expected shape \(4, 3\)"):
        network.train([x[:, :2].copy()], [labels], [None], None, 0, 1, 4, 1.0)
    with pytest.raises(ValueError, match="batch_size=0; expected 1"):
        network.train([x], [labels], [None], None, 0, 1, 0, 1.0)


def test_views_outlive_their_network():
    network, kernel = _network()
    network.compile([("mean_squared_error", {}, 1.0, [])], [("adam", {"learning_rate": 0.1})])
    weights, slot = network.parameter(kernel), network.slot("momentum", kernel)
    network.compile([("mean_squared_error", {}, 1.0, [])], [("sgd", {"learning_rate": 0.1})])
    del network
    weights[...] = 1.0
    assert weights.sum() == 6.0
    assert (slot == 0.0).all()


def test_nodes_that_reach_no_output_are_left_out():
    graph, x = _chain()
    kernel = graph.add_parameter("dense/kernel", (3, 2), True)
    unused = graph.add_parameter("unused/kernel", (3, 5), True)
    graph.add_dense(x, unused, None)
    graph.add_output(graph.add_dense(x, kernel, None))
    network = _core.Network(graph)
    network.compile([("mean_squared_error", {}, 1.0, [])], [("adam", {"learning_rate": 0.1})])
    x, y = np.ones((4, 3), np.float32), np.ones((4, 2), np.float32)
    network.train([x], [y], [None], None, 0, 1, 4, 1.0)
    assert (network.parameter(kernel) > 0).all()
    assert (network.parameter(unused) == 0).all()


def test_sizes_beyond_any_memory_are_refused():
    with pytest.raises(ValueError, match="more than 2\\^40 elements"):
        _core.Graph().add_parameter("dense/kernel", (2**60, 1), True)


@pytest.mark.parametrize("iterations", [-5, 2**53])
def test_iterations_have_bounds(iterations):
    network, _ = _network()
    with pytest.raises(ValueError, match=r"expected 0 to 2\^53"):
        network.iterations = iterations


def test_compile_waits_for_a_step_of_another_thread():
    network, _ = _network()
    rate = {"learning_rate": 1e-3}
    x, y = np.ones((512, 3), np.float32), np.ones((512, 2), np.float32)
    network.compile([("mean_squared_error", {}, 1.0, [])], [("sgd", rate)])
    problems = []

    def train():
        for _ in range(200):
            try:
                network.train([x], [y], [None], None, 0, 8, 64, 1.0)
            except ValueError as error:
                problems.append(str(error))

    threads = [threading.Thread(target=train) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(100):
        loss = "mean_squared_error" if i % 2 else "sparse_categorical_crossentropy"
        network.compile(
            [(loss, {"from_logits": 1} if i % 2 == 0 else {}, 1.0, [])], [("sgd", rate)]
        )
    for thread in threads:
        thread.join()
    assert all("target: " in problem for problem in problems)


def test_a_child_of_a_fork_is_not_locked_out():
    network, _ = _network()
    network.compile([("mean_squared_error", {}, 1.0, [])], [("sgd", {"learning_rate": 1e-3})])
    x, y = np.ones((4096, 3), np.float32), np.ones((4096, 2), np.float32)
    stop = threading.Event()

    def train():
        while not stop.is_set():
            network.train([x], [y], [None], None, 0, 512, 8, 1.0)

    thread = threading.Thread(target=train)
    thread.start()
    codes = []
    for _ in range(5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python and JAX warn of forks with threads: the point
            child = os.fork()
        if child == 0:
            signal.alarm(20)
            network.evaluate([x], [y], [None], 0, 1, 8, 1.0)
            os._exit(0)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    stop.set()
    thread.join()
    assert codes == [0] * 5
