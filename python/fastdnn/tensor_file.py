"""Tensors and texts in a safetensors file, with digests of everything.

docs/checkpoint-format.md says byte by byte what is written. The reference implementation reads the
headers here; it does not write the files, nor read the numbers: it takes three to six times as long
as NumPy does for that.
"""

import contextlib
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn._core import num_threads, read_block, write_block, xxh64
from fastdnn.files import FilePath, existing_file, reader_of
from fastdnn.loading import Stored

Array = npt.NDArray[Any]

# The bytes that a digest is taken of, and that a thread reads at a time.
_BLOCK = 1 << 22
_MOST_THREADS = 8
# What is written is brought to the disk after so many blocks, while the next ones are written.
_BLOCKS_BETWEEN_SYNCS = 16
_ALIGNMENT = 64
# What files call the types, and how many bytes a number has.
_TYPES = {
    "F64": ("float64", 8),
    "F32": ("float32", 4),
    "F16": ("float16", 2),
    "BF16": ("bfloat16", 2),
    "I64": ("int64", 8),
    "I32": ("int32", 4),
    "I16": ("int16", 2),
    "I8": ("int8", 1),
    "U64": ("uint64", 8),
    "U32": ("uint32", 4),
    "U16": ("uint16", 2),
    "U8": ("uint8", 1),
    "BOOL": ("bool", 1),
}
_CODES = {name: code for code, (name, _) in _TYPES.items()}
_NO_DIGEST = "0" * 16
_DIGEST_FIELD = b'"header_digest":"%s"'
# A file with any of these keys in its metadata was written here, and is checked as such.
_OWN_KEYS = ("format", "header_digest", "tensor_digests", "format_version")


