import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from guarded import Guarded
from reference.loss import ORACLES, smoothed
from shapes import MATRICES

from fastdnn import _core, ops

KERNELS = ["loss_rows_f32"]

EPS = float(np.finfo(np.float32).eps)
SHAPES = [(rows, cols) for rows, cols in MATRICES if cols > 0]
KINDS = sorted(ORACLES)
NAMES = [f"{name}-{'logits' if from_logits else 'outputs'}" for name, from_logits in KINDS]
kinds = pytest.mark.parametrize(("name", "from_logits"), KINDS, ids=NAMES)


def make_batch(rng, name, from_logits, shape):
    """Truth and outputs such as the loss meets them."""
    rows, cols = shape
    y_pred = 3 * rng.standard_normal(shape)
    if not from_logits and name.endswith("crossentropy"):
        y_pred = 1 / (1 + np.exp(-y_pred))  # the categorical losses normalize it
    if name == "sparse_categorical_crossentropy":
        y_true = rng.integers(0, cols, rows).astype(np.int32)
    elif name == "categorical_crossentropy":
        y_true = np.eye(cols)[rng.integers(0, cols, rows)]
        y_true[::2] = rng.dirichlet(np.ones(cols), len(y_true[::2]))
    elif name == "binary_crossentropy":
        y_true = rng.integers(0, 2, shape).astype(np.float64)
        y_true[::2] = rng.uniform(size=y_true[::2].shape)
    else:
        y_true = rng.standard_normal(shape)
    y_true = y_true if y_true.dtype == np.int32 else y_true.astype(np.float32)
    return y_true, y_pred.astype(np.float32)


def oracle(name, from_logits, y_true, y_pred, smoothing=0.0):
    targets = smoothed(name, y_true, y_pred.shape[1], smoothing)
    return ORACLES[name, from_logits](targets, y_pred.astype(np.float64))


def assert_close(actual, wanted, terms, cols):
    # Sums of targets, and of the losses of few columns, have at most one addition per column; those
    # of more columns are summed more precisely. On each element's way are 20 roundings: e^x,
    # log(1 + x) and log are within 2 ulp, 4 roundings of eps / 2, each.
    allowed = (cols + 20) * EPS / 2 * terms + 1e-37
    error = np.abs(actual - wanted)
    assert np.all(error <= allowed), f"{np.max(error / allowed):.3g} times what is allowed"


@kinds
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_and_gradient(isa, rng, name, from_logits, shape, smoothing):
    if smoothing and not name.endswith("crossentropy"):
        pytest.skip("label smoothing is the cross-entropies'")
    y_true, y_pred = make_batch(rng, name, from_logits, shape)
    row_loss, gradient = Guarded((shape[0],)), Guarded(shape)
    got = ops.loss(
        name, y_true, y_pred, from_logits=from_logits, label_smoothing=smoothing,
        out=(row_loss.array, gradient.array),
    )  # fmt: skip
    assert got[0] is row_loss.array
    assert got[1] is gradient.array
    row_loss.check()
    gradient.check()
    wanted = oracle(name, from_logits, y_true, y_pred, smoothing)
    assert_close(row_loss.array, wanted[0], wanted[1], shape[1])
    assert_close(gradient.array, wanted[2], wanted[3], shape[1])


@kinds
def test_oracle_s_gradient_is_the_derivative(name, from_logits):
    y_true, y_pred = make_batch(np.random.default_rng(11), name, from_logits, (6, 4))
    y_pred = y_pred.astype(np.float64)
    _, _, gradient, terms = oracle(name, from_logits, y_true, y_pred)
    probabilities = not from_logits and name.endswith("crossentropy")
    for at in np.ndindex(y_pred.shape):
        # The logarithms of p and 1 - p bend the more the closer p is to 0 or 1.
        step = 1e-5 * (y_pred[at] * (1 - y_pred[at]) if probabilities else 1)
        sides = []
        for sign in (1, -1):
            moved = y_pred.copy()
            moved[at] += sign * step
            sides.append(oracle(name, from_logits, y_true, moved)[0].sum())
        # A chord's slope is off by about step^2, and by the rounding of the sides over step.
        slope = (sides[0] - sides[1]) / (2 * step)
        assert abs(slope - gradient[at]) <= 1e-7 * (1 + terms[at])


@kinds
@pytest.mark.parametrize("cols", [1, 5, 21])
def test_weights_and_scale_multiply_the_gradient_only(isa, rng, name, from_logits, cols):
    y_true, y_pred = make_batch(rng, name, from_logits, (19, cols))
    weights = rng.uniform(0, 2, 19).astype(np.float32)
    weights[3] = 0
    plain = ops.loss(name, y_true, y_pred, from_logits=from_logits)
    got = ops.loss(name, y_true, y_pred, from_logits=from_logits, sample_weight=weights, scale=0.25)
    np.testing.assert_array_equal(got[0], plain[0])
    np.testing.assert_allclose(got[1], plain[1] * weights[:, None] / 4, rtol=4 * EPS)
    assert not got[1][3].any()


