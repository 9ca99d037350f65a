"""Models in safetensors files: written in one piece or not at all, believed only when checked.

A file of `Model.save` holds tensors named `layer/weight` and `optimizer/slot/layer/weight`,
and text in its metadata:

    format             "fastdnn"
    format_version     "1"
    library_version    of the fastdnn that wrote it
    architecture       JSON: the model's class and config
    compile            JSON: arguments of `compile`, or null
    training           JSON: seed, iterations, passes over the training data

A file of `save_weights` has the weights and no architecture. Any safetensors reader opens
both.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastdnn import files
from fastdnn._core import OptimizerConfig, __version__
from fastdnn.files import FilePath
from fastdnn.layers.layer import Shape
from fastdnn.losses import FunctionLoss
from fastdnn.metrics import FunctionMetric
from fastdnn.optimizers import Optimizer, schedules

if TYPE_CHECKING:
    from fastdnn.models.model import Model

FORMAT_VERSION = 1

Array = npt.NDArray[np.float32]
_SLOT_PREFIX = "optimizer/"


def load_model(
    filepath: FilePath,
    custom_objects: Mapping[str, Callable[..., Any]] | None = None,
    compile: bool = True,
) -> "Model":
    """Read a model from a file of `Model.save`.

    It predicts as the model that was saved, and trains on as if there had been no file.

    Args:
        filepath: the safetensors file.
        custom_objects: by name, what no file holds: the functions that were losses or metrics, and
            classes of schedules that fastdnn does not have.
        compile: whether to compile the model as it was; if not, the optimizer's state is left out.

    Raises:
        ValueError: if the file is damaged, is no fastdnn model, was written in a newer version of
            the format, or names what `custom_objects` does not have.
        OSError: if the file cannot be read.

    >>> import tempfile, fastdnn as fd
    >>> model = fd.Sequential([fd.Input(shape=(4,)), fd.layers.Dense(2)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/model.safetensors")
    ...     same = fd.load_model(f"{folder}/model.safetensors")
    >>> bool((same.get_weights()[0] == model.get_weights()[0]).all())
    True
    """
    where = f"load_model {os.fspath(filepath)}"
    return from_bytes(files.read("load_model", filepath), where, custom_objects, compile)


def save_model(model: "Model", filepath: FilePath, overwrite: bool) -> None:
    """Write everything there is to know about the model."""
    files.write("save", filepath, overwrite, lambda: to_bytes(model))


def save_weights(model: "Model", filepath: FilePath, overwrite: bool) -> None:
    """Write the weights alone."""

    def content() -> bytes:
        model._current_binding()
        return _pack({name: weight.value for weight, name in model.named_weights().items()}, {})

    files.write("save_weights", filepath, overwrite, content)


def load_weights(model: "Model", filepath: FilePath) -> None:
    """Read the weights into a built model, all of them or none."""
    where = f"load_weights {os.fspath(filepath)}"
    model._current_binding()
    tensors, _ = _unpack(where, files.read("load_weights", filepath))
    names = model.named_weights()
    stored, _ = _divided(tensors, names.values())
    _check_tensors(where, stored, {name: weight.shape for weight, name in names.items()})
    for weight, name in names.items():
        weight.value[...] = stored[name]


def to_bytes(model: "Model") -> bytes:
    """Return the content of the model's file."""
    binding = model._current_binding()
    names = model.named_weights()
    tensors = {name: weight.value for weight, name in names.items()}
    for (slot, weight), view in binding.slots().items():
        tensors[_slot_name(slot, names[weight])] = view
    # Raises where names do not tell them apart.
    custom = {} if model._compiled is None else model._compiled.custom_objects()
    architecture = {"class_name": type(model).__name__, "config": model.get_config()}
    texts = {
        "architecture": _without_arrays(architecture),
        "compile": model._compiled.get_config() if model._compiled else None,
        "training": {
            "seed": model.seed,
            "iterations": int(binding.network.iterations) if binding.compiled else 0,
            "passes": model._passes,
        },
    }
    _check_readable(tensors, texts, custom)
    return _pack(tensors, texts)


def from_bytes(
    content: bytes,
    where: str = "load_model",
    custom_objects: Mapping[str, Callable[..., Any]] | None = None,
    compile: bool = True,
) -> "Model":
    """Return the model in the content of a file, after checking all of it."""
    if not isinstance(custom_objects, Mapping | None):
        raise ValueError(
            f"[{where}] custom_objects: received a {type(custom_objects).__name__}; expected a "
            "dict from names to functions and classes of schedules"
        )
    tensors, texts = _unpack(where, content)
    if "architecture" not in texts:
        raise ValueError(
            f"[{where}] the file has no architecture; build the model and use load_weights"
        )
    try:
        custom = {} if custom_objects is None else custom_objects
        config = _with_custom_objects(where, texts["compile"], custom) if compile else None
        return _restore(where, tensors, texts | {"compile": config}, compile)
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(
            f"[{where}] the file's metadata is damaged: {type(error).__name__} {error}"
        ) from error


def _check_readable(
    tensors: Mapping[str, Array],
    texts: Mapping[str, Any],
    custom: Mapping[str, Callable[..., Any]],
) -> None:
    """Raise a ValueError where load_model would refuse the file: no such file is written."""
    try:
        config = _with_custom_objects("save", texts["compile"], custom)
        model, _ = _declare("save", {**texts, "compile": config})
        names = model.named_weights()
        expected = {name: weight.shape for weight, name in names.items()}
        if len(tensors) > len(expected):
            assert model._compiled is not None
            optimizer = model._compiled.optimizer
            slots = [_slots_of(rule) for rule in optimizer.rules]
            for weight in model.trainable_weights:
                for slot in slots[optimizer.rule_of(names[weight])]:
                    expected[_slot_name(slot, names[weight])] = weight.shape
        _check_tensors("save", tensors, expected)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(
            f"[save] load_model would refuse the file ({error}): a class that fastdnn does not "
            "have, or an attribute changed after the model was built; undo it, or use save_weights"
        ) from error


def _restore(
    where: str, tensors: Mapping[str, Array], texts: Mapping[str, Any], compile: bool
) -> "Model":
    model, rows = _declare(where, texts)
    training = texts["training"]
    names = model.named_weights()
    weights, slots = _divided(tensors, names.values())
    _check_tensors(where, weights, {name: weight.shape for weight, name in names.items()})
    for weight, name in names.items():
        weight.bind(weights[name])
    model._build(rows)
    if not compile or (not slots and not training["iterations"]):
        return model
    if model._compiled is None:
        raise ValueError(f"[{where}] the file has steps or slots of an optimizer, but names none")
    model._compile_network(model._compiled_plan(), rows)
    binding = model._current_binding()
    views = {
        _slot_name(slot, names[weight]): view for (slot, weight), view in binding.slots().items()
    }
    _check_tensors(where, slots, {name: view.shape for name, view in views.items()})
    for name, view in views.items():
        view[...] = slots[name]
    binding.network.iterations = _count("iterations", training["iterations"], 2**53)
    model._compiled.optimizer.note_steps(binding.network.iterations)
    return model


def _slots_of(rule: Optimizer) -> list[str]:
    """Return the names of the slots that the native core has for a rule."""
    numbers = rule.hyperparameters()
    del numbers["learning_rate"]
    return OptimizerConfig(rule.native_name, **numbers).slot_names()


def _with_custom_objects(where: str, config: Any, custom: Mapping[str, Callable[..., Any]]) -> Any:
    """Return arguments of `compile` with objects of the user's where a file has their names."""
    if isinstance(config, list):
        return [_with_custom_objects(where, item, custom) for item in config]
    if not isinstance(config, dict):
        return config
    config = {key: _with_custom_objects(where, item, custom) for key, item in config.items()}
    name = config.get("class_name")
    if name in ("FunctionLoss", "FunctionMetric"):
        function = _custom_object(where, "function", config["config"]["function"], custom)
        kind = FunctionLoss if name == "FunctionLoss" else FunctionMetric
        return kind(function, config["config"]["name"])
    cls = custom.get(name)
    if isinstance(cls, type) and issubclass(cls, schedules.LearningRateSchedule):
        return cls.from_config(config["config"])
    rate = config.get("learning_rate")
    if isinstance(rate, dict) and rate["class_name"] not in schedules.CLASSES:
        _custom_object(where, "schedule", rate["class_name"], custom)
        raise ValueError(
            f"[{where}] custom_objects: received {custom[rate['class_name']]!r} for "
            f"{rate['class_name']!r}; expected a class derived from LearningRateSchedule"
        )
    return config


def _custom_object(
    where: str, kind: str, name: str, custom: Mapping[str, Callable[..., Any]]
) -> Callable[..., Any]:
    try:
        return custom[name]
    except KeyError:
        raise ValueError(
            f"[{where}] the model was compiled with the {kind} {name!r}, which no file holds; "
            f"use load_model(path, custom_objects={{{name!r}: ...}}), or compile=False to go "
            "without"
        ) from None


def _declare(where: str, texts: Mapping[str, Any]) -> tuple["Model", list[Shape]]:
    """Return the model that the metadata describes, and the rows of its inputs.

    Its weights are declared and have no memory: a file cannot ask for more than it has.
    """
    from fastdnn.models.rebuilding import MODEL_CLASSES

    architecture, training = texts["architecture"], texts["training"]
    if architecture["class_name"] not in MODEL_CLASSES:
        raise ValueError(
            f"[{where}] received the model class {architecture['class_name']!r}; "
            f"expected {' or '.join(map(repr, MODEL_CLASSES))}"
        )
    seed = _count("seed", training["seed"], 2**64)
    cls = MODEL_CLASSES[architecture["class_name"]]
    model = cls.unbuilt_from_config(architecture["config"], seed)
    model._passes = _count("passes", training["passes"], 2**32)
    rows = model._input_rows()
    if rows is None:
        raise ValueError(f"[{where}] the file's architecture has no Input")
    model.connect(rows)
    if texts["compile"] is not None:
        model.compile(**texts["compile"])
    return model, rows


def _pack(tensors: Mapping[str, Array], texts: Mapping[str, Any]) -> bytes:
    from safetensors.numpy import save

    metadata = {
        "format": "fastdnn",
        "format_version": str(FORMAT_VERSION),
        "library_version": __version__,
        **{name: json.dumps(text) for name, text in texts.items()},
    }
    # Views of the parameters have padded rows; files have none.
    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    return bytes(save(contiguous, metadata))


def _unpack(where: str, content: bytes) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the tensors and the parsed metadata of a file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        # The library checks every offset, shape and dtype against the length of the file.
        tensors = load(content)
        size = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + size]).get("__metadata__", {})
    except (SafetensorError, ValueError, KeyError) as error:
        raise ValueError(
            f"[{where}] the file is no valid safetensors file ({error}); expected one that save() "
            "wrote: this one is of another kind, or was cut short"
        ) from error
    version = metadata.get("format_version", "1")
    if not version.isdecimal() or int(version) > FORMAT_VERSION:
        raise ValueError(
            f"[{where}] received format version {version}; this fastdnn {__version__} reads up "
            f"to {FORMAT_VERSION}; update fastdnn"
        )
    texts = {}
    for name in ("architecture", "compile", "training"):
        if name in metadata:
            try:
                texts[name] = json.loads(metadata[name])
            except (ValueError, RecursionError) as error:
                raise ValueError(f"[{where}] the file's {name} is no JSON: {error}") from error
    return tensors, texts


