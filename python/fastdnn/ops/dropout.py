"""Dropout on NumPy arrays."""

import numpy as np
import numpy.typing as npt

from fastdnn import _core


def dropout(
    x: npt.NDArray[np.float32],
    rate: float,
    *,
    seed: int,
    stream: int = 0,
    step: int = 0,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Set elements to zero at random and scale the others up.

    `y = 0` with probability `rate`, else `x / (1 - rate)`, so that the mean stays: inverted
    dropout, as in Keras. The rate is rounded to a multiple of 2**-16 first.

    Args:
        x: Array of shape (..., columns).
        rate: Share of the elements to drop, in [0, 1) when rounded.
        seed: The key of the mask, from 0 to 2**64 - 1.
        stream: Which use of the seed this is, such as the layer's number, from 0 to 2**32 - 1.
        step: Which draw of that use this is, such as the training step, from 0 to 2**32 - 1.
        out: Array of the shape of `x` to write to; may be `x`.

    Returns:
        Array of the shape of `x`. Which elements are zero depends on seed, stream, step, row and
        column alone, on no machine and no number of threads.

    Raises:
        ValueError: For a rate, seed, stream or step out of range; for arrays that are not float32
            and C-contiguous.

    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov 2014, "Dropout: a simple way to prevent
    neural networks from overfitting".

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.dropout(np.ones(8, np.float32), 0.5, seed=1).tolist()
    [0.0, 0.0, 2.0, 2.0, 0.0, 2.0, 0.0, 2.0]
    """
    return _core.dropout(x, rate, seed, stream, step, out)


def dropout_backward(
    dy: npt.NDArray[np.float32],
    rate: float,
    *,
    seed: int,
    stream: int = 0,
    step: int = 0,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Differentiate `dropout`: the gradient of its input from that of its output.

    `dx = 0` where the forward pass dropped, else `dy / (1 - rate)`. The mask is drawn again, not
    stored.

    Args:
        dy: Gradient of the output, of shape (..., columns).
        rate: As in the forward pass.
        seed: As in the forward pass.
        stream: As in the forward pass.
        step: As in the forward pass.
        out: Array of the shape of `dy` to write to; may be `dy`.

    Raises:
        ValueError: For a rate, seed, stream or step out of range; for arrays that are not float32
            and C-contiguous.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> x = np.ones((4, 100), np.float32)
    >>> y = ops.dropout(x, 0.2, seed=1)
    >>> bool((ops.dropout_backward(x, 0.2, seed=1) == y).all())
    True
    """
    return _core.dropout_backward(dy, rate, seed, stream, step, out)


def alpha_dropout(
    x: npt.NDArray[np.float32],
    rate: float,
    *,
    seed: int,
    stream: int = 0,
    step: int = 0,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Set elements to where SELU saturates at random, and keep mean 0 and variance 1.

    `y = a * s + b` with probability `rate`, else `a * x + b`, where `s = -1.7581` is the least
    value of SELU, `a = ((1 - rate) * (1 + rate * s**2)) ** -0.5` and `b = -a * s * rate`. The rate
    is rounded to a multiple of 2**-16 first.

    Args:
        x: Array of shape (..., columns).
        rate: Share of the elements to drop, in [0, 1) when rounded.
        seed: As for `dropout`, which has the same mask.
        stream: Likewise.
        step: Likewise.
        out: Array of the shape of `x` to write to; may be `x`.

    Raises:
        ValueError: For a rate, seed, stream or step out of range; for arrays that are not float32
            and C-contiguous.

    Klambauer, Unterthiner, Mayr, Hochreiter 2017, "Self-normalizing neural networks", section 3.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.alpha_dropout(np.zeros(4, np.float32), 0.5, seed=1).round(3)
    array([-0.779, -0.779,  0.779,  0.779], dtype=float32)
    """
    return _core.alpha_dropout(x, rate, seed, stream, step, out)


def alpha_dropout_backward(
    dy: npt.NDArray[np.float32],
    rate: float,
    *,
    seed: int,
    stream: int = 0,
    step: int = 0,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Differentiate `alpha_dropout`: `a * dy` where it kept, else 0.

    Args:
        dy: Gradient of the output, of shape (..., columns).
        rate: As in the forward pass.
        seed: As in the forward pass.
        stream: As in the forward pass.
        step: As in the forward pass.
        out: Array of the shape of `dy` to write to; may be `dy`.

    Raises:
        ValueError: For a rate, seed, stream or step out of range; for arrays that are not float32
            and C-contiguous.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.alpha_dropout_backward(np.ones(4, np.float32), 0.5, seed=1).round(3)
    array([0.   , 0.   , 0.886, 0.886], dtype=float32)
    """
    return _core.alpha_dropout_backward(dy, rate, seed, stream, step, out)
