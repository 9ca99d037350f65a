"""Layers that change images at random while training, and nothing otherwise.

Each row is an image of its own and is changed in its own way, by numbers that depend on the model's
seed, the layer, the step and the row's place in the batch alone. The layers stand above an `Input`:
no layer below may train. Names, arguments and meanings are Keras's; rows may be flat, and then
`image_shape` says how they are to be read. Noise is added by
`fastdnn.layers.GaussianNoise`.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastdnn.checks import is_integer, is_number, number
from fastdnn.layers.dropout import checked_layer_seed
from fastdnn.layers.layer import Layer, Shape

if TYPE_CHECKING:
    from fastdnn.models.lowering import Lowering

__all__ = [
    "RandomBrightness",
    "RandomContrast",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
]

_FILL_MODES = ("constant", "nearest", "reflect", "wrap")
_LARGEST_PIXEL = 1e30
Range = tuple[float, float]
Factor = float | Sequence[float]


class _ImageLayer(Layer):
    """What all of them have in common: rows that are images."""

    def __init__(
        self, image_shape: Sequence[int] | None, seed: int | None, name: str | None
    ) -> None:
        super().__init__(name)
        self.image_shape = None if image_shape is None else self._image(image_shape)
        self.seed = checked_layer_seed(type(self).__name__, seed)

    def output_row(self, row: Shape) -> Shape:
        """Return the same shape, which must be that of an image."""
        self._size(row)
        return row

    def _size(self, row: Shape) -> tuple[int, int, int]:
        """Return height, width and channels of rows."""
        image = self.image_shape or (row if len(row) in (2, 3) else None)
        if image is None or math.prod(image) != math.prod(row):
            raise ValueError(
                f"[{self.name}] received rows of shape {row}; expected images (height, width) or "
                "(height, width, channels), or image_shape for flat rows"
            )
        height, width, *channels = image
        return height, width, channels[0] if channels else 1

    def _image(self, value: Any) -> tuple[int, ...]:
        sizes = tuple(value) if isinstance(value, Sequence) else ()
        if len(sizes) not in (2, 3) or not all(is_integer(n) and n > 0 for n in sizes):
            raise ValueError(
                f"[{type(self).__name__}] image_shape: received {value!r}; expected (height, "
                "width) or (height, width, channels)"
            )
        return tuple(int(n) for n in sizes)

    def _range(self, name: str, value: Any, least: float, most: float) -> Range:
        """Return (-f, f) for a number f, else the two numbers, if both are in range."""
        ends = (-value, value) if is_number(value) else value
        if not _are_ends(ends, least, most):
            raise ValueError(
                f"[{type(self).__name__}] {name}: received {value!r}; expected a number, or two "
                f"that grow, from {least:g} to {most:g}"
            )
        return float(ends[0]), float(ends[1])

    def _pixels(self, value: Any) -> Range:
        if not _are_ends(value, -_LARGEST_PIXEL, _LARGEST_PIXEL):
            raise ValueError(
                f"[{type(self).__name__}] value_range: received {value!r}; expected the smallest "
                "and the largest pixel, such as (0, 1)"
            )
        return float(value[0]), float(value[1])


class _AffineLayer(_ImageLayer):
    """A shift, rotation or zoom."""

    def __init__(
        self,
        fill_mode: str,
        interpolation: str,
        seed: int | None,
        fill_value: float,
        image_shape: Sequence[int] | None,
        name: str | None,
    ) -> None:
        super().__init__(image_shape, seed, name)
        if fill_mode not in _FILL_MODES:
            raise ValueError(
                f"[{type(self).__name__}] fill_mode: received {fill_mode!r}; expected one of "
                f"{', '.join(_FILL_MODES)}"
            )
        if interpolation != "bilinear":
            raise ValueError(
                f"[{type(self).__name__}] interpolation: received {interpolation!r}; expected "
                "'bilinear'"
            )
        self.fill_mode, self.interpolation = fill_mode, interpolation
        self.fill_value = number(type(self).__name__, "fill_value", fill_value)

    def ranges(self) -> dict[str, Range | None]:
        """Return the ranges that `fastdnn.ops.random_affine` takes."""
        raise NotImplementedError

    def lower(self, lowering: "Lowering", x: int) -> int:
        """Add the change."""
        fill = self.fill_mode, self.fill_value
        return lowering.random_affine(
            x, self._size(lowering.rows[0]), *fill, self.ranges(), self.seed
        )


class RandomTranslation(_AffineLayer):
    """Shifts images.

    Args:
        height_factor: how far down, as a share of the height: two numbers to draw from, or one
            for (-f, f).
        width_factor: how far to the right, as a share of the width.
        fill_mode: what comes in: "constant", "nearest", "reflect" or "wrap".
        interpolation: "bilinear".
        seed: an integer that picks the layer's stream of random numbers; None for the layer's
            place in the model.
        fill_value: the constant.
        image_shape: (height, width) or (height, width, channels), for flat rows.
        name: unique in the model.

    Raises:
        ValueError: if an argument is out of range; when called, if rows are no such images.

    >>> import fastdnn as fd
    >>> model = fd.Sequential(
    ...     [
    ...         fd.Input(shape=(784,)),
    ...         fd.augment.RandomTranslation(0.1, 0.1, "constant", image_shape=(28, 28)),
    ...         fd.layers.Dense(10),
    ...     ]
    ... )
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        image_shape: Sequence[int] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, image_shape, name)
        self.height_factor, self.width_factor = _kept(height_factor), _kept(width_factor)
        self._height = self._range("height_factor", height_factor, -1.0, 1.0)
        self._width = self._range("width_factor", width_factor, -1.0, 1.0)

    def ranges(self) -> dict[str, Range | None]:
        """Return the ranges that `fastdnn.ops.random_affine` takes."""
        return {"height_shift": self._height, "width_shift": self._width}


