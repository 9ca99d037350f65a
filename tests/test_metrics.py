"""Metrics as objects, alone and in a model."""

import itertools
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import require_keras

import fastdnn as fd
from fastdnn import layers, metrics
from fastdnn.models import loops

EPS = float(np.finfo(np.float32).eps)

# With the numpy backend: the metrics of (name, options, data) after each of several batches.
KERAS = """
import json, sys
import keras
import numpy as np
data, results = np.load(sys.argv[1]), {}
for i, (name, options, kind) in enumerate(json.loads(sys.argv[3])):
    for weighted in (False, True):
        metric = getattr(keras.metrics, name)(**options)
        for rows in (slice(0, 50), slice(50, None)):
            weight = data["weight"][rows] if weighted else None
            y_true, y_pred = data[f"{kind}/y_true"][rows], data[f"{kind}/y_pred"][rows]
            with np.errstate(all="ignore"):
                metric.update_state(y_true, y_pred, sample_weight=weight)
        with np.errstate(all="ignore"):
            results[f"{i}/{weighted}"] = np.asarray(metric.result())
np.savez(sys.argv[2], **results)
"""
LABEL_WEIGHTS = [1.0, 2.0, 0.0, 0.5]
CURVES = list(itertools.product(("ROC", "PR", "PRGAIN"), ("interpolation", "minoring", "majoring")))
SHARES = [
    {}, {"thresholds": 0.25}, {"thresholds": [0.75, 0.25, 0.5]}, {"class_id": 3},
    {"class_id": 1}, {"thresholds": 0.5, "class_id": 0},
]  # fmt: skip
TOPS = [{"top_k": 2}, {"top_k": 2, "class_id": 1}, {"top_k": 1, "thresholds": 0.5}]
AVERAGES = [
    {"average": average, "threshold": threshold}
    for average in (None, "micro", "macro", "weighted")
    for threshold in (None, 0.5)
]
CASES = [
    *(("AUC", {"curve": c, "summation_method": m, **options}, kind) for c, m in CURVES
      for options, kind in [
          ({}, "binary"), ({}, "constant"), ({}, "one class"), ({"num_thresholds": 5}, "labels"),
          ({"thresholds": [0.6, 0.1, 0.5]}, "labels"), ({"multi_label": True}, "labels"),
      ]),
    ("AUC", {"num_thresholds": 2}, "binary"),
    ("AUC", {"thresholds": [0.25, 0.5, 0.75]}, "labels"),
    ("AUC", {"from_logits": True}, "logits"),
    ("AUC", {"label_weights": LABEL_WEIGHTS}, "labels"),
    ("AUC", {"label_weights": LABEL_WEIGHTS, "multi_label": True, "num_labels": 4}, "labels"),
    ("AUC", {"curve": "PR", "label_weights": LABEL_WEIGHTS, "multi_label": True}, "labels"),
    *((name, options, "labels") for name in ("Precision", "Recall") for options in SHARES),
    *((name, options, "distinct") for name in ("Precision", "Recall") for options in TOPS),
    *((name, {}, kind) for name in ("Precision", "Recall")
      for kind in ("binary", "constant", "one class")),
    *(("F1Score", options, kind) for options in AVERAGES for kind in ("labels", "one-hot")),
    *(("FBetaScore", {**options, "beta": 2.0}, "one-hot") for options in AVERAGES),
    *(("R2Score", {"class_aggregation": how, "num_regressors": count}, "values")
      for how in (None, "uniform_average", "variance_weighted_average") for count in (0, 3)),
    *(("BinaryCrossentropy", options, "distinct")
      for options in ({}, {"from_logits": True}, {"label_smoothing": 0.1})),
    *(("CategoricalCrossentropy", options, "one-hot")
      for options in ({}, {"from_logits": True}, {"label_smoothing": 0.1})),
    *(("SparseCategoricalCrossentropy", {"from_logits": logits}, "classes")
      for logits in (False, True)),
    *(("TopKCategoricalAccuracy", {"k": k}, "one-hot") for k in (1, 2, 4)),
    *(("SparseTopKCategoricalAccuracy", {"k": k}, "classes") for k in (1, 2, 4)),
    *(("BinaryAccuracy", {"threshold": t}, "labels") for t in (0.25, 0.5)),
    ("SparseCategoricalAccuracy", {}, "classes"),
    *((name, {}, "one-hot") for name in ("CategoricalAccuracy", "MeanAbsoluteError",
                                         "MeanSquaredError", "RootMeanSquaredError")),
]  # fmt: skip