def _check_tensors(
    where: str, stored: Mapping[str, Array], expected: Mapping[str, tuple[int, ...]]
) -> None:
    """Raise a ValueError unless the file has exactly these tensors, in float32."""
    missing = [name for name in expected if name not in stored]
    left_over = [name for name in stored if name not in expected]
    if missing or left_over:
        raise ValueError(
            f"[{where}] the file does not fit the model; missing: {', '.join(missing) or 'nothing'}"
            f"; left over: {', '.join(left_over) or 'nothing'}"
        )
    for name, shape in expected.items():
        array = stored[name]
        if array.shape != shape or array.dtype != np.float32:
            raise ValueError(
                f"[{where}] {name}: the file has {array.dtype} of shape {array.shape}; expected "
                f"float32 of shape {shape}"
            )


def _without_arrays(config: Any) -> Any:
    """Return the config with initial values left out: the file has the weights themselves."""
    if isinstance(config, Mapping):
        if config.get("class_name") == "FromArray":
            return {"class_name": "Zeros", "config": {}}
        return {key: _without_arrays(value) for key, value in config.items()}
    if isinstance(config, list):
        return [_without_arrays(value) for value in config]
    return config


def _slot_name(slot: str, weight: str) -> str:
    return f"{_SLOT_PREFIX}{slot}/{weight}"


def _divided(
    tensors: Mapping[str, Array], weights: Iterable[str]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return the weights and the optimizer's slots; a layer may well be called "optimizer"."""
    known = set(weights)
    slots = {
        name: array
        for name, array in tensors.items()
        if name.startswith(_SLOT_PREFIX) and name not in known
    }
    return {name: array for name, array in tensors.items() if name not in slots}, slots


def _count(name: str, value: Any, limit: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < limit:
        raise ValueError(
            f"[load_model] {name}: received {value!r}; expected a whole number below {limit}"
        )
    return value