@kinds
@pytest.mark.parametrize("cols", [1, 5, 8, 16, 21])
def test_padded_rows_in_place(isa, rng, name, from_logits, cols):
    rows, stride = 37, 32
    y_true, y_pred = make_batch(rng, name, from_logits, (rows, cols))
    wanted = ops.loss(name, y_true, y_pred, from_logits=from_logits)[1]
    padded = np.full((2, rows, stride), np.nan, np.float32)
    padded[1, :, :cols] = y_pred
    if y_true.ndim == 2:
        padded[0, :, :cols] = y_true
        y_true = padded[0]
    _core.testing.loss_padded(name, y_true, padded[1], cols, from_logits)
    np.testing.assert_array_equal(padded[1, :, :cols], wanted)
    assert np.isnan(padded[1, :, cols:]).all()


@kinds
def test_gradient_over_the_outputs(isa, rng, name, from_logits):
    y_true, y_pred = make_batch(rng, name, from_logits, (5, 40))
    row_loss, gradient = ops.loss(name, y_true, y_pred, from_logits=from_logits)
    out = np.empty(5, np.float32), y_pred
    ops.loss(name, y_true, y_pred, from_logits=from_logits, out=out)
    np.testing.assert_array_equal(out[0], row_loss)
    np.testing.assert_array_equal(y_pred, gradient)


@kinds
@pytest.mark.parametrize("cols", [3, 8, 16, 40])
def test_nan_stays_in_its_row(isa, rng, name, from_logits, cols):
    y_true, y_pred = make_batch(rng, name, from_logits, (21, cols))
    clean = ops.loss(name, y_true, y_pred, from_logits=from_logits)
    y_pred[2, cols - 1] = np.nan
    row_loss, gradient = ops.loss(name, y_true, y_pred, from_logits=from_logits)
    assert np.isnan(row_loss[2])
    assert np.isnan(gradient[2, cols - 1])
    for after, before in zip((row_loss, gradient), clean, strict=True):
        np.testing.assert_array_equal(np.delete(after, 2, 0), np.delete(before, 2, 0))


@pytest.mark.parametrize("sparse", [True, False])
def test_softmax_cross_entropy_of_extreme_logits(isa, sparse):
    logits = np.array([[3e38, -3e38, 0], [-np.inf, 0, 0], [-200, 0, -100]], np.float32)
    labels = np.int32([1, 2, 0])
    truth = labels if sparse else np.eye(3, dtype=np.float32)[labels]
    loss, gradient = ops.softmax_cross_entropy(logits, truth)
    np.testing.assert_allclose(loss[1:], [np.log(2), 200], rtol=4 * EPS)
    assert loss[0] == np.inf  # the difference of the logits has no float32
    wanted = [[1, -1, 0], [0, 0.5, -0.5], [-1, 1, 0]]
    np.testing.assert_allclose(gradient, wanted, atol=1e-37)


def test_softmax_cross_entropy_of_certain_rows_is_precise(isa):
    logits = np.zeros((60, 2), np.float32)
    logits[:, 0] = np.arange(60)
    loss, _ = ops.softmax_cross_entropy(logits, np.zeros(60, np.int32))
    # e^x and log(1 + x), within 2 ulp each.
    np.testing.assert_allclose(loss, np.log1p(np.exp(-np.arange(60.0))), rtol=4 * EPS)


def test_sigmoid_cross_entropy_is_precise_in_the_tails(isa):
    logits = np.linspace(-80, 80, 333, dtype=np.float32)[:, None]
    for target in (0, 1):
        targets = np.full_like(logits, target)
        loss, gradient = ops.sigmoid_cross_entropy(logits, targets)
        z = logits[:, 0].astype(np.float64) * (-1 if target else 1)
        # e^-|z|, log(1 + e) with a division and a product: within 20 roundings of eps / 2.
        np.testing.assert_allclose(loss, np.logaddexp(0, z), rtol=10 * EPS)
        wanted = (-1 if target else 1) / (1 + np.exp(-z))
        np.testing.assert_allclose(gradient[:, 0], wanted, rtol=10 * EPS)


@pytest.mark.parametrize("cols", [1, 2, 3, 16, 17, 40])
def test_means_of_large_losses_do_not_overflow(isa, cols):
    large, none = np.full((1, cols), 3e38, np.float32), np.zeros((1, cols), np.float32)
    for name in ("binary_crossentropy", "mean_absolute_error"):
        options = {"from_logits": True} if name == "binary_crossentropy" else {}
        loss, gradient = ops.loss(name, none, large, **options)
        # The sum of equal numbers, a quotient and a product are rounded.
        np.testing.assert_allclose(loss, 3e38, rtol=(cols + 2) * EPS)
        np.testing.assert_allclose(gradient, 1 / cols, rtol=EPS)


