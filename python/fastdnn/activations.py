"""Activation functions, by name and on arrays.

A layer takes the name, the function, or a layer that carries the slope one wants:
`Dense(10, activation="relu")`, `Dense(10, activation=activations.relu)`,
`Dense(10, activation=layers.LeakyReLU(0.1))`. Formulas and defaults are Keras's.

>>> import numpy as np
>>> relu(np.array([[-1, 2]], np.float32)).tolist()
[[0.0, 2.0]]
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastdnn import _core, ops
from fastdnn.checks import number
from fastdnn.configuration import unknown_name

Array = npt.NDArray[np.float32]


class Nonlinearity(NamedTuple):
    """An activation as the native core knows it: its name, and its slope where it has one."""

    name: str
    alpha: float = 0.0


def linear(x: Array) -> Array:
    """Return `x`.

    >>> import numpy as np
    >>> linear(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[-1.,  2.]], dtype=float32)
    """
    return ops.activation(x, "linear")


def relu(x: Array) -> Array:
    """Return `max(x, 0)`.

    >>> import numpy as np
    >>> relu(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[0., 2.]], dtype=float32)
    """
    return ops.activation(x, "relu")


def leaky_relu(x: Array, negative_slope: float = 0.2) -> Array:
    """Return `x` where positive, else `negative_slope * x`.

    >>> import numpy as np
    >>> leaky_relu(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[-0.2,  2. ]], dtype=float32)
    """
    return ops.activation(x, "leaky_relu", alpha=negative_slope)


def elu(x: Array, alpha: float = 1.0) -> Array:
    """Return `x` where positive, else `alpha * (exp(x) - 1)`.

    >>> import numpy as np
    >>> elu(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[-0.632,  2.   ]], dtype=float32)
    """
    return ops.activation(x, "elu", alpha=alpha)


def selu(x: Array) -> Array:
    """Return `1.05070098 * elu(x, 1.67326324)` (Klambauer et al. 2017).

    >>> import numpy as np
    >>> selu(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[-1.111,  2.101]], dtype=float32)
    """
    return ops.activation(x, "selu")


def sigmoid(x: Array) -> Array:
    """Return `1 / (1 + exp(-x))`.

    >>> import numpy as np
    >>> sigmoid(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[0.269, 0.881]], dtype=float32)
    """
    return ops.activation(x, "sigmoid")


def tanh(x: Array) -> Array:
    """Return the hyperbolic tangent.

    >>> import numpy as np
    >>> tanh(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[-0.762,  0.964]], dtype=float32)
    """
    return ops.activation(x, "tanh")


def softmax(x: Array) -> Array:
    """Return `exp(x) / sum(exp(x))` row by row.

    >>> import numpy as np
    >>> softmax(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[0.047, 0.953]], dtype=float32)
    """
    return ops.softmax(x)


def softplus(x: Array) -> Array:
    """Return `log(exp(x) + 1)`.

    >>> import numpy as np
    >>> softplus(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[0.313, 2.127]], dtype=float32)
    """
    return ops.activation(x, "softplus")


def softsign(x: Array) -> Array:
    """Return `x / (|x| + 1)`.

    >>> import numpy as np
    >>> softsign(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[-0.5  ,  0.667]], dtype=float32)
    """
    return ops.activation(x, "softsign")


def gelu(x: Array) -> Array:
    """Return `x * P(X <= x)` for a standard normal X (Hendrycks and Gimpel 2016).

    >>> import numpy as np
    >>> gelu(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[-0.159,  1.954]], dtype=float32)
    """
    return ops.activation(x, "gelu")


def silu(x: Array) -> Array:
    """Return `x * sigmoid(x)`, also known as swish.

    >>> import numpy as np
    >>> silu(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[-0.269,  1.762]], dtype=float32)
    """
    return ops.activation(x, "silu")


def mish(x: Array) -> Array:
    """Return `x * tanh(softplus(x))` (Misra 2019).

    >>> import numpy as np
    >>> mish(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[-0.303,  1.944]], dtype=float32)
    """
    return ops.activation(x, "mish")


def hard_sigmoid(x: Array) -> Array:
    """Return `x / 6 + 1 / 2` clipped to [0, 1].

    >>> import numpy as np
    >>> hard_sigmoid(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[0.333, 0.833]], dtype=float32)
    """
    return ops.activation(x, "hard_sigmoid")


def hard_tanh(x: Array) -> Array:
    """Return `x` clipped to [-1, 1].

    >>> import numpy as np
    >>> hard_tanh(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[-1.,  1.]], dtype=float32)
    """
    return ops.activation(x, "hard_tanh")


def relu6(x: Array) -> Array:
    """Return `x` clipped to [0, 6].

    >>> import numpy as np
    >>> relu6(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[0., 2.]], dtype=float32)
    """
    return ops.activation(x, "relu6")


def exponential(x: Array) -> Array:
    """Return `exp(x)`.

    >>> import numpy as np
    >>> exponential(np.array([[-1.0, 2.0]], np.float32)).round(3)
    array([[0.368, 7.389]], dtype=float32)
    """
    return ops.activation(x, "exponential")


_FUNCTIONS: tuple[Callable[..., Array], ...] = (
    linear, relu, leaky_relu, elu, selu, sigmoid, tanh, softmax, softplus, softsign, gelu, silu,
    mish, hard_sigmoid, hard_tanh, relu6, exponential,
)  # fmt: skip
NAMES = tuple(function.__name__ for function in _FUNCTIONS)
_ALIASES = {"swish": "silu"}


def _default_alpha(name: str) -> float:
    return 0.0 if name == "softmax" else _core.activation_default_alpha(name)


def get(identifier: Any, where: str = "activations.get") -> Nonlinearity:
    """Return the activation that a name, a function of this module or a layer stands for.

    Args:
        identifier: `None` (linear), a name, a function of this module, or a layer with an
            attribute `nonlinearity`, such as `LeakyReLU(0.1)`.
        where: what the caller was doing, for messages.

    Raises:
        ValueError: if there is no such activation.

    >>> get("elu")
    Nonlinearity(name='elu', alpha=1.0)
    """
    if identifier is None:
        return Nonlinearity("linear")
    if isinstance(identifier, Nonlinearity):
        checked_slope(where, "alpha", identifier.alpha)
        return identifier
    carried = getattr(identifier, "nonlinearity", None)
    if isinstance(carried, Nonlinearity):
        return carried
    if isinstance(identifier, Mapping) and identifier.keys() == {"name", "alpha"}:
        slope = checked_slope(where, "alpha", identifier["alpha"])
        return Nonlinearity(get(identifier["name"], where).name, slope)
    if identifier in _FUNCTIONS:
        identifier = identifier.__name__
    if not isinstance(identifier, str):
        raise ValueError(
            f"[{where}] activation: received {identifier!r} of type "
            f"{type(identifier).__name__}; expected a name: {', '.join(sorted(NAMES))}"
        )
    name = _ALIASES.get(identifier.lower(), identifier.lower())
    if name not in NAMES:
        raise ValueError(unknown_name(where, "activation", identifier, NAMES))
    return Nonlinearity(name, _default_alpha(name))


def checked_slope(where: str, name: str, value: Any) -> float:
    """Return the slope of an activation as a float, or raise a ValueError."""
    return number(where, name, value, 0.0, below=1e30)


def serialize(nonlinearity: Nonlinearity) -> str | dict[str, Any]:
    """Return the activation as a name, or with its slope where that is not the default.

    >>> serialize(Nonlinearity("relu")), serialize(Nonlinearity("leaky_relu", 0.1))
    ('relu', {'name': 'leaky_relu', 'alpha': 0.1})
    """
    if nonlinearity.alpha == _default_alpha(nonlinearity.name):
        return nonlinearity.name
    return nonlinearity._asdict()
