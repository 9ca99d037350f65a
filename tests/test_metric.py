import numpy as np
import pytest
from conftest import ISA_LEVELS, at_level
from guarded import Guarded
from reference.metric import METRICS, confusion_counts, in_top_k, regression_sums
from shapes import MATRICES

from fastdnn import _core, ops

KERNELS = ["metric_rows_f32", "confusion_counts_f32", "regression_sums_f32"]

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


def test_sums_that_share_memory_with_inputs_are_refused():
    memory = np.ones(16, np.float64)
    rows = memory.view(np.float32)[:8].reshape(4, 2)
    other = np.ones((4, 2), np.float32)
    with pytest.raises(ValueError, match="shares memory with an input"):
        ops.confusion_counts(rows, other, thresholds=[0.5], out=memory[:4].reshape(1, 2, 2))
    with pytest.raises(ValueError, match="shares memory with an input"):
        ops.regression_sums(other, rows, out=memory[:11])
    with pytest.raises(ValueError, match="shares memory with an input"):
        ops.regression_sums(other, other, sample_weight=rows.reshape(-1)[:4], out=memory[:11])
    assert (memory == 1).all()


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


RULES = [
    {"thresholds": [0.5]},
    {"thresholds": [-0.25, 0.0, 0.25, 0.25, 0.3, 1.0]},
    {"thresholds": [0.0, 0.1, 1.0], "per_class": True},
    {"thresholds": np.linspace(0, 1, 200).tolist(), "evenly": True},
    {"thresholds": np.linspace(0, 1, 5).tolist(), "evenly": True, "per_class": True},
    {"thresholds": [0.0, 1.0], "evenly": True},
    {"thresholds": [-1e10], "top_k": 1},
    {"thresholds": [0.2, 0.6], "top_k": 3, "per_class": True},
    {"thresholds": [0.3], "class_id": 2},
    {"thresholds": [0.3], "class_id": 2, "top_k": 2},
    {"thresholds": [0.5], "row_maximum": True, "per_class": True, "soft_targets": True},
    {"thresholds": [0.4], "soft_targets": True},
    # Between the sigmoids of the quarters that outputs are.
    {"thresholds": [0.45, 0.55, 0.72], "from_logits": True},
]
rules = pytest.mark.parametrize("rule", RULES, ids=lambda rule: "-".join(map(str, rule)))
TALL = [(rows, cols) for rows, cols in SHAPES if cols > 2 and rows * cols < 50000]