@kinds
@pytest.mark.parametrize("cols", [1, 2, 8, 9, 16, 17])
@pytest.mark.parametrize("weighted", [False, True])
def test_rows_do_not_depend_on_what_comes_with_them(isa, rng, name, from_logits, cols, weighted):
    rows = 37
    y_true, y_pred = make_batch(rng, name, from_logits, (rows, cols))
    weights = rng.uniform(0, 2, rows).astype(np.float32)

    def loss(part):
        return ops.loss(
            name, y_true[part], y_pred[part], from_logits=from_logits,
            sample_weight=weights[part] if weighted else None,
        )  # fmt: skip

    together = loss(slice(rows))
    for part in (slice(5, 6), slice(20, 37), *(slice(i, i + 1) for i in range(rows))):
        for whole, alone in zip(together, loss(part), strict=True):
            assert whole[part].tobytes() == alone.tobytes()


def test_probabilities_are_clipped(isa):
    certain = np.array([[0, 1]], np.float32)
    lowest = np.log(1e-7)
    loss, gradient = ops.loss("categorical_crossentropy", 1 - certain, certain)
    np.testing.assert_allclose(loss, -lowest, rtol=4 * EPS)
    assert not gradient.any()
    loss, gradient = ops.loss("sparse_categorical_crossentropy", np.int32([0]), certain)
    np.testing.assert_allclose(loss, -lowest, rtol=4 * EPS)
    loss, gradient = ops.loss("binary_crossentropy", 1 - certain, certain)
    # 1 - (1 - 1e-7) is 2^-23 in float32, as in Keras.
    np.testing.assert_allclose(loss, -(lowest - 23 * np.log(2)) / 2, rtol=4 * EPS)
    assert not gradient.any()


def test_absolute_error_has_no_slope_at_zero(isa):
    same = np.ones((2, 3), np.float32)
    loss, gradient = ops.mean_absolute_error(same, same)
    assert not loss.any()
    assert not gradient.any()


@kinds
def test_thread_counts_agree(threads, rng, name, from_logits):
    y_true, y_pred = make_batch(rng, name, from_logits, (501, 103))
    together = ops.loss(name, y_true, y_pred, from_logits=from_logits)
    _core.set_num_threads(1)
    alone = ops.loss(name, y_true, y_pred, from_logits=from_logits)
    assert [a.tobytes() for a in together] == [a.tobytes() for a in alone]


def test_wrappers_are_the_losses_they_name(rng):
    def same(a, b):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)

    labels, z = make_batch(rng, "sparse_categorical_crossentropy", True, (8, 5))
    one_hot = np.eye(5, dtype=np.float32)[labels]
    wanted = ops.loss("sparse_categorical_crossentropy", labels, z, from_logits=True)
    same(ops.softmax_cross_entropy(z, labels), wanted)
    same(ops.softmax_cross_entropy(z, one_hot), wanted)
    wanted = ops.loss("binary_crossentropy", one_hot, z, from_logits=True, label_smoothing=0.2)
    same(ops.sigmoid_cross_entropy(z, one_hot, label_smoothing=0.2), wanted)
    same(ops.mean_squared_error(one_hot, z), ops.loss("mean_squared_error", one_hot, z))
    same(ops.mean_absolute_error(one_hot, z), ops.loss("mean_absolute_error", one_hot, z))


def test_no_rows():
    loss, gradient = ops.mean_squared_error(*(np.empty((0, 4), np.float32) for _ in range(2)))
    assert loss.shape == (0,)
    assert gradient.shape == (0, 4)


# Loss and gradient by Keras and JAX's differentiation. One case is an index into KINDS and a
# smoothing.
KERAS = """
import json, sys, jax, numpy as np, keras
data, results = np.load(sys.argv[1]), {}
for i, (name, from_logits, options) in enumerate(json.loads(sys.argv[3])):
    function = getattr(keras.losses, name)
    if name.endswith("crossentropy"):
        options["from_logits"] = from_logits
    y_true, y_pred = data[f"{i}/y_true"], data[f"{i}/y_pred"]
    results[f"{i}/loss"] = function(y_true, y_pred, **options)
    total = lambda y: function(y_true, y, **options).sum()
    results[f"{i}/gradient"] = jax.grad(total)(y_pred)
np.savez(sys.argv[2], **results)
"""
CASES = [(*kind, {}) for kind in KINDS] + [
    (*kind, {"label_smoothing": 0.2})
    for kind in KINDS
    if kind[0] in ("categorical_crossentropy", "binary_crossentropy")
]