class RandomRotation(_AffineLayer):
    """Rotates images around their middle.

    Args:
        factor: how far against the clock, as a share of a full turn: two numbers to draw from, or
            one for (-f, f).
        fill_mode: what comes in: "constant", "nearest", "reflect" or "wrap".
        interpolation: "bilinear".
        seed: an integer that picks the layer's stream of random numbers; None for the layer's
            place in the model.
        fill_value: the constant.
        image_shape: (height, width) or (height, width, channels), for flat rows.
        name: unique in the model.

    Raises:
        ValueError: if an argument is out of range; when called, if rows are no such images.

    >>> RandomRotation(0.05)
    RandomRotation(factor=0.05, name='random_rotation')
    """

    def __init__(
        self,
        factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        image_shape: Sequence[int] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, image_shape, name)
        self.factor = _kept(factor)
        self._angle = self._range("factor", factor, -1.0, 1.0)

    def ranges(self) -> dict[str, Range | None]:
        """Return the ranges that `fastdnn.ops.random_affine` takes."""
        return {"angle": self._angle}


class RandomZoom(_AffineLayer):
    """Zooms images around their middle.

    Args:
        height_factor: by how much more of the height is seen, as a share of it: two numbers to
            draw from, or one for (-f, f). Positive numbers zoom out.
        width_factor: the same of the width; None for what is drawn for the height.
        fill_mode: what comes in: "constant", "nearest", "reflect" or "wrap".
        interpolation: "bilinear".
        seed: an integer that picks the layer's stream of random numbers; None for the layer's
            place in the model.
        fill_value: the constant.
        image_shape: (height, width) or (height, width, channels), for flat rows.
        name: unique in the model.

    Raises:
        ValueError: if an argument is out of range; when called, if rows are no such images.

    >>> RandomZoom((-0.1, 0.2))
    RandomZoom(height_factor=(-0.1, 0.2), name='random_zoom')
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        image_shape: Sequence[int] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, image_shape, name)
        self.height_factor, self.width_factor = _kept(height_factor), _kept(width_factor)
        self._height = self._range("height_factor", height_factor, -1.0, 1.0)
        self._width = (
            None if width_factor is None else self._range("width_factor", width_factor, -1.0, 1.0)
        )

    def ranges(self) -> dict[str, Range | None]:
        """Return the ranges that `fastdnn.ops.random_affine` takes."""
        return {"height_zoom": self._height, "width_zoom": self._width}


class RandomBrightness(_ImageLayer):
    """Adds a number to all pixels of an image, and clips them.

    Args:
        factor: how much, as a share of the value range's length: two numbers to draw from, or one
            for (-f, f).
        value_range: the smallest and the largest pixel. Bytes count as 0 to 1 here; Keras's
            default is (0, 255).
        seed: an integer that picks the layer's stream of random numbers; None for the layer's
            place in the model.
        image_shape: (height, width) or (height, width, channels), for flat rows.
        name: unique in the model.

    Raises:
        ValueError: if an argument is out of range; when called, if rows are no such images.

    >>> RandomBrightness(0.2)
    RandomBrightness(factor=0.2, name='random_brightness')
    """

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0.0, 1.0),
        seed: int | None = None,
        image_shape: Sequence[int] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(image_shape, seed, name)
        self.factor = _kept(factor)
        self._share = self._range("factor", factor, -1.0, 1.0)
        self.value_range = self._pixels(value_range)

    def lower(self, lowering: "Lowering", x: int) -> int:
        """Add the change."""
        length = self.value_range[1] - self.value_range[0]
        offset = self._share[0] * length, self._share[1] * length
        gain = 1.0, 1.0
        return lowering.random_light(
            x, self._size(lowering.rows[0]), gain, offset, self.value_range, self.seed
        )


class RandomContrast(_ImageLayer):
    """Moves the pixels of an image away from their mean or towards it, and clips them.

    Args:
        factor: the distances are multiplied by a number from `1 - lower` to `1 + upper`: these
            two, or one for both.
        value_range: the smallest and the largest pixel. Bytes count as 0 to 1 here; Keras's
            default is (0, 255).
        seed: an integer that picks the layer's stream of random numbers; None for the layer's
            place in the model.
        image_shape: (height, width) or (height, width, channels), for flat rows.
        name: unique in the model.

    Raises:
        ValueError: if an argument is out of range; when called, if rows are no such images.

    >>> RandomContrast(0.3)
    RandomContrast(factor=0.3, name='random_contrast')
    """

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0.0, 1.0),
        seed: int | None = None,
        image_shape: Sequence[int] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(image_shape, seed, name)
        self.factor = _kept(factor)
        ends: Any = (factor, factor) if is_number(factor) else factor
        right = isinstance(ends, Sequence) and len(ends) == 2 and all(map(is_number, ends))
        if not right or not all(0.0 <= end <= 1.0 for end in ends):
            raise ValueError(
                f"[RandomContrast] factor: received {factor!r}; expected a number from 0 to 1, or "
                "two: how much less and how much more"
            )
        self._gain = 1.0 - float(ends[0]), 1.0 + float(ends[1])
        self.value_range = self._pixels(value_range)

    def lower(self, lowering: "Lowering", x: int) -> int:
        """Add the change."""
        offset = 0.0, 0.0
        return lowering.random_light(
            x, self._size(lowering.rows[0]), self._gain, offset, self.value_range, self.seed
        )


def _are_ends(ends: Any, least: float, most: float) -> bool:
    two = isinstance(ends, Sequence) and len(ends) == 2 and all(map(is_number, ends))
    return two and least <= ends[0] <= ends[1] <= most


def _kept(factor: Any) -> Any:
    """Return a factor as a number or a tuple, whatever a file made of it."""
    return tuple(factor) if isinstance(factor, Sequence) else factor
