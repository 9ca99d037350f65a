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
