"""Reader of IDX, the file format that MNIST and its relatives come in.

A file is, all numbers big-endian: two zero bytes, one byte for the element type, one byte for the
number of dimensions, the dimensions as unsigned 32-bit integers, then the elements in C order.
Source: http://yann.lecun.com/exdb/mnist/, "The IDX file format".
"""

import gzip
import math
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from fastdnn.datasets.compressed import GzipErrors, open_decompressed

_ELEMENT_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MAX_DIMENSIONS = 32  # NumPy 1.26's limit
_CHUNK_BYTES = 1 << 20


def read_idx(path: str | os.PathLike[str], *, max_bytes: int = 1 << 30) -> npt.NDArray[Any]:
    """Read an IDX file, gzip-compressed or not, into an array of the native byte order.

    Args:
        path: The file. Compression is recognised by content, not by name.
        max_bytes: Largest array to accept; a small compressed file may hold a very large one.

    Returns:
        An array of the file's shape; uint8, int8, int16, int32, float32 or float64.

    Raises:
        ValueError: The file is truncated, has bytes left over, or is not IDX at all. Memory is
            taken as data arrives, never because a header claims it.
        OSError: The file cannot be opened.
    """
    path = Path(path)
    try:
        with open_decompressed(path) as stream:
            # Only reading it through can tell how much a compressed file holds.
            size = None if isinstance(stream, gzip.GzipFile) else os.fstat(stream.fileno()).st_size
            return _read_stream(stream, path.name, max_bytes, size)
    except GzipErrors as error:
        raise ValueError(
            f"[read_idx] {path.name} is a damaged gzip file ({error}); get it again"
        ) from None


def _read_stream(
    stream: BinaryIO, name: str, max_bytes: int, file_size: int | None
) -> npt.NDArray[Any]:
    """Read header and elements; `file_size` is None if it is not known."""
    dtype, shape = _read_header(stream, name)
    wanted = math.prod(shape) * dtype.itemsize
    if wanted > max_bytes:
        raise ValueError(
            f"[read_idx] {name} claims shape {shape} of {dtype.name}, {wanted} bytes; at most "
            f"{max_bytes} are accepted; pass a larger max_bytes if the file is right"
        )
    if file_size is not None:
        found = file_size - 4 - 4 * len(shape)
        if found != wanted:
            raise _wrong_length(name, shape, dtype, found, wanted)
    elements = bytearray()
    while len(elements) < wanted:
        chunk = stream.read(min(_CHUNK_BYTES, wanted - len(elements)))
        if not chunk:
            raise _wrong_length(name, shape, dtype, len(elements), wanted)
        elements += chunk
    # Also makes gzip compare its checksum, which it does when it meets the end.
    if stream.read(1):
        raise ValueError(
            f"[read_idx] {name} goes on after the {wanted} bytes of shape {shape}; expected its end"
        )
    return np.frombuffer(elements, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _read_header(stream: BinaryIO, name: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = stream.read(4)
    if len(magic) < 4:
        raise ValueError(
            f"[read_idx] {name} ends after {len(magic)} bytes; expected an IDX header of 4 and more"
        )
    if magic[:2] != b"\0\0" or magic[2] not in _ELEMENT_TYPES:
        raise ValueError(
            f"[read_idx] {name} begins with {magic.hex(' ')}; an IDX file begins with 00 00 and an "
            f"element type, one of {', '.join(f'{code:02x}' for code in _ELEMENT_TYPES)}"
        )
    dimensions = magic[3]
    if not 1 <= dimensions <= _MAX_DIMENSIONS:
        raise ValueError(
            f"[read_idx] {name} claims {dimensions} dimensions; expected 1 to {_MAX_DIMENSIONS}"
        )
    sizes = stream.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise ValueError(
            f"[read_idx] {name} ends inside its header; expected {dimensions} dimensions of 4 bytes"
        )
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    if 0 in shape:
        raise ValueError(f"[read_idx] {name} claims shape {shape}, which holds no element")
    return np.dtype(_ELEMENT_TYPES[magic[2]]), shape


def _wrong_length(
    name: str, shape: tuple[int, ...], dtype: np.dtype[Any], found: int, wanted: int
) -> ValueError:
    return ValueError(
        f"[read_idx] {name} holds {found} bytes of elements; its header's shape {shape} of "
        f"{dtype.name} needs {wanted}; get the file again"
    )
