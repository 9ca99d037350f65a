"""From what users have to what the native core takes, with errors in words.

Inputs become C-contiguous float32 of shape (rows, width), or stay float16, bfloat16, uint8 or
sparse rows; targets int32 (rows,) for integer labels or float32 (rows, width), sample weights
float32 (rows,). Arrays that are already so, be they in memory or files mapped to it, are used as
they are; others are converted once.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn import ops
from fastdnn.checks import is_number
from fastdnn.layers.dense import Dense
from fastdnn.layers.flatten import Flatten
from fastdnn.layers.layer import Layer
from fastdnn.layers.reshape import Reshape
from fastdnn.models.arguments import splits_at
from fastdnn.models.sparse_rows import SparseRows, is_sparse, to_sparse_rows

AnyArray = npt.NDArray[Any]
Rows = AnyArray | SparseRows
Shape = tuple[int, ...]

_LARGEST = float(np.finfo(np.float32).max)
# Elements of float16 or bfloat16 that are looked at together: few enough for a processor's cache.
_PIECE = 2**18


@dataclass(frozen=True)
class Dataset:
    """Rows for training or evaluation, as the native core takes them."""

    inputs: list[Rows]
    targets: list[AnyArray | None]  # None for an output without loss
    weights: list[npt.NDArray[np.float32] | None]  # per output; None where all are one

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.inputs[0])

    def slice(self, first: int, last: int) -> "Dataset":
        """Return the rows from `first` up to `last`, which share the data."""
        return Dataset(
            [array[first:last] for array in self.inputs],
            [None if array is None else array[first:last] for array in self.targets],
            [None if array is None else array[first:last] for array in self.weights],
        )

    def take(self, rows: npt.NDArray[np.int64]) -> "Dataset":
        """Return a copy of some rows."""
        return Dataset(
            [
                array.take(rows) if isinstance(array, SparseRows) else array[rows]
                for array in self.inputs
            ],
            [None if array is None else array[rows] for array in self.targets],
            [None if array is None else array[rows] for array in self.weights],
        )


@dataclass
class Stop:
    """The batch of an epoch, counted from 1, whose loss was not finite."""

    batch: int
    inputs: list[Rows]


def split(data: Dataset, share: Any) -> tuple[Dataset, Dataset | None]:
    """Return the rows to train on and, where a share is wanted for that, those to validate on."""
    if not share:
        return data, None
    first = splits_at(share, data.rows)
    return data.slice(0, first), data.slice(first, data.rows)


def to_rows(where: str, x: Any, layers: Sequence[Layer], allow_empty: bool = False) -> Rows:
    """Return the inputs in an array, or as sparse rows if they are a sparse matrix of scipy's.

    Args:
        where: what the caller was doing, for messages.
        x: the inputs.
        layers: the layers they go through.
        allow_empty: whether there may be no rows.

    Raises:
        ValueError: if there are no numbers in it, or the first layer takes no sparse rows.
    """
    if not is_sparse(x):
        return to_array(where, "x", x, allow_empty)
    first = next((each for each in layers if not isinstance(each, Flatten | Reshape)), None)
    if not isinstance(first, Dense):
        name = "no layer" if first is None else type(first).__name__
        raise ValueError(
            f"[{where}] x: received a sparse matrix for a model with {name} at its start; expected "
            "Dense there; use x.toarray()"
        )
    return to_sparse_rows(where, x, allow_empty)


def to_array(where: str, name: str, value: Any, allow_empty: bool = False) -> AnyArray:
    """Return numbers in an array: NumPy's, a list, a data frame, a tensor of another library.

    Raises:
        ValueError: if there are no numbers in it.
    """
    # Nearly always, and finding out more takes as long as predicting a row.
    if type(value) is np.ndarray and value.dtype.kind in "fiub" and value.ndim and value.size:
        return value
    if value is None:
        raise ValueError(f"[{where}] {name}: received None; expected an array")
    if hasattr(value, "toarray") and hasattr(value, "nnz"):
        raise ValueError(
            f"[{where}] {name}: received a sparse matrix of shape {value.shape}; expected a "
            f"dense array; use {name}.toarray()"
        )
    if isinstance(value, Mapping):
        raise ValueError(f"[{where}] {name}: received a dict; expected one array")
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(
            f"[{where}] {name}: received a masked array; expected numbers everywhere; drop the "
            f"rows with masked values, or fill them with {name}.filled(0)"
        )
    array: AnyArray
    try:
        if hasattr(value, "to_numpy"):  # a frame or a column of pandas or polars
            array = value.to_numpy()
        elif not hasattr(value, "__array__") and hasattr(value, "__dlpack__"):
            array = np.from_dlpack(value)
        else:
            array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"[{where}] {name}: received a {type(value).__name__} that is not an array of "
            f"numbers ({error}); expected rows of equal length"
        ) from None
    if array.dtype.kind == "O":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            if any(is_sparse(item) for item in array.flat):
                raise ValueError(
                    f"[{where}] {name}: received a {type(value).__name__} of sparse matrices; "
                    f"expected one; use scipy.sparse.vstack({name})"
                ) from None
            column = _first_column_of_words(value)
            raise ValueError(
                f"[{where}] {name}: received {column or f'a {type(value).__name__}'} with entries "
                f"that are no numbers ({error}); expected numbers and rows of equal length; encode "
                "text and categories as numbers first, and fill gaps"
            ) from None
    if array.dtype.kind not in "fiub" and not _is_bfloat16(array.dtype):
        hint = "encode text and categories as numbers first"
        if array.dtype == "V2":  # np.save writes bfloat16 so
            hint = f"if they are bfloat16, use {name}.view(ml_dtypes.bfloat16)"
        raise ValueError(
            f"[{where}] {name}: received an array of {array.dtype}; expected numbers; {hint}"
        )
    if array.ndim == 0:
        raise ValueError(f"[{where}] {name}: received the number {array}; expected an array")
    if array.size == 0 and not (allow_empty and array.ndim > 1):
        raise ValueError(f"[{where}] {name}: received an array of shape {array.shape}; expected "
                         "at least one row")  # fmt: skip
    return array


def _is_bfloat16(dtype: np.dtype[Any]) -> bool:
    """Whether this is the type that the package ml_dtypes adds to NumPy's."""
    return dtype.name == "bfloat16"


