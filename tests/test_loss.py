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


def is_crossentropy(name):
    return name.endswith("crossentropy")


SHAPES = [(rows, cols) for rows, cols in MATRICES if cols > 0]
KINDS = sorted(ORACLES)
NAMES = [f"{name}-{'logits' if from_logits else 'outputs'}" for name, from_logits in KINDS]
kinds = pytest.mark.parametrize(("name", "from_logits"), KINDS, ids=NAMES)


def make_batch(rng, name, from_logits, shape):
    """Truth and outputs such as the loss meets them."""
    rows, cols = shape
    y_pred = 3 * rng.standard_normal(shape)
    if not from_logits and is_crossentropy(name):
        y_pred = 1 / (1 + np.exp(-y_pred))  # the categorical losses normalize it
    y_true = rng.standard_normal(shape)
    if name == "sparse_categorical_crossentropy":
        y_true = rng.integers(0, cols, rows).astype(np.int32)
    elif name.startswith("categorical"):
        y_true = np.eye(cols)[rng.integers(0, cols, rows)]
        if is_crossentropy(name):
            y_true[::2] = rng.dirichlet(np.ones(cols), len(y_true[::2]))
    elif is_crossentropy(name):
        y_true = rng.integers(0, 2, shape).astype(np.float64)
        y_true[::2] = rng.uniform(size=y_true[::2].shape)
    elif name == "kl_divergence":
        y_true, y_pred = (rng.dirichlet(np.ones(cols), rows) for _ in range(2))
        y_true[::3] = np.eye(cols)[rng.integers(0, cols, len(y_true[::3]))]
    elif name == "poisson":
        y_true, y_pred = rng.poisson(3, shape), np.exp(y_pred / 3)
    elif name.endswith("hinge"):
        y_true = rng.integers(0, 2, shape) * (2 if rng.integers(2) else 1)
        y_true = y_true - (y_true.max(initial=0) == 2)
    elif name == "mean_absolute_percentage_error":
        y_true[::4] = 0
    y_true = y_true if y_true.dtype == np.int32 else y_true.astype(np.float32)
    return y_true, y_pred.astype(np.float32)


def make_options(rng, name):
    """Options that are float32 numbers, as the kernels take them."""
    options = {}
    if "focal" in name:
        options |= {"alpha": rng.uniform(0.1, 0.9), "gamma": rng.choice([0, 0.5, 1, 2, 3.25])}
    if name == "binary_focal_crossentropy":
        options["apply_class_balancing"] = rng.integers(2)
    if name == "huber":
        options["delta"] = rng.uniform(0.2, 4)
    if name == "quantile":
        options["quantile"] = rng.uniform(0.05, 0.95)
    return {key: float(np.float32(value)) for key, value in options.items()}


def oracle(name, from_logits, y_true, y_pred, smoothing=0.0, **options):
    targets = smoothed(name, y_true, y_pred.shape[1], smoothing)
    return ORACLES[name, from_logits](targets, y_pred.astype(np.float64), **options)


def assert_close(actual, wanted, terms, cols):
    # Sums of targets, and of the losses of few columns, have at most one addition per column; those
    # of more columns are summed more precisely. On each element's way are 20 roundings: e^x,
    # log(1 + x) and log are within 2 ulp, 4 roundings of eps / 2, each.
    allowed = (cols + 20) * EPS / 2 * terms + 1e-37
    error = np.abs(actual - wanted)
    assert np.all(error <= allowed), f"{np.max(error / allowed):.3g} times what is allowed"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("name", "from_logits", "smoothing"),
    [(*kind, 0.0) for kind in KINDS] + [(*kind, 0.1) for kind in KINDS if is_crossentropy(kind[0])],
)
def test_loss_and_gradient(isa, rng, name, from_logits, shape, smoothing):
    y_true, y_pred = make_batch(rng, name, from_logits, shape)
    options = make_options(rng, name)
    row_loss, gradient = Guarded((shape[0],)), Guarded(shape)
    got = ops.loss(
        name, y_true, y_pred, from_logits=from_logits, label_smoothing=smoothing,
        out=(row_loss.array, gradient.array), **options,
    )  # fmt: skip
    assert got[0] is row_loss.array
    assert got[1] is gradient.array
    row_loss.check()
    gradient.check()
    wanted = oracle(name, from_logits, y_true, y_pred, smoothing, **options)
    assert_close(row_loss.array, wanted[0], wanted[1], shape[1])
    assert_close(gradient.array, wanted[2], wanted[3], shape[1])