def write(handle: int, tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Write a file of these tensors and texts to an open, empty one.

    Args:
        handle: the open file.
        tensors: arrays, whose rows may have gaps.
        metadata: more texts; those with the digests are added.

    Raises:
        OSError: if it cannot be written, as on a full disk.
    """
    # As the reference implementation has them: larger numbers first, so that all are aligned.
    names = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))
    header: dict[str, Any] = {"__metadata__": {**metadata, "header_digest": _NO_DIGEST}}
    end = 0
    for name in names:
        begin, end = end, end + tensors[name].nbytes
        code = code_of("save", name, tensors[name])
        shape = list(tensors[name].shape)
        header[name] = {"dtype": code, "shape": shape, "data_offsets": [begin, end]}
    begin = 8 + len(_header_text(header, dict.fromkeys(names, _NO_DIGEST)))
    with contextlib.suppress(OSError):  # some file systems cannot; the others are faster then
        os.posix_fallocate(handle, 0, begin + end)
    parts: dict[str, list[int]] = {name: [] for name in names}
    syncs: list[Future[None]] = []
    # Only one thread writes, as the system lets no more write to a file at a time.
    with ThreadPoolExecutor(1) as pool:
        for number, (name, first) in enumerate(_blocks({n: tensors[n].nbytes for n in names})):
            array = tensors[name]
            size = min(_BLOCK, array.nbytes - first)
            place = begin + header[name]["data_offsets"][0] + first
            parts[name].append(write_block(handle, place, size, array, first))
            if number % _BLOCKS_BETWEEN_SYNCS == _BLOCKS_BETWEEN_SYNCS - 1:
                syncs.append(pool.submit(os.fdatasync, handle))
    for sync in syncs:
        sync.result()  # raises what the disk has to say
    text = _header_text(header, _digests(parts))
    digest = f"{xxh64(text):016x}".encode()
    text = text.replace(_DIGEST_FIELD % _NO_DIGEST.encode(), _DIGEST_FIELD % digest, 1)
    front = np.frombuffer(len(text).to_bytes(8, "little") + text, np.uint8)
    write_block(handle, 0, len(front), front, 0)


def code_of(where: str, name: str, array: Array) -> str:
    """Return what files call an array's type, or raise a ValueError."""
    code = _CODES.get(array.dtype.name)
    if code is None or not array.dtype.isnative or isinstance(array, np.ma.MaskedArray):
        kind = type(array).__name__ if isinstance(array, np.ma.MaskedArray) else array.dtype
        raise ValueError(
            f"[{where}] {name}: received {kind}; expected an array of {', '.join(_CODES)} in the "
            "processor's order of bytes"
        )
    return code


class TensorFile:
    """A file whose header is known to be whole; the tensors are checked when they are read.

    Args:
        where: what the caller is doing, for messages.
        filepath: the file.

    Attributes:
        tensors: what there is, by name.
        metadata: the texts.
        where: what the caller is doing, and the file.

    Raises:
        ValueError: if it is no safetensors file, or the header is damaged.
        OSError: if it cannot be read.
    """

    def __init__(self, where: str, filepath: FilePath) -> None:
        path = existing_file(where, filepath)
        self.where, self._reader = f"{where} {path}", reader_of(path)
        self._handle = os.open(path, os.O_RDONLY)
        try:
            self._read_header()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "TensorFile":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def check(self, names: Iterable[str]) -> None:
        """Raise a ValueError unless these tensors are whole."""
        self._read(dict.fromkeys(names))

    def read(self, views: Mapping[str, Array]) -> None:
        """Copy tensors into arrays of their types and shapes, whose rows may have gaps.

        Not by a mapping of the file into memory: that takes longer, and a file that another
        process cuts short meanwhile would end this one.

        Raises:
            ValueError: if one is damaged; some arrays have other numbers then.
        """
        self._read(views)

    def _read_header(self) -> None:
        from safetensors import SafetensorError, safe_open

        try:
            # The library checks every offset, shape and type against the length of the file.
            # Of the file that is open: another one may have its name by now.
            with safe_open(f"/dev/fd/{self._handle}", framework="np") as file:
                slices = {name: file.get_slice(name) for name in file.offset_keys()}
                self.metadata: dict[str, str] = file.metadata() or {}
            codes = {name: part.get_dtype() for name, part in slices.items()}
            shapes = {name: tuple(part.get_shape()) for name, part in slices.items()}
        except (SafetensorError, UnicodeError) as error:
            raise ValueError(
                f"[{self.where}] the file is no valid safetensors file ({error}); expected one "
                f"that save() wrote: this one is of another kind, or was cut short{self._reader}"
            ) from error
        for name, code in codes.items():
            if code not in _TYPES:
                raise ValueError(
                    f"[{self.where}] {name}: the file has numbers of type {code}; expected one of "
                    f"{', '.join(_TYPES)}"
                )
        self.tensors = {name: Stored(_TYPES[codes[name]][0], shapes[name]) for name in codes}
        size = int.from_bytes(self._bytes(0, 8), "little")
        self._digests = _checked_digests(self.where, self._bytes(8, size), self.metadata)
        self._sizes = {name: math.prod(shapes[name]) * _TYPES[codes[name]][1] for name in codes}
        self._begins: dict[str, int] = {}
        begin = 8 + size
        for name, count in self._sizes.items():  # without gaps, as the library has checked
            self._begins[name] = begin
            begin += count

    def _read(self, views: Mapping[str, Array | None]) -> None:
        blocks = _blocks({name: self._sizes[name] for name in views})

        def read(block: tuple[str, int]) -> int:
            name, first = block
            size = min(_BLOCK, self._sizes[name] - first)
            return read_block(self._handle, self._begins[name] + first, size, views[name], first)

        threads = min(num_threads(), _MOST_THREADS, len(blocks))
        if threads > 1:
            with ThreadPoolExecutor(threads) as pool:
                found = list(pool.map(read, blocks))
        else:
            found = [read(block) for block in blocks]
        if self._digests is None:
            return
        parts: dict[str, list[int]] = {name: [] for name in views}
        for (name, _), part in zip(blocks, found, strict=True):
            parts[name].append(part)
        for name, digest in _digests(parts).items():
            if self._digests.get(name) != digest:
                raise ValueError(
                    f"[{self.where}] {name}: the file is damaged: the numbers are not those that "
                    "were saved; expected a whole file; use a copy of it"
                )

    def _bytes(self, begin: int, size: int) -> bytes:
        content = np.empty(size, np.uint8)
        read_block(self._handle, begin, size, content, 0)
        return content.tobytes()


def _blocks(sizes: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the blocks of tensors with so many bytes: names, and where in them they begin."""
    return [(name, first) for name, size in sizes.items() for first in range(0, size, _BLOCK)]


def _digests(parts: Mapping[str, Sequence[int]]) -> dict[str, str]:
    """Return the digests of tensors from those of their blocks."""
    joined = {name: np.array(each, "<u8").tobytes() for name, each in parts.items()}
    return {name: f"{xxh64(each):016x}" for name, each in joined.items()}


def _header_text(header: Mapping[str, Any], digests: Mapping[str, str]) -> bytes:
    """Return the header with the digests of the tensors."""
    metadata = {**header["__metadata__"], "tensor_digests": json.dumps(digests)}
    whole = {**header, "__metadata__": metadata}
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()
    return text + b" " * (-(len(text) + 8) % _ALIGNMENT)


def _checked_digests(
    where: str, header: bytes, metadata: Mapping[str, str]
) -> Mapping[str, str] | None:
    """Return the digests of the tensors, or None for a file that others have written."""
    if not any(key in metadata for key in _OWN_KEYS):
        return None
    if metadata.get("format_version") == "1" and "header_digest" not in metadata:
        return None  # the first version had none
    digest = metadata.get("header_digest", "")
    field = _DIGEST_FIELD % digest.encode()
    cleared = header.replace(field, _DIGEST_FIELD % _NO_DIGEST.encode())
    if header.count(field) != 1 or f"{xxh64(cleared):016x}" != digest:
        raise ValueError(
            f"[{where}] the file is damaged: its header is not the one that was saved; expected a "
            "whole file; use a copy of it"
        )
    try:
        digests = json.loads(metadata["tensor_digests"])
    except (KeyError, ValueError, RecursionError):
        digests = None
    if not isinstance(digests, dict):
        raise ValueError(
            f"[{where}] the file is damaged: it has no digests of its tensors; expected a file "
            "that save() wrote"
        )
    return digests
