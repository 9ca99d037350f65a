import numpy as np

from fastdnn import _core

KERNELS = ["bytes_to_unit_f32"]


def test_bytes_are_divided_by_255_exactly(isa):
    """Through the network's input: every byte value, and rows that end within a vector."""
    graph = _core.Graph()
    graph.add_output(graph.add_activation(graph.add_input(37), "linear", 0.0))
    network = _core.Network(graph)
    x = np.resize(np.arange(256, dtype=np.uint8), (21, 37))
    y = np.empty(x.shape, np.float32)
    assert network.predict([x], [y], 0, 3, 7, 1.0) == 3
    np.testing.assert_array_equal(y, x.astype(np.float32) / np.float32(255))
