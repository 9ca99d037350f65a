"""Losses that a function computes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn.losses.loss import Loss

Array = npt.NDArray[Any]


class FunctionLoss(Loss):
    """A loss that a Python function computes, one batch at a time.

    `compile(loss=function)` makes one. The function takes `(y_true, y_pred)`: targets of these rows
    as `fit` received them, floating-point numbers as float32, and the outputs, float32 of shape
    (rows, outputs), which it must not change. It returns a pair: the loss of every row, of shape
    (rows,), and the derivatives of each row's loss by its outputs, of the shape of `y_pred`.
    Weights of rows and the mean over the batch are applied afterwards; they are no business of the
    function's.

    Args:
        function: the function.
        name: a name for display; None for the function's.

    An error that the function raises ends the call of `fit` before the step changes weights, and so
    do losses or derivatives that are not finite. The function must not call the model that is
    trained, nor wait for another thread that does. A file does not hold functions: `load_model`
    asks for them.

    >>> import numpy as np, fastdnn as fd
    >>> def squared(y_true, y_pred):
    ...     error = y_pred - y_true
    ...     return (error**2).sum(axis=1), 2 * error
    >>> model = fd.Sequential([fd.Input(shape=(1,)), fd.layers.Dense(1)])
    >>> model.compile(fd.optimizers.SGD(0.5), loss=squared)
    >>> x = np.linspace(0, 1, 64, dtype=np.float32)
    >>> history = model.fit(x, 3 * x, epochs=50, verbose=0)
    >>> history.history["loss"][-1] < 1e-3
    True
    """

    targets = "any"
    native_name = "function"

    def __init__(
        self, function: Callable[[Any, Any], tuple[Any, Any]], name: str | None = None
    ) -> None:
        if not callable(function):
            raise ValueError(
                f"[FunctionLoss] function: received {function!r}; expected a function of y_true "
                "and y_pred; load_model takes functions as custom_objects={name: function}"
            )
        super().__init__(name_of(function) if name is None else name)
        self.function = function

    def options(self) -> dict[str, float]:
        """Return no options: the native core asks the function."""
        return {}

    def argument(self, name: str) -> Any:
        """Return the function's name in its place, as configs hold it."""
        return name_of(self.function) if name == "function" else super().argument(name)

    def row_losses(self, y_true: Array, y_pred: Array) -> Array:
        """Return the loss of every row."""
        return self.with_derivatives(y_true, y_pred)[0]

    def with_derivatives(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        """Return the losses of the rows and their derivatives, checked.

        Raises:
            ValueError: if the function returns anything else.
        """
        answer = self.function(y_true, y_pred)
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            raise ValueError(
                f"[loss {self.name}] received a {type(answer).__name__} from the function; "
                "expected a pair: the loss of every row, and its derivatives by the outputs, as "
                "fastdnn does not differentiate functions; see help(fastdnn.losses.FunctionLoss)"
            )
        losses = checked_rows(f"loss {self.name}", "losses", answer[0], len(y_pred))
        return losses, checked(f"loss {self.name}", "derivatives", answer[1], y_pred.shape)


def check_derivatives(
    function: Callable[[Any, Any], tuple[Any, Any]], y_true: Any, y_pred: Any
) -> None:
    """Hold the derivatives that a loss returns against central differences of its losses.

    Args:
        function: as for `FunctionLoss`.
        y_true: targets of some rows, as the function takes them.
        y_pred: outputs for them, (rows, outputs), away from where the loss has kinks. They reach
            the function as float64.

    Raises:
        ValueError: if a derivative is off by more than a thousandth of the largest, with its place;
            if `y_pred` has another shape.

    >>> def squared(y_true, y_pred):
    ...     return ((y_pred - y_true) ** 2)[:, 0], y_true - y_pred
    >>> check_derivatives(squared, np.zeros((3, 1)), np.ones((3, 1)))
    Traceback (most recent call last):
    ValueError: [loss squared] received the derivative -1 for row 0, output 0; expected 2, ...
    """
    loss = FunctionLoss(function)
    outputs = np.asarray(y_pred, np.float64)
    if outputs.ndim != 2 or not outputs.size:
        raise ValueError(
            f"[check_derivatives] y_pred: received shape {outputs.shape}; expected (rows, outputs)"
        )
    _, derivatives = loss.with_derivatives(y_true, outputs)
    expected = np.empty(outputs.shape)
    for column in range(outputs.shape[1]):
        # A step of 1e-4 of the numbers' size is off by its square, and rounds by 1e-12.
        step = 1e-4 * np.maximum(1.0, abs(outputs[:, column]))
        sides = []
        for sign in (1.0, -1.0):
            moved = outputs.copy()
            moved[:, column] += sign * step
            sides.append(np.asarray(function(y_true, moved)[0], np.float64).reshape(len(outputs)))
        expected[:, column] = (sides[0] - sides[1]) / (2.0 * step)
    off = abs(derivatives - expected)
    row, column = map(int, np.unravel_index(off.argmax(), off.shape))
    if not off[row, column] <= 1e-3 * abs(expected).max() + 1e-6:
        raise ValueError(
            f"[loss {loss.name}] received the derivative {derivatives[row, column]:.6g} for row "
            f"{row}, output {column}; expected {expected[row, column]:.6g}, by which the loss of "
            "this row grows with this output; weights and means over rows are applied afterwards"
        )


def name_of(function: Any) -> str:
    """Return a function's name, or its class's."""
    return str(getattr(function, "__name__", type(function).__name__))


def checked_rows(where: str, what: str, value: Any, rows: int) -> Array:
    """Return one number a row, also of one column, or raise a ValueError."""
    array = np.asarray(value)
    return checked(where, what, array[:, 0] if array.shape == (rows, 1) else array, (rows,))


def checked(where: str, what: str, value: Any, shape: tuple[int, ...]) -> Array:
    """Return what a function returned as float32 of this shape, or raise a ValueError."""
    array = np.asarray(value)
    if array.shape != shape or array.dtype.kind not in "fiub":
        raise ValueError(
            f"[{where}] received {what} of shape {array.shape} and type {array.dtype} from the "
            f"function; expected numbers of shape {shape}"
        )
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and found as such
        return np.ascontiguousarray(array, np.float32)
