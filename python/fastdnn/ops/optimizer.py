"""Optimizer steps on NumPy arrays, in place."""

import numpy as np
import numpy.typing as npt

from fastdnn import _core

_Array = npt.NDArray[np.float32]


def _given(**arrays: _Array | None) -> dict[str, _Array]:
    return {name: array for name, array in arrays.items() if array is not None}


def sgd_update(
    weights: _Array,
    gradient: _Array,
    momentums: _Array | None = None,
    *,
    learning_rate: float = 0.01,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> None:
    """Do one step of gradient descent on `weights`, in place.

    `w -= lr g`; with momentum `m = momentum m - lr g` and `w += m`, or for Nesterov's variant
    `w += momentum m - lr g`.

    Args:
        weights: Array of any shape; changed.
        gradient: Array of the same shape.
        momentums: Array of the same shape, zeros before the first step; changed. Needed exactly
            when `momentum` is not 0.
        learning_rate: Step size, at least 0.
        momentum: Share of the last change that is kept, from 0 to 1.
        nesterov: Whether to look ahead along the momentum.

    Raises:
        ValueError: If an array has a wrong dtype, shape or layout, is read-only or shares memory
            with another, or if a number is out of its range. Nothing is changed then.

    Source: Keras 3's SGD; Sutskever et al., 2013, equations 1-4.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> w = np.array([1, 2], np.float32)
    >>> ops.sgd_update(w, np.array([2, -2], np.float32), learning_rate=0.5)
    >>> w.tolist()
    [0.0, 3.0]
    """
    config = _core.OptimizerConfig("sgd", momentum=momentum, nesterov=nesterov)
    slots = _given(momentums=momentums)
    _core.optimizer_update(config, weights, gradient, slots, learning_rate, 1)


def adagrad_update(
    weights: _Array,
    gradient: _Array,
    accumulators: _Array,
    *,
    learning_rate: float = 0.001,
    epsilon: float = 1e-7,
) -> None:
    """Do one step of Adagrad on `weights`, in place.

    `a += g^2`; `w -= lr g / sqrt(a + epsilon)`.

    Args:
        weights: Array of any shape; changed.
        gradient: Array of the same shape.
        accumulators: Array of the same shape, filled with 0.1 (Keras's default) before the first
            step; changed.
        learning_rate: Step size, at least 0.
        epsilon: Small constant inside the root.

    Raises:
        ValueError: As for `sgd_update`.

    Source: Keras 3's Adagrad; Duchi et al., 2011.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> w, a = np.ones(2, np.float32), np.full(2, 7, np.float32)
    >>> ops.adagrad_update(w, np.full(2, 3, np.float32), a, learning_rate=4, epsilon=0)
    >>> w.tolist(), a.tolist()
    ([-2.0, -2.0], [16.0, 16.0])
    """
    config = _core.OptimizerConfig("adagrad", epsilon=epsilon)
    slots = _given(accumulators=accumulators)
    _core.optimizer_update(config, weights, gradient, slots, learning_rate, 1)


def rmsprop_update(
    weights: _Array,
    gradient: _Array,
    velocities: _Array,
    momentums: _Array | None = None,
    average_gradients: _Array | None = None,
    *,
    learning_rate: float = 0.001,
    rho: float = 0.9,
    momentum: float = 0.0,
    epsilon: float = 1e-7,
) -> None:
    """Do one step of RMSprop on `weights`, in place.

    `v = rho v + (1 - rho) g^2`; `d = lr g / sqrt(v + epsilon)`; `w -= d`. With momentum
    `m = momentum m + d` and `w -= m`. Centered, `s = rho s + (1 - rho) g` and `v - s^2` stands
    in the root.

    Args:
        weights: Array of any shape; changed.
        gradient: Array of the same shape.
        velocities: Array of the same shape, zeros before the first step; changed.
        momentums: The same, needed exactly when `momentum` is not 0.
        average_gradients: The same; given, the step is the centered one.
        learning_rate: Step size, at least 0.
        rho: Share of the old mean square that is kept, from 0 to 1.
        momentum: Share of the last change that is kept, from 0 to 1.
        epsilon: Small constant inside the root.

    Raises:
        ValueError: As for `sgd_update`.

    Source: Keras 3's RMSprop; Tieleman and Hinton, 2012; centered: Graves, 2013, equations 38-45.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> w, v = np.ones(2, np.float32), np.zeros(2, np.float32)
    >>> ops.rmsprop_update(w, np.full(2, 2, np.float32), v, learning_rate=1, rho=0.75, epsilon=0)
    >>> w.tolist(), v.tolist()
    ([-1.0, -1.0], [1.0, 1.0])
    """
    centered = average_gradients is not None
    config = _core.OptimizerConfig(
        "rmsprop", rho=rho, momentum=momentum, epsilon=epsilon, centered=centered
    )
    slots = _given(velocities=velocities, momentums=momentums, average_gradients=average_gradients)
    _core.optimizer_update(config, weights, gradient, slots, learning_rate, 1)


def adam_update(
    weights: _Array,
    gradient: _Array,
    momentums: _Array,
    velocities: _Array,
    velocity_hats: _Array | None = None,
    *,
    iteration: int,
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> None:
    """Do one step of Adam on `weights`, in place.

    `m += (1 - beta_1)(g - m)`; `v += (1 - beta_2)(g^2 - v)`;
    `w -= lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)`.

    Args:
        weights: Array of any shape; changed.
        gradient: Array of the same shape.
        momentums: Array of the same shape, zeros before the first step; changed.
        velocities: The same.
        velocity_hats: The same; given, the step is AMSGrad's, with the largest `v` so far.
        iteration: Number of the step, `t`; the first is 1.
        learning_rate: Step size, at least 0.
        beta_1: Share of the old mean that is kept, at least 0 and less than 1.
        beta_2: Share of the old mean square that is kept, at least 0 and less than 1.
        epsilon: Small constant added to the root.

    Raises:
        ValueError: As for `sgd_update`.

    Source: Keras 3's Adam; Kingma and Ba, 2014, the formula before section 2.1 ("epsilon hat");
    Reddi et al., 2018.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> w, m, v = np.ones(2, np.float32), np.zeros(2, np.float32), np.zeros(2, np.float32)
    >>> ops.adam_update(w, np.array([3, -3], np.float32), m, v, iteration=1, learning_rate=0.5)
    >>> w.round(3).tolist()
    [0.5, 1.5]
    """
    amsgrad = velocity_hats is not None
    config = _core.OptimizerConfig(
        "adam", beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, amsgrad=amsgrad
    )
    slots = _given(momentums=momentums, velocities=velocities, velocity_hats=velocity_hats)
    _core.optimizer_update(config, weights, gradient, slots, learning_rate, iteration)


def ftrl_update(
    weights: _Array,
    gradient: _Array,
    accumulators: _Array,
    linears: _Array,
    *,
    learning_rate: float = 0.001,
    learning_rate_power: float = -0.5,
    l1_regularization_strength: float = 0.0,
    l2_regularization_strength: float = 0.0,
    l2_shrinkage_regularization_strength: float = 0.0,
    beta: float = 0.0,
) -> None:
    """Do one step of "follow the regularized leader" on `weights`, in place.

    With `p = -learning_rate_power`: `n' = n + g^2`;
    `z += g + 2 l2_shrinkage w - (n'^p - n^p) / lr w`;
    `w = (clip(z, -l1, l1) - z) / (n'^p / lr + 2 l2 + beta / lr)`; `n = n'`.

    Args:
        weights: Array of any shape; changed.
        gradient: Array of the same shape.
        accumulators: `n`, an array of the same shape, filled with 0.1 (Keras's default) before
            the first step; changed.
        linears: `z`, an array of the same shape, zeros before the first step; changed.
        learning_rate: Step size, more than 0.
        learning_rate_power: At most 0; 0 keeps the step size constant.
        l1_regularization_strength: At least 0; more sets more weights to exactly 0.
        l2_regularization_strength: At least 0.
        l2_shrinkage_regularization_strength: At least 0; an L2 penalty on the gradient's side.
        beta: At least 0; the paper's beta.

    Raises:
        ValueError: As for `sgd_update`.

    Source: Keras 3's Ftrl; McMahan et al., 2013, algorithm 1.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> w, n, z = np.zeros(2, np.float32), np.zeros(2, np.float32), np.zeros(2, np.float32)
    >>> g = np.array([2, 0.5], np.float32)
    >>> ops.ftrl_update(w, g, n, z, learning_rate=1, l1_regularization_strength=1)
    >>> w.tolist()
    [-0.5, 0.0]
    """
    config = _core.OptimizerConfig(
        "ftrl",
        learning_rate_power=learning_rate_power,
        l1_regularization_strength=l1_regularization_strength,
        l2_regularization_strength=l2_regularization_strength,
        l2_shrinkage_regularization_strength=l2_shrinkage_regularization_strength,
        beta=beta,
    )
    slots = _given(accumulators=accumulators, linears=linears)
    _core.optimizer_update(config, weights, gradient, slots, learning_rate, 1)


def adadelta_update(
    weights: _Array,
    gradient: _Array,
    accumulated_grads: _Array,
    accumulated_delta_vars: _Array,
    *,
    learning_rate: float = 0.001,
    rho: float = 0.95,
    epsilon: float = 1e-7,
) -> None:
    """Do one step of Adadelta on `weights`, in place.

    `a = rho a + (1 - rho) g^2`; `s = g sqrt(d + epsilon) / sqrt(a + epsilon)`;
    `d = rho d + (1 - rho) s^2`; `w -= lr s`.

    Args:
        weights: Array of any shape; changed.
        gradient: Array of the same shape.
        accumulated_grads: `a`, an array of the same shape, zeros before the first step; changed.
        accumulated_delta_vars: `d`, the same.
        learning_rate: Step size, at least 0.
        rho: Share of the old means that is kept, from 0 to 1.
        epsilon: Small constant inside the roots.

    Raises:
        ValueError: As for `sgd_update`.

    Source: Keras 3's Adadelta; Zeiler, 2012, algorithm 1.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> w, a, d = np.ones(2, np.float32), np.zeros(2, np.float32), np.full(2, 4, np.float32)
    >>> g = np.array([2, -2], np.float32)
    >>> ops.adadelta_update(w, g, a, d, learning_rate=0.25, rho=0.75, epsilon=0)
    >>> w.tolist(), a.tolist(), d.tolist()
    ([0.0, 2.0], [1.0, 1.0], [7.0, 7.0])
    """
    config = _core.OptimizerConfig("adadelta", rho=rho, epsilon=epsilon)
    slots = _given(
        accumulated_grads=accumulated_grads, accumulated_delta_vars=accumulated_delta_vars
    )
    _core.optimizer_update(config, weights, gradient, slots, learning_rate, 1)


def nadam_update(
    weights: _Array,
    gradient: _Array,
    momentums: _Array,
    velocities: _Array,
    *,
    iteration: int,
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> None:
    """Do one step of Nadam on `weights`, in place.

    With `u(t) = beta_1 (1 - 0.96^t / 2)` and `U(t)` the product of `u(1)` to `u(t)`:
    `m += (1 - beta_1)(g - m)`; `v += (1 - beta_2)(g^2 - v)`;
    `h = u(t + 1) m / (1 - U(t + 1)) + (1 - u(t)) g / (1 - U(t))`;
    `w -= lr h / (sqrt(v / (1 - beta_2^t)) + epsilon)`.

    Args:
        weights: Array of any shape; changed.
        gradient: Array of the same shape.
        momentums: Array of the same shape, zeros before the first step; changed.
        velocities: The same.
        iteration: Number of the step, `t`; the first is 1.
        learning_rate: Step size, at least 0.
        beta_1: Share of the old mean that is kept, at least 0 and less than 1.
        beta_2: Share of the old mean square that is kept, at least 0 and less than 1.
        epsilon: Small constant added to the root.

    Raises:
        ValueError: As for `sgd_update`.

    Source: Keras 3's Nadam; Dozat, 2015, algorithm 8.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> w, m, v = np.ones(2, np.float32), np.zeros(2, np.float32), np.zeros(2, np.float32)
    >>> ops.nadam_update(w, np.array([3, -3], np.float32), m, v, iteration=1, learning_rate=0.5)
    >>> print(w.round(3))
    [0.469 1.531]
    """
    config = _core.OptimizerConfig("nadam", beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)
    slots = _given(momentums=momentums, velocities=velocities)
    _core.optimizer_update(config, weights, gradient, slots, learning_rate, iteration)


def adamax_update(
    weights: _Array,
    gradient: _Array,
    momentums: _Array,
    norms: _Array,
    *,
    iteration: int,
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> None:
    """Do one step of Adamax on `weights`, in place.

    `m += (1 - beta_1)(g - m)`; `u = max(beta_2 u, |g|)`;
    `w -= lr / (1 - beta_1^t) m / (u + epsilon)`.

    Args:
        weights: Array of any shape; changed.
        gradient: Array of the same shape.
        momentums: Array of the same shape, zeros before the first step; changed.
        norms: The same.
        iteration: Number of the step, `t`; the first is 1.
        learning_rate: Step size, at least 0.
        beta_1: Share of the old mean that is kept, at least 0 and less than 1.
        beta_2: Share of the old maximum that is kept, at least 0 and less than 1.
        epsilon: Small constant against division by zero.

    Raises:
        ValueError: As for `sgd_update`.

    Source: Keras 3's Adamax; Kingma and Ba, 2014, algorithm 2.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> w, m, u = np.ones(2, np.float32), np.zeros(2, np.float32), np.zeros(2, np.float32)
    >>> ops.adamax_update(w, np.array([3, -3], np.float32), m, u, iteration=1, learning_rate=0.5)
    >>> w.round(3).tolist()
    [0.5, 1.5]
    """
    config = _core.OptimizerConfig("adamax", beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)
    slots = _given(momentums=momentums, norms=norms)
    _core.optimizer_update(config, weights, gradient, slots, learning_rate, iteration)


def lion_update(
    weights: _Array,
    gradient: _Array,
    momentums: _Array,
    *,
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.99,
) -> None:
    """Do one step of Lion on `weights`, in place.

    `w -= lr sign(beta_1 m + (1 - beta_1) g)`; `m = beta_2 m + (1 - beta_2) g`.

    Args:
        weights: Array of any shape; changed.
        gradient: Array of the same shape.
        momentums: Array of the same shape, zeros before the first step; changed.
        learning_rate: Step size, at least 0.
        beta_1: Share of the momentum in the step, above 0 and at most 1.
        beta_2: Share of the old momentum that is kept, from 0 to 1.

    Raises:
        ValueError: As for `sgd_update`.

    Source: Keras 3's Lion; Chen et al., 2023, algorithm 2.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> w, m = np.ones(2, np.float32), np.zeros(2, np.float32)
    >>> ops.lion_update(w, np.array([3, -3], np.float32), m, learning_rate=0.5)
    >>> w.tolist()
    [0.5, 1.5]
    """
    config = _core.OptimizerConfig("lion", beta_1=beta_1, beta_2=beta_2)
    slots = _given(momentums=momentums)
    _core.optimizer_update(config, weights, gradient, slots, learning_rate, 1)
