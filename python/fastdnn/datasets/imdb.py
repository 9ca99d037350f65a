"""The IMDB movie reviews as sparse rows: which of the most frequent words a review has."""

import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fastdnn.checks import at_least
from fastdnn.datasets.folders import cache_folder, data_folder

if TYPE_CHECKING:
    import scipy.sparse

_Split = tuple["scipy.sparse.csr_array", npt.NDArray[np.uint8]]

_FILE = "imdb.npz"


def load_imdb(num_words: int = 10_000) -> tuple[_Split, _Split]:
    """Load the IMDB reviews, 25,000 to train and 25,000 to test, as multi-hot sparse rows.

    The file is FASTDNN_DATA/imdb/imdb.npz, else imdb/imdb.npz in the cache (FASTDNN_CACHE,
    XDG_CACHE_HOME/fastdnn or ~/.cache/fastdnn). It may not be handed on, so nothing is downloaded.
    Its arrays are, for `part` train and test:

    - `x_part_words`: words of all reviews, end to end, by their place in the vocabulary, the most
      frequent one 0;
    - `x_part_offsets`: where each review begins in it, and where the last one ends;
    - `y_part`: 1 for praise and 0 for blame.

    Args:
        num_words: How many of the most frequent words count; the others are left out.

    Returns:
        `(x_train, y_train), (x_test, y_test)`; rows `scipy.sparse.csr_array` of float32 and shape
        (N, num_words), 1 where the review has the word, labels uint8 of shape (N,).

    Raises:
        ValueError: `num_words` is no integer of at least 1, or the file is not what its name
            says.
        FileNotFoundError: The file is nowhere; says where to put it.
        ImportError: scipy is not installed.

    Source: A. L. Maas et al., "Learning Word Vectors for Sentiment Analysis", ACL 2011; for
    research.
    """
    try:
        import scipy.sparse
    except ImportError:
        raise ImportError(
            "[load_imdb] sparse rows need scipy, which is not installed; run pip install scipy"
        ) from None
    num_words = at_least("load_imdb", "num_words", num_words, 1)
    path = _find()
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            parts = [
                (arrays[f"x_{part}_words"], arrays[f"x_{part}_offsets"], arrays[f"y_{part}"])
                for part in ("train", "test")
            ]
    except (
        KeyError,
        ValueError,
        OSError,
        EOFError,
        TypeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise ValueError(
            f"[load_imdb] {path} is damaged or not the IMDB reviews ({error}); expected the arrays "
            "that help(fastdnn.datasets.load_imdb) names"
        ) from None

    def rows_of(
        words: npt.NDArray[np.integer],
        offsets: npt.NDArray[np.integer],
        labels: npt.NDArray[np.integer],
    ) -> _Split:
        if not _belong_together(words, offsets, labels):
            raise ValueError(
                f"[load_imdb] {path} holds words of shape {words.shape}, offsets of shape "
                f"{offsets.shape} and labels of shape {labels.shape} that do not belong together; "
                "help(fastdnn.datasets.load_imdb) says how they should"
            )
        counted = min(num_words, 2**31 - 1)
        review = np.repeat(np.arange(len(labels)), np.diff(offsets))
        kept = words < counted
        # A review and a word in one number: each pair once, in order.
        pairs = np.sort(review[kept] * counted + words[kept])
        pairs = pairs[np.diff(pairs, prepend=-1) != 0]
        indptr = np.searchsorted(pairs, np.arange(len(labels) + 1) * counted)
        x = scipy.sparse.csr_array(
            (
                np.ones(len(pairs), np.float32),
                (pairs % counted).astype(np.int32),
                indptr.astype(np.int32),
            ),
            shape=(len(labels), counted),
        )
        return x, labels.astype(np.uint8)

    return rows_of(*parts[0]), rows_of(*parts[1])


def _belong_together(
    words: npt.NDArray[np.integer],
    offsets: npt.NDArray[np.integer],
    labels: npt.NDArray[np.integer],
) -> bool:
    for array in (words, offsets, labels):
        if array.ndim != 1 or array.dtype.kind not in "iu":
            return False
    wide = offsets.astype(np.int64)
    return bool(
        len(wide) == len(labels) + 1
        and wide[0] == 0
        and wide[-1] == len(words)
        and (np.diff(wide) >= 0).all()
        and (words >= 0).all()
        and np.isin(labels, (0, 1)).all()
    )


def _find() -> Path:
    own = data_folder()
    folders = ([own] if own is not None else []) + [cache_folder()]
    places = [folder / "imdb" / _FILE for folder in folders]
    for path in places:
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"[load_imdb] {_FILE} is not in {' nor in '.join(str(path.parent) for path in places)}; "
        f"put it into a folder imdb/ and set FASTDNN_DATA to the folder above it. It may not be "
        "handed on, so it cannot be downloaded: help(fastdnn.datasets.load_imdb) says what it holds"
    )
