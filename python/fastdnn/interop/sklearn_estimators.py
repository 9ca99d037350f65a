"""Models from fitted estimators of scikit-learn."""

from typing import Any

import numpy as np

from fastdnn import layers
from fastdnn.checks import kind_of
from fastdnn.layers import Input
from fastdnn.layers.layer import Layer
from fastdnn.models import Sequential

_LINEAR = (
    *("LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV"),
    *("BayesianRidge", "HuberRegressor", "SGDRegressor", "LinearSVR"),
)
_CLASSIFIERS = ("LogisticRegression", "LogisticRegressionCV", "SGDClassifier")
_MLPS = ("MLPClassifier", "MLPRegressor")
_SCALERS = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler")
_ACTIVATIONS = {
    "identity": None,
    "logistic": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "softmax": "softmax",
    "exp": "exponential",
}


def from_sklearn(estimator: Any) -> Sequential:
    """Return a model that computes what a fitted estimator does.

    Args:
        estimator: an `MLPClassifier` or `MLPRegressor`, a linear model with numbers or
            probabilities as its outputs, or a `Pipeline` of scalers with one of these at its end.

    Returns:
        The model. Its outputs are those of `predict_proba` of a classifier, in the order of
        `estimator.classes_`, but for two classes one column, the probability of the second;
        several labels have a probability each; and those of `predict` of a regressor.

    Raises:
        ValueError: if the estimator is not fitted, or of a kind that no layers compute.

    >>> from sklearn.linear_model import LinearRegression
    >>> line = LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])
    >>> from_sklearn(line).predict([[2.0]], verbose=0).tolist()
    [[5.0]]
    """
    made: list[Layer] = []
    steps = [step for _, step in getattr(estimator, "steps", [("", estimator)])]
    for place, step in enumerate(steps):
        if step is None or step == "passthrough":
            continue
        made += _layers(step, last=place == len(steps) - 1)
    first = next((step for step in steps if hasattr(step, "n_features_in_")), None)
    if first is None or not made:
        raise ValueError(f"[from_sklearn] received {estimator!r}, which is not fitted")
    return Sequential([Input(shape=(int(first.n_features_in_),)), *made])


def _layers(step: Any, last: bool) -> list[Layer]:
    """Return the layers of one estimator."""
    kind = type(step).__name__
    known = (*_SCALERS, *_MLPS, *_CLASSIFIERS, *_LINEAR)
    if kind not in known:
        better = "; use its best_estimator_" if hasattr(step, "best_estimator_") else ""
        raise ValueError(
            f"[from_sklearn] received {kind_of(step)}; expected one of {', '.join(known)}, or a "
            f"Pipeline of them, fitted{better}"
        )
    if not hasattr(step, "n_features_in_"):
        raise ValueError(f"[from_sklearn] received {step!r}, which is not fitted; call its fit")
    if kind in _SCALERS:
        return [_scaler(step, kind)]
    if not last:
        raise ValueError(f"[from_sklearn] received {kind} before the end of a Pipeline")
    if kind in _MLPS:
        names = [*[step.activation] * (len(step.coefs_) - 1), step.out_activation_]
        activations = [_ACTIVATIONS[name] for name in names]
        return [
            _dense(kernel, bias, activation)
            for kernel, bias, activation in zip(
                step.coefs_, step.intercepts_, activations, strict=True
            )
        ]
    stored = step.coef_.toarray() if hasattr(step.coef_, "toarray") else step.coef_
    kernel, bias = np.atleast_2d(stored).T, np.atleast_1d(step.intercept_)
    if np.size(bias) == 1:
        bias = np.full(kernel.shape[1], float(np.ravel(bias)[0]))
    if kind in _LINEAR:
        return [_dense(kernel, bias, None)]
    if kind == "SGDClassifier" and step.loss != "log_loss":
        raise ValueError(
            f"[from_sklearn] received SGDClassifier(loss={step.loss!r}), which has no "
            "probabilities; expected loss='log_loss'"
        )
    several = kernel.shape[1] > 1
    if several and (kind == "SGDClassifier" or getattr(step, "solver", "") == "liblinear"):
        raise ValueError(
            f"[from_sklearn] received {kind} that tells one class from the rest at a time; "
            "expected two classes, or a multinomial LogisticRegression"
        )
    return [_dense(kernel, bias, "softmax" if several else "sigmoid")]


def _dense(kernel: Any, bias: Any, activation: str | None) -> layers.Dense:
    kernel, bias = np.asarray(kernel, np.float32), np.asarray(bias, np.float32)
    return layers.Dense(
        kernel.shape[1], activation, kernel_initializer=kernel, bias_initializer=bias
    )


def _scaler(step: Any, kind: str) -> layers.Normalization:
    """Return `(x - mean) / root of the variance` for what a scaler does."""
    ones = np.ones(step.n_features_in_)
    if kind == "MinMaxScaler":
        if step.clip:
            raise ValueError("[from_sklearn] received MinMaxScaler(clip=True); expected False")
        scale = 1.0 / step.scale_
        mean = -step.min_ * scale
    else:
        scale = ones if step.scale_ is None else step.scale_
        mean = 0.0 * ones
        if kind == "StandardScaler" and step.with_mean:
            mean = step.mean_
        elif kind == "RobustScaler" and step.with_centering:
            mean = step.center_
    return layers.Normalization(mean=mean, variance=scale**2)
