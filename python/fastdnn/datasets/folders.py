"""Where data sets are looked for and kept."""

import os
from pathlib import Path


def data_folder() -> Path | None:
    """The folder of one's own data sets: the environment variable FASTDNN_DATA, or None."""
    value = os.environ.get("FASTDNN_DATA", "")
    return Path(value).expanduser() if value else None


def cache_folder() -> Path:
    """The folder downloads are kept in.

    FASTDNN_CACHE, else XDG_CACHE_HOME/fastdnn, else ~/.cache/fastdnn.
    """
    value = os.environ.get("FASTDNN_CACHE", "")
    if value:
        return Path(value).expanduser()
    # The XDG specification says that a relative path is to be ignored.
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path("~/.cache").expanduser()) / "fastdnn"
