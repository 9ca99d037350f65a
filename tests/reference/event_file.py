"""Reads TensorBoard's event files, bit by bit and field by field."""

import struct

import numpy as np


def crc32c(data):
    """The remainder of the polynomial 0x1EDC6F41, bits reversed, without a table."""
    crc = 2**32 - 1
    for byte in data:
        for i in range(8):
            bit = (crc ^ (byte >> i)) & 1
            crc = (crc >> 1) ^ (0x82F63B78 * bit)
    return crc ^ (2**32 - 1)


def _unmasked(masked):
    rotated = (masked - 0xA282EAD8) % 2**32
    return (rotated << 15 | rotated >> 17) % 2**32


def records(data):
    """The records of a file, whose check sums are checked."""
    while data:
        length, length_sum = struct.unpack_from("<QI", data)
        record, (record_sum,) = data[12 : 12 + length], struct.unpack_from("<I", data, 12 + length)
        assert len(record) == length
        assert crc32c(data[:8]) == _unmasked(length_sum)
        assert crc32c(record) == _unmasked(record_sum)
        yield record
        data = data[16 + length :]


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(message):
    """Number -> the values of a field, in their order."""
    found, at = {}, 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(message, at)
        else:
            length, at = (8, at) if kind == 1 else _varint(message, at)
            assert kind in (1, 2) and at + length <= len(message)
            value, at = message[at : at + length], at + length
        found.setdefault(key >> 3, []).append(value)
    return found


def _array(tensor):
    tensor = fields(tensor)
    dtype = {1: "<f4", 2: "<f8"}[tensor[1][0]]
    shape = [fields(size)[1][0] for size in fields(tensor[2][0]).get(2, [])]
    return np.frombuffer(tensor[4][0], dtype).reshape(shape)


def _node(node):
    (name,), (kind,), reads = ([text.decode() for text in node.get(i, [])] for i in (1, 2, 3))
    return name, kind, reads


def read(path):
    """The events: "version" and a text, "graph" and its nodes, or plugin, tag, step and array."""
    events = []
    for record in records(path.read_bytes()):
        event = fields(record)
        (step,), (time,) = event[2], struct.unpack("<d", event[1][0])
        assert time > 1e9
        if 3 in event:
            events.append(("version", event[3][0].decode()))
        elif 4 in event:
            events.append(("graph", [_node(fields(node)) for node in fields(event[4][0])[1]]))
        else:
            for value in map(fields, fields(event[5][0])[1]):
                plugin = fields(fields(value[9][0])[1][0])[1][0].decode()
                events.append((plugin, value[1][0].decode(), step, _array(value[8][0])))
    return events
