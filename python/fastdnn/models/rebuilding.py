"""Layers and their connections, made anew from a model's config."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastdnn import augment, layers
from fastdnn.checks import is_integer
from fastdnn.configuration import unknown_name
from fastdnn.layers import Input, Layer
from fastdnn.layers.tensor import Call, Tensor
from fastdnn.models.model import Model
from fastdnn.models.sequential import Sequential

LAYER_CLASSES: dict[str, type[Layer]] = {
    **layers.CLASSES,
    **{name: getattr(augment, name) for name in augment.__all__},
}
# Models that use others twice, which use others twice, are large however short their config is.
_MOST_CALLS = 100_000
MODEL_CLASSES: dict[str, type[Model]] = {"Model": Model, "Sequential": Sequential}


def layer_from_config(item: Any) -> Layer | Input:
    """Return the layer, the input or the model that `serialize` described, without memory."""
    name = item.get("class_name") if isinstance(item, Mapping) else None
    if name == "Input":
        return Input.from_config(item.get("config", {}))
    if name in MODEL_CLASSES:
        return MODEL_CLASSES[name].unbuilt_from_config(item.get("config", {}))
    if not isinstance(name, str) or name not in LAYER_CLASSES:
        known = ("Input", *MODEL_CLASSES, *LAYER_CLASSES)
        raise ValueError(unknown_name("from_config", "layer", name, known))
    return LAYER_CLASSES[name].from_config(item.get("config", {}))


def connected_tensors(config: Mapping[str, Any]) -> tuple[list[Tensor], Any]:
    """Return the inputs and the outputs that `Model.get_config` described.

    Raises:
        ValueError: if a number stands for no layer, or for no tensor that is there before it.
    """
    inputs = [Input.from_config(item["config"]) for item in config["inputs"]]
    made = [layer_from_config(item) for item in config["layers"]]
    calls = sum(_calls(_item(made, number)) for number, _ in config["calls"])
    if calls > _MOST_CALLS:
        raise ValueError(
            f"[from_config] received models in models with {calls} calls of layers in all; "
            f"expected at most {_MOST_CALLS}"
        )
    tensors: list[Tensor] = list(inputs)
    for layer_number, input_numbers in config["calls"]:
        layer = _item(made, layer_number)
        if not isinstance(layer, Layer):
            raise ValueError("[from_config] received an Input among the layers")
        arguments = [_item(tensors, number) for number in input_numbers]
        call = Call(layer, arguments, layer.connect([tensor.row for tensor in arguments]))
        tensors += call.outputs
    outputs = [_item(tensors, number) for number in config["outputs"]]
    keys = config.get("output_keys")
    return list(inputs), outputs if keys is None else dict(zip(keys, outputs, strict=True))


def _calls(layer: Any, known: dict[int, int] | None = None) -> int:
    """Return how many calls of layers a call of this one is, with those in models inside."""
    known = {} if known is None else known
    if id(layer) not in known:
        topology = layer._topology if isinstance(layer, Model) else None
        calls = () if topology is None else topology.calls
        known[id(layer)] = sum(_calls(call.layer, known) for call in calls) if calls else 1
    return known[id(layer)]


def _item(items: Sequence[Any], number: Any) -> Any:
    if not is_integer(number) or not 0 <= number < len(items):
        raise ValueError(
            f"[from_config] received the number {number!r}; expected one from 0 to {len(items) - 1}"
        )
    return items[number]
