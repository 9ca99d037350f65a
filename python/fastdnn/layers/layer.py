"""The base of the layers."""

import math
import weakref
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastdnn import initializers
from fastdnn.configuration import Configurable, snake_case
from fastdnn.constraints import Constraint
from fastdnn.layers.tensor import Call, as_tensors
from fastdnn.layers.weight import Weight, checked_value
from fastdnn.regularizers import Regularizer

if TYPE_CHECKING:
    from typing_extensions import Self

    from fastdnn.models.lowering import Lowering

Shape = tuple[int, ...]


class Layer(Configurable, ABC):
    """Base of the layers: declares weights, and adds operations to the native graph.

    A subclass says what it is in three methods: `build` declares weights, `output_row` gives
    the shape of a row of its output, `lower` adds its operations. A layer of several inputs
    takes more arguments of the kind that these methods have.

    A layer called on symbolic tensors returns one. Called again, or put into another model,
    it has the same weights.

    Attributes:
        name: unique in a model; without a name the model gives "dense", "dense_1", ...
        trainable: False freezes the layer; takes effect with the next step.
    """

    def __init__(self, name: str | None = None) -> None:
        self._models: weakref.WeakSet[Any] = weakref.WeakSet()
        self.rename(snake_case(type(self).__name__) if name is None else name)
        self.has_own_name = name is not None
        self.trainable = True
        self._weights: list[Weight] = []
        self._row_shape: Shape | None = None

    def build(self, row: Shape) -> None:
        """Declare the weights for rows of this shape."""

    def output_row(self, row: Shape) -> Shape:
        """Return the shape of an output row for an input row of this shape."""
        return row

    @abstractmethod
    def lower(self, lowering: "Lowering", x: int) -> int:
        """Add the layer's operations on tensor `x` and return the output's id."""

    def __call__(self, inputs: Any) -> Any:
        """Connect the layer with symbolic tensors and return its output.

        Args:
            inputs: a tensor, or a list of them for a layer of several inputs.

        Raises:
            ValueError: if the layer does not take such rows; it stays as it was.
        """
        tensors = as_tensors(self.name, inputs)
        return Call(self, tensors, self.connect([tensor.row for tensor in tensors])).outputs[0]

    def connect(self, rows: Sequence[Shape]) -> list[Shape]:
        """Declare the weights for inputs with such rows; return the rows of the outputs."""
        if len(rows) != 1:
            raise ValueError(
                f"[{self.name}] received {len(rows)} tensors; expected one; put a Concatenate() "
                "layer in front"
            )
        self.declare(rows[0])
        return [self.output_row(rows[0])]

    def codes(self, place: int) -> int | None:
        """Return how many codes the layer tells apart on an input; None if it takes any numbers."""
        return None

    def lower_call(self, lowering: "Lowering", xs: Sequence[int]) -> list[int]:
        """Add the layer's operations on its inputs and return the outputs' ids."""
        return [self.lower(lowering, *xs)]

    def add_weight(
        self,
        name: str,
        shape: Shape,
        initializer: initializers.Initializer,
        trainable: bool = True,
        regularizer: Regularizer | None = None,
        constraint: Constraint | None = None,
    ) -> Weight:
        """Declare a weight; it gets memory and its initial value when the model is built."""
        weight = Weight(self, name, shape, initializer, trainable)
        weight.regularizer, weight.constraint = regularizer, constraint
        self._weights.append(weight)
        return weight

    @property
    def weights(self) -> list[Weight]:
        """The layer's weights, the trainable ones first."""
        return list(self._weights)

    @property
    def built(self) -> bool:
        """Whether the weights have been declared."""
        return self._row_shape is not None

    @property
    def name(self) -> str:
        """The layer's name, which its weights have in files, too."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self.rename(name)
        self.has_own_name = True

    def rename(self, name: str) -> None:
        """Give the layer a name that a model may replace where another layer has it."""
        # Files cannot hold halves of surrogate pairs.
        whole = isinstance(name, str) and name == name.encode(errors="ignore").decode()
        if not whole or not name or "/" in name:
            raise ValueError(
                f"[{type(self).__name__}] name: received {name!r}; expected a string without '/'"
            )
        others = (other for model in self._models for other in model.layers)
        if any(other.name == name for other in others if other is not self):
            raise ValueError(
                f"[{type(self).__name__}] name: received {name!r}, the name of another layer of "
                "the model; expected different names"
            )
        self._name = name

    @property
    def input(self) -> Any:
        """The symbolic input of the layer in its model; of several, a list.

        Raises:
            ValueError: if it is part of no model that is built, or has several places in models.
        """
        inputs = list(self._only_call().inputs)
        return inputs[0] if len(inputs) == 1 else inputs

    @property
    def output(self) -> Any:
        """The symbolic output of the layer in its model, such as `Model(inputs, outputs)` takes.

        Raises:
            ValueError: as for `input`.

        >>> import fastdnn as fd
        >>> model = fd.Sequential([fd.Input(shape=(4,)), fd.layers.Dense(3), fd.layers.Dense(2)])
        >>> fd.Model(model.input, model.layers[0].output).output_shape
        (None, 3)
        """
        return self._only_call().outputs[0]

    def _only_call(self) -> Call:
        calls: set[Call] = {call for model in self._models for call in model.calls_of(self)}
        if len(calls) != 1:
            found = f"it has {len(calls)} places in models" if calls else "no built model has it"
            raise ValueError(
                f"[{self.name}] input, output: {found}; expected one; keep the tensors that layers "
                "return when they are called, or use model.extract"
            )
        return calls.pop()

    @property
    def models(self) -> "weakref.WeakSet[Any]":
        """The models that the layer belongs to."""
        return self._models

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(self.__dict__.get(name), Weight) and not isinstance(value, Weight | None):
            raise AttributeError(
                f"[{self.name}] {name}: received {type(value).__name__}; the weight itself stays; "
                f"use {name}.assign(...), or {name}.value[...] = ..."
            )
        super().__setattr__(name, self._flag(name, value) if name == "trainable" else value)

    def __getstate__(self) -> dict[str, Any]:
        # A copy belongs to no model; that of a whole model takes its layers in again.
        return {name: value for name, value in self.__dict__.items() if name != "_models"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._models = weakref.WeakSet()

    def declare(self, row: Shape) -> None:
        """Build the layer once, or raise a ValueError if it was built for other rows."""
        if self._row_shape is None:
            try:
                self.build(row)
            except BaseException:
                self.forget()
                raise
            self._row_shape = row
        elif self._row_shape != row and self._weights:
            raise ValueError(
                f"[{self.name}] received rows of shape {row}; the layer was built for rows of "
                f"shape {self._row_shape}"
            )

    def forget(self) -> None:
        """Undo `declare`: the layer has no weights again."""
        self._weights.clear()
        self._row_shape = None

    def clone(self) -> "Self":
        """Return a new layer with the same configuration and copies of the weights.

        >>> import fastdnn as fd
        >>> old = fd.Sequential([fd.Input(shape=(4,)), fd.layers.Dense(3), fd.layers.Dense(2)])
        >>> new = fd.Sequential([old.layers[0].clone(), fd.layers.Dense(5)])
        """
        copy = self.from_config(self.get_config())
        if self._row_shape is not None:
            copy.declare(self._row_shape)
            for mine, its in zip(self.weights, copy.weights, strict=True):
                if mine.bound:
                    its.bind(mine.numpy())
        return copy

    @property
    def trainable_weights(self) -> list[Weight]:
        """The weights that training changes by their gradients."""
        return [weight for weight in self.weights if weight.trainable]

    @property
    def non_trainable_weights(self) -> list[Weight]:
        """The weights that training does not change by gradients."""
        return [weight for weight in self.weights if not weight.trainable]

    def get_weights(self) -> list[npt.NDArray[np.float32]]:
        """Return copies of the weights."""
        return [weight.numpy() for weight in self.weights]

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Copy arrays into the weights, in the order of `get_weights`.

        Raises:
            ValueError: if the number or a shape is wrong; nothing is changed then.
        """
        assign_all(f"{self.name}.set_weights", self.weights, weights)

    def count_params(self) -> int:
        """Return the number of elements of all weights."""
        return sum(weight.size for weight in self.weights)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, the name, and whether the layer is frozen."""
        config = super().get_config() | {"name": self.name}
        return config if self.trainable else config | {"trainable": False}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Self":
        """Create the layer that `get_config` described."""
        arguments = dict(config)
        trainable = arguments.pop("trainable", True)
        layer = super().from_config(arguments)
        layer.trainable = bool(trainable)
        return layer

    def flat_width(self, row: Shape) -> int:
        """Return the width of rows that must be vectors, or raise a ValueError."""
        if len(row) != 1:
            raise ValueError(
                f"[{self.name}] received rows of shape {row}; expected rows of shape "
                f"({math.prod(row)},); put a Flatten() layer in front"
            )
        return row[0]


def assign_all(where: str, weights: Sequence[Weight], values: Sequence[npt.ArrayLike]) -> None:
    """Copy `values` into `weights`, or raise a ValueError and change nothing."""
    given = len(values) if isinstance(values, Sequence | np.ndarray) else "no list of"
    if given != len(weights):
        raise ValueError(
            f"[{where}] received {given} arrays; expected {len(weights)}: "
            + ", ".join(f"{weight.path} {weight.shape}" for weight in weights)
        )
    arrays = [
        checked_value(f"{where}: {weight.path}", value, weight.shape)
        for weight, value in zip(weights, values, strict=True)
    ]
    views = [weight.value for weight in weights]
    for view, array in zip(views, arrays, strict=True):
        view[...] = array
