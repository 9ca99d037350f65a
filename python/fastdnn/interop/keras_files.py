"""Models and weights of Keras 3.

A `.keras` file is a zip archive of `config.json`, the architecture, and `model.weights.h5`. In the
latter the weights of a layer are `layers/NAME/vars/0`, `1` and so on, where NAME is that of its
class, such as `dense`, `dense_1`, in the order of the layers.
"""

import inspect
import io
import json
import os
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn.configuration import snake_case
from fastdnn.files import existing_file
from fastdnn.layers import Input
from fastdnn.layers.layer import Layer
from fastdnn.loading import LoadReport, load_arrays
from fastdnn.models import Model, Sequential
from fastdnn.models.rebuilding import LAYER_CLASSES

Array = npt.NDArray[Any]

_MODELS = ("Sequential", "Functional", "Model")
# Arguments that change nothing here: what they say is given by the data, or is for other backends.
_WITHOUT_MEANING = {"dtype", "trainable", "renorm_momentum", "data_format"}
_MOST_BYTES = 1 << 31


def from_keras(source: Any, model: Model | None = None) -> "Model | LoadReport":
    """Return a model of Keras's layers and weights, or load the weights into a model.

    Args:
        source: a Keras model; a `.keras` file; or, with `model`, a `.weights.h5` file. Files are
            read by h5py (`pip install 'fastdnn[keras]'`), without Keras.
        model: where to load the weights: layers of the same classes, which have the same names,
            or are in the same order. None for a new model.

    Returns:
        The new model, a `Sequential` or a `Model`, not compiled; or the `LoadReport`.

    Raises:
        ValueError: if there is no such layer or argument here, a weight does not fit, or the file
            is damaged; nothing is changed then.
        OSError: if the file cannot be read.
        ImportError: if h5py is needed and not there.

    >>> from_keras(3)
    Traceback (most recent call last):
    ValueError: [from_keras] source: received int; expected a Keras model or a path
    """
    if not isinstance(source, str | os.PathLike):
        if not hasattr(source, "get_config") or not hasattr(source, "layers"):
            raise ValueError(
                f"[from_keras] source: received {type(source).__name__}; expected a Keras model or "
                "a path"
            )
        config = {"class_name": type(source).__name__, "config": source.get_config()}
        made = _model(config) if model is None else model
        return _loaded(made, _weights_of(source), model is None)
    path = existing_file("from_keras", source)
    where = f"from_keras {path}"
    if path.suffix != ".keras" and model is None:
        raise ValueError(
            f"[{where}] received weights without an architecture; expected a .keras file, or "
            "from_keras(path, model)"
        )
    try:
        return _from_file(path, model)
    except Exception as error:  # archives can fail in any way
        words = isinstance(error, ValueError) and str(error).startswith("[")
        if words or isinstance(error, ImportError | MemoryError):
            raise  # says it by itself
        raise ValueError(
            f"[{where}] the file is no model of Keras 3, or is damaged "
            f"({type(error).__name__} {error})"
        ) from error


def _from_file(path: Path, model: Model | None) -> "Model | LoadReport":
    """Read a `.keras` file, or with a model a `.weights.h5` file."""
    if path.suffix != ".keras":
        assert model is not None, "checked by the caller"
        content = io.BytesIO(path.read_bytes())
        return _loaded(model, _weights_in(content, _entries_of_model(model)), False)
    with zipfile.ZipFile(path) as archive:
        config = json.loads(_member(archive, "config.json"))
        content = io.BytesIO(_member(archive, "model.weights.h5"))
    made = _model(config) if model is None else model
    return _loaded(made, _weights_in(content, _entries_of_config(config)), model is None)


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    info = archive.getinfo(name)
    # Keras compresses nothing: what is read is never larger than the file.
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > _MOST_BYTES:
        raise ValueError(f"{name} is compressed, which Keras does not do")
    return archive.read(info)


# A layer's name, its class, and its arrays in Keras's order.
Found = list[tuple[str, str, list[Array]]]


def _weights_of(model: Any, prefix: str = "") -> Found:
    """Return the weights of a live Keras model."""
    found: Found = []
    for layer in model.layers:
        kind = type(layer).__name__
        if kind in _MODELS:
            found += _weights_of(layer, f"{prefix}{layer.name}/")
        elif layer.weights:
            found.append((prefix + layer.name, kind, [np.asarray(w) for w in layer.get_weights()]))
    return found


