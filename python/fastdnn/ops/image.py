"""Random changes of images on NumPy arrays."""

import numpy as np
import numpy.typing as npt

from fastdnn import _core

_Array = npt.NDArray[np.float32]
_Range = tuple[float, float]


def random_affine(
    x: _Array,
    image_shape: tuple[int, int, int],
    *,
    height_shift: _Range = (0.0, 0.0),
    width_shift: _Range = (0.0, 0.0),
    angle: _Range = (0.0, 0.0),
    height_zoom: _Range = (0.0, 0.0),
    width_zoom: _Range | None = (0.0, 0.0),
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: int,
    stream: int = 0,
    step: int = 0,
    out: _Array | None = None,
) -> _Array:
    """Rotate, zoom and shift every image at random.

    Pixels between those of the image are found by bilinear interpolation. All ranges are pairs of
    numbers between which one is drawn, uniformly, for each row: element 0 to 4 of group `row`
    of `random_uniform`'s draw, 64 elements a group.

    Args:
        x: Images, one a row, of shape (rows, height * width * channels).
        image_shape: Height, width and channels.
        height_shift: Down, in heights.
        width_shift: To the right, in widths.
        angle: Against the clock around the middle, in full turns.
        height_zoom: By how much more of the height is seen; -0.5 for half of it.
        width_zoom: The same of the width; None for what is drawn for the height.
        fill_mode: What lies outside: "constant", "nearest" for the pixel at the edge, "reflect"
            for the image mirrored there, "wrap" for the image again.
        fill_value: The constant.
        seed: The key, from 0 to 2**64 - 1.
        stream: Which use of the seed this is, from 0 to 2**32 - 1.
        step: Which draw of that use this is, from 0 to 2**32 - 1.
        out: Array of the shape of `x` to write to, apart from it.

    Returns:
        Array of the shape of `x`.

    Raises:
        ValueError: For ranges that do not grow or are not finite; for rows that are no such images.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> x = np.array([[1, 2, 3, 4]], np.float32)
    >>> ops.random_affine(x, (1, 4, 1), width_shift=(0.25, 0.25), fill_mode="constant", seed=1)
    array([[0., 1., 2., 3.]], dtype=float32)
    """
    ranges = [height_shift, width_shift, angle, height_zoom, width_zoom or (0.0, 0.0)]
    same = width_zoom is None
    return _core.random_affine(
        x, image_shape, fill_mode, fill_value, ranges, same, seed, stream, step, out
    )


def random_light(
    x: _Array,
    image_shape: tuple[int, int, int],
    *,
    gain: _Range = (1.0, 1.0),
    offset: _Range = (0.0, 0.0),
    value_range: _Range = (0.0, 1.0),
    seed: int,
    stream: int = 0,
    step: int = 0,
    out: _Array | None = None,
) -> _Array:
    """Change contrast and brightness of every image at random.

    `y = clip(gain * (x - mean) + mean + offset)`, where `mean` is that of the image's channel.
    Numbers are drawn as by `random_affine`: the gain is element 0, the offset element 1.

    Args:
        x: Images, one a row, of shape (rows, height * width * channels).
        image_shape: Height, width and channels.
        gain: The contrast.
        offset: What is added.
        value_range: What the result is clipped to.
        seed: The key, from 0 to 2**64 - 1.
        stream: Which use of the seed this is, from 0 to 2**32 - 1.
        step: Which draw of that use this is, from 0 to 2**32 - 1.
        out: Array of the shape of `x` to write to, apart from it.

    Returns:
        Array of the shape of `x`.

    Raises:
        ValueError: For ranges that do not grow or are not finite; for rows that are no such images.

    >>> import numpy as np
    >>> from fastdnn import ops
    >>> x = np.array([[0.25, 0.75]], np.float32)
    >>> ops.random_light(x, (1, 2, 1), gain=(2, 2), seed=1)
    array([[0., 1.]], dtype=float32)
    """
    return _core.random_light(x, image_shape, gain, offset, value_range, seed, stream, step, out)
