"""Lowering: from layers to the native network, and the memory its weights live in."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastdnn import _core
from fastdnn.activations import Nonlinearity
from fastdnn.layers.batch_normalization import BatchNormalization
from fastdnn.layers.layer import Shape
from fastdnn.layers.weight import Weight
from fastdnn.random import DROPOUT_STREAM, SEEDED_DROPOUT_STREAM, WEIGHT_STREAM
from fastdnn.regularizers import Regularizer

if TYPE_CHECKING:
    from fastdnn.models.topology import Topology

Array = npt.NDArray[np.float32]


class Lowering:
    """A native graph under construction; layers add their operations to it.

    Args:
        names: the name of every weight in the model.
    """

    def __init__(self, names: Mapping[Weight, str]) -> None:
        self.graph = _core.Graph()
        self.ids: dict[Weight, int] = {}
        self._names = names
        self._dropouts = 0
        # The shapes of the rows that the layer being lowered is called on.
        self.rows: list[Shape] = []
        # How many codes there are for a tensor of them.
        self.codes: dict[int, int] = {}

    def dense(self, x: int, kernel: Weight, bias: Weight | None) -> int:
        """Add `x @ kernel + bias`."""
        bias_id = None if bias is None else self._parameter(bias)
        return self.graph.add_dense(x, self._parameter(kernel), bias_id)

    def activation(self, x: int, nonlinearity: Nonlinearity) -> int:
        """Add an activation, unless it is the identity."""
        if nonlinearity.name == "linear":
            return x
        return self.graph.add_activation(x, nonlinearity.name, nonlinearity.alpha)

    def activity_penalty(self, x: int, regularizer: Regularizer | None) -> int:
        """Add a penalty on a tensor to the loss, unless there is none."""
        if regularizer is None:
            return x
        return self.graph.add_activity_penalty(x, *regularizer.factors)

    def batch_normalization(self, x: int, layer: BatchNormalization) -> int:
        """Add a batch normalization with the layer's weights and numbers."""
        return self.graph.add_batch_normalization(
            x,
            None if layer.gamma is None else self._parameter(layer.gamma),
            None if layer.beta is None else self._parameter(layer.beta),
            self._parameter(layer.moving_mean),
            self._parameter(layer.moving_variance),
            layer.momentum,
            layer.epsilon,
            not layer.trainable,
        )

    def dropout(self, x: int, rate: float, seed: int | None) -> int:
        """Add a dropout whose random stream is its place in the model, or its seed."""
        return self.graph.add_dropout(x, rate, self._mask_stream(seed))

    def alpha_dropout(self, x: int, rate: float, seed: int | None) -> int:
        """Add an alpha dropout, whose stream is found likewise."""
        return self.graph.add_alpha_dropout(x, rate, self._mask_stream(seed))

    def gaussian_noise(self, x: int, stddev: float, seed: int | None) -> int:
        """Add normal numbers, whose stream is found likewise."""
        return self.graph.add_gaussian_noise(x, stddev, self._mask_stream(seed))

    def random_affine(
        self,
        x: int,
        size: tuple[int, int, int],
        fill_mode: str,
        fill_value: float,
        ranges: Mapping[str, tuple[float, float] | None],
        seed: int | None,
    ) -> int:
        """Add a change of images, whose stream is found likewise."""
        names = ("height_shift", "width_shift", "angle", "height_zoom", "width_zoom")
        pairs = [ranges.get(name) or (0.0, 0.0) for name in names]
        same_zoom = ranges.get("width_zoom", ()) is None
        stream = self._mask_stream(seed)
        return self.graph.add_random_affine(
            x, size, fill_mode, fill_value, pairs, same_zoom, stream
        )

    def random_light(
        self,
        x: int,
        size: tuple[int, int, int],
        gain: tuple[float, float],
        offset: tuple[float, float],
        value_range: tuple[float, float],
        seed: int | None,
    ) -> int:
        """Add a change of contrast and brightness, whose stream is found likewise."""
        stream = self._mask_stream(seed)
        return self.graph.add_random_light(x, size, gain, offset, value_range, stream)

    def layer_normalization(
        self, x: int, gamma: Weight | None, beta: Weight | None, epsilon: float
    ) -> int:
        """Add a normalization of rows."""
        gamma_id = None if gamma is None else self._parameter(gamma)
        beta_id = None if beta is None else self._parameter(beta)
        return self.graph.add_layer_normalization(x, gamma_id, beta_id, epsilon)

    def normalization(self, x: int, mean: Weight, variance: Weight, invert: bool) -> int:
        """Add a normalization of columns by statistics that stay."""
        return self.graph.add_normalization(
            x, self._parameter(mean), self._parameter(variance), invert
        )

    def prelu(self, x: int, alpha: Weight) -> int:
        """Add `x` where positive, else `alpha * x`."""
        return self.graph.add_prelu(x, self._parameter(alpha))

    def embedding(self, x: int, embeddings: Weight) -> int:
        """Add a look-up of the rows of a table; `x` is an input."""
        y = self.graph.add_embedding(x, self._parameter(embeddings))
        count = embeddings.shape[0]
        self.codes[x] = min(count, self.codes.get(x, count))
        return y

    def _mask_stream(self, seed: int | None) -> int:
        stream = DROPOUT_STREAM + self._dropouts
        self._dropouts += 1
        return stream if seed is None else SEEDED_DROPOUT_STREAM + seed

    def _parameter(self, weight: Weight) -> int:
        """Return the weight's id: a layer used twice shares it."""
        if weight not in self.ids:
            shape, trainable = weight.shape, weight.trainable
            index = self.graph.add_parameter(self._names[weight], shape, trainable)
            self.ids[weight] = index
            if weight.regularizer is not None:
                self.graph.set_penalty(index, *weight.regularizer.factors)
            if weight.constraint is not None:
                weight.constraint.add_to(self.graph, index)
        return self.ids[weight]


