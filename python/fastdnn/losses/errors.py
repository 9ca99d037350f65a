"""Losses of numbers: how far predictions are from targets."""

from fastdnn.losses.loss import Loss


class MeanSquaredError(Loss):
    """`loss = mean((y_true - y_pred)**2)` over the outputs of a row.

    Args:
        name: a name for display.

    >>> round(MeanSquaredError()([[1.0], [2.0]], [[1.0], [4.0]]), 4)
    2.0
    """

    native_name = "mean_squared_error"

    def __init__(self, *, name: str = "mean_squared_error") -> None:
        super().__init__(name)


class MeanAbsoluteError(Loss):
    """`loss = mean(|y_true - y_pred|)` over the outputs of a row.

    Args:
        name: a name for display.

    >>> round(MeanAbsoluteError()([[1.0], [2.0]], [[1.0], [4.0]]), 4)
    1.0
    """

    native_name = "mean_absolute_error"

    def __init__(self, *, name: str = "mean_absolute_error") -> None:
        super().__init__(name)


class MeanAbsolutePercentageError(Loss):
    """`loss = 100 * mean(|y_true - y_pred| / max(|y_true|, 1e-7))` over the outputs of a row.

    For targets that are not near 0: a row counts by the inverse of its target.

    Args:
        name: a name for display.

    >>> round(MeanAbsolutePercentageError()([[1.0], [2.0]], [[1.0], [4.0]]), 4)
    50.0
    """

    native_name = "mean_absolute_percentage_error"

    def __init__(self, *, name: str = "mean_absolute_percentage_error") -> None:
        super().__init__(name)


class MeanSquaredLogarithmicError(Loss):
    """`loss = mean((log(1 + y_true) - log(1 + y_pred))**2)` over the outputs of a row.

    For targets of at least 0, of which factors count rather than differences. Predictions and
    targets below 1e-7 are taken for it, so that a prediction below has no gradient.

    Args:
        name: a name for display.

    >>> round(MeanSquaredLogarithmicError()([[1.0], [2.0]], [[1.0], [4.0]]), 4)
    0.1305
    """

    native_name = "mean_squared_logarithmic_error"

    def __init__(self, *, name: str = "mean_squared_logarithmic_error") -> None:
        super().__init__(name)


class Huber(Loss):
    """Squares of small errors and sizes of large ones, averaged over the outputs of a row.

    With `d = |y_true - y_pred|`: `d**2 / 2` up to delta, else `delta * (d - delta / 2)`

    Args:
        delta: where the square ends, above 0.
        name: a name for display.

    Raises:
        ValueError: if `delta` is not above 0.

    Source: Huber 1964, "Robust estimation of a location parameter".

    >>> Huber(delta=0.5)
    Huber(delta=0.5)
    """

    native_name = "huber"

    def __init__(self, delta: float = 1.0, *, name: str = "huber_loss") -> None:
        super().__init__(name)
        self.delta = self._number("delta", delta, above=0.0)


class LogCosh(Loss):
    """`loss = mean(log(cosh(y_pred - y_true)))` over the outputs of a row.

    About `d**2 / 2` for small errors d and `|d| - log(2)` for large ones, and smooth between.

    Args:
        name: a name for display.

    >>> round(LogCosh()([[1.0], [2.0]], [[1.0], [4.0]]), 4)
    0.6625
    """

    native_name = "log_cosh"

    def __init__(self, *, name: str = "log_cosh") -> None:
        super().__init__(name)


class Poisson(Loss):
    """`loss = mean(y_pred - y_true * log(y_pred + 1e-7))` over the outputs of a row.

    For targets that count something; the predicted rates must be above 0, as those of a last
    layer with softplus or exponential are.

    Args:
        name: a name for display.

    >>> round(Poisson()([[1.0], [2.0]], [[1.0], [4.0]]), 4)
    1.1137
    """

    native_name = "poisson"

    def __init__(self, *, name: str = "poisson") -> None:
        super().__init__(name)


class Quantile(Loss):
    """The pinball loss, smallest where a share `quantile` of the targets lies below predictions.

    `loss = mean(max(quantile * d, (quantile - 1) * d))` with `d = y_true - y_pred`

    Args:
        quantile: which quantile to predict, above 0 and below 1; 0.5 is the median, at half of
            `MeanAbsoluteError`.
        name: a name for display.

    Raises:
        ValueError: if `quantile` is not above 0 and below 1.

    Source: Koenker and Bassett 1978, "Regression quantiles".

    >>> Quantile(0.9)
    Quantile(quantile=0.9)
    """

    native_name = "quantile"

    def __init__(self, quantile: float = 0.5, *, name: str = "quantile") -> None:
        super().__init__(name)
        self.quantile = self._number("quantile", quantile, above=0.0, below=1.0)
