"""Files that were tampered with, and whose digests say that they were not."""

import json
import os

from safetensors.numpy import load_file

from fastdnn import tensor_file
from fastdnn._core import xxh64


def header_of(path):
    """Return what the header of a file says."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + size])


def metadata_of(path):
    """Return the metadata of a file."""
    return header_of(path)["__metadata__"]


def signed(header, payload):
    """Return a file whose header has the digest of itself."""
    header["__metadata__"]["header_digest"] = "0" * 16
    text = json.dumps(header, separators=(",", ":")).encode()
    digest = f"{xxh64(text):016x}".encode()
    text = text.replace(b'"header_digest":"' + b"0" * 16, b'"header_digest":"' + digest)
    return len(text).to_bytes(8, "little") + text + payload


class Mutations:
    """Draws what may have become of a file: changed, lost, doubled and moved bytes."""

    # What means something in headers, or in numbers.
    WORDS = (b"\0", b"0", b"9", b"-", b'"', b"{", b"}", b"[", b",", b"\xff" * 4, b"1e999", b"null")

    def __init__(self, rng):
        self.rng = rng

    def of(self, content):
        """Return the content after one to four changes."""
        data = bytearray(content)
        for _ in range(self.rng.integers(1, 5)):
            first, second = (int(place) for place in self.rng.integers(0, len(data) + 1, 2))
            size = int(self.rng.integers(1, 9))
            kind = self.rng.integers(6)
            if kind == 0 and first < len(data):
                data[first] ^= 1 << int(self.rng.integers(8))
            elif kind == 1:
                data[first : first + size] = self.rng.bytes(size)
            elif kind == 2:
                del data[first : first + size]
            elif kind == 3:
                data[first:first] = data[second : second + size]
            elif kind == 4:
                word = self.WORDS[self.rng.integers(len(self.WORDS))]
                data[first : first + len(word)] = word
            else:
                data[first : first + size] = data[second : second + size]
        return bytes(data)


def rewritten(path, change=lambda tensors: None, **changes):
    """Change the tensors and the metadata of a file; None removes an entry."""
    metadata, tensors = metadata_of(path), load_file(path)
    del metadata["header_digest"], metadata["tensor_digests"]
    for name, value in changes.items():
        metadata.pop(name, None)
        if value is not None:
            metadata[name] = value if isinstance(value, str) else json.dumps(value)
    change(tensors)
    handle = os.open(path, os.O_WRONLY | os.O_TRUNC)
    try:
        tensor_file.write(handle, tensors, metadata)
    finally:
        os.close(handle)
