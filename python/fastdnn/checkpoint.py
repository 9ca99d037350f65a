"""Models in safetensors files.

docs/checkpoint-format.md says what is in them.
"""

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastdnn import files, tensor_file
from fastdnn._core import OptimizerConfig, __version__
from fastdnn.checks import is_number
from fastdnn.files import FilePath
from fastdnn.layers.layer import Shape
from fastdnn.loading import LoadReport, Rename, Stored, plan
from fastdnn.losses import FunctionLoss
from fastdnn.metrics import FunctionMetric
from fastdnn.optimizers import Optimizer, schedules
from fastdnn.tensor_file import TensorFile

if TYPE_CHECKING:
    from fastdnn.models.fit_state import FitState
    from fastdnn.models.model import Model

FORMAT_VERSION = 2

Array = npt.NDArray[Any]
_SLOT_PREFIX = "optimizer/"
_FIT_PREFIX = "fit/"


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
    with TensorFile("load_model", filepath) as file:
        texts = texts_of(file)
        if "architecture" not in texts:
            raise ValueError(
                f"[{file.where}] the file has no architecture; build the model and use load_weights"
            )
        return from_state(file, texts, custom_objects, compile, file.where)


def save_model(model: "Model", filepath: FilePath, overwrite: bool) -> None:
    """Write everything there is to know about the model."""
    files.write("save", filepath, overwrite, lambda: Snapshot.of(model).write)


def save_weights(model: "Model", filepath: FilePath, overwrite: bool) -> None:
    """Write the weights alone."""
    files.write("save_weights", filepath, overwrite, lambda: Snapshot.of_weights(model).write)


def load_weights(
    model: "Model",
    filepath: FilePath,
    match: str | None = None,
    rename: Rename | None = None,
    strict: bool = True,
    dry_run: bool = False,
) -> LoadReport:
    """Read weights into a built model, all that are wanted or none."""
    model._current_binding()
    with TensorFile("load_weights", filepath) as file:
        texts = texts_of(file)
        others = _others(file, texts, model.named_weights().values())
        stored = {name: what for name, what in file.tensors.items() if name not in others}
        report, places = plan(file.where, model, stored, match, rename, strict, dry_run)
        if not dry_run:
            views = {name: weight.value for weight, name in places.items()}
            file.check(views)
            file.read(views)
        return report


def resume(model: "Model", filepath: FilePath, state: "FitState") -> None:
    """Put a compiled model, and a fit of it that begins, where those of a file were.

    Raises:
        ValueError: if the file is damaged, or was written by a fit of another model, of other data
            or with other callbacks; nothing is changed then.
        OSError: if the file cannot be read.
    """
    with TensorFile("fit", filepath) as file:
        texts = texts_of(file)
        if not texts.get("fit"):
            raise ValueError(
                f"[{file.where}] the file holds no fit to go on with; expected one that "
                "BackupAndRestore or ModelCheckpoint wrote; use load_model, or another path"
            )
        with _damage_in_words(file.where):
            views, arrays = _check_resumable(file, texts, model)
            file.check(file.tensors)
            file.read(arrays)
            training = texts["training"]
            seed = _count(file.where, "seed", training["seed"], 2**64)
            iterations = _count(file.where, "iterations", training["iterations"], 2**53)
            passes = _count(file.where, "passes", training["passes"], 2**32)
            named = {name.removeprefix(_FIT_PREFIX): array for name, array in arrays.items()}
            state.set(file.where, seed, texts["fit"], named)
        file.read(views)
    model.seed, model._passes = seed, passes
    binding = model._current_binding()
    binding.network.seed, binding.network.iterations = seed, iterations
    assert model.optimizer is not None, "compiled by the caller"
    model.optimizer.note_steps(iterations)