def make_data(rng, rows=130):
    """Targets and outputs by kind; no column of the last class, and weights that sum up exactly."""
    quarters = rng.integers(0, 5, (rows, 4)) / 4
    quarters[::2] = rng.random((rows, 1))[::2]
    distinct = rng.random((rows, 4))
    labels = rng.integers(0, 2, (rows, 4))
    labels[:, 3] = 0
    classes = rng.integers(0, 3, rows)
    probabilities = (quarters + 0.1) / (quarters + 0.1).sum(1, keepdims=True)
    even = rng.integers(0, 200, rows) / 199
    # Half-way between the points where a sigmoid meets one of the thresholds.
    logits = -np.log(199 / (rng.integers(0, 199, rows) + 0.5) - 1)
    binary = rng.integers(0, 2, rows)
    pairs = {
        "binary": (binary, even),
        "constant": (binary, np.full(rows, 0.3)),
        "one class": (np.ones(rows), even),
        "logits": (binary, logits),
        "labels": (labels, quarters),
        "distinct": (labels, distinct),
        "one-hot": (np.eye(4)[classes], probabilities),
        "values": (labels + distinct, distinct * 1.5),
    }
    data = {"classes/y_true": classes.astype(np.int32)}
    data["classes/y_pred"] = probabilities.astype(np.float32)
    for kind, (y_true, y_pred) in pairs.items():
        data[f"{kind}/y_true"] = y_true.astype(np.float32)
        data[f"{kind}/y_pred"] = y_pred.astype(np.float32)
    data["weight"] = (rng.integers(0, 9, rows) / 4).astype(np.float32)
    return data


@pytest.fixture(scope="module")
def keras_results(tmp_path_factory):
    require_keras()
    folder = tmp_path_factory.mktemp("metrics")
    seed = int(os.environ.get("FASTDNN_TEST_SEED", np.random.SeedSequence().entropy % 2**32))
    print(f"FASTDNN_TEST_SEED={seed}")
    data = make_data(np.random.default_rng(seed))
    np.savez(folder / "data.npz", **data)
    command = [sys.executable, "-c", KERAS, folder / "data.npz", folder / "results.npz"]
    environment = {**os.environ, "KERAS_BACKEND": "numpy"}
    subprocess.run([*command, json.dumps(CASES)], check=True, env=environment)
    return data, dict(np.load(folder / "results.npz"))


def updated(metric, data, kind, weighted, cuts):
    for rows in itertools.starmap(slice, itertools.pairwise(cuts)):
        y_true, y_pred = data[f"{kind}/y_true"][rows], data[f"{kind}/y_pred"][rows]
        metric.update_state(y_true, y_pred, data["weight"][rows] if weighted else None)
    return metric.result()


@pytest.mark.parametrize("weighted", [False, True])
def test_as_keras(keras_results, weighted):
    data, results = keras_results
    for i, (name, options, kind) in enumerate(CASES):
        metric = getattr(metrics, name)(**options)
        once = updated(metric, data, kind, weighted, [0, 130])
        wanted = results[f"{i}/{weighted}"]
        what = f"{name} {options} {kind}"
        assert np.shape(once) == (wanted.shape if wanted.size > 1 else ()), what
        # Keras adds up in float32, counts without rounding: at most 200 areas, or numbers of 130
        # rows and 4 columns, of a few roundings each.
        np.testing.assert_allclose(once, wanted, rtol=300 * EPS, atol=300 * EPS, err_msg=what)
        metric.reset_state()
        assert metric.result() == 0.0
        # Uneven batches: float64 sums of 130 rows in another order, then areas as above.
        parts = updated(metric, data, kind, weighted, [0, 1, 1, 33, 129, 130])
        np.testing.assert_allclose(parts, once, rtol=1e-12, atol=1e-12, err_msg=what)


