"""What a model's layers do with data, in words: which are dead, saturated, vanishing, exploding."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastdnn.activations import Nonlinearity
from fastdnn.layers.layer import Layer
from fastdnn.models.data import Rows

if TYPE_CHECKING:
    from fastdnn.models.model import Model

Array = npt.NDArray[np.float32]

# Where bounded activations count as saturated, near one end or the other: a slope of a fiftieth of
# the steepest for sigmoid, of a twenty-fifth for tanh.
_SATURATED = {"sigmoid": (0.005, 0.995), "tanh": (-0.98, 0.98), "hard_sigmoid": (0.0, 1.0)}
_SATURATED["hard_tanh"] = (-1.0, 1.0)
_STOPPING = ("relu", "relu6")
# Shares of units or of outputs from which on a layer is called dead or saturated.
_MOST_DEAD, _MOST_SATURATED = 0.1, 0.5
# Gradients as shares of the weights, against those of the layer where they are largest.
_VANISHING = 1e-2
# Root of the mean square of outputs.
_EXPLODING = 1e4


@dataclass
class LayerHealth:
    """What one layer did.

    Attributes:
        name: the layer's name.
        output: the root of the mean square of its outputs.
        dead: the share of its units that are 0 for all rows, after ReLU; NaN for others.
        saturated: the share of its outputs at the ends of a bounded activation; NaN for others.
        gradient: the root mean square of its kernel's gradient over that of the kernel; NaN
            without targets or without a trained kernel.
        problems: sentences.
    """

    name: str
    output: float
    dead: float = math.nan
    saturated: float = math.nan
    gradient: float = math.nan
    problems: list[str] = field(default_factory=list)


@dataclass
class HealthReport:
    """What `Model.health` found; `print` shows it as a table with sentences below.

    Attributes:
        layers: one entry a layer, in order.
    """

    layers: list[LayerHealth]

    @property
    def problems(self) -> list[str]:
        """All sentences, each about one layer."""
        return [problem for layer in self.layers for problem in layer.problems]

    @property
    def healthy(self) -> bool:
        """Whether there is nothing to say."""
        return not self.problems

    def __str__(self) -> str:
        header = ("Layer", "Output", "Dead", "Saturated", "Gradient")
        rows = [header] + [
            (
                layer.name,
                _number(layer.output),
                _share(layer.dead),
                _share(layer.saturated),
                _number(layer.gradient),
            )
            for layer in self.layers
        ]
        widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
            for row in rows
        ]
        return "\n".join([*lines, "", *(self.problems or ["Nothing wrong was found."])])


def examine(model: "Model", x: Any, y: Any) -> HealthReport:
    """Return what the layers of a model do with these rows; see `Model.health`."""
    found = [
        _look_at_outputs(layer, outputs) for layer, outputs in _outputs_of_layers(model, x).items()
    ]
    if y is not None:
        before = {name: gradient.copy() for name, gradient in model.gradients.items()}
        try:
            _look_at_gradients(found, _kernel_gradients(model, x, y))
        finally:  # they may be those of a step that somebody is in the middle of
            for name, gradient in model.gradients.items():
                gradient[...] = before[name]
    return HealthReport(found)


def first_nonfinite(model: "Model", inputs: list[Rows]) -> str:
    """Return in words which layer makes numbers of these rows that are not finite."""
    broken = [
        name
        for layer, name in model.named_layers().items()
        if any(not np.isfinite(weight.value).all() for weight in layer.weights)
    ]
    if broken:
        # Gradients come from above: those of the layers below were spoilt by this one's.
        return f"weights of the layer {broken[-1]!r} are not finite"
    outputs = {call.layer.name: call.outputs[0] for call in model._known_topology().calls}
    part = model.sharing(model.inputs, outputs)
    for name, values in part._outputs_of(inputs).items():
        if not np.isfinite(values).all():
            return f"the layer {name!r} is the first whose outputs are not finite"
    return "all layers' outputs are finite, and the loss of them is not"


def _outputs_of_layers(model: "Model", x: Any) -> dict[Layer, Array]:
    """Return what every layer computes at inference."""
    outputs = {call.layer.name: call.outputs[0] for call in model._known_topology().calls}
    values = model.sharing(model.inputs, outputs).predict(x, verbose=0)
    return {model.get_layer(name): array for name, array in values.items()}


def _look_at_outputs(layer: Layer, outputs: Array) -> LayerHealth:
    name = layer.name
    size = _root_mean_square(outputs)
    health = LayerHealth(name, size)
    if not math.isfinite(size):
        health.problems.append(
            f"{name}: {int((~np.isfinite(outputs)).sum())} of its outputs are not finite; look at "
            "the layers above it first, and lower the learning rate or clip gradients"
        )
        return health
    if size > _EXPLODING:
        health.problems.append(
            f"{name}: its outputs are exploding, with a root mean square of {size:.3g}; use "
            "he_normal or glorot_uniform, batch normalization, or a lower learning rate"
        )
    nonlinearity = getattr(layer, "nonlinearity", None)
    kind = nonlinearity.name if isinstance(nonlinearity, Nonlinearity) else ""
    units = outputs.reshape(-1, outputs.shape[-1])
    if kind in _STOPPING:
        health.dead = float(np.mean((units == 0.0).all(axis=0)))
        if health.dead >= _MOST_DEAD:
            health.problems.append(
                f"{name}: {health.dead:.0%} of its units are dead, 0 for all {len(units)} rows; "
                "lower the learning rate, or use he_normal, leaky_relu or elu"
            )
    if kind in _SATURATED:
        low, high = _SATURATED[kind]
        health.saturated = float(np.mean((outputs <= low) | (outputs >= high)))
        if health.saturated >= _MOST_SATURATED:
            health.problems.append(
                f"{name}: {health.saturated:.0%} of its outputs are saturated, at the ends of "
                f"{kind}; use smaller initial weights such as glorot_uniform, batch normalization, "
                "or elu with he_normal"
            )
    return health


def _kernel_gradients(model: "Model", x: Any, y: Any) -> dict[str, float]:
    """Return the size of every trained kernel's gradient by that of the kernel."""
    network = model._gradients_of("health", x, y)
    ids = model._current_binding().ids
    sizes = {}
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None and kernel.trainable:
            weight = _root_mean_square(kernel.value)
            gradient = _root_mean_square(network.gradient(ids[kernel]))
            sizes[layer.name] = gradient / weight if weight else gradient
    return sizes


def _root_mean_square(array: Array) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sqrt(np.mean(np.square(array, dtype=np.float64))))


def _look_at_gradients(found: Sequence[LayerHealth], gradients: dict[str, float]) -> None:
    for health in found:
        health.gradient = gradients.get(health.name, math.nan)
    finite = [value for value in gradients.values() if math.isfinite(value)]
    largest = max(finite, default=0.0)
    for health in found:
        if health.name in gradients and not math.isfinite(health.gradient):
            health.problems.append(
                f"{health.name}: the gradient of its kernel is not finite; lower the learning "
                "rate, or clip gradients by clipnorm"
            )
        elif health.gradient < _VANISHING * largest:
            health.problems.append(
                f"{health.name}: its gradient is vanishing, {health.gradient / largest:.1e} of "
                "that of the layer that learns most; use elu with he_normal, or batch normalization"
            )


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3g}"


def _share(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.0%}"
