"""PyTorch's state dicts: tensors by module, and what they are called here."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn.checks import kind_of
from fastdnn.configuration import unknown_name
from fastdnn.files import FilePath
from fastdnn.interop.torch_file import from_bfloat16, read_state_dict
from fastdnn.tensor_file import TensorFile

Array = npt.NDArray[Any]

# What the tensors of modules are called here.
_NAMES = {
    "Dense": {"weight": "kernel", "bias": "bias"},
    "Embedding": {"weight": "embeddings"},
    "LayerNormalization": {"weight": "gamma", "bias": "beta"},
    "PReLU": {"weight": "alpha"},
    "BatchNormalization": {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    },
}


@dataclass(eq=False)
class Part:
    """One module's tensors, and what it is."""

    name: str
    tensors: dict[str, Array]

    @property
    def own_name(self) -> str:
        """What a layer of the same name is called here."""
        return self.name.replace(".", "/")

    @property
    def kinds(self) -> tuple[str, ...]:
        """The classes of layers that have such tensors, the likeliest first."""
        names = set(self.tensors)
        weight = self.tensors.get("weight")
        axes = None if weight is None else weight.ndim
        if {"running_mean", "running_var"} <= names <= set(_NAMES["BatchNormalization"]):
            return ("BatchNormalization",)
        if names == {"weight", "bias"} and axes in (1, 2):
            return ("Dense",) if axes == 2 else ("LayerNormalization",)
        if names == {"weight"} and axes in (1, 2):
            return ("Dense", "Embedding") if axes == 2 else ("PReLU", "LayerNormalization")
        raise ValueError(
            f"[from_torch] {self.name!r} has the tensors {', '.join(sorted(names))}"
            f"{'' if weight is None else f' (weight of shape {weight.shape})'}; expected those of "
            "Linear, BatchNorm1d, LayerNorm, PReLU or Embedding"
        )

    @property
    def kind(self) -> str:
        """The class of layers that this is taken for where nothing else says it."""
        if self.kinds[0] == "PReLU" and self.tensors["weight"].size > 1:
            raise ValueError(
                f"[from_torch] {self.name!r} has a weight of shape {self.tensors['weight'].shape} "
                "alone, which may be that of a PReLU or of a normalization; build the model here, "
                "and use from_torch(source, model)"
            )
        return self.kinds[0]


def _tensors_of(source: Any) -> dict[str, Array]:
    """Return the tensors of a state dict or a file as arrays."""
    if isinstance(source, str | os.PathLike):
        if is_safetensors(source):
            return _safetensors(source)
        return read_state_dict("from_torch", source)
    if not isinstance(source, Mapping) or not source:
        what = "an empty dict" if isinstance(source, Mapping) else kind_of(source)
        raise ValueError(
            f"[from_torch] source: received {what}; expected an nn.Module, a state dict or a path"
        )
    arrays = {name: array_of(value) for name, value in source.items()}
    for name, array in arrays.items():
        if not isinstance(name, str) or array.dtype.kind not in "fiub":
            raise ValueError(
                f"[from_torch] source: received a {type(source[name]).__name__} for {name!r}; "
                "expected a state dict, from names to tensors; of a checkpoint, the one in it"
            )
    return arrays


def is_safetensors(source: Any) -> bool:
    """Whether a source of tensors is a file in which these have no order."""
    return isinstance(source, str | os.PathLike) and Path(source).suffix == ".safetensors"


def _safetensors(path: FilePath) -> dict[str, Array]:
    with TensorFile("from_torch", path) as file:
        if file.metadata.get("format") == "fastdnn":
            raise ValueError(
                f"[{file.where}] received a file of fastdnn; expected one of PyTorch; use "
                "load_model or load_weights"
            )
        pairs = {name for name, stored in file.tensors.items() if stored.dtype == "bfloat16"}
        arrays: dict[str, Array] = {
            name: np.empty(stored.shape, np.uint16 if name in pairs else stored.dtype)
            for name, stored in file.tensors.items()
        }
        file.read(arrays)
    return {name: from_bfloat16(a) if name in pairs else a for name, a in arrays.items()}


def array_of(value: Any) -> Array:
    """Return a tensor's numbers; bfloat16, which NumPy does not have, as float32."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if value.dtype.is_floating_point else value
        return np.asarray(value.numpy())
    return np.asarray(value)


def parts_of(source: Any) -> list[Part]:
    """Return the tensors of a state dict or a file by their modules, in their order."""
    parts: dict[str, Part] = {}
    for name, array in _tensors_of(source).items():
        module, _, tensor = name.rpartition(".")
        if tensor == "num_batches_tracked":
            continue
        parts.setdefault(module, Part(module, {})).tensors[tensor] = array
    return list(parts.values())


def chosen(parts: Sequence[Part], modules: Any) -> list[Part]:
    """Return the parts of these names."""
    by_name = {part.name: part for part in parts}
    if not isinstance(modules, list | tuple) or not modules:
        raise ValueError(
            f"[from_torch] modules: received {modules!r}; expected a list of some of "
            f"{', '.join(by_name)}"
        )
    for name in modules:
        if name not in by_name:
            raise ValueError(unknown_name("from_torch", "module", name, by_name))
    return [by_name[name] for name in modules]


def in_order(parts: Sequence[Part]) -> list[Part]:
    """Return the parts by the numbers in their names."""
    names = {part: part.name.split(".") for part in parts}
    ordered = sorted(
        parts, key=lambda part: [(int(n), "") if n.isdecimal() else (-1, n) for n in names[part]]
    )
    for part, following in pairwise(ordered):
        first, second = next(
            (pair for pair in zip(names[part], names[following], strict=False) if len({*pair}) > 1),
            ("", ""),
        )
        if not (first.isdecimal() and second.isdecimal()):
            raise ValueError(
                f"[from_torch] received {part.name!r} and {following.name!r}, and safetensors "
                "files do not say which comes first; expected numbers, as nn.Sequential gives; "
                f"use modules=[{', '.join(repr(each.name) for each in parts)}] in their order"
            )
    return ordered


def _float32(array: Array) -> npt.NDArray[np.float32]:
    return np.ascontiguousarray(array, np.float32)


def weights_of(kind: str, tensors: Mapping[str, Array]) -> dict[str, npt.NDArray[np.float32]]:
    """Return what the tensors of a module are called here, in our layout."""
    result = {
        own: _float32(tensors[theirs]) for theirs, own in _NAMES[kind].items() if theirs in tensors
    }
    if kind == "Dense":
        result["kernel"] = _float32(result["kernel"].T)  # (outputs, inputs) there
    return result
