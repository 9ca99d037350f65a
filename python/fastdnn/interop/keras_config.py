"""Configs of Keras's models, as those of models here."""

import inspect
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from fastdnn.layers.layer import Layer
from fastdnn.models.rebuilding import LAYER_CLASSES

MODELS = ("Sequential", "Functional", "Model")
# Arguments that change nothing here: what they say is given by the data, or is for other backends.
_WITHOUT_MEANING = {"dtype", "renorm_momentum", "data_format"}

Config = dict[str, Any]
# A layer's name, and the number of one of its calls.
_Node = tuple[str, int]


def translated(item: Mapping[str, Any]) -> Config:
    """Return the config of a model, such as `serialize` gives of one.

    Args:
        item: Keras's `class_name` and `config` of a Sequential or a functional model.

    Raises:
        ValueError: if there is no such layer or argument here.
    """
    kind, content = item["class_name"], item["config"]
    require_layers(kind)
    if kind == "Sequential":
        layers = [_layer(each) for each in content["layers"]]
        return {"class_name": kind, "config": {"name": content["name"], "layers": layers}}
    return {"class_name": "Model", "config": _functional(content)}


def require_layers(kind: str) -> None:
    """Raise a ValueError unless models of this class say which layers they are made of."""
    if kind not in MODELS:
        raise ValueError(
            f"[from_keras] received a {kind}, a class of the user's, whose configs do not say how "
            f"its layers are connected; expected one of {', '.join(MODELS)}; build the model here, "
            "and load the weights of the live one: from_keras(keras_model, model)"
        )


def _functional(content: Mapping[str, Any]) -> Config:
    """Return the config of connected layers: calls of them, in an order in which they can be."""
    items = {item["config"]["name"]: item for item in content["layers"]}
    made = {name: _layer(item) for name, item in items.items()}
    sources: dict[_Node, list[tuple[_Node, int]]] = {}
    for name, item in items.items():
        for place, node in enumerate(item["inbound_nodes"]):
            sources[name, place] = _references(node["args"])
    inputs = [name for name, _, _ in _ends(content["input_layers"])]
    numbers = {name: number for number, name in enumerate(n for n in made if n not in inputs)}
    # Where the outputs of a call begin among all tensors, of which the inputs come first.
    begins: dict[_Node, int] = {(name, 0): place for place, name in enumerate(inputs)}
    count, calls = len(inputs), []
    graph = {node: [source for source, _ in needed] for node, needed in sources.items()}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise ValueError("[from_keras] received layers that are not connected to inputs") from error
    for node in order:
        if node in begins:
            continue
        if node not in sources:
            raise ValueError("[from_keras] received layers that are not connected to inputs")
        calls.append([numbers[node[0]], [begins[n] + place for n, place in sources[node]]])
        begins[node] = count
        inside = made[node[0]]
        count += len(inside["config"]["outputs"]) if inside["class_name"] == "Model" else 1
    ends = content["output_layers"]
    outputs = []
    for name, node, place in _ends(ends):
        # Here alone Keras counts from 1 for models: connecting the layers inside was call 0.
        first = 1 if made[name]["class_name"] == "Model" else 0
        outputs.append(begins[name, node - first] + place)
    return {
        "name": content["name"],
        "inputs": [made[name] for name in inputs],
        "layers": [made[name] for name in numbers],
        "calls": calls,
        "outputs": outputs,
        "output_keys": list(ends) if isinstance(ends, Mapping) else None,
    }


def _ends(value: Any) -> list[Any]:
    """Return a list of [layer, call, tensor], whatever structure they were given in."""
    if isinstance(value, Mapping):
        value = list(value.values())
    return [value] if isinstance(value[0], str) else list(value)


def _references(value: Any) -> list[tuple[_Node, int]]:
    """Return the tensors among the arguments of a call: which calls made them, in which place."""
    if isinstance(value, Mapping):
        if value.get("class_name") != "__keras_tensor__":
            return []
        name, node, place = value["config"]["keras_history"]
        return [((name, node), place)]
    if isinstance(value, list | tuple):
        return [reference for item in value for reference in _references(item)]
    return []


def _layer(item: Mapping[str, Any]) -> Config:
    """Return the config of a layer, an input or a model."""
    kind, config = item["class_name"], item["config"]
    if kind == "InputLayer":
        own = {"shape": tuple(config["batch_shape"][1:]), "name": config["name"]}
        return {"class_name": "Input", "config": own}
    if kind in MODELS:
        return translated(item)
    if kind not in LAYER_CLASSES:
        raise ValueError(
            f"[from_keras] received the layer {config.get('name')!r}, a {kind}; expected layers "
            f"among {', '.join(LAYER_CLASSES)}"
        )
    cls: type[Layer] = LAYER_CLASSES[kind]
    known = inspect.signature(cls).parameters
    arguments: Config = {"trainable": config.get("trainable", True)}
    for name, value in config.items():
        if name == "trainable" or name.endswith("_initializer"):
            continue  # the weights come from elsewhere
        if name == "axis" and isinstance(value, list | tuple) and len(value) == 1:
            value = value[0]
        if name in known:
            arguments[name] = _plain(value)
        elif value and name not in _WITHOUT_MEANING and (name, value) != ("axis", -1):
            raise ValueError(
                f"[from_keras] {config.get('name')!r} is a {kind} with {name}={value!r}, which is "
                "not there"
            )
    return {"class_name": kind, "config": arguments}


def _plain(value: Any) -> Any:
    """Return a config without what says where Keras has its classes."""
    if isinstance(value, Mapping) and "class_name" in value:
        return {"class_name": value["class_name"], "config": _plain(value.get("config") or {})}
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return value