def _first_column_of_words(frame: Any) -> str:
    """Return the name of the first column of a data frame that holds no numbers, else ""."""
    for name in getattr(frame, "columns", ()):
        try:
            np.asarray(frame[name].to_numpy(), np.float64)
        except (TypeError, ValueError):
            return f"the column {name!r}"
    return ""


def to_inputs(where: str, x: Rows, shape: Shape, check_finite: bool = True) -> Rows:
    """Return the input rows as (rows, width) of a type that batches are made of, or as sparse rows.

    Args:
        where: what the caller was doing, for messages.
        x: what `to_rows` returned.
        shape: the shape of a row that the model takes.
        check_finite: whether NaN and infinity are errors.
    """
    if isinstance(x, SparseRows):
        if x.shape[1:] != shape:
            raise ValueError(_wrong_shape(where, x, shape))
        place = ops.first_nonfinite(x.data) if check_finite and x.data is not None else -1
        if x.data is not None and place >= 0:
            row = int(np.searchsorted(x.indptr, place, "right")) - 1
            raise ValueError(
                f"[{where}] x: received {x.data[place]}, as float32, in row {row}, column "
                f"{x.indices[place]}; expected finite numbers that float32 can hold"
            )
        return x
    if x.ndim == 1 and shape == (1,):
        x = x[:, None]
    if x.shape[1:] != shape:
        raise ValueError(_wrong_shape(where, x, shape))
    if x.dtype == np.float16 or (_is_bfloat16(x.dtype) and x.dtype.isnative):
        x = np.require(x, requirements=["C", "A"])
        place = _first_nonfinite(x) if check_finite else -1
        if place >= 0:
            _refuse(where, "x", x, np.unravel_index(place, x.shape))
    elif x.dtype == np.uint8:
        x = np.ascontiguousarray(x)
    else:
        x = _to_float32(where, "x", x, check_finite)
    return x.reshape(len(x), math.prod(shape))


