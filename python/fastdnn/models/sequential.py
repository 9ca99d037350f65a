"""Layers one after the other."""

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fastdnn.configuration import serialize, unknown_name
from fastdnn.layers import CLASSES, Input, Layer
from fastdnn.layers.layer import Shape
from fastdnn.models.lowering import Lowering
from fastdnn.models.model import Model

if TYPE_CHECKING:
    from typing_extensions import Self


class Sequential(Model):
    """A model whose layers follow one another.

    With an `Input` in front the weights exist at once; without, they are made by `build` or
    by the first `fit`, from the data.

    Args:
        layers: the layers, with an `Input` in front or not.
        name: a name for display.

    Raises:
        ValueError: if the layers do not fit together or share a name.

    >>> from fastdnn import Input, Sequential
    >>> from fastdnn.layers import Dense
    >>> model = Sequential([
    ...     Input(shape=(784,)),
    ...     Dense(100, activation="relu"),
    ...     Dense(10, activation="softmax"),
    ... ])
    >>> model.count_params()
    79510
    """

    def __init__(
        self, layers: Iterable[Layer | Input] | None = None, name: str = "sequential"
    ) -> None:
        super().__init__(name)
        self._input: Input | None = None
        if isinstance(layers, Layer | Input):
            raise ValueError(
                f"[Sequential] layers: received one {type(layers).__name__}; expected a list; put "
                "brackets around it"
            )
        try:
            for layer in layers or ():
                self._append(layer)
            if self._input is not None and self._layers:
                self._build(self._input.shape)
        except BaseException:
            for member in self._layers:
                member.model = None
            raise

    def add(self, layer: Layer | Input) -> None:
        """Put a layer on top; the layers below keep their weights.

        Raises:
            ValueError: if the layer does not fit; the model stays as it was.
        """
        self._refuse_while_fitting("add")
        with self._all_or_nothing(adding=layer):
            self._append(layer)
            shape = self._declared_row()
            if shape is not None and self._layers:
                self._build(shape)

    def pop(self) -> Layer:
        """Take the top layer off and return it, with copies of its weights.

        Raises:
            ValueError: if there is no layer.
        """
        self._refuse_while_fitting("pop")
        if not self._layers:
            raise ValueError("[pop] the model has no layers")
        with self._all_or_nothing():
            layer = self._layers.pop()
            for weight in layer.weights:
                if weight.bound:
                    weight.bind(weight.numpy())
            if self._layers and self._input_row is not None:
                self._bind(self._input_row)
            elif not self._layers:
                self._release()
            layer.model = None
        return layer

    def declare(self, shape: Shape) -> Shape:
        """Declare every layer's weights for input rows of this shape; return the output's."""
        for layer in self._layers:
            layer.declare(shape)
            shape = layer.output_shape(shape)
        return shape

    def lower(self, lowering: Lowering, shape: Shape) -> None:
        """Add the layers' operations, one after the other."""
        x = lowering.graph.add_input(math.prod(shape))
        for layer in self._layers:
            x = layer.lower(lowering, x)
        lowering.graph.add_output(x)

    def get_config(self) -> dict[str, Any]:
        """Return the name and the layers' configs, with the input's shape if it is known."""
        front: list[Any] = []
        if self._input is not None:
            front = [serialize(self._input)]
        elif self._input_row is not None:
            front = [serialize(Input(self._input_row))]
        return {"name": self.name, "layers": front + serialize(self._layers)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Self":
        """Create a model with the same layers and new weights.

        Raises:
            ValueError: if the config is not one of a Sequential.
        """
        model = cls.unbuilt_from_config(config)
        if model._input is not None and model._layers:
            model._build(model._input.shape)
        return model

    @classmethod
    def unbuilt_from_config(cls, config: Mapping[str, Any], seed: int | None = None) -> "Self":
        """Create a model whose weights have no memory yet, even if its input is known.

        Args:
            config: the result of `get_config`.
            seed: the model's seed; None to draw one, as for every new model.
        """
        if not isinstance(config, Mapping) or not isinstance(config.get("layers"), list):
            raise ValueError(
                "[from_config] received no list of layers; expected the result of get_config"
            )
        name = str(config.get("name", "sequential"))
        if seed is None:
            model = cls(name=name)
        else:  # the constructor would draw one, and change those of the models to come
            model = cls.__new__(cls)
            Model.__init__(model, name, seed)
            model._input = None
        for item in config["layers"]:
            model._append(_layer_from_config(item))
        return model

    def __repr__(self) -> str:
        return f"<Sequential {self.name!r}, {len(self._layers)} layers, built={self.built}>"

    def row_shapes(self) -> list[Shape | None]:
        """Return the shape of a row of every layer's output, None where it is not known yet."""
        shape = self._declared_row()
        if shape is None:
            return [None] * len(self._layers)
        shapes: list[Shape | None] = []
        for layer in self._layers:
            shape = layer.output_shape(shape)
            shapes.append(shape)
        return shapes

    def _output_row(self, shape: Shape) -> Shape:
        if not self._layers:
            raise ValueError(f"[{self.name}] the model has no layers; add some")
        for layer in self._layers:
            shape = layer.output_shape(shape)
        return shape

    def _declared_row(self) -> Shape | None:
        return self._input_row or (self._input.shape if self._input else None)

    def _append(self, layer: Layer | Input) -> None:
        if isinstance(layer, Input):
            if self._layers or self._input is not None:
                raise ValueError("[Sequential] received an Input that is not the first layer")
            self._input = layer
            return
        if not isinstance(layer, Layer):
            raise ValueError(
                f"[Sequential] received {layer!r} of type {type(layer).__name__}; expected a layer"
            )
        if layer.model is not None:
            raise ValueError(
                f"[Sequential] layer {layer.name!r} belongs to a model already; use "
                "layer.clone() for a copy with its weights"
            )
        self._name(layer)
        layer.model = self
        self._layers.append(layer)

    def _name(self, layer: Layer) -> None:
        taken = {other.name for other in self._layers}
        if layer.has_own_name and layer.name in taken:
            raise ValueError(
                f"[Sequential] received two layers named {layer.name!r}; expected different names"
            )
        base, count = layer.name, 0
        while layer.name in taken:
            count += 1
            layer.name = f"{base}_{count}"


def _layer_from_config(item: Any) -> Layer | Input:
    name = item.get("class_name") if isinstance(item, Mapping) else None
    if name == "Input":
        return Input.from_config(item.get("config", {}))
    if not isinstance(name, str) or name not in CLASSES:
        raise ValueError(unknown_name("from_config", "layer", name, ("Input", *CLASSES)))
    return CLASSES[name].from_config(item.get("config", {}))