@kinds
def test_oracle_s_gradient_is_the_derivative(name, from_logits):
    rng = np.random.default_rng(11)
    y_true, y_pred = make_batch(rng, name, from_logits, (6, 4))
    y_pred, options = y_pred.astype(np.float64), make_options(rng, name)
    _, _, gradient, terms = oracle(name, from_logits, y_true, y_pred, **options)
    probabilities = name == "kl_divergence" or (is_crossentropy(name) and not from_logits)
    for at in np.ndindex(y_pred.shape):
        # The logarithms of p and 1 - p bend the more the closer p is to 0 or 1.
        step = 1e-5 * (y_pred[at] * (1 - y_pred[at]) if probabilities else 1)
        sides = []
        for sign in (1, -1):
            moved = y_pred.copy()
            moved[at] += sign * step
            sides.append(oracle(name, from_logits, y_true, moved, **options)[0][at[0]])
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
    logits = {"from_logits": True} if from_logits else {}
    _core.testing.loss_padded(name, y_true, padded[1], cols, logits)
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


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("cols", [1, 5, 21])
def test_focal_losses_without_focus_are_crossentropies(isa, rng, from_logits, cols):
    for name in ("categorical", "binary"):
        y_true, y_pred = make_batch(rng, f"{name}_crossentropy", from_logits, (19, cols))
        plain = ops.loss(f"{name}_crossentropy", y_true, y_pred, from_logits=from_logits)
        options = {"gamma": 0, "alpha": 1} if name == "categorical" else {"gamma": 0}
        focal = ops.loss(
            f"{name}_focal_crossentropy", y_true, y_pred, from_logits=from_logits, **options
        )
        wanted = oracle(f"{name}_crossentropy", from_logits, y_true, y_pred)
        assert_close(focal[0], plain[0], 2 * wanted[1], cols)
        assert_close(focal[1], plain[1], 2 * wanted[3], cols)


@pytest.mark.parametrize("gamma", [0, 0.5, 2])
def test_focal_losses_of_extreme_logits(isa, gamma):
    z = np.array([[3e38, -3e38, 0], [-3e38, 3e38, -200]], np.float32)
    t = np.array([[1, 0, 0], [0, 1, 1]], np.float32)
    loss, gradient = ops.loss("binary_focal_crossentropy", t, z, from_logits=True, gamma=gamma)
    # Wrong by 200: u is 1, and the slope -1 / 3.
    np.testing.assert_allclose(loss, [np.log(2) * 0.5**gamma / 3, 200 / 3], rtol=9 * EPS)
    half = 0.5**gamma * (0.5 + gamma * np.log(2) / 2) / 3
    np.testing.assert_allclose(gradient, [[0, 0, half], [0, 0, -1 / 3]], rtol=20 * EPS, atol=1e-37)

    options = {"from_logits": True, "gamma": gamma, "alpha": 1}
    z = np.array([[0, -np.inf, -200], [0, -200, 0], [0, -200, -300]], np.float32)
    t = np.eye(3, dtype=np.float32)[[0, 1, 0]]
    loss, gradient = ops.loss("categorical_focal_crossentropy", t, z, **options)
    np.testing.assert_allclose(loss, [0, 200 + np.log(2), 0], rtol=4 * EPS, atol=1e-37)
    np.testing.assert_allclose(gradient, [[0, 0, 0], [0.5, -1, 0.5], [0, 0, 0]], atol=1e-37)


def test_log_cosh_is_precise_at_both_ends(isa):
    d = np.logspace(-18, 38, 500).astype(np.float32)[:, None]
    loss, gradient = ops.loss("log_cosh", np.zeros_like(d), d)
    _, terms, slope, slope_terms = oracle("log_cosh", False, np.zeros_like(d), d)
    d = d[:, 0].astype(np.float64)
    wanted = np.where(d < 1e-3, d**2 / 2 - d**4 / 12, np.logaddexp(d, -d) - np.log(2))
    assert_close(loss, wanted, terms, 1)
    assert_close(gradient, slope, slope_terms, 1)


@pytest.mark.parametrize("cols", [1, 3, 40])
def test_kinks_and_clipped_outputs_have_no_slope(isa, cols):
    ones, zeros = np.ones((2, cols), np.float32), np.zeros((2, cols), np.float32)
    for name, y_true, y_pred, wanted in (
        ("mean_absolute_percentage_error", ones, ones, 0),
        ("quantile", ones, ones, 0),
        ("hinge", ones, ones, 0),
        ("squared_hinge", zeros, -ones, 0),
        ("mean_squared_logarithmic_error", ones, -ones, (np.log(2) - np.log1p(1e-7)) ** 2),
        ("kl_divergence", ones, 2 * ones, 0),
        ("kl_divergence", ones, -ones, -cols * np.log(1e-7)),
        ("binary_focal_crossentropy", zeros, 2 * ones, 23 * np.log(2)),
    ):
        loss, gradient = ops.loss(name, y_true, y_pred)
        np.testing.assert_allclose(loss, wanted, rtol=(cols + 20) * EPS)
        assert not gradient.any()


