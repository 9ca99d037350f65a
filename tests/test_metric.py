import numpy as np
import pytest
from guarded import Guarded
from reference.metric import METRICS, in_top_k
from shapes import MATRICES

from fastdnn import _core, ops

KERNELS = ["metric_rows_f32"]

EPS = float(np.finfo(np.float32).eps)
SHAPES = [(rows, cols) for rows, cols in MATRICES if cols > 0]
names = pytest.mark.parametrize("name", sorted(METRICS))


def make_batch(rng, name, shape):
    """Truth and outputs, with many ties among the outputs."""
    rows, cols = shape
    y_pred = rng.integers(0, 6, shape).astype(np.float32) / 4 - 0.25
    if name.startswith("sparse"):
        return rng.integers(0, cols, rows).astype(np.int32), y_pred
    if name == "binary_accuracy":
        return rng.integers(0, 2, shape).astype(np.float32), y_pred
    return rng.standard_normal(shape).astype(np.float32), y_pred


def oracle(name, y_true, y_pred, threshold=0.5, k=5):
    y_true = y_true.astype(np.float64) if y_true.ndim == 2 else y_true
    return METRICS[name](y_true, y_pred.astype(np.float64), threshold, k)


def assert_close(actual, wanted):
    # Blocks of 64 additions and four roundings on each element's way; all of one sign.
    np.testing.assert_allclose(actual, wanted, rtol=(64 + 4) * EPS / 2)


@names
@pytest.mark.parametrize("shape", SHAPES)
def test_rows(isa, rng, name, shape):
    y_true, y_pred = make_batch(rng, name, shape)
    out = Guarded((shape[0],))
    assert ops.metric_rows(name, y_true, y_pred, k=2, out=out.array) is out.array
    out.check()
    assert_close(out.array, oracle(name, y_true, y_pred, k=2))


@pytest.mark.parametrize("threshold", [-0.25, 0.0, 0.6, 1.0])
def test_threshold(isa, rng, threshold):
    y_true, y_pred = make_batch(rng, "binary_accuracy", (20, 19))
    got = ops.metric_rows("binary_accuracy", y_true, y_pred, threshold=threshold)
    assert_close(got, oracle("binary_accuracy", y_true, y_pred, threshold=threshold))


@names
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_bad_numbers(isa, rng, name, bad):
    y_true, y_pred = make_batch(rng, name, (200, 37))
    y_pred[rng.uniform(size=y_pred.shape) < 0.03] = bad
    y_pred[:5] = bad
    if y_true.ndim == 2 and name != "binary_accuracy":
        y_true[rng.uniform(size=y_true.shape) < 0.01] = np.nan
    assert_close(ops.metric_rows(name, y_true, y_pred), oracle(name, y_true, y_pred))


def test_first_of_equal_outputs_counts(isa):
    y_pred = np.zeros((40, 40), np.float32)
    hits = ops.metric_rows("sparse_categorical_accuracy", np.arange(40, dtype=np.int32), y_pred)
    assert hits.tolist() == [1] + 39 * [0]


@names
def test_padded_rows(isa, rng, name):
    rows, cols, stride = 7, 21, 32
    y_true, y_pred = make_batch(rng, name, (rows, cols))
    wanted = ops.metric_rows(name, y_true, y_pred)
    padded = np.full((2, rows, stride), np.nan, np.float32)
    padded[1, :, :cols] = y_pred
    if y_true.ndim == 2:
        padded[0, :, :cols] = y_true
        y_true = padded[0]
    got = _core.testing.metric_padded(name, y_true, padded[1], cols)
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("k", [1, 2, 3, 36, 37, 100])
def test_in_top_k(isa, rng, k):
    labels, predictions = make_batch(rng, "sparse", (100, 37))
    predictions[::7, 5] = np.nan
    got = ops.in_top_k(labels, predictions, k)
    assert got.dtype == np.bool_
    np.testing.assert_array_equal(got, in_top_k(labels, predictions, k))


@names
def test_thread_counts_agree(threads, rng, name):
    y_true, y_pred = make_batch(rng, name, (701, 103))
    together = ops.metric_rows(name, y_true, y_pred)
    _core.set_num_threads(1)
    assert together.tobytes() == ops.metric_rows(name, y_true, y_pred).tobytes()


def test_no_rows():
    assert ops.in_top_k(np.empty(0, np.int32), np.empty((0, 3), np.float32), 1).shape == (0,)


Y = np.zeros((3, 4), np.float32)
LABELS = np.zeros(3, np.int32)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: ops.metric_rows("accuracy", Y, Y),
         r"\[metric\] received 'accuracy'; expected one of sparse_categorical_accuracy, "),
        (lambda: ops.in_top_k(np.int32([0, 9, 0]), Y, 1),
         r"\[in_top_k\] labels: received 9 in row 1; expected whole numbers from 0 to 3"),
        (lambda: ops.in_top_k(LABELS, Y, 0), r"\[in_top_k\] received k=0; expected at least 1"),
        (lambda: ops.metric_rows("sparse_categorical_accuracy", Y, Y),
         r"\[metric_rows\] labels: received a float32 array"),
        (lambda: ops.metric_rows("binary_accuracy", Y, Y.astype(np.float64)),
         "y_pred: received a float64 array"),
        (lambda: ops.metric_rows("binary_accuracy", Y[:2], Y),
         r"y_true: .* expected the shape of the outputs, \(3, 4\)"),
        (lambda: ops.metric_rows("binary_accuracy", Y[:, :0].copy(), Y[:, :0].copy()),
         "at least one column"),
        (lambda: ops.metric_rows("binary_accuracy", Y, Y, out=np.zeros(4, np.float32)),
         r"out: .* expected shape \(3,\)"),
    ],
)  # fmt: skip
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()
