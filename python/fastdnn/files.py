"""Files that are written in one piece or not at all."""

import glob
import os
from collections.abc import Callable
from pathlib import Path

FilePath = str | os.PathLike[str]

# In the name of a file that is being written.
_RANDOM_BYTES = 6
# What reads files of others.
_READERS = {
    ".keras": "from_keras",
    ".h5": "from_keras",
    ".pt": "from_torch",
    ".pth": "from_torch",
    ".npz": "from_npz",
}
_FOREIGN_SUFFIXES = (".keras", ".h5", ".hdf5", ".pt", ".pth", ".onnx", ".pkl")


def path_of(where: str, filepath: FilePath) -> Path:
    """Return a path, or raise a ValueError where there can be no such one."""
    text = os.fspath(filepath) if isinstance(filepath, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise ValueError(f"[{where}] received {filepath!r}; expected the path of a file")
    return Path(text)


def _refuse_folder(where: str, path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError(f"[{where}] received {str(path)!r}, a folder; expected a file name")


def existing_file(where: str, filepath: FilePath) -> Path:
    """Return the path of an ordinary file.

    Raises:
        ValueError: if it is no path.
        OSError: if there is no such file.
    """
    path = path_of(where, filepath)
    _refuse_folder(where, path)
    if not path.exists():
        raise FileNotFoundError(
            f"[{where}] there is no file {str(path)!r}; expected one that a model was saved to"
        )
    if not path.is_file():
        raise OSError(
            f"[{where}] received {str(path)!r}, a pipe or a device; expected an ordinary file"
        )
    return path


def reader_of(path: Path) -> str:
    """Return words that name what reads a file of this name, if it is of another format."""
    reader = _READERS.get(path.suffix)
    return "" if reader is None else f"; use fastdnn.interop.{reader}"


def refuse_other_formats(where: str, path: Path) -> None:
    """Raise a ValueError for a name that says that a file is of another format."""
    if path.suffix in _FOREIGN_SUFFIXES:
        raise ValueError(
            f"[{where}] received {str(path)!r}; fastdnn writes safetensors; "
            f"use {str(path.with_suffix('.safetensors'))!r}"
        )


def destination(where: str, filepath: FilePath) -> Path:
    """Return the path of the file to write, without links, or raise if there can be none.

    Raises:
        ValueError: if it is no path, or the name is that of a file of another format.
        OSError: if it is a folder or a device, or the folder is missing or not to be written to.
    """
    path = path_of(where, filepath)
    refuse_other_formats(where, path)
    path = Path(os.path.realpath(path))  # a link stays, and the file it leads to is replaced
    _refuse_folder(where, path)
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise OSError(
            f"[{where}] received {str(path)!r}, a pipe, a device or a link to itself; expected "
            "the name of an ordinary file"
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"[{where}] cannot write {str(path)!r}: there is no folder {str(path.parent)!r}"
        )
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(
            f"[{where}] cannot write {str(path)!r}: no permission to write to the folder, "
            "or it is read-only"
        )
    return path


def write(
    where: str,
    filepath: FilePath,
    overwrite: bool,
    content: Callable[[], Callable[[int], None]],
) -> None:
    """Write a file so that a crash leaves the old one or the new one, never a part.

    Args:
        where: what the caller is doing, for messages.
        filepath: the file.
        overwrite: whether there may be one.
        content: returns the function that writes to the open file; raises where there is nothing
            to write, before any file is touched.
    """
    path = destination(where, filepath)
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"[{where}] {str(path)!r} exists already; use overwrite=True to replace it"
        )
    fill = content()
    temporary = path.with_name(f".{path.name}.{os.urandom(_RANDOM_BYTES).hex()}")
    # Never wider than the mode of the file to replace, not even while it is written.
    mode = path.stat().st_mode & 0o777 if path.exists() else None
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    handle = os.open(temporary, flags, 0o666 if mode is None else mode)
    try:
        try:
            fill(handle)
            os.fsync(handle)
        finally:
            os.close(handle)
        if mode is not None:
            temporary.chmod(mode)  # what the umask took away
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def remove_leftovers(filepath: FilePath) -> None:
    """Remove what killed processes have left of a file that they were writing.

    Nobody else may be writing the file now.
    """
    path = Path(os.path.realpath(filepath))
    if path.parent.is_dir():
        for leftover in path.parent.glob(f".{glob.escape(path.name)}.{'?' * 2 * _RANDOM_BYTES}"):
            leftover.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the new name last, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
