"""Fully-connected layers on sparse rows, against dense float64 products."""

import numpy as np
import pytest
from guarded import Guarded

from fastdnn import _core, ops
from fastdnn.models.sparse_rows import SparseRows

KERNELS = ["csr_dense_f32", "csr_dense_gradient_f32", "csr_count_below"]
EPSILON = np.finfo(np.float32).eps
ADAM = {"learning_rate": 0.01, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}

# Around the lanes of a vector, and the four vectors that are computed at a time.
UNITS = [1, 2, 7, 16, 17, 31, 33, 48, 49, 64, 65, 100, 130]


def draw(rng, rows, columns, density=0.1):
    """A dense matrix with many zeros, some rows without anything, and its CSR arrays."""
    x = rng.standard_normal((rows, columns)).astype(np.float32)
    x[rng.random((rows, columns)) >= density] = 0.0
    x[:: max(2, rows // 3)] = 0.0
    at = [np.flatnonzero(row) for row in x]
    indptr = np.concatenate([[0], np.cumsum([len(a) for a in at])]).astype(np.int64)
    indices = np.concatenate(at).astype(np.int32) if rows else np.zeros(0, np.int32)
    return x, (indptr, indices, x[x != 0.0])


def matrix(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def assert_sums(ours, a, b, extra=0.0):
    """Sums of n products in any order are off by at most n epsilon times those of magnitudes."""
    wide = a.astype(np.float64) @ b.astype(np.float64) + extra
    bound = EPSILON * (a.shape[1] + 2) * (np.abs(a) @ np.abs(b) + np.abs(extra))
    assert np.all(np.abs(ours - wide) <= bound)


@pytest.mark.parametrize("units", UNITS)
def test_forward(isa, rng, units):
    x, csr = draw(rng, 23, 57)
    kernel, bias = matrix(rng, 57, units), matrix(rng, units)
    y = Guarded((23, units))
    ops.csr_dense(*csr, kernel, bias, out=y.array)
    y.check()
    assert_sums(y.array, x, kernel, bias)
    without = ops.csr_dense(*csr, kernel)
    assert_sums(without, x, kernel)
    activated = ops.csr_dense(*csr, kernel, bias, "leaky_relu", alpha=0.3)
    expected = ops.activation(y.array, "leaky_relu", alpha=0.3)
    np.testing.assert_array_equal(activated, expected)


@pytest.mark.parametrize("units", UNITS)
def test_gradient(isa, rng, units):
    x, csr = draw(rng, 23, 57)
    dz = matrix(rng, 23, units)
    dkernel = Guarded((57, units))
    ops.csr_dense_backward(*csr, 57, dz, out=dkernel.array)
    dkernel.check()
    assert_sums(dkernel.array, x.T, dz)


@pytest.mark.parametrize(
    "rows, columns, density", [(0, 3, 0.5), (1, 1, 1.0), (4, 9, 0.0), (3, 2000, 1.0)]
)
def test_shapes(isa, rng, rows, columns, density):
    x, csr = draw(rng, rows, columns, density)
    kernel, dz = matrix(rng, columns, 5), matrix(rng, rows, 5)
    assert_sums(ops.csr_dense(*csr, kernel), x, kernel)
    assert_sums(ops.csr_dense_backward(*csr, columns, dz), x.T, dz)


def test_same_bits_for_any_number_of_threads(isa, rng, threads):
    _, csr = draw(rng, 301, 700)
    kernel, dz = matrix(rng, 700, 20), matrix(rng, 301, 20)
    results = [ops.csr_dense(*csr, kernel), ops.csr_dense_backward(*csr, 700, dz)]
    _core.set_num_threads(1)
    for ours, alone in zip(
        results, [ops.csr_dense(*csr, kernel), ops.csr_dense_backward(*csr, 700, dz)], strict=True
    ):
        assert ours.tobytes() == alone.tobytes()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_row(isa, rng, value):
    _, (indptr, indices, data) = draw(rng, 9, 30, 0.5)
    kernel = matrix(rng, 30, 4)
    before = ops.csr_dense(indptr, indices, data, kernel)
    data[indptr[4]] = value
    after = ops.csr_dense(indptr, indices, data, kernel)
    assert not np.isfinite(after[4]).any()
    np.testing.assert_array_equal(np.delete(after, 4, 0), np.delete(before, 4, 0))


@pytest.mark.parametrize(
    "change, words",
    [
        ({"indptr": np.array([0, 1], np.int32)}, "indptr: received a int32"),
        ({"indptr": np.array([], np.int64)}, r"expected shape \(rows \+ 1,\)"),
        ({"indptr": np.array([1, 3])}, "indptr: received 1 at its start and 3 at its end"),
        ({"indptr": np.array([0, 4, 3])}, "indptr: received 3 after 4"),
        (
            {"indices": np.array([0, 1, 1], np.int32)},
            "indices: received 1 after 1 in row 0; expected asc",
        ),
        ({"indices": np.array([0, 1, 5], np.int32)}, "received 5 in row 0; expected 0 to 4"),
        ({"indices": np.array([-1, 1, 2], np.int32)}, "indices: received -1 in row 0"),
        ({"data": np.ones(2, np.float32)}, r"data: .* expected shape \(3,\)"),
        ({"data": np.ones(3)}, "data: received a float64"),
    ],
)
def test_wrong_arrays_are_refused_in_words(change, words):
    arrays = {
        "indptr": np.array([0, 3]),
        "indices": np.array([0, 2, 4], np.int32),
        "data": np.ones(3, np.float32),
    } | change
    with pytest.raises(ValueError, match=words):
        ops.csr_dense(**arrays, kernel=np.ones((5, 2), np.float32))
    with pytest.raises(ValueError, match=words):
        ops.csr_dense_backward(
            **arrays, columns=5, dz=np.ones((max(0, len(arrays["indptr"]) - 1), 2), np.float32)
        )


def test_extents_must_agree():
    csr = np.array([0, 1]), np.array([0], np.int32), np.ones(1, np.float32)
    with pytest.raises(ValueError, match="equal numbers of rows"):
        ops.csr_dense_backward(*csr, 5, np.ones((2, 2), np.float32))
    with pytest.raises(ValueError, match="columns=0; expected 1"):
        ops.csr_dense_backward(*csr, 0, np.ones((1, 2), np.float32))
    with pytest.raises(ValueError, match=r"bias: .* expected shape \(2,\)"):
        ops.csr_dense(*csr, np.ones((5, 2), np.float32), np.ones(3, np.float32))


@pytest.mark.parametrize("indices", [[-1, 3, 5, 7], [2**31 - 1, -(2**31), 5, 2], [9, 8, 7, 6]])
@pytest.mark.parametrize("indptr", [[0, 2, 4], [0, 9, 4], [0, -5, 4]])
def test_arrays_that_change_after_the_checks_touch_nothing_else(isa, threads, indices, indptr):
    """What a thread may write while another one trains; a sanitizer sees what is touched."""
    graph = _core.Graph()
    kernel = graph.add_parameter("kernel", (120, 70), True)
    graph.add_output(graph.add_dense(graph.add_input(120), kernel, None))
    network = _core.Network(graph)
    network.compile([("mean_squared_error", {}, 1.0, [])], [("adam", ADAM)])
    rows = SparseRows(np.array(indptr), np.array(indices, np.int32), np.ones(4, np.float32), 120)
    target, out = np.ones((2, 70), np.float32), np.empty((2, 70), np.float32)
    for _ in range(3):
        network.train([rows], [target], [None], None, 0, 1, 2, 1.0)
    network.train([rows], [target], [None], None, 0, 1, 2, 1.0, False)
    network.predict([rows], [out], 0, 1, 2, 1.0)
    assert np.isfinite(out).all()
    assert np.isfinite(network.parameter(0)).all()
