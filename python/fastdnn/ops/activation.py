"""Element-wise activations on NumPy arrays."""

import numpy as np
import numpy.typing as npt

from fastdnn import _core


def activation(
    x: npt.NDArray[np.float32],
    name: str,
    *,
    alpha: float = 0.0,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Apply an activation to every element of `x`.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> ops.activation(np.array([-1, 2], np.float32), "relu").tolist()
    [0.0, 2.0]
    """
    return _core.activation(x, name, alpha, out)
