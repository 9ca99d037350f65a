"""Models made anew from what files hold."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fastdnn.checkpoint.format import (
    SLOT_PREFIX,
    Array,
    Source,
    check_tensors,
    damage_in_words,
    others_than,
    slot_name,
    whole_number,
)
from fastdnn.layers.layer import Shape
from fastdnn.loading import Stored
from fastdnn.losses import FunctionLoss
from fastdnn.metrics import FunctionMetric
from fastdnn.optimizers import schedules

if TYPE_CHECKING:
    from fastdnn.models.model import Model


class ArraySource:
    """Arrays in memory, read as a file is: of pickles and copies."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._arrays = arrays
        self.tensors = {name: Stored(a.dtype.name, a.shape) for name, a in arrays.items()}

    def read(self, views: Mapping[str, Array]) -> None:
        """Copy arrays into others."""
        for name, view in views.items():
            view[...] = self._arrays[name]


def from_arrays(
    arrays: Mapping[str, Array],
    texts: Mapping[str, Any],
    custom_objects: Mapping[str, Callable[..., Any]] | None = None,
    compile: bool = True,
) -> "Model":
    """Return the model that a `Snapshot` of one holds."""
    return from_state(ArraySource(arrays), texts, custom_objects, compile, "copy")


def from_state(
    source: Source,
    texts: Mapping[str, Any],
    custom_objects: Mapping[str, Callable[..., Any]] | None,
    compile: bool,
    where: str,
) -> "Model":
    """Return the model that tensors and texts describe, after checking all of them."""
    if not isinstance(custom_objects, Mapping | None):
        raise ValueError(
            f"[{where}] custom_objects: received a {type(custom_objects).__name__}; expected a "
            "dict from names to functions and classes of schedules"
        )
    with damage_in_words(where):
        custom = {} if custom_objects is None else custom_objects
        config = with_custom_objects(where, texts["compile"], custom) if compile else None
        return _restore(where, source, {**texts, "compile": config}, compile)


def _restore(where: str, source: Source, texts: Mapping[str, Any], compile: bool) -> "Model":
    model, rows = declare(where, texts)
    training = texts["training"]
    names = model.named_weights()
    others = others_than(source, texts, names.values())
    weights = {name: what for name, what in source.tensors.items() if name not in others}
    slots = {name: source.tensors[name] for name in others if name.startswith(SLOT_PREFIX)}
    check_tensors(where, weights, {name: weight.shape for weight, name in names.items()})
    model._bind(initialize=False)  # only now: the file has as many numbers as this takes memory
    views = {name: weight.value for weight, name in names.items()}
    if not compile or (not slots and not training["iterations"]):
        source.read(views)
        return model
    if model._compiled is None:
        raise ValueError(f"[{where}] the file has steps or slots of an optimizer, but names none")
    model._compile_network(model._compiled_plan(), rows)
    _restore_training(where, model, training, slots)
    source.read(views | slot_views(model))
    return model


def _restore_training(
    where: str, model: "Model", training: Mapping[str, Any], slots: Mapping[str, Stored]
) -> None:
    """Check the optimizer's slots, and let it have made so many steps."""
    check_tensors(where, slots, {name: view.shape for name, view in slot_views(model).items()})
    network = model._current_binding().network
    network.iterations = whole_number(where, "iterations", training["iterations"], 2**53)
    assert model.optimizer is not None, "compiled by the caller"
    model.optimizer.note_steps(network.iterations)


def slot_views(model: "Model") -> dict[str, Array]:
    """Return the optimizer's slots of a model, by their names in files."""
    names = model.named_weights()
    slots = model._current_binding().slots()
    return {slot_name(slot, names[weight]): view for (slot, weight), view in slots.items()}


def declare(where: str, texts: Mapping[str, Any]) -> tuple["Model", list[Shape]]:
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
    seed = whole_number(where, "seed", training["seed"], 2**64)
    cls = MODEL_CLASSES[architecture["class_name"]]
    model = cls.unbuilt_from_config(architecture["config"], seed)
    model._passes = whole_number(where, "passes", training["passes"], 2**32)
    rows = model._input_rows()
    if rows is None:
        raise ValueError(f"[{where}] the file's architecture has no Input")
    model.connect(rows)
    if texts["compile"] is not None:
        model.compile(**texts["compile"])
    return model, rows


def with_custom_objects(where: str, config: Any, custom: Mapping[str, Callable[..., Any]]) -> Any:
    """Return arguments of `compile` with objects of the user's where a file has their names."""
    if isinstance(config, list):
        return [with_custom_objects(where, item, custom) for item in config]
    if not isinstance(config, dict):
        return config
    config = {key: with_custom_objects(where, item, custom) for key, item in config.items()}
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
    if name not in custom:
        raise ValueError(
            f"[{where}] the model was compiled with the {kind} {name!r}, which no file holds; "
            f"use load_model(path, custom_objects={{{name!r}: ...}}), or compile=False to go "
            "without"
        )
    if not callable(custom[name]):
        raise ValueError(
            f"[{where}] custom_objects: received {custom[name]!r} for {name!r}; expected a {kind}"
        )
    return custom[name]