def _weights_in(content: io.BytesIO, entries: Sequence[tuple[str, str, Any]]) -> Found:
    """Return the weights in a file, of layers with these names, classes and layers inside."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            "[from_keras] Keras's files are read by h5py: pip install 'fastdnn[keras]'"
        ) from error
    with h5py.File(content, "r") as file:
        return list(_weights_in_group(file, entries, ""))


def _weights_in_group(
    group: Any, entries: Sequence[tuple[str, str, Any]], prefix: str
) -> Iterator[tuple[str, str, list[Array]]]:
    counts: Counter[str] = Counter()
    for name, kind, inside in entries:
        base = snake_case(kind)
        own = f"layers/{base}_{counts[base]}" if counts[base] else f"layers/{base}"
        counts[base] += 1
        if inside is not None:
            yield from _weights_in_group(group[own], inside, f"{prefix}{name}/")
        elif own in group and len(group[own]["vars"]):
            stored = group[own]["vars"]
            yield prefix + name, kind, [np.array(stored[str(i)]) for i in range(len(stored))]


def _entries_of_config(config: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    return [
        (
            item["config"]["name"],
            item["class_name"],
            _entries_of_config(item) if item["class_name"] in _MODELS else None,
        )
        for item in config["config"]["layers"]
        # A Sequential does not count its input among its layers.
        if config["class_name"] != "Sequential" or item["class_name"] != "InputLayer"
    ]


def _entries_of_model(model: Model) -> list[tuple[str, str, Any]]:
    entries: list[tuple[str, str, Any]] = []
    for layer in model.layers:
        inside = _entries_of_model(layer) if isinstance(layer, Model) else None
        kind = type(layer).__name__
        entries.append((layer.name, "Functional" if type(layer) is Model else kind, inside))
    return entries


def _loaded(model: Model, found: Found, new: bool) -> "Model | LoadReport":
    """Load the weights, by names where these are the same, else in the order of the layers."""
    model._current_binding()
    named = {
        name: layer
        for layer, name in model.named_layers().items()
        # Given statistics are arguments there, and weights here.
        if layer.weights and getattr(layer, "input_mean", None) is None
    }
    if {name for name, _, _ in found} != set(named):
        if len(named) != len(found):
            raise ValueError(
                f"[from_keras] received {len(found)} layers with weights for {len(named)}; "
                "expected the same layers in the same order"
            )
        found = [(own, kind, a) for own, (_, kind, a) in zip(named, found, strict=True)]
    arrays: dict[str, Array] = {}
    for name, kind, weights in found:
        layer = named[name]
        own = type(layer).__name__
        # Normalization's third one counts what it was adapted to.
        weights = weights[: len(layer.weights)] if own == "Normalization" else weights
        if own != kind or len(weights) != len(layer.weights):
            raise ValueError(
                f"[from_keras] received a {kind} of {len(weights)} weights for the layer {name!r}, "
                f"a {own} of {len(layer.weights)}; expected the same layers in the same order"
            )
        for weight, array in zip(layer.weights, weights, strict=True):
            shaped = np.asarray(array, np.float32)
            if shaped.shape != weight.shape and shaped.size == weight.size:
                shaped = shaped.reshape(weight.shape)  # Normalization has (1, features) there
            arrays[f"{name}/{weight.name}"] = shaped
    missing = [name for name in named if name not in {found_name for found_name, _, _ in found}]
    if missing:
        raise ValueError(f"[from_keras] the file has no weights for {', '.join(missing)}")
    report = load_arrays("from_keras", model, arrays, strict=False)
    return model if new else report


def _model(config: Mapping[str, Any]) -> Model:
    """Return the model that a Keras config describes."""
    kind, content = config["class_name"], config["config"]
    if kind not in _MODELS:
        raise ValueError(f"[from_keras] received a {kind}; expected one of {', '.join(_MODELS)}")
    if kind == "Sequential":
        made = [_layer(item) for item in content["layers"]]
        return Sequential(made, name=content["name"])
    return _functional(content)


def _functional(content: Mapping[str, Any]) -> Model:
    """Return a model of connected layers."""
    made = {item["config"]["name"]: _layer(item) for item in content["layers"]}
    tensors: dict[tuple[str, int], Any] = {
        (name, 0): layer for name, layer in made.items() if isinstance(layer, Input)
    }
    waiting = [
        (item["config"]["name"], place, _references(node["args"]))
        for item in content["layers"]
        for place, node in enumerate(item["inbound_nodes"])
    ]
    while waiting:
        ready = [node for node in waiting if all(each in tensors for each in node[2])]
        if not ready:
            raise ValueError("[from_keras] received layers that are not connected to inputs")
        for name, place, references in ready:
            inputs = [tensors[each] for each in references]
            tensors[name, place] = made[name](inputs if len(inputs) > 1 else inputs[0])
        waiting = [node for node in waiting if node not in ready]
    ends = [
        [tensors[end[0], end[1]] for end in _ends(content[key])]
        for key in ("input_layers", "output_layers")
    ]
    inputs, outputs = (each[0] if len(each) == 1 else each for each in ends)
    return Model(inputs, outputs, name=content["name"])


def _ends(value: Any) -> list[Any]:
    """Return a list of [layer, node, tensor], whatever structure they were given in."""
    if isinstance(value, Mapping):
        value = list(value.values())
    return [value] if isinstance(value[0], str) else list(value)


def _references(value: Any) -> list[tuple[str, int]]:
    """Return the tensors among the arguments of a call: names of layers and numbers of calls."""
    if isinstance(value, Mapping):
        if value.get("class_name") != "__keras_tensor__":
            return []
        name, node, tensor = value["config"]["keras_history"]
        if tensor != 0:
            raise ValueError("[from_keras] received a layer with several outputs; expected one")
        return [(name, node)]
    if isinstance(value, list | tuple):
        return [reference for item in value for reference in _references(item)]
    return []


def _layer(item: Mapping[str, Any]) -> Any:
    """Return the layer, the input or the model that a Keras config describes."""
    kind, config = item["class_name"], item["config"]
    if kind == "InputLayer":
        return Input(shape=tuple(config["batch_shape"][1:]), name=config["name"])
    if kind in _MODELS:
        return _model(item)
    if kind not in LAYER_CLASSES:
        raise ValueError(
            f"[from_keras] received the layer {config.get('name')!r}, a {kind}; expected layers "
            f"among {', '.join(LAYER_CLASSES)}"
        )
    cls: type[Layer] = LAYER_CLASSES[kind]
    known = inspect.signature(cls).parameters
    arguments: dict[str, Any] = {}
    for name, value in config.items():
        if name.endswith("_initializer"):
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
    made = cls.from_config(arguments)
    made.trainable = bool(config.get("trainable", True))
    return made


def _plain(value: Any) -> Any:
    """Return a config without what says where Keras has its classes."""
    if isinstance(value, Mapping) and "class_name" in value:
        return {"class_name": value["class_name"], "config": _plain(value.get("config") or {})}
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return value
