"""The handwritten digits that the package ships."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

_Split = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]


def load_digits(test_size: int = 360) -> tuple[_Split, _Split]:
    """Load 1,797 handwritten digits of 8x8 pixels; needs neither a network nor files.

    The pixels, 0 to 16 at the source, are `value * 255 // 16`: 0 is paper and 255 ink, as in
    MNIST: uint8 counts as divided by 255, so that a network sees 0 to 1.

    Args:
        test_size: Number of test images. They are spread evenly over each class, in the order
            of the source: the same images on every machine.

    Returns:
        `(x_train, y_train), (x_test, y_test)`; images uint8 of shape (N, 8, 8), labels uint8 of
        shape (N,).

    Raises:
        ValueError: `test_size` leaves no image to test or to train with.

    Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
    Learning Repository, 1998, CC BY 4.0; its test part, as in scikit-learn's `load_digits`.

    >>> from fastdnn import datasets
    >>> (x_train, y_train), (x_test, y_test) = datasets.load_digits()
    >>> x_train.shape, x_test.shape
    ((1437, 8, 8), (360, 8, 8))
    """
    with np.load(Path(__file__).with_name("data") / "digits.npz", allow_pickle=False) as arrays:
        images: npt.NDArray[np.uint8] = arrays["images"]
        labels: npt.NDArray[np.uint8] = arrays["labels"]
    if not 0 < test_size < len(labels):
        raise ValueError(
            f"[load_digits] test_size is {test_size}; expected 1 to {len(labels) - 1} of the "
            f"{len(labels)} images"
        )
    images = (images.astype(np.uint16) * 255 // 16).astype(np.uint8)
    by_class = np.argsort(labels, kind="stable")
    is_test = np.zeros(len(labels), bool)
    is_test[by_class[np.arange(test_size) * len(labels) // test_size]] = True
    return (images[~is_test], labels[~is_test]), (images[is_test], labels[is_test])