@pytest.fixture(scope="module")
def keras_results(tmp_path_factory):
    for module in ("keras", "jax"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module}, part of the golden standard, is not installed")
    folder = tmp_path_factory.mktemp("keras")
    rng = np.random.default_rng(7)
    data = {}
    for i, (name, from_logits, _) in enumerate(CASES):
        y_true, y_pred = make_batch(rng, name, from_logits, (40, 10))
        if not from_logits and name.endswith("categorical_crossentropy"):
            # Keras's formulas assume probabilities already.
            y_pred /= y_pred.sum(1, keepdims=True)
        data |= {f"{i}/y_true": y_true, f"{i}/y_pred": y_pred}
    np.savez(folder / "data.npz", **data)
    command = [sys.executable, "-c", KERAS, folder / "data.npz", folder / "results.npz"]
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    subprocess.run([*command, json.dumps(CASES)], check=True, env=environment)
    return data, dict(np.load(folder / "results.npz"))


@pytest.mark.parametrize("i", range(len(CASES)), ids=["-".join(map(str, c)) for c in CASES])
def test_as_keras(keras_results, isa, i):
    (name, from_logits, options), (data, results) = CASES[i], keras_results
    y_true, y_pred = data[f"{i}/y_true"], data[f"{i}/y_pred"]
    loss, gradient = ops.loss(name, y_true, y_pred, from_logits=from_logits, **options)
    smoothing = options.get("label_smoothing", 0.0)
    _, loss_terms, _, terms = oracle(name, from_logits, y_true, y_pred, smoothing)
    # Both sides round; the terms of Keras's own way can be larger where it cancels.
    loss_terms = loss_terms + 1 + np.abs(loss)
    terms = terms + 1
    assert_close(loss, results[f"{i}/loss"].astype(np.float64), 2 * loss_terms, 10)
    assert_close(gradient, results[f"{i}/gradient"].astype(np.float64), 2 * terms, 10)


Z = np.zeros((3, 4), np.float32)
LABELS = np.zeros(3, np.int32)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: ops.softmax_cross_entropy(Z, np.int32([0, 4, 1])),
         r"\[softmax_cross_entropy\] labels: received 4 in row 1; expected whole numbers from 0 to "
         "3, one less than the 4 columns"),
        (lambda: ops.softmax_cross_entropy(Z, np.int32([0, 0, -1])), "received -1 in row 2"),
        (lambda: ops.softmax_cross_entropy(Z, np.int64([0, 1, 2])),
         "labels: received a int64 array .* expected a C-contiguous int32 array"),
        (lambda: ops.softmax_cross_entropy(Z, np.int32([0, 1])), r"labels: .* shape \(2,\)"),
        (lambda: ops.softmax_cross_entropy(Z, Z[:, :3].copy()),
         r"y_true: received a float32 array of shape \(3, 3\); expected the shape of the outputs, "
         r"\(3, 4\)"),
        (lambda: ops.softmax_cross_entropy(Z.T, LABELS), "y_pred: received a non-contiguous"),
        (lambda: ops.softmax_cross_entropy(Z[0], LABELS), "y_pred: .* two dimensions"),
        (lambda: ops.softmax_cross_entropy(Z[:, :0].copy(), LABELS), "at least one column"),
        (lambda: ops.softmax_cross_entropy(Z, LABELS, label_smoothing=1.5),
         "received label_smoothing=1.5; expected a number from 0 to 1"),
        (lambda: ops.loss("mse", Z, Z),
         r"\[loss\] received 'mse'; expected one of sparse_categorical_crossentropy, "),
        (lambda: ops.loss("mean_squared_error", Z, Z, from_logits=True),
         "received from_logits=True; expected False, as mean_squared_error"),
        (lambda: ops.loss("mean_squared_error", Z, Z, label_smoothing=0.1),
         "received label_smoothing=0.1; expected 0, as mean_squared_error"),
        (lambda: ops.loss("mean_squared_error", Z, Z, sample_weight=np.ones(4, np.float32)),
         r"sample_weight: received a float32 array of shape \(4,\); expected shape \(3,\)"),
        (lambda: ops.mean_squared_error(Z, Z.copy(), out=np.empty(3, np.float32)),
         "out: expected a tuple of two arrays"),
        (lambda: ops.mean_squared_error(Z, Z.copy(), out=(np.empty(3, np.float32), Z)),
         "out that shares memory with an input"),
        (lambda: ops.mean_squared_error(
            Z, Z.copy(), out=(np.empty(3, np.float32), np.empty((4, 3), np.float32))),
         r"out: .* expected shape \(3, 4\)"),
    ],
)  # fmt: skip
def test_errors_say_what_and_write_nothing(call, text):
    with pytest.raises(ValueError, match=text):
        call()
    assert not Z.any()