def make_counted(rng, shape):
    """Quarters, which sum up without rounding, and many ties among the outputs."""
    y_true = rng.integers(0, 5, shape).astype(np.float32) / 4 * rng.integers(0, 2, shape)
    y_pred = rng.integers(-1, 6, shape).astype(np.float32) / 4
    y_pred[: shape[0] // 2] = rng.uniform(-0.2, 1.2, (shape[0] // 2, 1))
    weight = rng.integers(0, 9, shape[0]).astype(np.float32) / 4
    return y_true.astype(np.float32), y_pred, weight


def counted(y_true, y_pred, weight, rule):
    arrays = y_true.astype(np.float64), y_pred.astype(np.float64)
    return confusion_counts(*arrays, weight=weight, **rule)


@rules
@pytest.mark.parametrize("weighted", [False, True])
def test_confusion_counts(isa, rng, rule, weighted):
    for shape in ((50, 3), *(TALL[i] for i in rng.choice(len(TALL), 3, replace=False))):
        y_true, y_pred, weight = make_counted(rng, shape)
        if rule.get("from_logits"):  # the sigmoids of quarters are far from the thresholds
            y_pred = np.round(y_pred * 4) / 4
        weight = weight if weighted else None
        got = ops.confusion_counts(y_true, y_pred, sample_weight=weight, **rule)
        np.testing.assert_array_equal(got, counted(y_true, y_pred, weight, rule))
        out = np.full(got.shape, np.nan)
        again = ops.confusion_counts(y_true, y_pred, sample_weight=weight, out=out, **rule)
        assert again is out
        np.testing.assert_array_equal(out, got)


@rules
@pytest.mark.filterwarnings("ignore:invalid value")
def test_nan_and_infinities_are_counted(isa, rng, rule):
    y_true, y_pred, weight = make_counted(rng, (60, 19))
    y_pred = np.round(y_pred * 4) / 4
    for bad in (np.nan, np.inf, -np.inf):
        y_pred[rng.random(y_pred.shape) < 0.05] = bad
    y_pred[7] = np.nan
    y_pred[8] = -np.inf
    got = ops.confusion_counts(y_true, y_pred, sample_weight=weight, **rule)
    np.testing.assert_array_equal(got, counted(y_true, y_pred, weight, rule))


@pytest.mark.parametrize("value", [0.0, 1.0, 0.5, np.float32(1 / 199), np.nextafter(1, 2)])
def test_outputs_at_even_thresholds(isa, value):
    rule = {"thresholds": np.linspace(0, 1, 200).tolist(), "evenly": True}
    y_pred, y_true = np.full((3, 1), value, np.float32), np.float32([[1], [0], [1]])
    got = ops.confusion_counts(y_true, y_pred, **rule)
    np.testing.assert_array_equal(got, counted(y_true, y_pred, None, rule))
    assert got[0, :, 0].sum() == got[0, :, 200].sum() == 0


@pytest.mark.parametrize("weighted", [False, True])
def test_regression_sums(isa, rng, weighted):
    for rows, cols in ((50, 1), *(TALL[i] for i in rng.choice(len(TALL), 3, replace=False))):
        far = rng.choice([0, 1e5], (cols,))  # from 0, where sums of squares lose what is asked for
        y_true, y_pred = (rng.standard_normal((2, rows, cols)) + far).astype(np.float32)
        weight = rng.uniform(-0.5, 2, rows).astype(np.float32) if weighted else None
        if weighted:
            weight[:2] = 0.0
        got = ops.regression_sums(y_true, y_pred, weight)
        arrays = y_true.astype(np.float64), y_pred.astype(np.float64)
        wanted, terms = regression_sums(*arrays, weight)
        # Both sides add up so many terms of at most four roundings each.
        bound = 2 * (rows + 4) * np.finfo(np.float64).eps * terms
        assert (abs(got - wanted) <= bound).all()
        out = np.full(got.shape, np.nan)
        assert ops.regression_sums(y_true, y_pred, weight, out=out) is out
        np.testing.assert_array_equal(out, got)


@rules
def test_padded_rows_are_counted(isa, rng, rule):
    rows, cols, stride = 7, 21, 32
    y_true, y_pred, _ = make_counted(rng, (rows, cols))
    padded = np.full((2, rows, stride), np.nan, np.float32)
    padded[0, :, :cols], padded[1, :, :cols] = y_true, y_pred
    got = _core.testing.confusion_counts_padded(padded[0], padded[1], rule, cols)
    np.testing.assert_array_equal(got, ops.confusion_counts(y_true, y_pred, **rule).ravel())


@rules
def test_levels_agree(rng, rule):
    """No sum depends on the vectors: the same bits at every level."""
    y_true, y_pred, _ = make_counted(rng, (99, 37))
    weight = rng.random(99).astype(np.float32)
    results = set()
    for level in ISA_LEVELS:
        if level in _core.supported_isa_levels():
            with at_level(level):
                counts = ops.confusion_counts(y_true, y_pred, sample_weight=weight, **rule)
                results.add(counts.tobytes())
    assert len(results) == 1


def test_no_rows():
    nothing = np.empty((0, 3), np.float32)
    assert not ops.confusion_counts(nothing, nothing, [0.5]).any()
    assert not ops.regression_sums(nothing, nothing).any()
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
        (lambda: ops.confusion_counts(Y, Y, []),
         r"\[confusion_counts\] thresholds: received 0; expected at least 1"),
        (lambda: ops.confusion_counts(Y, Y, [0.5], evenly=True), "received 1; expected at least 2"),
        (lambda: ops.confusion_counts(Y, Y, [0.5, 0.25]), "received 0.5 before 0.25; expected t"),
        (lambda: ops.confusion_counts(Y, Y, [0.5, np.nan]), "received 0.5 before nan"),
        (lambda: ops.confusion_counts(Y, Y, [0.5], top_k=5), "received top_k=5; expected at most"),
        (lambda: ops.confusion_counts(Y, Y, [0.5], top_k=-1), "received top_k=-1"),
        (lambda: ops.confusion_counts(Y, Y, [0.5], class_id=4),
         "received class_id=4; expected 0 to 3"),
        (lambda: ops.confusion_counts(Y, Y, [0.5], top_k=1.5), "top_k: received 1.5; expected a v"),
        (lambda: ops.confusion_counts(Y[:2], Y, [0.5]), r"y_true: .* the outputs, \(3, 4\)"),
        (lambda: ops.confusion_counts(Y, Y, [0.5], sample_weight=Y[0]),
         r"sample_weight: .* expected shape \(3,\)"),
        (lambda: ops.confusion_counts(Y, Y, [0.5], out=np.zeros((1, 2, 3))),
         r"out: .* expected shape \(1, 2, 2\)"),
        (lambda: ops.regression_sums(Y, Y.astype(np.float64)), r"\[regression_sums\] y_pred: rec"),
        (lambda: ops.regression_sums(Y, Y[:, :3].copy()), r"y_true: .* the outputs, \(3, 3\)"),
        (lambda: ops.regression_sums(Y, Y, out=np.zeros(17, np.float32)),
         "out: received a float32 array"),
    ],
)  # fmt: skip
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()