def _check_resumable(
    file: TensorFile, texts: Mapping[str, Any], model: "Model"
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return where weights and slots go, and new arrays for the rest, if all of it fits."""
    own = Snapshot.of(model)
    for name in ("architecture", "compile"):
        # As a file would hold it, but for rates that callbacks have set.
        mine = json.loads(json.dumps(_without_rates(own.texts[name]), default=_plain))
        if mine != _without_rates(texts[name]):
            raise ValueError(
                f"[{file.where}] the file's fit is that of a model with another {name}; expected "
                "the same; delete the file to begin anew"
            )
    others = {name for name in file.tensors if name.startswith(_FIT_PREFIX)} - set(own.tensors)
    stored = {name: what for name, what in file.tensors.items() if name not in others}
    shapes = {name: array.shape for name, array in own.tensors.items()}
    _check_tensors(file.where, stored, shapes)
    arrays = {name: np.empty(file.tensors[name].shape, file.tensors[name].dtype) for name in others}
    return own.tensors, arrays


def _without_rates(config: Any) -> Any:
    """Return a config without learning rates that are numbers."""
    if isinstance(config, Mapping):
        return {
            key: _without_rates(value)
            for key, value in config.items()
            if key != "learning_rate" or not is_number(value)
        }
    return [_without_rates(item) for item in config] if isinstance(config, list | tuple) else config


class Snapshot:
    """What a file of a model holds, as it was at some time.

    Attributes:
        tensors: name -> array.
        texts: name -> what JSON can say.
    """

    def __init__(self, tensors: dict[str, Array], texts: dict[str, Any]) -> None:
        self.tensors, self.texts = tensors, texts

    @classmethod
    def of(cls, model: "Model") -> "Snapshot":
        """Return everything there is to know about the model; arrays are views.

        Raises:
            ValueError: if `load_model` would refuse it.
        """
        binding = model._current_binding()
        names = model.named_weights()
        tensors: dict[str, Array] = {name: weight.value for weight, name in names.items()}
        for (slot, weight), view in binding.slots().items():
            _add(tensors, _slot_name(slot, names[weight]), view)
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
        if model._fit_state is not None:
            texts["fit"], arrays = model._fit_state.get()
            for name, array in arrays.items():
                tensor_file.code_of("save", name, array)
                _add(tensors, _FIT_PREFIX + name, array)
        return cls(tensors, texts)

    @classmethod
    def of_weights(cls, model: "Model") -> "Snapshot":
        """Return the weights alone."""
        model._current_binding()
        return cls({name: weight.value for weight, name in model.named_weights().items()}, {})

    def copied(self) -> "Snapshot":
        """Return one that does not change when the model does."""
        tensors = {name: np.array(array, order="C") for name, array in self.tensors.items()}
        return Snapshot(tensors, copy.deepcopy(self.texts))

    def metadata(self) -> dict[str, str]:
        """Return the texts of the file."""
        return {
            "format": "fastdnn",
            "format_version": str(FORMAT_VERSION),
            "library_version": __version__,
            **{name: json.dumps(text, default=_plain) for name, text in self.texts.items()},
        }

    def write(self, handle: int) -> None:
        """Write the file's content to an open file."""
        tensor_file.write(handle, self.tensors, self.metadata())


def _add(tensors: dict[str, Array], name: str, array: Array) -> None:
    if name in tensors:
        raise ValueError(
            f"[save] received a weight named {name!r}, which is what files call another part of "
            "a model; rename the layer"
        )
    tensors[name] = array


class ArraySource:
    """Arrays in memory, read as a file is: of pickles and copies."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._arrays = arrays
        self.tensors = {name: Stored(a.dtype.name, a.shape) for name, a in arrays.items()}

    def read(self, views: Mapping[str, Array]) -> None:
        """Copy arrays into others."""
        for name, view in views.items():
            view[...] = self._arrays[name]


Source = TensorFile | ArraySource


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
    with _damage_in_words(where):
        custom = {} if custom_objects is None else custom_objects
        config = _with_custom_objects(where, texts["compile"], custom) if compile else None
        return _restore(where, source, {**texts, "compile": config}, compile)


def texts_of(file: TensorFile) -> dict[str, Any]:
    """Return what the metadata says, after a look at the version of the format."""
    where, metadata = file.where, file.metadata
    version = metadata.get("format_version", "1")
    known = version.isascii() and version.isdecimal() and len(version) < 10
    if not known or not 1 <= int(version) <= FORMAT_VERSION:
        raise ValueError(
            f"[{where}] received format version {version[:20]}; this fastdnn {__version__} reads 1 "
            f"to {FORMAT_VERSION}; update fastdnn"
        )
    texts: dict[str, Any] = {}
    for name in ("architecture", "compile", "training", "fit"):
        if name in metadata:
            try:
                texts[name] = json.loads(metadata[name])
            except (ValueError, RecursionError) as error:
                raise ValueError(f"[{where}] the file's {name} is no JSON: {error}") from error
    return texts


@contextmanager
def _damage_in_words(where: str) -> Iterator[None]:
    """Turn what a text of unexpected content leads to into a ValueError that says so."""
    try:
        yield
    except (
        *(ValueError, KeyError, IndexError, TypeError, AttributeError),
        *(OverflowError, RecursionError, MemoryError),
    ) as error:
        if isinstance(error, ValueError) and str(error).startswith("["):
            raise  # says it by itself
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
        _check_tensors("save", ArraySource(tensors).tensors, expected)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(
            f"[save] load_model would refuse the file ({error}): a class that fastdnn does not "
            "have, or an attribute changed after the model was built; undo it, or use save_weights"
        ) from error


def _restore(where: str, source: Source, texts: Mapping[str, Any], compile: bool) -> "Model":
    model, rows = _declare(where, texts)
    training = texts["training"]
    names = model.named_weights()
    others = _others(source, texts, names.values())
    weights = {name: what for name, what in source.tensors.items() if name not in others}
    slots = {name: source.tensors[name] for name in others if name.startswith(_SLOT_PREFIX)}
    _check_tensors(where, weights, {name: weight.shape for weight, name in names.items()})
    model._bind(initialize=False)  # only now: the file has as many numbers as this takes memory
    views = {name: weight.value for weight, name in names.items()}
    if not compile or (not slots and not training["iterations"]):
        source.read(views)
        return model
    if model._compiled is None:
        raise ValueError(f"[{where}] the file has steps or slots of an optimizer, but names none")
    model._compile_network(model._compiled_plan(), rows)
    _restore_training(where, model, training, slots)
    source.read(views | _slot_views(model))
    return model


def _restore_training(
    where: str, model: "Model", training: Mapping[str, Any], slots: Mapping[str, Stored]
) -> None:
    """Check the optimizer's slots, and let it have made so many steps."""
    _check_tensors(where, slots, {name: view.shape for name, view in _slot_views(model).items()})
    network = model._current_binding().network
    network.iterations = _count(where, "iterations", training["iterations"], 2**53)
    assert model.optimizer is not None, "compiled by the caller"
    model.optimizer.note_steps(network.iterations)


def _slot_views(model: "Model") -> dict[str, Array]:
    names = model.named_weights()
    slots = model._current_binding().slots()
    return {_slot_name(slot, names[weight]): view for (slot, weight), view in slots.items()}


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
    seed = _count(where, "seed", training["seed"], 2**64)
    cls = MODEL_CLASSES[architecture["class_name"]]
    model = cls.unbuilt_from_config(architecture["config"], seed)
    model._passes = _count(where, "passes", training["passes"], 2**32)
    rows = model._input_rows()
    if rows is None:
        raise ValueError(f"[{where}] the file's architecture has no Input")
    model.connect(rows)
    if texts["compile"] is not None:
        model.compile(**texts["compile"])
    return model, rows


def _check_tensors(
    where: str, stored: Mapping[str, Stored], expected: Mapping[str, tuple[int, ...]]
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
        wanted = Stored("float32", shape)
        if stored[name] != wanted:
            raise ValueError(f"[{where}] {name}: the file has {stored[name]}; expected {wanted}")


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


def _others(source: Source, texts: Mapping[str, Any], weights: Iterable[str]) -> set[str]:
    """Return the names of tensors that are no weights, in a file of a whole model.

    A layer may well be called "optimizer": `weights` are names that are known to be weights.
    """
    if "architecture" not in texts:
        return set()
    known = set(weights)
    prefixes = (_SLOT_PREFIX, _FIT_PREFIX)
    return {name for name in source.tensors if name.startswith(prefixes) and name not in known}


def _count(where: str, name: str, value: Any, limit: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < limit:
        raise ValueError(
            f"[{where}] {name}: received {value!r}; expected a whole number below {limit}"
        )
    return value


def _plain(value: Any) -> Any:
    """Return what JSON takes for a number of NumPy's."""
    if isinstance(value, np.generic):
        return value.item()
    raise ValueError(
        f"[save] received {value!r} of type {type(value).__name__} in a state; expected numbers, "
        "texts, lists and dicts, and arrays of NumPy's"
    )
