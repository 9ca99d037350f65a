"""A model: layers in one native network, their weights, files."""

import copy
import copyreg
import os
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn import checkpoint
from fastdnn.configuration import Configurable
from fastdnn.layers.input import row_shape
from fastdnn.layers.layer import Layer, Shape, assign_all
from fastdnn.layers.weight import Weight
from fastdnn.models.lowering import Binding, Lowering
from fastdnn.models.summary import format_summary
from fastdnn.models.training import Trainer
from fastdnn.random import next_seed


class Model(Trainer, Configurable):
    """Base of the models: owns layers, their native network and the random seed.

    A subclass says how the layers are connected, in `declare` and `lower`.

    Attributes:
        layers: the layers, from the input to the output.
        name: a name for display.
        seed: the key of the model's random numbers; see `fastdnn.random`.
    """

    def __init__(self, name: str, seed: int | None = None) -> None:
        super().__init__()
        self.name = name
        self.seed = next_seed() if seed is None else seed
        self._layers: list[Layer] = []

    @abstractmethod
    def declare(self, shape: Shape) -> Shape:
        """Declare every layer's weights for input rows of this shape; return the output's."""

    @abstractmethod
    def lower(self, lowering: Lowering, shape: Shape) -> None:
        """Add all operations to the native graph."""

    @abstractmethod
    def row_shapes(self) -> list[Shape | None]:
        """Return the shape of a row of every layer's output, None where it is not known yet."""

    def build(self, input_shape: Sequence[int | None] | None = None) -> None:
        """Give the weights their initial values.

        Only needed without an `Input` and before the first `fit`.

        Args:
            input_shape: the shape of the input with the batch in front: `(None, 784)`.

        Raises:
            ValueError: if the layers do not take such rows.
        """
        if input_shape is None or len(input_shape) < 2:
            raise ValueError(
                f"[build] input_shape: received {input_shape!r}; expected the batch and the shape "
                "of a row, such as (None, 784)"
            )
        self._build(row_shape("build", input_shape[1:]))

    def _build(self, shape: Shape) -> None:
        if self._input_row is not None and self._input_row != shape:
            raise ValueError(
                f"[build] received rows of shape {shape}; the model was built for rows of shape "
                f"{self._input_row}"
            )
        with self._all_or_nothing():
            self.declare(shape)
            self._bind(shape)

    def _bind(self, shape: Shape) -> None:
        """Lower the layers to a new native network, and move weights and optimizer there."""
        lowering = Lowering()
        self.lower(lowering, shape)
        binding = Binding(lowering, self._output_row(shape), self.seed)
        with self._all_or_nothing():
            binding.fill(self.weights)
            self._move_optimizer(binding)
            self._binding, self._input_row = binding, shape

    @contextmanager
    def _all_or_nothing(self, adding: Any = None) -> Iterator[None]:
        """Put the model back as it was where something fails, or Ctrl-C interrupts it.

        So is the name of a layer that is being added.
        """
        name = getattr(adding, "name", None)
        layers, fresh = list(self._layers), [layer for layer in self._layers if not layer.built]
        state = self._binding, self._input_row, self._plan
        views = [(each, each.value if each.bound else None) for each in self.weights]
        try:
            yield
        except BaseException:
            for layer in self._layers:
                if layer not in layers:
                    layer.model = None
                    if layer is adding:
                        layer.name = name
            for layer in layers:
                layer.model = self
            for layer in fresh:
                layer.forget()
            for weight, view in views:
                weight.bind(view)
            self._layers = layers
            self._binding, self._input_row, self._plan = state
            raise

    def _current_binding(self) -> Binding:
        if self._binding is None or self._input_row is None:
            raise ValueError(
                f"[{self.name}] the model has no weights yet; give it an Input, call build or fit"
            )
        if not self._binding.is_current():
            self._bind(self._input_row)
        return self._binding

    @property
    def built(self) -> bool:
        """Whether the weights have values."""
        return self._binding is not None

    @property
    def layers(self) -> list[Layer]:
        """The layers, from the input to the output, in a new list."""
        return list(self._layers)

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """The shape of the input, with None for the batch."""
        self._current_binding()
        return (None, *(self._input_row or ()))

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """The shape of the output, with None for the batch."""
        self._current_binding()
        return (None, *self.declare(self._input_row or ()))

    @property
    def weights(self) -> list[Weight]:
        """All weights, layer by layer."""
        return [weight for layer in self._layers for weight in layer.weights]

    @property
    def trainable_weights(self) -> list[Weight]:
        """The weights that training changes by their gradients."""
        return [weight for weight in self.weights if weight.trainable]

    @property
    def non_trainable_weights(self) -> list[Weight]:
        """The weights of frozen layers, and moving statistics."""
        return [weight for weight in self.weights if not weight.trainable]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by its name or its place.

        Raises:
            ValueError: if there is no such layer.
        """
        if index is not None and -len(self._layers) <= index < len(self._layers):
            return self._layers[index]
        for layer in self._layers:
            if index is None and layer.name == name:
                return layer
        received = repr(name) if index is None else f"index {index}"
        names = ", ".join(layer.name for layer in self._layers)
        raise ValueError(f"[get_layer] received {received}; expected one of {names}")

    def get_weights(self) -> list[npt.NDArray[np.float32]]:
        """Return copies of all weights, layer by layer."""
        self._current_binding()
        return [weight.numpy() for weight in self.weights]

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Copy arrays into the weights, in the order of `get_weights`.

        A prediction or a step of another thread meanwhile may see some of them new and some old.

        Raises:
            ValueError: if the number or a shape is wrong; nothing is changed then.
        """
        self._current_binding()
        assign_all("set_weights", self.weights, weights)

    def count_params(self) -> int:
        """Return the number of elements of all weights."""
        self._current_binding()
        return sum(weight.size for weight in self.weights)

    def summary(self, print_fn: Callable[[str], object] = print) -> None:
        """Print a table of the layers, their output shapes and their parameters.

        Args:
            print_fn: called once with the whole text.
        """
        shapes = self.row_shapes()
        slots = 0 if self._binding is None else sum(v.size for v in self._binding.slots().values())
        print_fn(format_summary(self.name, self._layers, shapes, slots))

    def save(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the model to one safetensors file, in one piece or not at all.

        The file holds the architecture, the weights, what `compile` chose, the optimizer's
        state, the seed and the number of steps. `load_model` reads it.

        Args:
            filepath: for example "model.safetensors".
            overwrite: whether an existing file may be replaced.

        Raises:
            ValueError: if the model is not built, or the name ends like another format's.
            OSError: if the file cannot be written; an older file stays as it was.
        """
        checkpoint.save_model(self, filepath, overwrite)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the weights alone to a safetensors file.

        Raises:
            ValueError: if the model is not built, or the name ends like another format's.
            OSError: if the file cannot be written; an older file stays as it was.
        """
        checkpoint.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: str | os.PathLike[str]) -> None:
        """Read the weights from a file of `save_weights` or `save`.

        Raises:
            ValueError: if the file is damaged, or a weight is missing, has another shape or is
                left over; nothing is changed then.
            OSError: if the file cannot be read.
        """
        checkpoint.load_weights(self, filepath)

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickling and copying go through the file format, which has everything once there are
        # weights; before that there is nothing but Python objects.
        if self._binding is not None:
            return checkpoint.from_bytes, (checkpoint.to_bytes(self),)
        return copyreg.__newobj__, (type(self),), self.__dict__  # type: ignore[attr-defined]

    def __copy__(self) -> "Model":
        # Two models cannot share layers.
        return copy.deepcopy(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for layer in self._layers:
            layer.model = self
