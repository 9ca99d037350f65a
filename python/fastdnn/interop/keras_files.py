"""Models and weights of Keras 3.

A `.keras` file is a zip archive of `config.json`, the architecture, and `model.weights.h5`. In the
latter the weights of a layer are `layers/NAME/vars/0`, `1` and so on, where NAME is that of its
class, such as `dense`, `dense_1`, in the order of the layers. Newer files have the layer's own name
as the attribute `name` of `vars`.
"""

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

from fastdnn.checks import kind_of
from fastdnn.configuration import snake_case
from fastdnn.files import existing_file, reader_of
from fastdnn.interop.keras_config import MODELS, require_layers, translated
from fastdnn.interop.torch_file import from_bfloat16
from fastdnn.layers.layer import Layer
from fastdnn.loading import LoadReport, Stored, load_arrays, plan, require_built
from fastdnn.models import Model
from fastdnn.models.rebuilding import layer_from_config

Array = npt.NDArray[Any]

# Statistics that a config may have instead of the weights: no table has as many columns.
_MOST_STATISTICS = 1 << 24


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
    if model is not None:
        require_built("from_keras", model)
    if not isinstance(source, str | os.PathLike):
        if isinstance(source, type) or not hasattr(source, "layers"):
            raise ValueError(
                f"[from_keras] source: received {kind_of(source)}; expected a Keras model or a path"
            )
        found = _weights_of(source)
        if model is not None:
            return _load(model, found)
        require_layers(type(source).__name__)
        return _new({"class_name": type(source).__name__, "config": source.get_config()}, found)
    path = existing_file("from_keras", source)
    where = f"from_keras {path}"
    if path.suffix not in (".keras", ".h5"):
        raise ValueError(
            f"[{where}] received a file that is not named as Keras's are; expected a name that "
            f"ends in .keras or .weights.h5{reader_of(path)}"
        )
    if path.suffix == ".h5" and model is None:
        raise ValueError(
            f"[{where}] received weights without an architecture; expected a .keras file, as "
            "Keras's model.save writes, or from_keras(path, model)"
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
        return _load(model, _weights_in(content, _entries_of_model(model)))
    with zipfile.ZipFile(path) as archive:
        config = json.loads(_member(archive, "config.json"))
        require_layers(config["class_name"])
        content = io.BytesIO(_member(archive, "model.weights.h5"))
    found = _weights_in(content, _entries_of_config(config))
    return _new(config, found) if model is None else _load(model, found)


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    info = archive.getinfo(name)
    # Keras compresses nothing: what is read is never larger than the file.
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
        raise ValueError(f"{name} is compressed, which Keras does not do")
    return archive.read(info)


# A layer's name, its class, and its arrays in Keras's order.
Found = list[tuple[str, str, list[Array]]]


def _weights_of(model: Any, prefix: str = "") -> Found:
    """Return the weights of a live Keras model."""
    found: Found = []
    if len(model.layers) > len({id(layer) for layer in model.layers}):
        raise ValueError(
            f"[from_keras] {model.name!r} is a Sequential that has a layer twice, of which Keras's "
            "own configs know once; expected a functional model, or different layers"
        )
    for layer in model.layers:
        kind = type(layer).__name__
        if kind in MODELS:
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
        if "model_config" in file.attrs:
            raise ValueError(
                "[from_keras] received a whole model in Keras's old format; expected a .keras "
                "file, or one of save_weights; load it in Keras and save it as .keras"
            )
        return list(_weights_in_group(file, entries, ""))


def _weights_in_group(
    group: Any, entries: Sequence[tuple[str, str, Any]], prefix: str
) -> Iterator[tuple[str, str, list[Array]]]:
    counts: Counter[str] = Counter()
    of_layers = _member_of(group, "layers")
    for name, kind, inside in entries:
        base = snake_case(kind)
        own = f"{base}_{counts[base]}" if counts[base] else base
        counts[base] += 1
        if inside is not None:
            yield from _weights_in_group(_member_of(of_layers, own), inside, f"{prefix}{name}/")
        elif of_layers.get(own, getlink=True) is not None:
            stored = _member_of(_member_of(of_layers, own), "vars")
            if len(stored):
                weights = [_numbers(stored, place) for place in range(len(stored))]
                yield prefix + (_name_in(stored) or name), kind, weights


def _member_of(group: Any, name: str) -> Any:
    """Return a group or an array that lies in a group of the same file."""
    import h5py

    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{group.name} has no {name!r}, or it leads elsewhere")
    return group[name]


def _name_in(group: Any) -> str | None:
    """Return the name of the layer whose weights these are, if the file has it."""
    if "name" not in group.attrs or group.attrs.get_id("name").shape != ():
        return None
    name = group.attrs["name"]
    return name if isinstance(name, str) else None


def _numbers(group: Any, place: int) -> Array:
    """Return an array that lies in the file as it is: no other file, and no more bytes."""
    stored = _member_of(group, str(place))
    whole = stored.id.get_storage_size() == stored.nbytes and stored.external is None
    is_bfloat16 = stored.dtype.kind == "V" and stored.dtype.itemsize == 2
    if not whole or not (is_bfloat16 or stored.dtype.kind in "fiub"):
        raise ValueError(f"{stored.name} is no plain array of numbers, as Keras writes")
    array = np.array(stored)
    return from_bfloat16(array.view(np.uint16)) if is_bfloat16 else array


def _entries_of_config(config: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    return [
        (
            item["config"]["name"],
            item["class_name"],
            _entries_of_config(item) if item["class_name"] in MODELS else None,
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


def _new(config: Mapping[str, Any], found: Found) -> Model:
    """Return the model that a config describes, with these weights."""
    model = layer_from_config(translated(config))
    assert isinstance(model, Model), "what it was translated to"
    rows = model._input_rows()
    if rows is None:
        raise ValueError(
            "[from_keras] received a model that is not built; expected one with an Input"
        )
    model.connect(rows)  # declares weights, which have no memory yet
    arrays = _arranged(model, found)
    stored = {name: Stored(array.dtype.name, array.shape) for name, array in arrays.items()}
    report, _ = plan("from_keras", model, stored, strict=False)
    names = {name: weight for weight, name in model.named_weights().items()}
    count = sum(names[name].size for name in report.missing)
    if count > _MOST_STATISTICS:
        raise ValueError(
            f"[from_keras] received {count} statistics of inputs in the config; expected at most "
            f"{_MOST_STATISTICS}"
        )
    model._bind()
    load_arrays("from_keras", model, arrays, strict=False)
    return model


def _load(model: Model, found: Found) -> LoadReport:
    """Load weights into a model, all of them or none."""
    return load_arrays("from_keras", model, _arranged(model, found), strict=False)


def _arranged(model: Model, found: Found) -> dict[str, Array]:
    """Return the weights by their names here.

    Layers go by their names where these are the same, else by their order.
    """
    named: dict[str, Layer] = {
        name: layer
        for layer, name in model.named_layers().items()
        # Given statistics are arguments there, and weights here.
        if layer.weights and getattr(layer, "input_mean", None) is None
    }
    if sorted(name for name, _, _ in found) != sorted(named):
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
            one_row = own == "Normalization" and array.size == weight.size  # (1, features) there
            shaped = array.reshape(weight.shape) if one_row else array
            arrays[f"{name}/{weight.name}"] = np.asarray(shaped, np.float32)
    return arrays
