"""Models from fitted estimators of scikit-learn."""

import pickle
import warnings

import numpy as np
import pytest
from equal_outputs import assert_equal_outputs

from fastdnn.interop import from_sklearn

sklearn = pytest.importorskip("sklearn", reason="no scikit-learn: pip install scikit-learn")

from sklearn.linear_model import (  # noqa: E402
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.neural_network import MLPClassifier, MLPRegressor  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler  # noqa: E402


def _data(rng, classes=3):
    # Numbers of float32: theirs computes in float64, which is no reason for other inputs.
    x = rng.standard_normal((150, 5)) * [1, 2, 0.5, 1, 1] + [0, 1, 0, -1, 1]
    return (
        x.astype(np.float32).astype(float),
        rng.integers(0, classes, 150),
        rng.standard_normal((150, 2)),
    )


def _fitted(estimator, x, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they need not converge
        # As a file would bring it: joblib's and pickle's hold the estimator.
        return pickle.loads(pickle.dumps(estimator.fit(x, y)))


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_nets(rng, activation):
    x, y, numbers = _data(rng)
    options = {"hidden_layer_sizes": (7, 6), "activation": activation, "max_iter": 5}
    options["random_state"] = int(rng.integers(2**31))
    several = (np.stack([y == 0, y == 1], axis=1)).astype(int)
    cases = [
        (MLPClassifier(**options), y, lambda e: e.predict_proba(x)),
        (MLPClassifier(**options), y == 1, lambda e: e.predict_proba(x)[:, 1:]),
        (MLPClassifier(**options), several, lambda e: e.predict_proba(x)),
        (MLPRegressor(**options), numbers[:, 0], lambda e: e.predict(x)[:, None]),
        (MLPRegressor(**options), numbers, lambda e: e.predict(x)),
        (make_pipeline(StandardScaler(), MLPRegressor(**options)), numbers, lambda e: e.predict(x)),
        (
            make_pipeline(MinMaxScaler((-1, 2)), "passthrough", MLPClassifier(**options)),
            y,
            lambda e: e.predict_proba(x),
        ),
    ]
    for estimator, target, expected in cases:
        fitted = _fitted(estimator, x, target)
        assert_equal_outputs(from_sklearn(fitted).predict(x, verbose=0), expected(fitted))


def test_linear_models(rng):
    x, y, numbers = _data(rng)
    for estimator in (
        *(LinearRegression(), Ridge(), Lasso(), LinearRegression(fit_intercept=False)),
        make_pipeline(StandardScaler(with_mean=False), Ridge()),
        make_pipeline(StandardScaler(with_std=False), Ridge()),
        make_pipeline(MaxAbsScaler(), Ridge()),
        make_pipeline(RobustScaler(), RobustScaler(with_centering=False), Ridge()),
    ):
        for target in (numbers, numbers[:, 0]):
            fitted = _fitted(estimator, x, target)
            expected = fitted.predict(x).reshape(len(x), -1)
            assert_equal_outputs(from_sklearn(fitted).predict(x, verbose=0), expected)
    fitted = _fitted(LogisticRegression(), x, y)
    assert_equal_outputs(from_sklearn(fitted).predict(x, verbose=0), fitted.predict_proba(x))
    assert_equal_outputs(
        from_sklearn(_fitted(LogisticRegression(), x, y).sparsify()).predict(x, verbose=0),
        fitted.predict_proba(x),
    )
    # With little of a penalty, the second one's sums of hundreds cancel.
    for estimator in (LogisticRegression(), SGDClassifier(loss="log_loss", alpha=0.3)):
        fitted = _fitted(estimator, x, y == 2)
        assert_equal_outputs(
            from_sklearn(fitted).predict(x, verbose=0)[:, 0],
            fitted.predict_proba(x)[:, 1],
        )


def test_training_goes_on(rng):
    x, _, numbers = _data(rng)
    model = from_sklearn(_fitted(MLPRegressor(hidden_layer_sizes=(9,), max_iter=3), x, numbers))
    model.compile("adam", "mse")
    before = model.evaluate(x, numbers, verbose=0)
    model.fit(x, numbers, epochs=20, verbose=0)
    assert model.evaluate(x, numbers, verbose=0) < before


def test_what_no_layers_compute(rng):
    x, y, _ = _data(rng)
    for estimator, message in (
        (RidgeClassifier().fit(x, y), "received RidgeClassifier; expected one of StandardScaler"),
        (MLPClassifier(), r"received MLPClassifier\(\), which is not fitted"),
        (SGDClassifier().fit(x, y), r"received SGDClassifier\(loss='hinge'\), which has no proba"),
        (SGDClassifier(loss="log_loss").fit(x, y), "tells one class from the rest at a time"),
        (MinMaxScaler(clip=True).fit(x), r"received MinMaxScaler\(clip=True\)"),
        (MLPClassifier, "received the class MLPClassifier; expected one of"),
        (
            GridSearchCV(RidgeClassifier(), {"alpha": [1.0]}, cv=2).fit(x, y),
            "received GridSearchCV; .*; use its best_estimator_",
        ),
        (3, "received int; expected one of"),
    ):
        with pytest.raises(ValueError, match=r"\[from_sklearn\] .*" + message):
            from_sklearn(estimator)