def test_top_k_takes_the_first_of_equals():
    metric = metrics.Recall(top_k=2)
    assert metric([[0, 0, 1], [0, 1, 0]], [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]) == 0.5


@pytest.mark.parametrize("last", ["sigmoid", "softmax"])
def test_accuracy_does_not_depend_on_other_metrics(last):
    """Logits may differ where probabilities are equal; what counts are the outputs."""
    model = fd.Sequential([fd.Input(shape=(2,)), fd.layers.Dense(2, last, use_bias=False)])
    model.set_weights([np.eye(2)])
    x, y = np.float32([[20, 30]] * 4), np.float32([[0, 1]] * 4)
    loss = {"sigmoid": "binary_crossentropy", "softmax": "categorical_crossentropy"}[last]
    if last == "softmax":
        x = np.float32([[1e-9, 2e-9]] * 4)
    expected = metrics.CategoricalAccuracy()(y, model.predict(x))
    assert expected == 0.0
    for more in ([], ["mse"]):
        model.compile(loss=loss, metrics=["categorical_accuracy", *more])
        assert model.evaluate(x, y, return_dict=True)["categorical_accuracy"] == expected


def test_r2_of_equal_targets():
    metric = metrics.R2Score(class_aggregation=None)
    y_true = (
        np.repeat(np.float32([[0.1, 3.0]]), 50, 0) + np.float32([0, 1]) * np.arange(50)[:, None]
    )
    assert metric(y_true, y_true + 1)[0] == 0.0
    assert metrics.R2Score(num_regressors=5)([1, 2, 3], [1, 2, 2]) == 0.5  # too few rows to adjust


def test_r2_of_targets_far_from_0(rng):
    """The same from rows at once, in parts, and in a model's evaluation."""
    far, scale = np.float64([1e5, 0, -3e4]), np.float64([1, 2, 0.5])
    y_true = (far + scale * rng.standard_normal((20_000, 3))).astype(np.float32)
    x = (y_true - far).astype(np.float32)
    y_pred = x * np.float32(0.75) + far.astype(np.float32)
    t, p = y_true.astype(np.float64), y_pred.astype(np.float64)
    wanted = 1 - ((t - p) ** 2).sum(0) / ((t - t.mean(0)) ** 2).sum(0)
    assert (abs(wanted - 0.9375) < 0.02).all()
    metric = metrics.R2Score(class_aggregation=None)
    np.testing.assert_allclose(metric(y_true, y_pred), wanted, rtol=1e-9)
    metric.reset_state()
    for part in np.array_split(np.arange(len(x)), [1, 2, 700, 15_000]):
        metric.update_state(y_true[part], y_pred[part])
    np.testing.assert_allclose(metric.result(), wanted, rtol=1e-9)
    model = fd.Sequential([fd.Input(shape=(3,)), fd.layers.Dense(3)])
    model.layers[0].set_weights([np.eye(3) * 0.75, far])
    model.compile(loss="mse", metrics=[metrics.R2Score()])
    assert model.evaluate(x, y_true, return_dict=True)["r2_score"] == pytest.approx(wanted.mean())


def test_r2_of_weights_that_cancel_on_the_way():
    """As Keras has it."""
    assert metrics.R2Score()([1, 2, 3, 5], [1, 2, 2, 4], [1, -1, 1, 2]) == pytest.approx(0.625)
    wide = [-40860.76, -9.3e-9]
    assert metrics.R2Score()(wide, [1.1 * t for t in wide], [1e-20, 1]) <= 1.0


