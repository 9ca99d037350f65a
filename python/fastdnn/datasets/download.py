"""Fetches a file from the first of several mirrors that delivers the right bytes."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from fastdnn.datasets.compressed import GzipErrors, open_decompressed

_CHUNK_BYTES = 1 << 16
_TIMEOUT_SECONDS = 20.0


class _DeliveryError(Exception):
    """One mirror's failure; the next one is tried."""


def content_sha256(path: Path, *, max_bytes: int) -> str:
    """SHA-256 of what the file holds once decompressed, if it is a gzip file.

    Mirrors compress the same data differently; the data is what counts.

    Raises:
        ValueError: The file is damaged or holds more than `max_bytes`.
    """
    import hashlib  # loads OpenSSL, which only a download needs

    digest = hashlib.sha256()
    held = 0
    try:
        with open_decompressed(path) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                held += len(chunk)
                if held > max_bytes:
                    raise ValueError(f"it holds more than the {max_bytes} bytes expected")
                digest.update(chunk)
    except GzipErrors as error:
        raise ValueError(f"it is a damaged gzip file ({error})") from None
    return digest.hexdigest()


def fetch(
    urls: Sequence[str],
    destination: Path,
    *,
    sha256: str,
    content_bytes: int,
    timeout: float = _TIMEOUT_SECONDS,
) -> None:
    """Download a file; it appears under its name only complete and verified.

    Args:
        urls: Mirrors of the same content, tried in this order.
        destination: Where the file goes; its folder is made.
        sha256: Hash of the content, decompressed if it comes compressed.
        content_bytes: Length of that content; no more is downloaded or decompressed.
        timeout: Seconds without an answer after which a mirror counts as down.

    Raises:
        OSError: No mirror delivered, with each one's reason; or the folder cannot be written.
    """
    import tempfile

    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{destination.name}.", dir=destination.parent)
    except OSError as error:
        raise OSError(
            f"[fetch] cannot write to the folder {destination.parent} ({error.strerror}); set "
            "FASTDNN_CACHE to a folder that can be written"
        ) from None
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            failures = []
            for url in urls:
                try:
                    _deliver(url, file, partial, sha256, content_bytes, timeout)
                    break
                except _DeliveryError as failure:
                    failures.append(f"{url}: {failure}")
            else:
                raise OSError("[fetch] no mirror delivered " + "; ".join(failures))
        partial.chmod(0o644)  # mkstemp's files are private; a cache may be shared
        partial.replace(destination)
    finally:
        partial.unlink(missing_ok=True)


def _deliver(
    url: str, file: BinaryIO, partial: Path, sha256: str, content_bytes: int, timeout: float
) -> None:
    """Write one mirror's bytes to `file`, which lies at `partial`, and verify them."""
    file.seek(0)
    file.truncate()
    # What cannot be compressed grows by less than a hundredth, and by the headers.
    _stream(url, file, content_bytes + content_bytes // 100 + 1024, timeout)
    file.flush()
    os.fsync(file.fileno())
    try:
        found = content_sha256(partial, max_bytes=content_bytes)
    except ValueError as error:
        raise _DeliveryError(str(error)) from None
    if found != sha256:
        raise _DeliveryError(f"its SHA-256 is {found[:16]}..., expected {sha256[:16]}...")


def _stream(url: str, file: BinaryIO, max_bytes: int, timeout: float) -> None:
    # The network's modules would double the time of `import fastdnn`.
    import http.client
    import urllib.error
    import urllib.request

    from tqdm import tqdm  # type: ignore[import-untyped]

    request = urllib.request.Request(url, headers={"User-Agent": "fastdnn"})
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
        with contextlib.closing(response):
            length = response.headers.get("Content-Length", "")
            announced = int(length) if length.isdecimal() else None
            with tqdm(
                total=announced,
                desc=url.rsplit("/", 1)[-1],
                unit="B",
                unit_scale=True,
                disable=None,
            ) as bar:
                received = 0
                while chunk := response.read(_CHUNK_BYTES):
                    received += len(chunk)
                    if received > max_bytes:
                        raise _DeliveryError(f"it sends more than {max_bytes} bytes")
                    file.write(chunk)
                    bar.update(len(chunk))
    except urllib.error.HTTPError as error:
        error.close()
        raise _DeliveryError(f"HTTP {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise _DeliveryError(str(error.reason)) from None
    except (OSError, http.client.HTTPException) as error:
        raise _DeliveryError(f"{type(error).__name__} {error}".strip()) from None
    if announced is not None and received != announced:
        raise _DeliveryError(f"the connection ended after {received} of {announced} bytes")
