"""The IMDB movie reviews as sparse rows: which of the most frequent words a review has."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

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
        ValueError: `num_words` is less than 1, or the file is not what its name says.
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
    if num_words < 1:
        raise ValueError(f"[load_imdb] received num_words={num_words}; expected at least 1")
    path = _find()
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            parts = [
                (arrays[f"x_{part}_words"], arrays[f"x_{part}_offsets"], arrays[f"y_{part}"])
                for part in ("train", "test")
            ]
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"[load_imdb] {path} is damaged or not the IMDB reviews ({error}); expected the arrays "
            "that help(fastdnn.datasets.load_imdb) names"
        ) from None

    def rows_of(
        words: npt.NDArray[np.integer],
        offsets: npt.NDArray[np.int64],
        labels: npt.NDArray[np.uint8],
    ) -> _Split:
        if (
            offsets.ndim != 1
            or len(offsets) != len(labels) + 1
            or offsets[0] != 0
            or offsets[-1] != len(words)
            or (np.diff(offsets) < 0).any()
        ):
            raise ValueError(
                f"[load_imdb] {path} holds {len(words)} words, {len(offsets)} offsets and "
                f"{len(labels)} labels that do not belong together"
            )
        review = np.repeat(np.arange(len(labels)), np.diff(offsets))
        kept = words < num_words
        # A review and a word in one number: each pair once, in order.
        pairs = np.sort(review[kept] * num_words + words[kept])
        pairs = pairs[np.diff(pairs, prepend=-1) != 0]
        indptr = np.searchsorted(pairs, np.arange(len(labels) + 1) * num_words)
        x = scipy.sparse.csr_array(
            (np.ones(len(pairs), np.float32), (pairs % num_words).astype(np.int32), indptr),
            shape=(len(labels), num_words),
        )
        return x, labels

    return rows_of(*parts[0]), rows_of(*parts[1])


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