def test_merged_regression_sums(rng):
    """Rows of weight 0, and none at all, change nothing but the count."""
    y_true, y_pred = rng.standard_normal((2, 50, 2)).astype(np.float32)
    weight = rng.uniform(size=50).astype(np.float32)
    once, parts = metrics.R2Score(), metrics.R2Score()
    expected = once(y_true, y_pred, weight)
    parts.update_state(y_true[:7] + 1e6, y_pred[:7], np.zeros(7))
    parts.update_state(y_true[:20], y_pred[:20], weight[:20])
    parts.update_state(y_true[:0], y_pred[:0])
    parts.update_state(y_true[20:], y_pred[20:], weight[20:])
    assert parts.result() == pytest.approx(expected, rel=1e-12)


def net(outputs, last):
    fd.set_seed(1)
    return fd.Sequential(
        [fd.Input((5,)), layers.Dense(8, activation="tanh"), layers.Dense(outputs, activation=last)]
    )


def choose(kind):
    """A loss, the last activation, the columns, and metrics of every sort for it."""
    if kind == "classes":
        some = [metrics.SparseTopKCategoricalAccuracy(2), metrics.SparseCategoricalCrossentropy()]
        return "sparse_categorical_crossentropy", "softmax", 3, ["accuracy", *some]
    if kind == "binary":
        some = ["auc", "precision", metrics.Recall(0.4), metrics.BinaryAccuracy(threshold=0.4)]
        return "bce", "sigmoid", 1, [*some, "bce", metrics.F1Score(threshold=0.5)]
    if kind == "values":
        return "mse", None, 2, [metrics.R2Score(), "rmse", "mae"]
    some = [metrics.F1Score("macro"), metrics.AUC(multi_label=True), metrics.Precision(top_k=2)]
    top = metrics.TopKCategoricalAccuracy(2)
    return "categorical_crossentropy", "softmax", 3, [*some, top, "categorical_crossentropy"]


def make_rows(rng, kind, rows=333):
    x, labels = rng.standard_normal((rows, 5)).astype(np.float32), rng.integers(0, 3, rows)
    y = {
        "classes": labels,
        "binary": (labels > 1).astype(np.float32)[:, None],
        "values": rng.standard_normal((rows, 2)).astype(np.float32),
        "one-hot": np.eye(3, dtype=np.float32)[labels],
    }
    return x, y[kind], rng.uniform(0.5, 2, rows).astype(np.float32)


kinds = pytest.mark.parametrize("kind", ["classes", "binary", "values", "one-hot"])


@kinds
def test_a_model_s_metrics_are_those_of_its_predictions(threads, rng, kind):
    x, y, weight = make_rows(rng, kind)
    loss, last, columns, chosen = choose(kind)
    model = net(columns, last)
    # With a rate of 0 a fit changes nothing, and its logs are about these weights.
    model.compile(fd.optimizers.SGD(0.0), loss, metrics=chosen, weighted_metrics=chosen)
    fitted = model.fit(x, y, sample_weight=weight, batch_size=50, verbose=0).history
    given = model.evaluate(x, y, sample_weight=weight, verbose=0, batch_size=64, return_dict=True)
    predictions = model.predict(x)
    wanted = {}
    for weights, front in ((None, ""), (weight, "weighted_")):
        for item in chosen:
            metric = metrics.get(item)
            name = metric.name
            if isinstance(metric, metrics.Accuracy):
                metric = metrics.SparseCategoricalAccuracy()
            wanted[front + name] = metric(y, predictions, weights)
            metric.reset_state()
    assert set(given) == {"loss", *wanted}
    for name, value in wanted.items():
        # The same float32 values of rows, added up in float64 in another order.
        assert given[name] == pytest.approx(value, rel=1e-12, abs=1e-12), name
        assert fitted[name][-1] == pytest.approx(value, rel=1e-12, abs=1e-12), name


