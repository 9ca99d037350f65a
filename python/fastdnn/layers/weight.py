"""A weight: a named array of a layer, living in the model's parameter memory."""

from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn._core import ParameterMemory
from fastdnn.constraints import Constraint
from fastdnn.initializers import Initializer
from fastdnn.regularizers import Regularizer

Array = npt.NDArray[np.float32]


class Weight:
    """One array of a layer: a kernel, a bias, a moving mean.

    Attributes:
        name: "kernel".
        memory: what networks share it by; None before the first is built.
        shape: (in, out) or (n,).
        trainable: whether training may change it. A frozen layer's weights are not trainable.
        owner: the layer.
        regularizer: what the weight adds to the loss while it is trainable, or None.
        constraint: what a trainable weight is changed to after a step, or None.
    """

    regularizer: Regularizer | None = None
    constraint: Constraint | None = None

    def __init__(
        self, owner: Any, name: str, shape: tuple[int, ...], initializer: Initializer, trains: bool
    ) -> None:
        self.owner = owner
        self._trains = trains
        self._view: Array | None = None
        self.memory: ParameterMemory | None = None
        self.name = name
        self.shape = shape
        self.initializer = initializer

    @property
    def path(self) -> str:
        """Layer and weight, "dense/kernel": the name in files of a model that has the layer."""
        return f"{self.owner.name}/{self.name}"

    @property
    def trainable(self) -> bool:
        """Whether training changes the weight by its gradient."""
        return self._trains and not self.frozen

    @property
    def frozen(self) -> bool:
        """Whether the weight's layer is frozen."""
        return not self.owner.trainable

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape))

    @property
    def value(self) -> Array:
        """A view of the weight's memory: writing to it changes the models that have the layer."""
        if self._view is None:
            raise ValueError(
                f"[{self.path}] the weight has no value yet; build the model first: give it an "
                "Input, call build or fit"
            )
        return self._view

    def assign(self, value: npt.ArrayLike) -> None:
        """Copy `value`, an array of the weight's shape, into the weight."""
        self.value[...] = checked_value(f"{self.path}.assign", value, self.shape)

    def numpy(self) -> Array:
        """Return a copy."""
        return np.array(self.value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        # The view must not leave without the caller asking for it by name.
        return np.array(self.value, dtype)

    def __getstate__(self) -> dict[str, Any]:
        # A copy has numbers of its own.
        return self.__dict__ | {"memory": None}

    def __repr__(self) -> str:
        return f"<Weight {self.path}, shape={self.shape}, trainable={self.trainable}>"

    def bind(self, view: Array | None, memory: ParameterMemory | None = None) -> None:
        """Let the weight live in `view` from now on, filled by the caller; None for nowhere.

        Args:
            view: the numbers.
            memory: where they lie, if that is a native network's memory.
        """
        self._view, self.memory = view, memory

    @property
    def bound(self) -> bool:
        """Whether the weight has memory."""
        return self._view is not None


def checked_value(where: str, value: npt.ArrayLike, shape: tuple[int, ...]) -> Array:
    """Return a copy of `value` if it can be a weight's value, else raise a ValueError."""
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(f"[{where}] received a masked array; expected numbers; use .filled(0.0)")
    array = np.asarray(value)
    if array.shape != shape:
        raise ValueError(f"[{where}] received an array of shape {array.shape}; expected {shape}")
    if array.dtype.kind not in "fiub":
        raise ValueError(f"[{where}] received an array of {array.dtype}; expected numbers")
    with np.errstate(over="ignore"):
        converted = np.array(array, np.float32)
    too_large = np.isinf(converted) & np.isfinite(array)
    if too_large.any():
        raise ValueError(
            f"[{where}] received {array[too_large][0]}, which float32 cannot hold; expected "
            "numbers up to 3.4e38"
        )
    return converted
