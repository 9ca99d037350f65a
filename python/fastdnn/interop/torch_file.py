"""PyTorch's files, read without PyTorch, and without running what is in them.

A file of `torch.save` is a zip archive: `NAME/data.pkl`, a pickle, and `NAME/data/KEY`, the bytes
of one storage of numbers each. The pickle may name a handful of classes and functions here, which
make NumPy arrays; whatever else it names is refused.
"""

import math
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn.files import FilePath, existing_file
from fastdnn.interop.pickled_data import PickledData

Array = npt.NDArray[Any]

_STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
# Layers may share numbers. A file of more copies than these would take more memory than it should.
_MOST_COPIES = 64
# Where checkpoints of whole trainings have the weights.
_USUAL_KEYS = ("state_dict", "model_state_dict", "model")


def read_state_dict(where: str, filepath: FilePath) -> dict[str, Array]:
    """Return the tensors in a file of `torch.save`, by name.

    Args:
        where: what the caller is doing, for messages.
        filepath: a file of a state dict, or of a dict that has one.

    Raises:
        ValueError: if it is no such file, is damaged, or its pickle names anything but tensors.
        OSError: if it cannot be read.
    """
    path = existing_file(where, filepath)
    where = f"{where} {path}"
    try:
        with zipfile.ZipFile(path) as archive:
            content = _Archive(where, archive).load()
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"[{where}] the file is no archive of torch.save ({error}); expected one that PyTorch "
            "1.6 or later wrote by torch.save(model.state_dict(), path)"
        ) from error
    except Exception as error:  # archives and pickles can fail in any way
        if isinstance(error, ValueError) and str(error).startswith("["):
            raise  # says it by itself
        raise ValueError(
            f"[{where}] the file is damaged: {type(error).__name__} {error}"
        ) from error
    return _state_dict(where, content)


class _Archive:
    """An archive of `torch.save`."""

    def __init__(self, where: str, archive: zipfile.ZipFile) -> None:
        self._where, self._archive = where, archive
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1 or pickles[0].count("/") != 1:
            raise ValueError(
                f"[{where}] the archive has no data.pkl; expected a file of "
                "torch.save(model.state_dict(), path)"
            )
        self._root = pickles[0].partition("/")[0]
        self._storages: dict[str, Array] = {}
        self._bytes_of_storages = self._bytes_of_tensors = 0
        order = f"{self._root}/byteorder"
        if order in archive.namelist() and self._bytes(order) != b"little":
            raise ValueError(f"[{where}] the file has big-endian numbers; expected little-endian")

    def load(self) -> Any:
        """Return the value in the file, with arrays for tensors."""
        return PickledData(self._find, self._storage).read(self._bytes(f"{self._root}/data.pkl"))

    def _bytes(self, name: str) -> bytes:
        info = self._archive.getinfo(name)
        # PyTorch compresses nothing: what is read is never larger than the file.
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise ValueError(f"[{self._where}] {name} is compressed, which PyTorch does not do")
        return self._archive.read(info)

    def _find(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return self._parameter
        if module == "torch" and name in _STORAGES:
            return _StorageType(name)
        raise ValueError(
            f"[{self._where}] the file's pickle asks for {module}.{name}, which is no tensor; "
            "nothing of it was run; save the weights alone: torch.save(model.state_dict(), path)"
        )

    def _storage(self, identifier: Any) -> Array:
        kind, storage_type, key, _, count = identifier
        if kind != "storage" or not isinstance(storage_type, _StorageType):
            raise ValueError(f"[{self._where}] the file is damaged: a storage of {kind!r}")
        if not isinstance(key, str) or not key.isdecimal():
            raise ValueError(f"[{self._where}] the file is damaged: a storage named {key!r}")
        if key not in self._storages:
            content = self._bytes(f"{self._root}/data/{key}")
            self._storages[key] = storage_type.numbers(content)
            self._bytes_of_storages += self._storages[key].nbytes
        numbers = self._storages[key]
        if len(numbers) != count:
            raise ValueError(
                f"[{self._where}] the file is damaged: storage {key} has {len(numbers)} numbers "
                f"instead of {count}"
            )
        return numbers

    def _tensor(self, storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Array:
        numbers = [offset, *shape, *strides]
        whole = all(type(number) is int and number >= 0 for number in numbers)
        if not whole or not isinstance(storage, np.ndarray) or len(shape) != len(strides):
            raise ValueError(f"[{self._where}] the file is damaged: a tensor of shape {shape!r}")
        size = math.prod(shape)
        last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
        # A tensor of more elements than its storage repeats some: nothing that training saves.
        if size > len(storage) or (size and last >= len(storage)):
            raise ValueError(
                f"[{self._where}] the file is damaged: a tensor of shape {tuple(shape)} in a "
                f"storage of {len(storage)}"
            )
        self._bytes_of_tensors += size * storage.itemsize
        if self._bytes_of_tensors > _MOST_COPIES * self._bytes_of_storages:
            raise ValueError(
                f"[{self._where}] the file is damaged: its tensors are {_MOST_COPIES} times as "
                "large as what is stored of them"
            )
        if size == 0:
            return np.zeros(shape, storage.dtype)
        bytes_apart = [stride * storage.itemsize for stride in strides]
        view = np.lib.stride_tricks.as_strided(storage[offset:], shape, bytes_apart)
        return np.array(view)

    def _parameter(self, data: Any, *_: Any) -> Any:
        return data


def from_bfloat16(halves: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """Return the numbers of bfloat16, which NumPy does not have, from their bits."""
    return (halves.astype(np.uint32) << 16).view(np.float32)


class _StorageType:
    """A class of storages."""

    def __init__(self, name: str) -> None:
        self._dtype = _STORAGES[name]

    def numbers(self, content: bytes) -> Array:
        """Return the numbers in some bytes; those of bfloat16 as float32."""
        if self._dtype == "bfloat16":
            return from_bfloat16(np.frombuffer(content, "<u2"))
        return np.frombuffer(content, self._dtype)


def _is_state_dict(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and len(value) > 0
        and all(isinstance(k, str) and isinstance(v, np.ndarray) for k, v in value.items())
    )


def _state_dict(where: str, content: Any) -> dict[str, Array]:
    """Return the state dict that is the content, or the one in it."""
    if _is_state_dict(content):
        return dict(content)
    found = {}
    if isinstance(content, Mapping):
        found = {key: value for key, value in content.items() if _is_state_dict(value)}
    usual = [key for key in _USUAL_KEYS if key in found]
    keys = usual[:1] or list(found)
    if len(keys) != 1:
        raise ValueError(
            f"[{where}] the file has {'several' if found else 'no'} dicts of tensors"
            f"{': ' + ', '.join(map(repr, found)) if found else ''}; expected a state dict; save "
            "it alone: torch.save(model.state_dict(), path)"
        )
    return dict(found[keys[0]])
