import functools
import gzip
import hashlib
import http.server
import importlib.util
import socket
import struct
import subprocess
import sys
import threading

import numpy as np
import pytest

from fastdnn import datasets
from fastdnn.datasets import mnist
from fastdnn.datasets.download import content_sha256, fetch
from fastdnn.datasets.folders import cache_folder, data_folder

needs_scipy = pytest.mark.skipif(
    importlib.util.find_spec("scipy") is None, reason="scipy, whose matrices these are, is missing"
)


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def published(name, content):
    return mnist.IdxFile(name, len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def contents(rng):
    """A small data set in MNIST's four files: name -> uncompressed content."""
    made = {}
    for part, count in (("train", 12), ("t10k", 5)):
        pixels = rng.integers(0, 256, (count, 28, 28), np.uint8)
        made[f"{part}-images-idx3-ubyte"] = idx(pixels)
        made[f"{part}-labels-idx1-ubyte"] = idx(rng.integers(0, 10, count, np.uint8))
    return made


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Empty folders of one's own and of the cache, named in the environment."""
    own, cache = tmp_path / "own", tmp_path / "cache"
    own.mkdir()
    monkeypatch.setenv("FASTDNN_DATA", str(own))
    monkeypatch.setenv("FASTDNN_CACHE", str(cache))
    return own, cache


def dataset(contents, *mirrors, folder="mnist"):
    files = [published(name, content) for name, content in contents.items()]
    return mnist.ImageDataset(folder, "load_mnist", mirrors, *files)


def write(folder, contents, *, compress=True):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        if compress:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


class Server:
    """A mirror on this machine that misbehaves as told, file by file."""

    def __init__(self):
        self.files = {}
        self.requests = []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                owner.requests.append(self.path)
                status, body, announced = owner.files.get(self.path, (404, b"no", 2))
                self.send_response(status)
                if announced is not None:
                    self.send_header("Content-Length", str(announced))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(
            target=functools.partial(self._server.serve_forever, poll_interval=0.01)
        )
        self._thread.start()

    def put(self, name, body, *, status=200, announced=...):
        self.files["/" + name] = (status, body, len(body) if announced is ... else announced)

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server():
    made = Server()
    yield made
    made.close()


@pytest.fixture
def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def assert_loaded(loaded, contents):
    parts = [array for split in loaded for array in split]
    for array, content in zip(parts, contents.values(), strict=True):
        assert array.dtype == np.uint8
        assert idx(array) == content


FIRST_TEST_LABELS = [0, 6, 9, 1, 3, 5, 0, 9, 8, 4]
SPLIT_SHA256 = "7c1b76307642e1e6"


class TestDigits:
    def test_shapes_and_types(self):
        (x_train, y_train), (x_test, y_test) = datasets.load_digits()
        assert x_train.shape == (1437, 8, 8) and x_test.shape == (360, 8, 8)
        assert y_train.shape == (1437,) and y_test.shape == (360,)
        assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
        assert x_train.min() == 0 and x_train.max() == 255

    def test_holds_the_source_unchanged(self):
        sklearn_datasets = pytest.importorskip("sklearn.datasets")
        (x_train, y_train), (x_test, y_test) = datasets.load_digits()
        bunch = sklearn_datasets.load_digits()
        pairs = [(image.tobytes(), int(label)) for image, label in zip(x_train, y_train)]  # noqa: B905
        pairs += [(image.tobytes(), int(label)) for image, label in zip(x_test, y_test)]  # noqa: B905
        scaled = (bunch.images.astype(int) * 255 // 16).astype(np.uint8)
        source = [(image.tobytes(), int(y)) for image, y in zip(scaled, bunch.target)]  # noqa: B905
        assert sorted(pairs) == sorted(source)

    @pytest.mark.parametrize("test_size", [1, 10, 180, 360, 719, 1796])
    def test_split_is_exact_and_stratified(self, test_size):
        (x_train, y_train), (x_test, y_test) = datasets.load_digits(test_size)
        assert len(y_test) == len(x_test) == test_size
        assert len(y_train) == len(x_train) == 1797 - test_size
        every = np.bincount(np.concatenate([y_train, y_test]), minlength=10)
        # Evenly spread over the classes laid end to end: no class is off by a whole image or more.
        off = np.bincount(y_test, minlength=10) - every * test_size / 1797
        assert np.abs(off).max() <= 1

    def test_split_is_the_same_everywhere(self):
        (_, y_train), (x_test, y_test) = datasets.load_digits()
        assert y_test[:10].tolist() == FIRST_TEST_LABELS
        digest = hashlib.sha256(x_test.tobytes() + y_test.tobytes() + y_train.tobytes())
        assert digest.hexdigest()[:16] == SPLIT_SHA256

    @pytest.mark.parametrize("test_size", [0, -1, 1797, 5000])
    def test_bad_test_size(self, test_size):
        with pytest.raises(ValueError, match=r"\[load_digits\] test_size is .* expected 1 to 1796"):
            datasets.load_digits(test_size)


class TestFolders:
    def test_environment(self, monkeypatch, tmp_path):
        monkeypatch.delenv("FASTDNN_DATA", raising=False)
        monkeypatch.delenv("FASTDNN_CACHE", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert data_folder() is None
        assert cache_folder() == tmp_path / "xdg" / "fastdnn"
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        assert cache_folder() == tmp_path / ".cache" / "fastdnn"
        monkeypatch.delenv("XDG_CACHE_HOME")
        assert cache_folder() == tmp_path / ".cache" / "fastdnn"
        monkeypatch.setenv("FASTDNN_CACHE", "~/mine")
        assert cache_folder() == tmp_path / "mine"
        monkeypatch.setenv("FASTDNN_DATA", "~/data")
        assert data_folder() == tmp_path / "data"


class TestFinding:
    @pytest.mark.parametrize("compress", [False, True])
    @pytest.mark.parametrize("place", ["own/mnist", "own", "cache/mnist"])
    def test_each_place(self, folders, tmp_path, contents, place, compress):
        write(tmp_path / place, contents, compress=compress)
        assert_loaded(dataset(contents).load(), contents)

    def test_own_folder_may_hold_a_set_of_ones_own(self, folders, contents, rng):
        own, _ = folders
        mine = dict(contents)
        mine["t10k-labels-idx1-ubyte"] = idx(np.full(5, 9, np.uint8))
        write(own / "mnist", mine)
        assert_loaded(dataset(contents).load(), mine)

    def test_files_of_another_set_with_the_same_names_are_not_taken(self, folders, contents):
        own, cache = folders
        other = {name: content[:-1] + b"\7" for name, content in contents.items()}
        write(own, other)
        write(cache / "mnist", contents)
        assert_loaded(dataset(contents).load(), contents)
        assert_loaded(dataset(other, folder="other").load(), other)

    def test_only_what_is_missing_is_downloaded(self, folders, contents, server):
        own, cache = folders
        names = list(contents)
        write(own / "mnist", {name: contents[name] for name in names[:3]})
        server.put(f"{names[3]}.gz", gzip.compress(contents[names[3]]))
        assert_loaded(dataset(contents, server.url).load(), contents)
        assert server.requests == [f"/{names[3]}.gz"]
        assert [path.name for path in (cache / "mnist").iterdir()] == [f"{names[3]}.gz"]

    @pytest.mark.parametrize(
        ("name", "array", "message"),
        [
            ("train-images-idx3-ubyte", np.zeros((12, 8, 8), np.uint8), r"\(N, 28, 28\)"),
            ("train-images-idx3-ubyte", np.zeros((12, 784), np.uint8), r"\(N, 28, 28\)"),
            ("train-images-idx3-ubyte", np.zeros((11, 28, 28), np.uint8), "11 images .* 12 labels"),
            ("train-labels-idx1-ubyte", np.zeros((12, 1), np.uint8), r"shape \(N,\), 0 to 9"),
            ("train-labels-idx1-ubyte", np.full(12, 10, np.uint8), "largest 10"),
        ],
    )
    def test_files_that_are_not_what_their_name_says(self, folders, contents, name, array, message):
        write(folders[0] / "mnist", contents | {name: idx(array)})
        with pytest.raises(ValueError, match=rf"^\[load_mnist\] .*{message}"):
            dataset(contents).load()


class TestDownload:
    def test_downloads_once_and_then_reads_the_cache(self, folders, contents, server):
        _, cache = folders
        for name, content in contents.items():
            server.put(f"{name}.gz", gzip.compress(content))
        made = dataset(contents, server.url)
        assert_loaded(made.load(), contents)
        assert len(server.requests) == 4
        server.files.clear()
        assert_loaded(made.load(), contents)
        assert len(server.requests) == 4
        assert sorted(path.name for path in (cache / "mnist").iterdir()) == sorted(
            f"{name}.gz" for name in contents
        )

    @pytest.mark.parametrize("level", [1, 9])
    def test_any_compression_of_the_right_content(self, tmp_path, server, level):
        content = idx(np.zeros((3, 28, 28), np.uint8))
        server.put("f.gz", gzip.compress(content, level))
        self.fetch(tmp_path, server.url, content)
        assert gzip.decompress((tmp_path / "in" / "f.gz").read_bytes()) == content

    @staticmethod
    def fetch(tmp_path, url, content, *more, timeout=5.0):
        fetch(
            [f"{base}f.gz" for base in (url, *more)],
            tmp_path / "in" / "f.gz",
            sha256=hashlib.sha256(content).hexdigest(),
            content_bytes=len(content),
            timeout=timeout,
        )

    CONTENT = bytes(range(256)) * 8
    GOOD = gzip.compress(CONTENT)

    @pytest.mark.parametrize(
        ("response", "reason"),
        [
            ({"body": gzip.compress(CONTENT[:-1] + b"x")}, r"its SHA-256 is .*, expected "),
            ({"body": CONTENT[:-1]}, r"its SHA-256 is "),
            ({"body": GOOD[:-9]}, "damaged gzip file"),
            ({"body": GOOD[:40], "announced": len(GOOD)}, "after 40 of|IncompleteRead"),
            ({"body": GOOD[:40], "announced": None}, "damaged gzip file"),
            ({"body": b""}, "its SHA-256 is "),
            ({"body": b"gone", "status": 404}, "HTTP 404"),
            ({"body": b"busy", "status": 503}, "HTTP 503"),
            ({"body": gzip.compress(bytes(100_000))}, "holds more than the 2048 bytes"),
            ({"body": bytes(100_000)}, "sends more than 3092 bytes"),
        ],
    )
    def test_bad_mirror_then_good_mirror(self, tmp_path, server, response, reason):
        server.put("bad/f.gz", **response)
        server.put("f.gz", self.GOOD)
        with pytest.raises(OSError, match=reason):
            self.fetch(tmp_path, f"{server.url}bad/", self.CONTENT)
        assert list((tmp_path / "in").iterdir()) == []
        self.fetch(tmp_path, f"{server.url}bad/", self.CONTENT, server.url)
        assert [path.name for path in (tmp_path / "in").iterdir()] == ["f.gz"]
        assert content_sha256(tmp_path / "in" / "f.gz", max_bytes=2048) == (
            hashlib.sha256(self.CONTENT).hexdigest()
        )

    def test_a_failed_download_leaves_the_old_file(self, tmp_path, server):
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "f.gz").write_bytes(b"old")
        server.put("f.gz", b"wrong")
        with pytest.raises(OSError, match="its SHA-256 is"):
            self.fetch(tmp_path, server.url, self.CONTENT)
        assert (tmp_path / "in" / "f.gz").read_bytes() == b"old"

    def test_server_down(self, tmp_path, closed_port):
        with pytest.raises(OSError, match=r"no mirror delivered .*refused"):
            self.fetch(tmp_path, f"http://127.0.0.1:{closed_port}/", self.CONTENT)

    def test_server_that_never_answers(self, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            with pytest.raises(OSError, match="timed out"):
                self.fetch(tmp_path, url, self.CONTENT, timeout=0.2)

    def test_folder_that_cannot_be_written(self, tmp_path):
        (tmp_path / "in").write_text("a file where the folder should be")
        with pytest.raises(OSError, match="set FASTDNN_CACHE to a folder that can be written"):
            self.fetch(tmp_path, "http://127.0.0.1:1/", self.CONTENT)

    def test_offline_says_which_files_to_put_where(self, folders, contents, closed_port):
        own, cache = folders
        with pytest.raises(OSError) as raised:
            dataset(contents, f"http://127.0.0.1:{closed_port}/").load()
        message = str(raised.value)
        assert message.startswith("[load_mnist] train-images-idx3-ubyte.gz is not in ")
        for part in (own, own / "mnist", cache / "mnist", *(f"{name}.gz" for name in contents)):
            assert str(part) in message
        assert "FASTDNN_DATA" in message and f"127.0.0.1:{closed_port}" in message


class TestPublished:
    @pytest.mark.parametrize(
        ("load", "published", "first_labels"),
        [
            (datasets.load_mnist, mnist.MNIST, [5, 0, 4, 1, 9]),
            (datasets.load_fashion_mnist, mnist.FASHION_MNIST, [9, 0, 0, 3, 0]),
        ],
    )
    def test_real_files(self, real_data, monkeypatch, load, published, first_labels):
        for file in published.files:
            path = real_data / published.folder / f"{file.name}.gz"
            assert content_sha256(path, max_bytes=file.content_bytes) == file.sha256
        monkeypatch.setenv("FASTDNN_DATA", str(real_data))
        (x_train, y_train), (x_test, y_test) = load()
        assert x_train.shape == (60000, 28, 28) and x_test.shape == (10000, 28, 28)
        assert y_train.shape == (60000,) and y_test.shape == (10000,)
        assert y_train[:5].tolist() == first_labels

    def test_the_set_itself_as_the_folder(self, real_data, monkeypatch):
        monkeypatch.setenv("FASTDNN_DATA", str(real_data / "mnist"))
        _, (_, y_test) = datasets.load_mnist()
        assert y_test[:5].tolist() == [7, 2, 1, 0, 4]


class TestImport:
    def test_datasets_come_with_the_package_when_they_are_used(self):
        code = (
            "import sys, fastdnn\n"
            "assert 'fastdnn.datasets' not in sys.modules\n"
            "assert fastdnn.datasets.load_digits and fastdnn.plot.history"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def imdb(folder, **changes):
    """Two reviews to train on, "0 2 2 1" and "3", and an empty one to test on."""
    arrays = {
        "x_train_words": np.array([0, 2, 2, 1, 3], np.uint16),
        "x_train_offsets": np.array([0, 4, 5]),
        "y_train": np.array([1, 0], np.uint8),
        "x_test_words": np.array([], np.uint16),
        "x_test_offsets": np.array([0, 0]),
        "y_test": np.array([1], np.uint8),
    } | changes
    (folder / "imdb").mkdir(parents=True)
    np.savez(folder / "imdb" / "imdb.npz", **{k: v for k, v in arrays.items() if v is not None})


@needs_scipy
@pytest.mark.parametrize("place", [0, 1])
def test_imdb_is_multi_hot(folders, place):
    imdb(folders[place])
    (x, y), (x_test, y_test) = datasets.load_imdb(3)
    np.testing.assert_array_equal(x.toarray(), [[1, 1, 1], [0, 0, 0]])
    np.testing.assert_array_equal(x_test.toarray(), [[0, 0, 0]])
    assert (y.tolist(), y_test.tolist()) == ([1, 0], [1])
    assert x.has_canonical_format
    assert x.dtype == np.float32
    assert datasets.load_imdb(np.int64(10))[0][0].toarray().sum() == 4


@needs_scipy
def test_imdb_that_is_nowhere(folders):
    with pytest.raises(FileNotFoundError, match=r"not in .*own.*imdb nor in .*cache.*imdb; put it"):
        datasets.load_imdb()


@needs_scipy
@pytest.mark.parametrize(
    "changes, words",
    [
        ({"y_test": None}, "damaged or not the IMDB reviews .*y_test"),
        ({"y_train": np.zeros(3, np.uint8)}, r"labels of shape \(3,\) that do not belong together"),
        ({"y_train": np.array([7, 0], np.uint8)}, "do not belong together"),
        ({"y_train": np.zeros((2, 3), np.uint8)}, "do not belong together"),
        ({"x_train_words": np.array([0, 2, -2, 1, 3])}, "do not belong together"),
        ({"x_train_words": np.array([0.0, 2, 2, 1, 3])}, "do not belong together"),
        ({"x_train_words": np.zeros((5, 1), int)}, "do not belong together"),
        ({"x_train_offsets": np.array([0, 5, 4])}, "do not belong together"),
        ({"x_train_offsets": np.array([0, 4, 9])}, "do not belong together"),
    ],
)
def test_damaged_imdb(folders, changes, words):
    imdb(folders[0], **changes)
    with pytest.raises(ValueError, match=words):
        datasets.load_imdb()


@needs_scipy
def test_truncated_imdb(folders):
    imdb(folders[0])
    path = folders[0] / "imdb" / "imdb.npz"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match="damaged or not the IMDB reviews"):
        datasets.load_imdb()


@needs_scipy
@pytest.mark.parametrize("content", [b"", b"no zip", None, "compressed"])
def test_imdb_that_is_something_else(folders, content):
    imdb(folders[0])
    path = folders[0] / "imdb" / "imdb.npz"
    if content == "compressed":
        np.savez_compressed(path, x_train_words=np.arange(1000))
        content = bytearray(path.read_bytes())
        content[100:140] = bytes(40)
    if content is None:
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged or not the IMDB reviews"):
        datasets.load_imdb()


@needs_scipy
@pytest.mark.parametrize("num_words", [0, -1, 2.5, None, "10", True])
def test_imdb_without_a_number_of_words(folders, num_words):
    imdb(folders[0])
    with pytest.raises(ValueError, match=r"num_words: received .*; expected an integer"):
        datasets.load_imdb(num_words)


@needs_scipy
def test_imdb_with_all_words(folders):
    imdb(folders[0])
    x = datasets.load_imdb(2**60)[0][0]
    assert x.nnz == 4
    assert x.indices.dtype == np.int32
