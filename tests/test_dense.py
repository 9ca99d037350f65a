import hashlib

import numpy as np
import pytest
from reference.activation import FORWARD
from reference.dense import dense_backward
from reference.gemm import bound

from fastdnn import ops

SHAPES = [
    (1, 1, 1),
    (3, 5, 2),
    (50, 100, 10),
    (17, 300, 65),
    (200, 33, 130),
    (0, 4, 3),
    (600, 40, 9),
]


def _layer(rng, rows, inputs, units):
    draw = rng.standard_normal
    shapes = (rows, inputs), (inputs, units), (units,), (rows, units)
    return [draw(shape).astype(np.float32) for shape in shapes]


@pytest.mark.parametrize("name", sorted(FORWARD))
def test_forward_is_the_activation_of_the_product(isa, rng, name):
    x, kernel, bias, _ = _layer(rng, 50, 37, 45)
    expected = ops.activation(ops.gemm(x, kernel, bias=bias), name)
    np.testing.assert_array_equal(ops.dense(x, kernel, bias, name), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients(isa, rng, shape):
    x, kernel, bias, dy = _layer(rng, *shape)
    y = ops.dense(x, kernel, bias, "tanh")
    # The derivative itself has tests of its own; what it yields is exact here.
    dz = ops.activation_backward(y, dy, "tanh")
    found = ops.dense_backward(x, kernel, y, dy, "tanh")
    limits = bound(dz, kernel.T), bound(x.T, dz), bound(np.ones((1, len(x)), np.float32), dz)
    for mine, oracle, limit in zip(found, dense_backward(x, kernel, dz), limits, strict=True):
        assert mine.shape == oracle.shape
        assert np.abs(mine - oracle).max(initial=0.0) <= limit


@pytest.mark.parametrize("name", ["gelu", "leaky_relu"])
def test_saved_is_what_the_activation_needs(rng, name):
    x, kernel, bias, dy = _layer(rng, 9, 8, 7)
    z = ops.dense(x, kernel, bias)
    saved = z if ops.activation_needs_input(name) else ops.activation(z, name)
    dz = ops.activation_backward(saved, dy, name)
    found = ops.dense_backward(x, kernel, saved, dy, name)
    for mine, other in zip(found, ops.dense_backward(x, kernel, z, dz), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_same_bits_for_any_number_of_threads(threads):
    rng = np.random.default_rng(5)
    digest = hashlib.sha256()
    for shape in [(50, 784, 300), (300, 100, 530)]:
        x, kernel, bias, dy = _layer(rng, *shape)
        y = ops.dense(x, kernel, bias, "elu")
        for gradient in ops.dense_backward(x, kernel, y, dy, "elu"):
            digest.update(gradient.tobytes())
    _DIGESTS.add(digest.hexdigest())
    assert len(_DIGESTS) == 1


_DIGESTS: set[str] = set()


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(2, 3), (4, 5), (2, 5), (2, 5)], r"expected a kernel of shape \(3, units\)"),
        ([(2, 3), (3, 5), (2, 4), (2, 5)], r"y: received a float32 .*; expected shape \(2, 5\)"),
        ([(2, 3), (3, 5), (2, 5), (1, 5)], r"dy: received a float32 .*; expected shape \(2, 5\)"),
    ],
)
def test_bad_shapes(shapes, message):
    with pytest.raises(ValueError, match=message):
        ops.dense_backward(*(np.zeros(shape, np.float32) for shape in shapes))