def to_targets(where: str, y: AnyArray, kind: str, loss: str, width: int) -> AnyArray:
    """Return the targets in the form the loss wants.

    Args:
        where: what the caller was doing, for messages.
        y: an array from `to_array`.
        kind: which targets are wanted, see `fastdnn.losses.Loss`.
        loss: the loss's name, for messages.
        width: the number of outputs of the model.
    """
    if _is_bfloat16(y.dtype):
        y = y.astype(np.float32)
    if kind == "classes":
        return _to_labels(where, y, loss, width)
    if y.ndim == 1 and width == 1:
        y = y[:, None]
    if kind == "any":
        return _to_float32(where, "y", y, True) if y.dtype.kind == "f" else y
    if y.shape[1:] != (width,):
        hint = ""
        if kind == "distribution" and (y.ndim == 1 or y.shape[1:] == (1,)):
            hint = "; for integer labels use loss='sparse_categorical_crossentropy'"
        raise ValueError(
            f"[{where}] y: received shape {y.shape}; expected (rows, {width}), the model's "
            f"outputs{hint}"
        )
    y = _to_float32(where, "y", y, True)
    if kind == "signs":
        _check_signs(where, y, loss)
    elif kind != "values":
        _check_probabilities(where, y, loss)
    return y


def to_sample_weight(where: str, weight: Any, rows: int) -> npt.NDArray[np.float32] | None:
    """Return one weight a row, or None for ones.

    Args:
        where: what the caller was doing, for messages.
        weight: numbers of shape (rows,) or (rows, 1), or None.
        rows: how many there are.
    """
    if weight is None:
        return None
    array = to_array(where, "sample_weight", weight)
    if array.shape not in ((rows,), (rows, 1)):
        raise ValueError(
            f"[{where}] sample_weight: received shape {array.shape}; expected ({rows},), one "
            "weight a row"
        )
    return _to_float32(where, "sample_weight", array.reshape(rows), True)


def times_class_weight(
    where: str,
    weight: npt.NDArray[np.float32] | None,
    class_weight: Any,
    targets: AnyArray,
    kind: str,
    width: int,
) -> npt.NDArray[np.float32]:
    """Return one weight a row: the sample's times its class's.

    Args:
        where: what the caller was doing, for messages.
        weight: the samples' weights, or None for ones.
        class_weight: a dict from class to weight (1 for those not named), or "balanced" for
            `rows / (classes * rows of the class)`.
        targets: the targets, as `to_targets` returns them.
        kind: what the targets are, see `fastdnn.losses.Loss`.
        width: the number of outputs of the model.
    """
    by_class = _class_weights(where, class_weight, targets, _class_count(kind, width))
    with np.errstate(over="ignore"):
        result = by_class if weight is None else weight * by_class
    row = ops.first_nonfinite(result)
    if row >= 0:
        raise ValueError(
            f"[{where}] class_weight: received {by_class[row]:g} for row {row}, which float32 "
            "cannot hold times its sample_weight; use smaller weights"
        )
    return result


def check_rows(where: str, x: Rows, y: AnyArray) -> None:
    """Raise a ValueError unless x and y have as many rows."""
    if len(x) != len(y):
        raise ValueError(
            f"[{where}] received {len(x)} rows of x and {len(y)} of y; expected equal numbers"
        )


def _wrong_shape(where: str, x: Rows, shape: Shape) -> str:
    expected = f"(rows, {', '.join(map(str, shape))})" if shape else "(rows,)"
    message = f"[{where}] x: received shape {x.shape}; expected {expected}"
    if x.shape == shape:
        return f"{message}; for one row use x[None]"
    if math.prod(x.shape[1:]) == math.prod(shape):
        dense = "x.toarray()" if isinstance(x, SparseRows) else "x"
        return f"{message}; use {dense}.reshape({', '.join(map(str, (-1, *shape)))})"
    return message


def _to_float32(where: str, name: str, array: AnyArray, check_finite: bool) -> AnyArray:
    if array.dtype == np.float32:
        converted = np.require(array, requirements=["C", "A"])
    else:
        with np.errstate(over="ignore", under="ignore"):
            converted = np.require(array, np.float32, ["C", "A"])
    if check_finite and (array.dtype.kind == "f" or _is_bfloat16(array.dtype)):
        position = ops.first_nonfinite(converted)
        if position >= 0:
            _refuse(where, name, array, np.unravel_index(position, array.shape))
    return converted


def _first_nonfinite(halves: AnyArray) -> int:
    """Do what `ops.first_nonfinite` does, for float16 and bfloat16, in little memory."""
    flat = halves.reshape(-1)
    for first in range(0, flat.size, _PIECE):
        with np.errstate(invalid="ignore"):
            piece = flat[first : first + _PIECE].astype(np.float32)
        place = ops.first_nonfinite(piece)
        if place >= 0:
            return first + place
    return -1


