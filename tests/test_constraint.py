import numpy as np
import pytest
from guarded import Guarded
from reference import constraint as reference
from shapes import LENGTHS, MATRICES

import fastdnn as fd
from fastdnn import _core, constraints, ops

KERNELS = ["non_negative_f32", "column_norms_f32", "row_norms_f32"]

EPS = float(np.finfo(np.float32).eps)
# The least norm, the greatest, the rate: numbers that float32 holds.
BOUNDS = [(0.0, 2.0, 1.0), (1.0, 1.0, 1.0), (3.0, 3.5, 1.0), (0.5, 1.5, 0.25), (0.0, 0.0, 1.0)]


def bound(summed):
    """Roundings of eps / 2 of a constrained weight; all terms of its norm are positive.

    A sum of squares has those of a block of 64 and of a sum over blocks, of which the root leaves
    half; then come the root, the clip's two products and their sum, epsilon and its sum, the
    quotient and the product.
    """
    return ((64 + summed / 64 + 1) / 2 + 8) * EPS / 2


@pytest.mark.parametrize("axis", [0, 1, -1, -2])
@pytest.mark.parametrize("shape", [*MATRICES, (1000, 7), (64, 200)])
def test_norms(isa, rng, shape, axis):
    w = rng.standard_normal(shape).astype(np.float32)
    for bounds in BOUNDS:
        y = Guarded(shape)
        assert _core.constrain_norms(w, *bounds, axis, y.array) is y.array
        y.check()
        wanted = reference.norms(w, *bounds, axis)
        assert np.all(abs(y.array - wanted) <= bound(shape[axis]) * abs(wanted))


@pytest.mark.parametrize("length", LENGTHS)
def test_norms_of_vectors(isa, rng, length):
    w = rng.standard_normal(length).astype(np.float32)
    wanted = reference.norms(w, 0.0, 0.5, 1.0, 0)
    for axis in (0, -1):
        y = Guarded((length,))
        ops.max_norm(w, 0.5, axis, out=y.array)
        y.check()
        assert np.all(abs(y.array - wanted) <= bound(length) * abs(wanted))


@pytest.mark.parametrize("shape", MATRICES)
def test_non_negative(isa, rng, shape):
    x = rng.standard_normal(shape).astype(np.float32)
    y = Guarded(shape)
    ops.non_negative(x, out=y.array)
    y.check()
    np.testing.assert_array_equal(y.array, reference.non_negative(x))
    ops.non_negative(x, out=x)
    np.testing.assert_array_equal(x, y.array)


def test_extremes(isa):
    w = np.array([[np.nan, 0, 1e30, 1e-30], [1, 0, 1e30, 1e-30]], np.float32)
    y = ops.max_norm(w)
    assert np.isnan(y[:, 0]).all()
    # An infinite norm leaves nothing, and a small one less than epsilon of itself.
    np.testing.assert_array_equal(y[:, 1:3], 0)
    assert (abs(y[:, 3]) < 1e-30).all()
    np.testing.assert_array_equal(ops.non_negative(w[0]), w[0])


def test_thread_counts_agree(threads, rng):
    w = rng.standard_normal((1003, 517)).astype(np.float32)

    def results():
        norms = [ops.min_max_norm(w, 1.0, 2.0, 0.5, axis) for axis in (0, 1)]
        return [a.tobytes() for a in (*norms, ops.non_negative(w))]

    shared = results()
    _core.set_num_threads(1)
    assert shared == results()


def test_by_name_by_config_and_by_object():
    assert constraints.get(None) is None
    for name, cls in (
        ("max_norm", constraints.MaxNorm),
        ("MinMaxNorm", constraints.MinMaxNorm),
        ("unit_norm", constraints.UnitNorm),
        ("non_neg", constraints.NonNeg),
    ):
        assert type(constraints.get(name)) is cls
    norm = constraints.MinMaxNorm(0.5, 1.5, 0.25, axis=1)
    assert constraints.get(norm) is norm
    copy = constraints.get({"class_name": "MinMaxNorm", "config": norm.get_config()})
    assert (
        repr(copy) == repr(norm) == ("MinMaxNorm(min_value=0.5, max_value=1.5, rate=0.25, axis=1)")
    )


X = np.ones((3, 4), np.float32)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: ops.max_norm(X[None]), r"\[constrain_norms\] x: .* expected one or two dimension"),
        (lambda: ops.max_norm(X, axis=2), r"\[constraint\] received axis 2 .* expected -2 to 1"),
        (lambda: ops.max_norm(X, -1.0), r"received norms from 0 to -1; expected finite numbers"),
        (lambda: ops.max_norm(X, 1e39), r"received norms from 0 to 1e\+39; expected finite"),
        (lambda: ops.min_max_norm(X, rate=2), r"received rate 2; expected 0 to 1"),
        (lambda: ops.max_norm(X.astype(np.float64)), r"x: received a float64 array"),
        (lambda: ops.non_negative(X.T), r"\[non_negative\] x: received a non-contiguous"),
        (lambda: constraints.MaxNorm(-1), r"\[MaxNorm\] max_value: received -1; expected a number"),
        (lambda: constraints.MinMaxNorm(2.0, 1.0), r"max_value: received 1.0; .* from 2 to 3.4"),
        (lambda: constraints.UnitNorm(axis=0.5), r"\[UnitNorm\] axis: received 0.5; expected 0, 1"),
        (lambda: constraints.get("maxnorm"), r"received 'maxnorm'; expected one of .*max_norm"),
        (
            lambda: fd.Sequential(
                [fd.Input((4,)), fd.layers.Dense(3, bias_constraint=constraints.MaxNorm(axis=1))]
            ),
            r"received axis 1 of an array of 1 dimensions; expected -1 to 0",
        ),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()
    assert (X == 1).all()
