"""Element-wise activations on NumPy arrays."""

import numpy as np
import numpy.typing as npt

from fastdnn import _core


def activation(
    x: npt.NDArray[np.float32],
    name: str,
    *,
    alpha: float | None = None,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Apply an activation to every element of `x`.

    ==============  =============================================================
    name            formula
    ==============  =============================================================
    `linear`        `x`
    `relu`          `max(x, 0)`
    `leaky_relu`    `x if x > 0 else alpha * x`, alpha 0.2
    `elu`           `x if x > 0 else alpha * (exp(x) - 1)`, alpha 1.0
    `selu`          `1.0507009873554805 * elu(x, alpha=1.6732632423543772)`
    `sigmoid`       `1 / (1 + exp(-x))`
    `tanh`          `tanh(x)`
    `softplus`      `log(1 + exp(x))`
    `softsign`      `x / (1 + abs(x))`
    `gelu`          `x * P(x)`, P the normal distribution
    `gelu_tanh`     `x * sigmoid(2 * sqrt(2 / pi) * (x + 0.044715 * x**3))`
    `silu`          `x * sigmoid(x)`
    `mish`          `x * tanh(softplus(x))`
    `hard_sigmoid`  `relu6(x + 3) / 6`
    `hard_tanh`     `min(max(x, -1), 1)`
    `relu6`         `min(max(x, 0), 6)`
    `exponential`   `exp(x)`
    ==============  =============================================================

    Results are within 2 units in the last place of the exact value for every float32 `x`, except
    those of `gelu_tanh`, itself an approximation. At an infinity the result is the limit of the
    formula; NaN gives NaN.

    Args:
        x: Array of any shape, float32 and C-contiguous.
        name: One of the names above, as in `keras.activations`; `gelu_tanh` is Keras's
            `gelu(approximate=True)`.
        alpha: Parameter of `leaky_relu` (Keras: `negative_slope`) or `elu`, at least 0. Default:
            Keras's.
        out: Where to put the result; shape of `x`. May be `x`.

    Returns:
        Array of the shape of `x`: `out` if given.

    Raises:
        ValueError: If the name is unknown, if `alpha` is negative or the activation has none, or if
            an array has the wrong dtype, layout or shape.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> x = np.array([-1, 0, 2], np.float32)
    >>> ops.activation(x, "relu").tolist()
    [0.0, 0.0, 2.0]
    >>> ops.activation(x, "leaky_relu", alpha=0.5).tolist()
    [-0.5, 0.0, 2.0]
    """
    return _core.activation(x, name, alpha, out)


def activation_backward(
    y_or_x: npt.NDArray[np.float32],
    dy: npt.NDArray[np.float32],
    name: str,
    *,
    alpha: float | None = None,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Gradient of an activation: `dx = dy * f'(x)`.

    The derivative is computed from the output `y = f(x)`, so that a network need not keep `x`;
    where the output does not determine it (see `activation_needs_input`) from `x` itself. At a kink
    it is the derivative of the flat or lower branch: relu has 0 at 0.

    Args:
        y_or_x: The result of `activation`, or its argument if `activation_needs_input(name)`.
        dy: Gradient with respect to `y`; shape of `y_or_x`.
        name: The activation; see `activation`.
        alpha: As in `activation`.
        out: Where to put the result; shape of `dy`. May be `dy` or `y_or_x`.

    Returns:
        Array of the shape of `dy`: `out` if given.

    Raises:
        ValueError: As `activation`, or if the shapes differ.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> y = ops.activation(np.array([-1, 2], np.float32), "relu")
    >>> ops.activation_backward(y, np.array([5, 7], np.float32), "relu").tolist()
    [0.0, 7.0]
    """
    return _core.activation_backward(y_or_x, dy, name, alpha, out)


def activation_needs_input(name: str) -> bool:
    """Whether `activation_backward` needs the activation's input rather than its output.

    Args:
        name: The activation; see `activation`.

    Raises:
        ValueError: If the name is unknown.

    >>> from fastdnn import ops
    >>> ops.activation_needs_input("tanh"), ops.activation_needs_input("gelu")
    (False, True)
    """
    return _core.activation_needs_input(name)
