"""TensorBoard's event files: records in TensorFlow's framing, messages in protobuf's wire format.

A record is its length, the length's check sum, a message, and the message's check sum. The messages
are few, so that their bytes are put together here, field by field.

Source: TensorFlow's record_writer.cc, event.proto, summary.proto, tensor.proto and graph.proto;
Protocol Buffers, Encoding; CRC-32C: RFC 3720, appendix B.4.
"""

import itertools
import os
import struct
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

# What TensorBoard's own writer cuts the range of the numbers into.
HISTOGRAM_BUCKETS = 30

_FLOAT, _DOUBLE = 1, 2  # values of DataType
_files = itertools.count()


class EventFile:
    """A new event file, written from the beginning to the end.

    Every event is in the file when its method returns: TensorBoard may read while a fit runs.

    Args:
        folder: where; created if there is none. All its event files are one run of TensorBoard's.

    Raises:
        OSError: if the file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        # TensorBoard reads those with "tfevents" in their names, in the order of names.
        name = f"events.out.tfevents.{int(now):010d}.{os.uname().nodename}.{os.getpid()}"
        self._file = (folder / f"{name}.{next(_files)}.v2").open("xb")
        self._write(_message(3, b"brain.Event:2"), step=0)

    def write(self, step: int, values: Iterable[bytes]) -> None:
        """Append what `scalar` and `histogram` have made, all of one step."""
        self._write(_message(5, b"".join(_message(1, value) for value in values)), step)

    def write_graph(self, nodes: Iterable[tuple[str, str, Iterable[str]]]) -> None:
        """Append a graph, each node a name, an operation and the names of the nodes it reads."""
        graph = b""
        for name, operation, inputs in nodes:
            node = [_text(1, name), _text(2, operation), *(_text(3, each) for each in inputs)]
            graph += _message(1, b"".join(node))
        self._write(_message(4, graph), step=0)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, what: bytes, step: int) -> None:
        event = _tag(1, 1) + struct.pack("<d", time.time()) + _integer(2, step) + what
        length = struct.pack("<Q", len(event))
        self._file.write(length + _masked_sum(length) + event + _masked_sum(event))
        self._file.flush()


def scalar(tag: str, value: float) -> bytes:
    """Return a number as a `Summary.Value`, as `tf.summary.scalar` writes it."""
    with np.errstate(over="ignore"):  # such a number is infinite there
        return _value(tag, "scalars", _FLOAT, np.asarray(value, np.float32))


def histogram(tag: str, values: npt.ArrayLike) -> bytes:
    """Return how numbers are distributed, as `tf.summary.histogram` writes it.

    A row [left, right, count] for each of `HISTOGRAM_BUCKETS` buckets of equal widths from the
    least to the greatest number; the last bucket holds all where they are equal. NaN and
    infinities, which lie nowhere, are not counted.
    """
    numbers = np.asarray(values, np.float64)
    numbers = numbers[np.isfinite(numbers)]
    edges, counts = np.zeros(HISTOGRAM_BUCKETS + 1), np.zeros(HISTOGRAM_BUCKETS)
    if numbers.size:
        least, greatest = numbers.min(), numbers.max()
        if least < greatest:
            counts, edges = np.histogram(numbers, HISTOGRAM_BUCKETS, (least, greatest))
        else:
            edges[:], counts[-1] = least, numbers.size
    table = np.stack([edges[:-1], edges[1:], counts], axis=1)
    return _value(tag, "histograms", _DOUBLE, table)


def crc32c(data: bytes) -> int:
    """Return the CRC-32C, Castagnoli's check sum.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC_TABLE = _crc_table()


def _masked_sum(data: bytes) -> bytes:
    # Rotated and offset: the sum of data that holds sums of its own would be no good.
    crc = crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def _value(tag: str, plugin: str, dtype: int, array: npt.NDArray[np.floating]) -> bytes:
    """Return a `Summary.Value` of a tensor that one of TensorBoard's plugins shows."""
    shape = b"".join(_message(2, _integer(1, size)) for size in array.shape)
    content = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    tensor = _integer(1, dtype) + _message(2, shape) + _message(4, content)
    metadata = _message(1, _text(1, plugin))
    return _text(1, tag) + _message(8, tensor) + _message(9, metadata)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _tag(field: int, wire_type: int) -> bytes:
    return _varint(field << 3 | wire_type)


def _integer(field: int, value: int) -> bytes:
    return _tag(field, 0) + _varint(value)


def _message(field: int, content: bytes) -> bytes:
    return _tag(field, 2) + _varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode())