@kinds
def test_the_same_bits_for_any_number_of_threads(threads, kind, monkeypatch):
    # A fit in one native call: sums of several would be added up where time cuts it.
    monkeypatch.setattr(loops, "SLICE_SECONDS", 60.0)
    x, y, weight = make_rows(np.random.default_rng(5), kind)
    loss, last, columns, chosen = choose(kind)
    results = []
    for count in (None, 1):
        model = net(columns, last)
        model.compile("adam", loss, metrics=chosen, weighted_metrics=chosen)
        if count is not None:
            fd.set_num_threads(count)
        results.append(model.fit(x, y, sample_weight=weight, epochs=2, verbose=0).history)
    assert results[0] == results[1]


def test_outputs_with_metrics_of_different_sizes(rng):
    x, y, _ = make_rows(rng, "binary")
    start = fd.Input((5,))
    one, two, three = (
        layers.Dense(units, activation=last, name=name)(start)
        for units, last, name in [(1, "sigmoid", "a"), (2, None, "b"), (1, "sigmoid", "c")]
    )
    model = fd.Model(start, [one, two, three])
    values = np.concatenate([x[:, :1], x[:, 1:2] ** 2], 1)
    chosen = {"a": ["auc", "bce"], "b": ["r2_score", "mse"], "c": ["recall", "auc"]}
    model.compile("sgd", ["bce", "mse", "bce"], metrics=chosen)
    given = model.evaluate(x, [y, values, 1 - y], verbose=0, return_dict=True)
    outputs = model.predict(x)
    for name, target, output in zip("abc", (y, values, 1 - y), outputs, strict=True):
        for item in chosen[name]:
            wanted = metrics.get(item)(target, output)
            assert given[f"{name}_{item}"] == pytest.approx(wanted, rel=1e-12)


def test_metrics_are_saved_with_their_model(rng, tmp_path):
    x, y, _ = make_rows(rng, "one-hot")
    loss, last, columns, chosen = choose("one-hot")
    model = net(columns, last)
    model.compile("adam", loss, metrics=chosen, weighted_metrics=[metrics.AUC(7, "PR")])
    before = model.evaluate(x, y, verbose=0, return_dict=True)
    model.save(tmp_path / "m.safetensors")
    again = fd.load_model(tmp_path / "m.safetensors")
    assert again.evaluate(x, y, verbose=0, return_dict=True) == before


def test_configs_of_before_there_were_options():
    config = {"class_name": "BinaryAccuracy", "config": {"name": "hits"}}
    assert repr(metrics.get(config)) == "BinaryAccuracy(name='hits')"


