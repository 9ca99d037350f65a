"""Changes of images in float64."""

import numpy as np


def draws(rows, key):
    """The numbers from [0, 1) that belong to each row: groups of 64 of one draw."""
    from fastdnn import ops

    return ops.random_uniform((rows * 64,), **key).reshape(rows, 64).astype(np.float64)


def within(u, ends):
    return ends[0] + (ends[1] - ends[0]) * u


def affine_map(height, width, down, right, turns, zoom_height, zoom_width):
    """A matrix from homogeneous places after the change to those before it."""
    angle = 2 * np.pi * turns
    middle = np.array([[1, 0, (height - 1) / 2], [0, 1, (width - 1) / 2], [0, 0, 1]])
    turn = np.array(
        [[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    zoom = np.diag([1 + zoom_height, 1 + zoom_width, 1])
    shift = np.array([[1, 0, -down * height], [0, 1, -right * width], [0, 0, 1]])
    return middle @ turn @ zoom @ np.linalg.inv(middle) @ shift


PADS = {"nearest": "edge", "reflect": "symmetric", "wrap": "wrap"}


def affine(image, matrix, fill_mode, fill_value):
    """`image` is (height, width, channels)."""
    height, width, _ = image.shape
    margin = 4 * max(height, width)
    border = ((margin, margin), (margin, margin), (0, 0))
    if fill_mode == "constant":
        padded = np.pad(image, border, constant_values=fill_value)
    else:
        padded = np.pad(image, border, PADS[fill_mode])
    i, j = np.mgrid[:height, :width]
    v, u, _ = np.einsum("ab,bij->aij", matrix, np.stack([i, j, np.ones_like(i)]))
    v0, u0 = np.floor(v).astype(int), np.floor(u).astype(int)
    fv, fu = (v - v0)[..., None], (u - u0)[..., None]

    def at(a, b):
        return padded[v0 + a + margin, u0 + b + margin]

    above = (1 - fu) * at(0, 0) + fu * at(0, 1)
    return (1 - fv) * above + fv * ((1 - fu) * at(1, 0) + fu * at(1, 1))
