"""Weights in NumPy's archives."""

import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn.files import FilePath, existing_file
from fastdnn.loading import ADVICE, LoadReport, Rename, load_arrays, require_built
from fastdnn.models import Model


def from_npz(
    path: FilePath,
    model: Model,
    rename: Rename | None = None,
    strict: bool = True,
    *,
    match: str | None = None,
    dry_run: bool = False,
) -> LoadReport:
    """Load the arrays of a file of `numpy.savez` into a model.

    Args:
        path: the file. Its arrays have the names of `Model.named_weights`, such as
            "hidden/kernel", or none: `arr_0`, `arr_1` and so on are the weights in their order.
            Kernels are (inputs, outputs). Arrays of other types become float32.
        model: a built model.
        rename: what names in the file become, as for `Model.load_weights`.
        strict: whether every weight has to be in the file, and nothing else.
        match: a regular expression for the names of weights to load; None for all.
        dry_run: whether to only report what would be done.

    Raises:
        ValueError: if the file is damaged, or holds objects instead of numbers, or an array does
            not fit; nothing is changed then.
        OSError: if the file cannot be read.

    >>> import tempfile, numpy as np, fastdnn as fd
    >>> model = fd.Sequential([fd.Input(shape=(2,)), fd.layers.Dense(1, name="out")])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/w.npz", **{"out/kernel": np.ones((2, 1)), "out/bias": [3.0]})
    ...     report = from_npz(f"{folder}/w.npz", model)
    >>> model.predict(np.ones((1, 2), np.float32), verbose=0).tolist()
    [[5.0]]
    """
    require_built("from_npz", model)
    where = f"from_npz {existing_file('from_npz', path)}"
    arrays: dict[str, npt.NDArray[np.float32]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                # A compressed array may be a thousand times as large as its part of the file.
                _check_size(where, info, model)
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: _numbers(where, name, file[name]) for name in file.files}
    except Exception as error:  # archives can fail in any way
        if isinstance(error, ValueError) and str(error).startswith("["):
            raise  # says it by itself
        raise ValueError(
            f"[{where}] the file is no archive of plain arrays of numbers by numpy.savez, or is "
            f"damaged ({type(error).__name__} {error})"
        ) from error
    positions = [f"arr_{place}" for place in range(len(arrays))]
    if arrays and rename is None and sorted(arrays) == sorted(positions):
        names = list(model.named_weights().values())
        if strict and match is None and len(names) != len(arrays):
            raise ValueError(
                f"[{where}] received {len(arrays)} arrays without names for {len(names)} weights; "
                "expected equal numbers"
            )
        arrays = {name: arrays[p] for name, p in zip(names, positions, strict=False)}
    return load_arrays(where, model, arrays, match, rename, strict, dry_run, ADVICE)


def _check_size(where: str, info: zipfile.ZipInfo, model: Model) -> None:
    most = 16 * sum(weight.size for weight in model.weights) + (1 << 20)
    if info.file_size > most:
        raise ValueError(
            f"[{where}] {info.filename} is {info.file_size} bytes large, more than all weights of "
            "the model; expected the arrays of its weights"
        )


def _numbers(where: str, name: str, array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    if array.dtype.kind not in "fiub":
        raise ValueError(f"[{where}] {name}: received {array.dtype}; expected numbers")
    return np.asarray(array, np.float32)
