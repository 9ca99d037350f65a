"""The names and texts in files of models."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fastdnn._core import __version__
from fastdnn.loading import Stored
from fastdnn.tensor_file import TensorFile

FORMAT_VERSION = 2
SLOT_PREFIX = "optimizer/"
FIT_PREFIX = "fit/"

Array = npt.NDArray[Any]


class Source(Protocol):
    """Tensors that can be read."""

    tensors: dict[str, Stored]

    def read(self, views: Mapping[str, Array]) -> None:
        """Copy tensors into arrays."""


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
def damage_in_words(where: str) -> Iterator[None]:
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


def check_tensors(
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


def whole_number(where: str, name: str, value: Any, limit: int) -> int:
    """Return a number that a text has, or raise a ValueError unless it is from 0 to the limit."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < limit:
        raise ValueError(
            f"[{where}] {name}: received {value!r}; expected a whole number below {limit}"
        )
    return value


def slot_name(slot: str, weight: str) -> str:
    """Return what an optimizer's slot of a weight is called."""
    return f"{SLOT_PREFIX}{slot}/{weight}"


def others_than(source: Source, texts: Mapping[str, Any], weights: Iterable[str]) -> set[str]:
    """Return the names of tensors that are no weights, in a file of a whole model.

    A layer may well be called "optimizer": `weights` are names that are known to be weights.
    """
    if "architecture" not in texts:
        return set()
    known = set(weights)
    prefixes = (SLOT_PREFIX, FIT_PREFIX)
    return {name for name in source.tensors if name.startswith(prefixes) and name not in known}


def as_json(value: Any) -> Any:
    """Return what JSON takes for a number of NumPy's."""
    if isinstance(value, np.generic):
        return value.item()
    raise ValueError(
        f"[save] received {value!r} of type {type(value).__name__} in a state; expected numbers, "
        "texts, lists and dicts, and arrays of NumPy's"
    )
