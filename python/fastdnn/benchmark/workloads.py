"""The nets that are trained, and their data."""

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from fastdnn.benchmark.machine import import_peer

if TYPE_CHECKING:
    import scipy.sparse

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Workload:
    """A classifier and how it is trained.

    Args:
        widths: Inputs, hidden units layer by layer, classes.
        batch_size: Rows of a step.
        optimizer: "sgd", "momentum" (SGD with 0.9), "rmsprop" or "adam".
        activation: Of the hidden layers: "relu" or "elu".
        batch_norm: Whether each hidden layer is normalized before its activation.
        dropout: Share of the hidden units dropped.
        words: The length of the texts that the rows stand for, multi-hot: 1 where the text has the
            word, else 0. With 0, rows are random numbers instead.
        images: Whether rows are images of bytes, most of them 0, divided by 255.
        huge: Whether a step takes a large part of a second.
    """

    widths: tuple[int, ...]
    batch_size: int
    optimizer: str
    activation: str = "relu"
    batch_norm: bool = False
    dropout: float = 0.0
    words: int = 0
    images: bool = False
    huge: bool = False

    @property
    def name(self) -> str:
        """What is trained, for people."""
        words = ["-".join(map(str, self.widths)), self.activation]
        if self.batch_norm:
            words.append("batch_norm")
        if self.dropout:
            words.append(f"dropout {self.dropout}")
        if self.words:
            words.append(f"texts of {self.words} words")
        if self.images:
            words.append("images")
        return f"{' '.join(words)}, batch {self.batch_size}, {self.optimizer}"

    def flops(self, data: "Data") -> float:
        """Return the floating-point operations that one pass over `data` needs.

        Those of products alone: forward, gradients of kernels, and gradients of the inputs of all
        layers but the first. Of texts, only the words that are there count.
        """
        (_, first_units), *others = itertools.pairwise(self.widths)
        inputs = np.count_nonzero(data.x) if self.words else data.x.size
        weights = sum(fan_in * fan_out for fan_in, fan_out in others)
        return 2.0 * (2 * inputs * first_units + 3 * len(data.labels) * weights)

    @property
    def learning_rate(self) -> float:
        """The same for everybody."""
        return 0.01 if self.optimizer in ("sgd", "momentum") else 0.001


WORKLOADS = (
    Workload((4, 16, 16, 3), 16, "adam"),
    Workload((784, 300, 100, 10), 50, "sgd"),
    Workload((784, 300, 100, 10), 50, "sgd", images=True),
    Workload((784, 300, 100, 10), 200, "momentum", "elu", batch_norm=True),
    Workload((784, 300, 100, 10), 50, "sgd", dropout=0.5),
    Workload((784, 100, 100, 100, 100, 100, 5), 50, "adam", "elu"),
    Workload((784, 512, 10), 128, "rmsprop"),
    Workload((10_000, 16, 16, 2), 512, "rmsprop", words=190),  # some 130 of them distinct
    Workload((2048, 2048, 2048, 2048, 1000), 1024, "adam", huge=True),
)


@dataclass(frozen=True)
class Data:
    """Whole batches of rows with their labels, and the kernels that everybody starts from."""

    x: "npt.NDArray[Any] | scipy.sparse.csr_array"
    labels: npt.NDArray[np.int32]
    kernels: list[Array]
    batch_size: int

    @classmethod
    def draw(cls, workload: Workload, steps: int) -> "Data":
        """Return random data for so many steps; kernels after Glorot and Bengio."""
        rng = np.random.default_rng(1)
        widths, rows = workload.widths, steps * workload.batch_size
        kernels = []
        for fan_in, fan_out in itertools.pairwise(widths):
            limit = (6 / (fan_in + fan_out)) ** 0.5
            kernels.append(rng.uniform(-limit, limit, (fan_in, fan_out)).astype(np.float32))
        if workload.words:
            x = _multi_hot(rng, rows, widths[0], workload.words)
        elif workload.images:
            x = _images(rng, rows, widths[0])
        else:
            x = rng.random((rows, widths[0]), np.float32)
        labels = rng.integers(0, widths[-1], rows, np.int32)
        return cls(x, labels, kernels, workload.batch_size)

    @property
    def batches(self) -> list[tuple[npt.NDArray[Any], npt.NDArray[np.int32]]]:
        """The rows of every step; of dense rows, views."""
        starts = range(0, len(self.labels), self.batch_size)
        slices = [slice(start, start + self.batch_size) for start in starts]
        return [(self.x[rows], self.labels[rows]) for rows in slices]

    def to_sparse(self) -> "Data":
        """Return the same with the rows in a sparse matrix of scipy's.

        Raises:
            UnavailableError: If scipy is not installed.
        """
        return replace(self, x=import_peer("scipy.sparse", "scipy").csr_array(self.x))

    def to_bytes(self) -> "Data":
        """Return the same with images as bytes, 0 to 255."""
        return replace(self, x=np.rint(self.x * 255).astype(np.uint8))


def _images(rng: np.random.Generator, rows: int, pixels: int) -> Array:
    """Return random images, four fifths of which are 0 as in MNIST."""
    x = rng.integers(0, 256, (rows, pixels)).astype(np.float32)
    x[rng.random((rows, pixels), np.float32) < 0.8] = 0
    return x / np.float32(255)


def _multi_hot(rng: np.random.Generator, rows: int, columns: int, words: int) -> Array:
    """Return random texts: a column for every word, the most frequent first, 1 where it occurs."""
    # Zipf's law: the k-th word is 1 / k times as frequent as the first.
    frequency = 1 / np.arange(1, columns + 1)
    texts = rng.choice(columns, (rows, words), p=frequency / frequency.sum())
    x = np.zeros((rows, columns), np.float32)
    np.put_along_axis(x, texts, 1.0, axis=1)
    return x


class Trainer(Protocol):
    """Trains a workload with one library.

    Attributes:
        passes: How often `run` goes over the data.
    """

    passes: int

    def run(self) -> None:
        """Train on all batches, `passes` times, and return when that is done."""

    def kernels(self) -> list[Array]:
        """Return copies of the kernels, (inputs, outputs) layer by layer."""
