"""MNIST and Fashion-MNIST: 70,000 images of 28x28 in ten classes each."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fastdnn.datasets.download import content_sha256, fetch
from fastdnn.datasets.folders import cache_folder, data_folder
from fastdnn.datasets.idx import read_idx

_Split = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]


@dataclass(frozen=True)
class IdxFile:
    """One published file: its name without .gz, and the length and SHA-256 of its content."""

    name: str
    content_bytes: int
    sha256: str


@dataclass(frozen=True)
class ImageDataset:
    """A published data set in the four IDX files of MNIST."""

    folder: str
    loader: str
    mirrors: tuple[str, ...]
    train_images: IdxFile
    train_labels: IdxFile
    test_images: IdxFile
    test_labels: IdxFile

    @property
    def files(self) -> tuple[IdxFile, IdxFile, IdxFile, IdxFile]:
        """The four files, training first."""
        return self.train_images, self.train_labels, self.test_images, self.test_labels

    def load(self) -> tuple[_Split, _Split]:
        """Find or download the files, read and check them."""
        paths = [self.find(file) or self._download(file) for file in self.files]
        return self._read_split(*paths[:2]), self._read_split(*paths[2:])

    def find(self, file: IdxFile) -> Path | None:
        """The file in one's own folder or in the cache, compressed or not."""
        own = data_folder()
        # MNIST and Fashion-MNIST use the same names: a file in FASTDNN_DATA itself, not in a
        # folder named after the data set, is known by its content only.
        places = [(cache_folder() / self.folder, False)]
        if own is not None:
            places = [(own / self.folder, False), (own, True), *places]
        for folder, ambiguous in places:
            for path in (folder / f"{file.name}.gz", folder / file.name):
                if path.is_file() and (not ambiguous or _holds(path, file)):
                    return path
        return None

    def _download(self, file: IdxFile) -> Path:
        path = cache_folder() / self.folder / f"{file.name}.gz"
        try:
            fetch(
                [f"{mirror}{file.name}.gz" for mirror in self.mirrors],
                path,
                sha256=file.sha256,
                content_bytes=file.content_bytes,
            )
        except OSError as error:
            own = data_folder()
            searched = f"{own / self.folder}, {own} and " if own is not None else ""
            if own is not None and not own.is_dir():
                searched = f"FASTDNN_DATA={own}, which is no folder, and "
            names = ", ".join(f"{file.name}.gz" for file in self.files)
            raise OSError(
                f"[{self.loader}] {file.name}.gz is not in {searched}{path.parent}, and could not "
                f"be downloaded: {error}. Without a network, put {names} into {path.parent}, or "
                f"into a folder {self.folder}/ and set FASTDNN_DATA to the folder above it"
            ) from None
        return path

    def _read_split(self, images_path: Path, labels_path: Path) -> _Split:
        images, labels = read_idx(images_path), read_idx(labels_path)
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28):
            raise ValueError(
                f"[{self.loader}] {images_path} holds {images.dtype} of shape {images.shape}; "
                "expected uint8 of shape (N, 28, 28)"
            )
        if labels.dtype != np.uint8 or labels.ndim != 1 or labels.max() > 9:
            raise ValueError(
                f"[{self.loader}] {labels_path} holds {labels.dtype} of shape {labels.shape}, "
                f"largest {labels.max()}; expected uint8 of shape (N,), 0 to 9"
            )
        if len(images) != len(labels):
            raise ValueError(
                f"[{self.loader}] {images_path} holds {len(images)} images but {labels_path} "
                f"{len(labels)} labels; expected one label an image"
            )
        return images, labels


def _holds(path: Path, file: IdxFile) -> bool:
    try:
        return content_sha256(path, max_bytes=file.content_bytes) == file.sha256
    except ValueError:
        return False


MNIST = ImageDataset(
    folder="mnist",
    loader="load_mnist",
    mirrors=(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
    train_images=IdxFile(
        "train-images-idx3-ubyte",
        47040016,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    train_labels=IdxFile(
        "train-labels-idx1-ubyte",
        60008,
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    test_images=IdxFile(
        "t10k-images-idx3-ubyte",
        7840016,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    test_labels=IdxFile(
        "t10k-labels-idx1-ubyte",
        10008,
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)

FASHION_MNIST = ImageDataset(
    folder="fashion-mnist",
    loader="load_fashion_mnist",
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    train_images=IdxFile(
        "train-images-idx3-ubyte",
        47040016,
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    train_labels=IdxFile(
        "train-labels-idx1-ubyte",
        60008,
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    test_images=IdxFile(
        "t10k-images-idx3-ubyte",
        7840016,
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    test_labels=IdxFile(
        "t10k-labels-idx1-ubyte",
        10008,
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
)


def load_mnist() -> tuple[_Split, _Split]:
    """Load MNIST: handwritten digits, 60,000 training and 10,000 test images.

    The files are taken from the folder FASTDNN_DATA/mnist, else FASTDNN_DATA, else the cache
    (FASTDNN_CACHE, XDG_CACHE_HOME/fastdnn or ~/.cache/fastdnn), else downloaded into the cache
    and compared with their published SHA-256.

    Returns:
        `(x_train, y_train), (x_test, y_test)`; images uint8 of shape (N, 28, 28), 0 is paper and
        255 ink, labels uint8 of shape (N,).

    Raises:
        ValueError: A file is damaged or not what its name says.
        OSError: A file is nowhere and cannot be downloaded; says which to put where.

    Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits",
    CC BY-SA 3.0. Same result as `keras.datasets.mnist.load_data()`.
    """
    return MNIST.load()


def load_fashion_mnist() -> tuple[_Split, _Split]:
    """Load Fashion-MNIST: articles of clothing, 60,000 training and 10,000 test images.

    Labels: 0 T-shirt, 1 trouser, 2 pullover, 3 dress, 4 coat, 5 sandal, 6 shirt, 7 sneaker, 8 bag,
    9 ankle boot. Files are found as by `load_mnist`, in a folder named fashion-mnist.

    Returns:
        `(x_train, y_train), (x_test, y_test)`; images uint8 of shape (N, 28, 28), labels uint8
        of shape (N,).

    Raises:
        ValueError: A file is damaged or not what its name says.
        OSError: A file is nowhere and cannot be downloaded; says which to put where.

    Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST", arXiv:1708.07747, MIT licence. Same
    result as `keras.datasets.fashion_mnist.load_data()`.
    """
    return FASHION_MNIST.load()
