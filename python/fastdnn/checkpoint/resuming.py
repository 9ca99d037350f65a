"""A fit that goes on where a file says."""

import json
import reprlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastdnn.checkpoint.format import (
    FIT_PREFIX,
    Array,
    as_json,
    check_tensors,
    damage_in_words,
    texts_of,
    whole_number,
)
from fastdnn.checkpoint.snapshot import Snapshot
from fastdnn.checks import is_number
from fastdnn.files import FilePath
from fastdnn.tensor_file import TensorFile

if TYPE_CHECKING:
    from fastdnn.models.fit_state import FitState
    from fastdnn.models.model import Model


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
        with damage_in_words(file.where):
            views, arrays = _check_resumable(file, texts, model)
            file.check(file.tensors)
            file.read(arrays)
            training = texts["training"]
            seed = whole_number(file.where, "seed", training["seed"], 2**64)
            iterations = whole_number(file.where, "iterations", training["iterations"], 2**53)
            passes = whole_number(file.where, "passes", training["passes"], 2**32)
            named = {name.removeprefix(FIT_PREFIX): array for name, array in arrays.items()}
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
        mine = json.loads(json.dumps(_without_rates(own.texts[name]), default=as_json))
        differs = _difference(_without_rates(texts[name]), mine, name)
        if differs:
            raise ValueError(
                f"[{file.where}] the file's fit is that of another model; {differs}; expected the "
                "same; delete the file to begin anew"
            )
    others = {name for name in file.tensors if name.startswith(FIT_PREFIX)} - set(own.tensors)
    stored = {name: what for name, what in file.tensors.items() if name not in others}
    shapes = {name: array.shape for name, array in own.tensors.items()}
    check_tensors(file.where, stored, shapes)
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


def _difference(theirs: Any, mine: Any, path: str) -> str:
    """Return words for the first place where two configs differ, "" where they are the same."""
    if isinstance(theirs, dict) and isinstance(mine, dict):
        for key in {**theirs, **mine}:
            inside = _difference(theirs.get(key), mine.get(key), f"{path}.{key}")
            if inside:
                return inside
    elif isinstance(theirs, list) and isinstance(mine, list) and len(theirs) == len(mine):
        for place, pair in enumerate(zip(theirs, mine, strict=True)):
            inside = _difference(*pair, f"{path}[{place}]")
            if inside:
                return inside
    elif theirs != mine:
        return f"{path} is {reprlib.repr(theirs)} in the file and {reprlib.repr(mine)} here"
    return ""
