"""The layers and weights of a model, by name."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fastdnn.configuration import snake_case
from fastdnn.layers.layer import Layer, assign_all
from fastdnn.layers.weight import Weight
from fastdnn.models.lowering import Binding
from fastdnn.patterns import compiled_pattern, matches


class Names:
    """The names that layers of a model have, while it takes others in.

    Args:
        model: whose layers.
    """

    def __init__(self, model: "Members") -> None:
        self._model = model
        self._taken = {layer.name for layer in model.layers}
        self._counts: Counter[str] = Counter()

    def give(self, layer: Layer) -> None:
        """Give a layer without a name of its own one that no other layer of the model has.

        Raises:
            ValueError: if another one has the layer's own name.
        """
        if layer.name in self._taken:
            if layer.has_own_name or layer.models:
                raise ValueError(
                    f"[{type(self._model).__name__}] received two layers named {layer.name!r}; "
                    "expected different names; give them some, as in Dense(10, name='digits')"
                )
            base = snake_case(type(layer).__name__)
            name = layer.name
            while name in self._taken:
                self._counts[base] += 1
                name = f"{base}_{self._counts[base]}"
            layer.rename(name)
        self._taken.add(layer.name)


class Members(Layer):
    """The part of a model that knows what its layers and weights are called."""

    def __init__(self, name: str | None = None) -> None:
        self._layers: list[Layer] = []
        super().__init__(name)

    @abstractmethod
    def _current_binding(self) -> Binding:
        """Return the native network for the layers as they are now."""

    @property
    def trainable(self) -> bool:
        """Whether some layer is; setting it sets that of all layers."""
        return not self._layers or any(layer.trainable for layer in self._layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self._layers:
            layer.trainable = value

    def freeze(self, pattern: str | Sequence[str] = ".*") -> list[str]:
        """Freeze the layers that a regular expression matches.

        Args:
            pattern: such as "hidden[12]", or a list. It has to match the whole of a layer's name,
                "tower/hidden1" in a model inside, of its own part, "hidden1", or of a model that
                it is in, "tower".

        Returns:
            Their names.

        Raises:
            ValueError: if a pattern matches none; nothing is changed then.
        """
        return self._set_trainable("freeze", pattern, False)

    def unfreeze(self, pattern: str | Sequence[str] = ".*") -> list[str]:
        """Let training change layers again, chosen as by `freeze`."""
        return self._set_trainable("unfreeze", pattern, True)

    def _set_trainable(self, where: str, pattern: str | Sequence[str], value: bool) -> list[str]:
        names = self.named_layers()
        found: set[Layer] = set()
        for each in pattern if isinstance(pattern, list | tuple) else [pattern]:
            wanted = compiled_pattern(where, each)
            matching = [layer for layer, name in names.items() if matches(wanted, name)]
            if not matching:
                raise ValueError(
                    f"[{where}] received {each!r}, which matches no layer; expected a pattern for "
                    f"some of {', '.join(names.values())}"
                )
            found.update(matching)
        for layer in found:
            layer.trainable = value
        return [name for layer, name in names.items() if layer in found]

    @property
    def layers(self) -> list[Layer]:
        """The layers, from the input to the output, in a new list."""
        return list(self._layers)

    def named_layers(self) -> dict[Layer, str]:
        """Return the layers with weights and operations of their own, and their names.

        Those of a model inside are called by both names: "tower/hidden1".
        """
        names: dict[Layer, str] = {}
        for layer in self._layers:
            inner = layer.named_layers() if isinstance(layer, Members) else {layer: ""}
            for each, name in inner.items():
                names.setdefault(each, f"{layer.name}/{name}".rstrip("/"))
        return names

    def named_weights(self) -> dict[Weight, str]:
        """Return all weights, layer by layer, and their names in files: "hidden1/kernel"."""
        return {
            weight: f"{name}/{weight.name}"
            for layer, name in self.named_layers().items()
            for weight in layer.weights
        }

    @property
    def weights(self) -> list[Weight]:
        """All weights, layer by layer."""
        return list(self.named_weights())

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