def _refuse(where: str, name: str, array: AnyArray, place: tuple[np.intp, ...]) -> None:
    value, (row, *column) = array[place], (int(i) for i in place)
    at = f"row {row}" + (f", column {', '.join(map(str, column))}" if column else "")
    reason = "float32 cannot hold it" if np.isfinite(value) else "expected finite numbers"
    raise ValueError(f"[{where}] {name}: received {value} in {at}; {reason}")


def _to_labels(where: str, y: AnyArray, loss: str, width: int) -> AnyArray:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        hint = ""
        if y.shape[1:] == (width,):
            hint = "; for one-hot labels use loss='categorical_crossentropy', or y.argmax(axis=1)"
        raise ValueError(
            f"[{where}] y: received shape {y.shape}; expected (rows,), one integer label a row, "
            f"for {loss}{hint}"
        )
    # NaN compares false with everything: the condition is about what is right, not wrong.
    right = (y >= 0) & (y < width)
    if y.dtype.kind == "f":
        right &= y == np.floor(y)
    if not right.all():
        row = int(np.argmin(right))
        raise ValueError(
            f"[{where}] y: received the label {y[row]} in row {row}; expected integers from 0 to "
            f"{width - 1}, as the model has {width} outputs"
        )
    return np.ascontiguousarray(y, np.int32)


def _check_probabilities(where: str, y: AnyArray, loss: str) -> None:
    right = (y >= 0.0) & (y <= 1.0)
    if not right.all():
        row, column = (int(i) for i in np.argwhere(~right)[0])
        raise ValueError(
            f"[{where}] y: received {y[row, column]} in row {row}, column {column}; expected "
            f"numbers from 0 to 1 for {loss}"
        )


def _check_signs(where: str, y: AnyArray, loss: str) -> None:
    right = (np.abs(y) == 1.0) | (y == 0.0)
    if not right.all():
        row, column = (int(i) for i in np.argwhere(~right)[0])
        raise ValueError(
            f"[{where}] y: received {y[row, column]} in row {row}, column {column}; expected "
            f"-1 and 1, or 0 and 1, for {loss}"
        )
    if y.min() < 0.0 and not y.all():
        raise ValueError(
            f"[{where}] y: received -1, 0 and 1; expected -1 and 1, or 0 and 1, for {loss}"
        )


def _class_count(kind: str, width: int) -> int | None:
    """Return the number of classes; None for targets that may be any number."""
    if width > 1 or kind == "classes":
        return width
    return None if kind in ("values", "any") else 2


def _class_weights(
    where: str, class_weight: Any, targets: AnyArray, classes: int | None
) -> npt.NDArray[np.float32]:
    if targets.ndim == 1:
        labels = targets
    elif targets.shape[1] == 1:
        labels = np.rint(targets[:, 0]).astype(np.int32)
        if classes is not None:
            labels = labels.clip(0)  # -1 stands for 0
    else:
        labels = targets.argmax(axis=1)
    if isinstance(class_weight, str) and class_weight == "balanced":
        _, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
        per_class = len(labels) / (len(counts) * counts)
        return per_class.astype(np.float32)[places]
    if not isinstance(class_weight, Mapping):
        raise ValueError(
            f"[{where}] class_weight: received {class_weight!r}; expected a dict such as "
            "{0: 1.0, 1: 5.0}, or 'balanced'"
        )
    weights = np.ones(len(labels), np.float32)
    for label, weight in class_weight.items():
        if not _is_class(label, classes):
            expected = "integers" if classes is None else f"integers from 0 to {classes - 1}"
            raise ValueError(
                f"[{where}] class_weight: received the class {label!r}; expected {expected}"
            )
        # NaN fails; so does what float32 cannot hold.
        if not is_number(weight) or not 0.0 <= weight <= _LARGEST:
            raise ValueError(
                f"[{where}] class_weight: received {weight!r} for class {label!r}; expected a "
                "finite number of at least 0 that float32 can hold"
            )
        weights[labels == label] = float(weight)
    return weights


def _is_class(label: Any, classes: int | None) -> bool:
    """Whether this is the number of a class; 1.0 is as good as 1, as np.unique may return it."""
    if not is_number(label) or label != label // 1:
        return False
    return classes is None or 0 <= label < classes