class Binding:
    """A native network and the weights that live in it.

    Args:
        lowering: the finished graph.
        output_rows: the shapes of a row of the outputs.
        seed: the model's seed.
    """

    def __init__(self, lowering: Lowering, output_rows: Sequence[Shape], seed: int) -> None:
        self.output_rows = output_rows
        self.ids = lowering.ids
        self.trainable = {weight: weight.trainable for weight in lowering.ids}
        self._frozen = {weight.owner: weight.frozen for weight in lowering.ids}
        # By the place of an input: a graph's inputs are its first tensors.
        self.codes = lowering.codes
        self.compiled = False
        # Weights that have native memory stay there: other models may have them, too.
        shared = [weight.memory for weight in lowering.ids]
        self.network = _core.Network(lowering.graph, shared)
        self.network.seed = seed
        self._seed = seed

    @classmethod
    def of(cls, topology: "Topology", names: Mapping[Weight, str], seed: int) -> "Binding":
        """Lower layers to a native network.

        Args:
            topology: the layers.
            names: the name of every weight in the model.
            seed: the model's seed.
        """
        lowering = Lowering(names)
        inputs = [lowering.graph.add_input(tensor.width) for tensor in topology.inputs]
        for output in topology.lower(lowering, inputs):
            lowering.graph.add_output(output)
        return cls(lowering, topology.output_rows, seed)

    def fill(self, weights: Sequence[Weight], initialize: bool = True) -> None:
        """Give weights without native memory theirs; keep values, initialize where there are none.

        Args:
            weights: all weights of the model, whose places in it tell their random numbers apart.
            initialize: if not, weights without values get zeros.
        """
        memories = [self.network.memory(self.ids[weight]) for weight in weights]
        views = [memory.array() for memory in memories]
        for place, (weight, view) in enumerate(zip(weights, views, strict=True)):
            if weight.memory is not None:
                continue
            if weight.bound:
                view[...] = weight.value
            elif not initialize:
                continue  # memory is zeros
            elif weight.initializer.seed is None:
                view[...] = weight.initializer.draw(weight.shape, self._seed, WEIGHT_STREAM + place)
            else:
                view[...] = weight.initializer(weight.shape)
        # Only now: an initializer that fails leaves every weight where it was.
        for weight, view, memory in zip(weights, views, memories, strict=True):
            if weight.memory is None:
                weight.bind(view, memory)

    def is_current(self) -> bool:
        """Whether no layer has been frozen or thawed since."""
        return all((not layer.trainable) == before for layer, before in self._frozen.items())

    def new_outputs(self, rows: int) -> tuple[list[Array], list[Array]]:
        """Return arrays for the outputs, and views of them as the native core takes them."""
        outputs = [np.empty((rows, *row), np.float32) for row in self.output_rows]
        flat = [array.reshape(rows, math.prod(array.shape[1:])) for array in outputs]
        return outputs, flat

    def slots(self) -> dict[tuple[str, Weight], Array]:
        """Return views of the optimizer's slots of every trainable weight."""
        if not self.compiled:
            return {}
        return {
            (name, weight): self.network.slot(name, self.ids[weight])
            for weight, trains in self.trainable.items()
            if trains
            for name in self.network.slot_names(self.ids[weight])
        }

    def overwrite_with_averages(self) -> None:
        """Replace the weights by their moving averages, if the optimizer has made any."""
        if self.network.iterations > 0:
            for (name, weight), average in self.slots().items():
                if name == "average":
                    weight.value[...] = average

    def take_state(self, other: "Binding") -> None:
        """Copy the optimizer's state from a network that is compiled alike for the same weights."""
        theirs = other.slots()
        for key, view in self.slots().items():
            view[...] = theirs[key]
        self.network.iterations = other.network.iterations

    def compile(self, old: "Binding", *arguments: Any) -> None:
        """Compile the network and keep the state of the optimizer of `old`, if it has one.

        Slots of weights that `old` did not train start anew.
        """
        kept = {key: view.copy() for key, view in old.slots().items()}
        iterations = old.network.iterations if old.compiled else 0
        try:
            self.network.compile(*arguments)
            self.compiled = True
        finally:
            # Also after Ctrl-C, which may have come when the new slots were there already.
            if self.compiled:
                for key, view in self.slots().items():
                    if key in kept:
                        view[...] = kept[key]
                self.network.iterations = iterations
