"""Scaling of inputs."""

from typing import TYPE_CHECKING

import numpy as np

from fastdnn.checks import FLOAT32_MAX
from fastdnn.layers.layer import Layer

if TYPE_CHECKING:
    from fastdnn.models.lowering import Lowering


_LARGEST = float(np.finfo(np.float32).max)


class Rescaling(Layer):
    """Computes `inputs * scale + offset`, in training and prediction alike.

    As the first layer that changes anything (a `Flatten` may come before it) it gets uint8
    rows as they are, 0 to 255; anywhere else they have been divided by 255 already. With
    bytes, in front of `Dense` and without an offset it takes no time: the products are
    scaled.

    `Rescaling(1 / deviation, offset=-mean / deviation)` standardizes.

    Args:
        scale: what all inputs are multiplied by, a finite float32 number.
        offset: what is added to all, a finite float32 number.
        name: unique in the model.

    Raises:
        ValueError: if `scale` or `offset` is not such a number.

    >>> import numpy as np
    >>> import fastdnn as fd
    >>> model = fd.Sequential([fd.Input(shape=(3,)), fd.layers.Rescaling(1 / 128, offset=-1)])
    >>> model.predict(np.array([[0, 64, 128]], np.uint8), verbose=0)
    array([[-1. , -0.5,  0. ]], dtype=float32)
    """

    def __init__(self, scale: float, offset: float = 0.0, name: str | None = None) -> None:
        super().__init__(name)
        self.scale = self._number("scale", scale, -FLOAT32_MAX, FLOAT32_MAX)
        self.offset = self._number("offset", offset, -FLOAT32_MAX, FLOAT32_MAX)

    def lower(self, lowering: "Lowering", x: int) -> int:
        """Add the scaling."""
        return lowering.graph.add_rescaling(x, self.scale, self.offset)