@pytest.mark.parametrize("cols", [4, 40])
def test_equal_wrong_outputs_share_the_slope_of_a_categorical_hinge(isa, cols):
    y_true, y_pred = np.zeros((1, cols), np.float32), np.zeros((1, cols), np.float32)
    y_true[0, 1] = 1
    y_pred[0, [0, cols - 1]] = 2
    loss, gradient = ops.loss("categorical_hinge", y_true, y_pred)
    assert loss == 3
    wanted = np.zeros((1, cols))
    wanted[0, [0, 1, cols - 1]] = 0.5, -1, 0.5
    np.testing.assert_array_equal(gradient, wanted)
    y_pred[0, 1] = 3
    loss, gradient = ops.loss("categorical_hinge", y_true, y_pred)
    assert not loss.any()
    assert not gradient.any()


def test_hinges_take_zero_for_minus_one_row_by_row(isa, rng):
    y_pred = rng.standard_normal((9, 5)).astype(np.float32)
    y_true = rng.integers(0, 2, (9, 5)).astype(np.float32)
    for name in ("hinge", "squared_hinge"):
        wanted = ops.loss(name, 2 * y_true - 1, y_pred)
        for got, expected in zip(ops.loss(name, y_true, y_pred), wanted, strict=True):
            np.testing.assert_array_equal(got, expected)


def test_the_quantile_has_the_smallest_quantile_loss(rng):
    sample = rng.standard_normal(201).astype(np.float32)[:, None]
    places = np.sort(sample[:, 0])
    for quantile in (0.25, 0.5, 0.875):
        losses = [
            ops.loss("quantile", sample, np.full_like(sample, place), quantile=quantile)[0].sum()
            for place in places
        ]
        # Of 201 numbers quantile * 200 lie below.
        assert np.argmin(losses) == quantile * 200


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
    if "apply_class_balancing" in options:
        options["apply_class_balancing"] = bool(options["apply_class_balancing"])
    y_true, y_pred = data[f"{i}/y_true"], data[f"{i}/y_pred"]
    def both(y):
        loss, pull = jax.vjp(lambda y: function(y_true, y, **options), y)
        return loss, pull(jax.numpy.ones_like(loss))[0]
    # Compiled together, which takes less time than operation by operation.
    results[f"{i}/loss"], results[f"{i}/gradient"] = jax.jit(both)(y_pred)
np.savez(sys.argv[2], **results)
"""
CASES = [(*kind, {}) for kind in KINDS if kind[0] != "quantile"] + [
    (*kind, options)
    for kind in KINDS
    for options in {
        "categorical_crossentropy": [{"label_smoothing": 0.2}],
        "binary_crossentropy": [{"label_smoothing": 0.2}],
        "categorical_focal_crossentropy": [{"alpha": 0.5, "gamma": 1.5, "label_smoothing": 0.2}],
        "binary_focal_crossentropy": [
            {"alpha": 0.75, "gamma": 1.5, "apply_class_balancing": 1.0, "label_smoothing": 0.2}
        ],
        "huber": [{"delta": 0.5}],
    }.get(kind[0], [])
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
        if not from_logits and "categorical" in name and is_crossentropy(name):
            # Keras's formulas assume probabilities already.
            y_pred /= y_pred.sum(1, keepdims=True)
        if from_logits and "focal" in name:
            y_pred /= 3  # Keras goes through probabilities, which lose digits near 1
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
    others = dict(options)
    smoothing = others.pop("label_smoothing", 0.0)
    _, loss_terms, _, terms = oracle(name, from_logits, y_true, y_pred, smoothing, **others)
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
         r"\[loss\] received the option 'from_logits' for mean_squared_error; expected none"),
        (lambda: ops.loss("mean_squared_error", Z, Z, label_smoothing=0.1),
         "received the option 'label_smoothing' for mean_squared_error; expected none"),
        (lambda: ops.loss("binary_focal_crossentropy", Z, Z, delta=1),
         "received the option 'delta' for binary_focal_crossentropy; expected some of from_logits, "
         "label_smoothing, apply_class_balancing, alpha, gamma"),
        (lambda: ops.loss("binary_focal_crossentropy", Z, Z, alpha=1.5),
         "received alpha=1.5; expected a number from 0 to 1, the weight of ones"),
        (lambda: ops.loss("categorical_focal_crossentropy", Z, Z, alpha=-1),
         "received alpha=-1; expected a finite number of at least 0"),
        (lambda: ops.loss("binary_focal_crossentropy", Z, Z, gamma=np.nan),
         "received gamma=nan; expected a finite number of at least 0"),
        (lambda: ops.loss("huber", Z, Z, delta=0),
         "received delta=0; expected a finite number above 0"),
        (lambda: ops.loss("quantile", Z, Z, quantile=1),
         "received quantile=1; expected a number above 0 and below 1"),
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