Y = np.zeros((3, 2), np.float32)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: metrics.AUC(curve="DET"), r"\[AUC\] curve: received 'DET'; expected one of ROC, "),
        (lambda: metrics.AUC(summation_method="x"), "summation_method: received 'x'; expected one"),
        (lambda: metrics.AUC(1), "num_thresholds: received 1; expected an integer of at least 2"),
        (lambda: metrics.AUC(num_labels=2), "num_labels: received 2 without multi_label=True"),
        (lambda: metrics.AUC(multi_label=True, num_labels=3)(Y, Y),
         "num_labels: received 3 for outputs of 2 columns; expected as many"),
        (lambda: metrics.AUC(label_weights=[1.0])(Y, Y), "received 1 for outputs of 2 columns"),
        (lambda: metrics.Precision(thresholds=[0.5, 1.5]), r"\[Precision\] thresholds: received"),
        (lambda: metrics.Recall(thresholds=[]), "thresholds: received .*; expected at least one"),
        (lambda: metrics.Recall(top_k=0), r"\[Recall\] top_k: received 0; expected an integer of"),
        (lambda: metrics.Recall(class_id=2)(Y, Y), "received class_id=2; expected 0 to 1"),
        (lambda: metrics.F1Score("samples"), r"\[F1Score\] average: received 'samples'; "),
        (lambda: metrics.F1Score(threshold=0.0), "threshold: received 0.0; expected a number"),
        (lambda: metrics.FBetaScore(beta=0), "beta: received 0; expected a number above 0"),
        (lambda: metrics.R2Score("mean"), "class_aggregation: received 'mean'; expected None"),
        (lambda: metrics.R2Score(num_regressors=-1), "num_regressors: received -1; expected an in"),
        (lambda: metrics.TopKCategoricalAccuracy(0), r"\[TopKCategoricalAccuracy\] k: received 0"),
        (lambda: metrics.BinaryCrossentropy(label_smoothing=2), "label_smoothing: received 2"),
        (lambda: metrics.MeanSquaredError()(Y[:2], Y),
         r"\[MeanSquaredError.update_state\] y_true: received shape \(2, 2\); expected \(3, 2\)"),
        (lambda: metrics.MeanSquaredError()(Y, Y[None]), r"expected \(rows, columns\)"),
        (lambda: metrics.MeanSquaredError()(Y, Y, [1.0]), r"sample_weight: received shape \(1,\)"),
        (lambda: metrics.SparseCategoricalAccuracy()(Y, Y), "one label a row"),
        (lambda: metrics.SparseCategoricalAccuracy()([0, 0.5, 1], Y), "expected whole numbers"),
    ],
)  # fmt: skip
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_other_columns_than_before():
    metric = metrics.R2Score()
    metric.update_state(Y, Y)
    with pytest.raises(ValueError, match=r"expected as many columns as before; use reset_state"):
        metric.update_state(Y[:, :1], Y[:, :1])


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        (metrics.F1Score(), "'f1_score', which gives 2 numbers; .* use average='macro'"),
        (metrics.Recall([0.1, 0.2]), "gives 2 numbers; expected metrics of one; use one threshold"),
        (metrics.R2Score(None), "use class_aggregation='uniform_average'"),
        (metrics.Precision(top_k=3), r"\[compile\] received top_k=3; expected at most 2"),
        (metrics.AUC(multi_label=True, num_labels=3), "num_labels: received 3 for outputs of 2"),
        (
            metrics.SparseTopKCategoricalAccuracy(),
            "the one takes integer labels, the other does no",
        ),
    ],
)
def test_metrics_that_do_not_fit_the_model(metric, text):
    model = net(2, "sigmoid")
    model.compile("sgd", "bce", metrics=[metric])
    with pytest.raises(ValueError, match=text):
        model.evaluate(np.zeros((3, 5)), Y, verbose=0)


@pytest.mark.parametrize("threshold", [float("nan"), 2.0, 0.0, 1.0, "0.5"])
def test_thresholds_of_binary_accuracy(threshold):
    with pytest.raises(ValueError, match=r"\[BinaryAccuracy\] threshold: received .* between 0"):
        fd.metrics.BinaryAccuracy(threshold=threshold)


def test_losses_alone():
    """Means of rows, as Keras's; golden values by hand."""
    mse = fd.losses.MeanSquaredError()
    assert mse([0, 1], [1, 1]) == 0.5
    assert mse([[0, 0], [1, 1]], [[1, 1], [1, 1]], sample_weight=[3, 1]) == 1.5
    assert mse([[1.0]], [[3.0]], sample_weight=0.5) == 2.0
    sparse = fd.losses.SparseCategoricalCrossentropy()
    assert sparse([1], [[0.5, 0.5]]) == pytest.approx(np.log(2), rel=1e-6)
    with pytest.raises(ValueError, match=r"\[MeanSquaredError\] sample_weight: received shape"):
        mse([[0.0], [1.0]], [[1.0], [1.0]], sample_weight=[1, 2, 3])
    assert mse([[0.0], [2.0]], [[1.0], [1.0]], sample_weight=[[1], [2]]) == 1.5
    with pytest.raises(ValueError, match=r"\[MeanSquaredError\] y_true: received shape \(1, 2\)"):
        mse([[0.0, 1.0]], [[1.0], [1.0]])
    two = np.full((2, 2), 0.5)
    for labels, words in (
        ([0, 1.9], "float64 numbers; expected whole"),
        ([0, np.nan], "expected whole"),
        ([[0, 1], [1, 0]], r"shape \(2, 2\); expected \(2,\), one label"),
    ):
        with pytest.raises(ValueError, match=rf"Crossentropy\] y_true: received {words}|{words}"):
            sparse(labels, two)
