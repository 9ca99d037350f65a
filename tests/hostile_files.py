"""Files that were tampered with, and whose digests say that they were not."""

import json
import os

from safetensors.numpy import load_file

from fastdnn import tensor_file


def metadata_of(path):
    """Return the metadata of a file."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + size])["__metadata__"]


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
