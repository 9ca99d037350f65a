"""Normalization of inputs by the statistics of the data."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastdnn import initializers
from fastdnn.layers.layer import Layer, Shape
from fastdnn.layers.weight import Weight, checked_value

if TYPE_CHECKING:
    from fastdnn.models.lowering import Lowering

# Elements that are widened to float64 together: few enough for a processor's cache.
_PIECE = 2**17


class Normalization(Layer):
    """Shifts and scales every feature to the mean 0 and variance 1 that the data then have.

    `y = (x - mean) / max(sqrt(variance), 1e-7)`

    Mean and variance are given, or `adapt` finds them in the data before training, which leaves
    them as they are: they are weights that are not trained.

    Args:
        axis: the axis of the features: the last.
        mean: None, a number, or one for every feature.
        variance: likewise; given with `mean`.
        invert: whether to turn what was normalized back: `x * max(sqrt(variance), 1e-7) + mean`.
        name: unique in the model.

    Shapes: input and output (rows, features); mean and variance (features,).

    Raises:
        ValueError: if only one of mean and variance is given, or numbers are not finite.

    >>> import numpy as np
    >>> import fastdnn as fd
    >>> layer = fd.layers.Normalization()
    >>> layer.adapt(np.array([[0.0, 7.0, 4.0], [2.0, 9.0, 6.0]]))
    >>> model = fd.Sequential([fd.Input(shape=(3,)), layer])
    >>> model.predict(np.array([[0.0, 7.0, 6.0]]), verbose=0)
    array([[-1., -1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        axis: int = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if axis not in (-1, 1):
            raise ValueError(f"[Normalization] axis: received {axis!r}; expected -1, the last axis")
        if (mean is None) != (variance is None):
            raise ValueError(
                f"[Normalization] received mean={mean!r} and variance={variance!r}; expected both "
                "or neither"
            )
        self.axis = axis
        self.input_mean = _statistic("mean", mean, -math.inf)
        self.input_variance = _statistic("variance", variance, 0.0)
        shapes = np.shape(self.input_mean), np.shape(self.input_variance)
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"[Normalization] received a mean of shape {shapes[0]} and a variance of shape "
                f"{shapes[1]}; expected equal shapes"
            )
        self.invert = self._flag("invert", invert)

    def argument(self, name: str) -> Any:
        """Return what the constructor takes for one of its arguments."""
        return super().argument(
            {"mean": "input_mean", "variance": "input_variance"}.get(name, name)
        )

    @property
    def mean(self) -> npt.NDArray[np.float32] | None:
        """The mean of every feature; None before the layer knows how many there are."""
        return self.adapt_mean.numpy() if self.built and self.adapt_mean.bound else None

    @property
    def variance(self) -> npt.NDArray[np.float32] | None:
        """The variance of every feature, likewise."""
        return self.adapt_variance.numpy() if self.built and self.adapt_variance.bound else None

    def build(self, row: Shape) -> None:
        """Declare mean and variance."""
        shape = (self.flat_width(row),)
        self.adapt_mean = self._add_statistic("mean", shape, self.input_mean, 0.0)
        self.adapt_variance = self._add_statistic("variance", shape, self.input_variance, 1.0)

    def _add_statistic(self, name: str, shape: Shape, given: Any, otherwise: float) -> Weight:
        value: Any = otherwise if given is None else given
        if np.ndim(value) and np.shape(value) != shape:
            raise ValueError(
                f"[{self.name}] {name}: received {len(value)} numbers for rows of shape {shape}; "
                "expected one, or one for every feature"
            )
        given = np.asarray(value, np.float32)
        initial = given if given.ndim else initializers.Constant(float(given))
        return self.add_weight(name, shape, initializers.get(initial), trainable=False)

    def adapt(self, data: Any) -> None:
        """Find mean and (biased) variance of every feature, in float64.

        Args:
            data: rows as the layer will get them, an array of shape (rows, features). As
                everywhere, bytes (uint8) are taken divided by 255.

        Raises:
            ValueError: if they were given, or the data are no finite rows of that many features.
        """
        if self.input_mean is not None:
            raise ValueError(
                f"[{self.name}.adapt] the layer was given mean and variance; expected a layer "
                "without; create Normalization()"
            )
        where = f"{self.name}.adapt"
        rows = _as_rows(where, data)
        mean, variance = _statistics(rows)
        for name, value in (("mean", mean), ("variance", variance)):
            if not np.isfinite(value).all():
                column = int(np.argmin(np.isfinite(value)))
                raise ValueError(
                    f"[{where}] received data whose {name} is {value[column]} in column {column}; "
                    "expected finite numbers"
                )
        self.declare(rows.shape[1:])
        for weight, value in ((self.adapt_mean, mean), (self.adapt_variance, variance)):
            if weight.bound:
                weight.assign(value)
            else:
                weight.bind(checked_value(where, value, weight.shape))

    def output_row(self, row: Shape) -> Shape:
        """Return the input's shape, which must be that of a vector."""
        self.flat_width(row)
        return row

    def lower(self, lowering: "Lowering", x: int) -> int:
        """Add the normalization."""
        return lowering.normalization(x, self.adapt_mean, self.adapt_variance, self.invert)


def _statistic(name: str, value: Any, least: float) -> Any:
    """Return None, a number or a list of numbers that float32 can hold, or raise a ValueError."""
    if value is None:
        return None
    try:
        with np.errstate(over="ignore"):
            array = np.asarray(value, np.float64)
            good = np.isfinite(array.astype(np.float32)) & (array >= least)
    except (TypeError, ValueError):
        array, good = np.zeros(0), np.zeros(1, np.bool_)
    if array.ndim > 1 or not good.all():
        bound = " of at least 0" if least == 0.0 else ""
        raise ValueError(
            f"[Normalization] {name}: received {value!r}; expected a finite number{bound}, or one "
            "for every feature"
        )
    return array.tolist()


def _as_rows(where: str, data: Any) -> npt.NDArray[Any]:
    if hasattr(data, "toarray"):
        raise ValueError(
            f"[{where}] received a sparse matrix of shape {data.shape}; expected a dense array: "
            "what is subtracted from a 0 leaves none; use data.toarray()"
        )
    if isinstance(data, np.ma.MaskedArray):
        raise ValueError(
            f"[{where}] received a masked array; expected numbers; use data.filled(...) or leave "
            "rows out"
        )
    try:
        rows = np.asarray(data.to_numpy() if hasattr(data, "to_numpy") else data)
    except (TypeError, ValueError) as error:
        raise ValueError(f"[{where}] received no array of numbers ({error})") from error
    if rows.ndim != 2 or rows.size == 0 or (rows.dtype.kind not in "fiub"):
        column = "; for one feature use data[:, None]" if rows.ndim == 1 else ""
        raise ValueError(
            f"[{where}] received an array of {rows.dtype} and shape {rows.shape}; expected numbers "
            f"of shape (rows, features){column}"
        )
    return rows


def _statistics(rows: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and variance of the columns; the second pass leaves nothing to cancel."""
    scale = 255.0 if rows.dtype == np.uint8 else 1.0
    step = max(1, _PIECE // rows.shape[1])
    pieces = [slice(first, first + step) for first in range(0, len(rows), step)]
    with np.errstate(over="ignore", invalid="ignore"):
        sums = sum(np.sum(rows[piece], axis=0, dtype=np.float64) for piece in pieces)
        mean = np.asarray(sums / len(rows))
        squares = sum(np.square(rows[piece] - mean).sum(axis=0) for piece in pieces)
        return mean / scale, np.asarray(squares / len(rows)) / scale**2
