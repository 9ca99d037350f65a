"""Files of tensors: what is in them, byte by byte, and what is refused."""

import json
import os
import time
import tracemalloc
from importlib.util import find_spec

import numpy as np
import pytest
import safetensors.numpy
from hostile_files import Mutations, header_of, signed
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.xxh64 import xxh64

import fastdnn as fd
from fastdnn import _core, tensor_file
from fastdnn.tensor_file import TensorFile


def _write(path, tensors, metadata=None):
    own = {"format": "fastdnn", "format_version": "2"}
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        tensor_file.write(handle, tensors, own if metadata is None else metadata)
    finally:
        os.close(handle)


def _read(path, names=None):
    with TensorFile("read", path) as file:
        wanted = file.tensors if names is None else names
        views = {
            name: np.empty(file.tensors[name].shape, file.tensors[name].dtype) for name in wanted
        }
        file.read(views)
        return views


def test_xxh64(rng):
    # The values that the algorithm's author published.
    for data, expected in (
        (b"", 0xEF46DB3751D8E999),
        (b"a", 0xD24EC4F1A98C6E5B),
        (b"abc", 0x44BC2CF5AD770999),
        (b"Nobody inspects the spammish repetition", 0xFBCEA83C8A378BF1),
    ):
        assert _core.xxh64(data) == xxh64(data) == expected
    for size in (*range(1, 100), 1000, 4097):
        data = rng.bytes(size)
        assert _core.xxh64(data) == xxh64(data)


@pytest.mark.parametrize("rows, columns, gap", [(1, 1, 0), (7, 5, 3), (300, 1001, 7), (40, 64, 0)])
def test_blocks_of_files(tmp_path, rng, rows, columns, gap):
    wide = rng.standard_normal((rows, columns + gap)).astype(np.float32)
    matrix = wide[:, :columns]
    content = matrix.tobytes()
    path = tmp_path / "x"
    with path.open("w+b") as file:
        handle = file.fileno()
        first = int(rng.integers(0, len(content)))
        size = len(content) - first
        digest = _core.write_block(handle, 11, size, matrix, first)
        assert digest == xxh64(content[first:]) if size < 5000 else True
        assert path.read_bytes() == b"\0" * 11 + content[first:]
        _core.write_block(handle, 0, len(content), matrix, 0)
        assert path.read_bytes()[: len(content)] == content
        other = np.full_like(wide, 7.0)
        assert _core.read_block(handle, 0, len(content), other[:, :columns], 0) == _core.xxh64(
            content
        )
        np.testing.assert_array_equal(other[:, :columns], matrix)
        assert (other[:, columns:] == 7.0).all()
        other[...] = 7.0
        _core.read_block(handle, first, size, other[:, :columns], first)
        flat = np.ascontiguousarray(other[:, :columns]).view(np.uint8).reshape(-1)
        assert flat[first:].tobytes() == content[first:]
        assert flat[: first // 4 * 4].tobytes() == b"\0\0\xe0@" * (first // 4)
        assert _core.read_block(handle, 0, len(content), None, 0) == _core.xxh64(content)
        with pytest.raises(ValueError, match="the file ended while it was read"):
            _core.read_block(handle, len(content), 100, None, 0)


def test_wrong_blocks(tmp_path):
    array = np.zeros((4, 6), np.float32)
    locked = array.copy()
    locked.flags.writeable = False
    handle = os.open(tmp_path / "x", os.O_RDWR | os.O_CREAT)
    for arguments, message in (
        ((array[:, ::2], 0), "received gaps between the numbers of a row"),
        ((array.T, 0), "received gaps between the numbers of a row"),
        ((array[::-1], 0), "received gaps between the numbers of a row"),
        ((locked, 0), "received one that is read-only"),
        ((array, 95), "received bytes 95 to 99 of an array of 96"),
        ((array, 2**64 - 2), "of an array of 96"),
    ):
        with pytest.raises(ValueError, match=message):
            _core.read_block(handle, 0, 4, *arguments)
    with pytest.raises(ValueError, match="received bytes 0 to 97"):
        _core.write_block(handle, 0, 97, array, 0)
    os.close(handle)
    with pytest.raises(OSError, match="Bad file descriptor"):
        _core.read_block(handle, 0, 4, array, 0)


SHAPES = [(), (0,), (1,), (5,), (3, 4), (2, 0, 3), (2, 3, 2)]


def _tensors(rng):
    wide = rng.standard_normal((30, 40)).astype(np.float32)
    return {
        **{f"f/{shape}": rng.standard_normal(shape).astype(np.float32) for shape in SHAPES},
        "gaps": wide[:, :33],
        "double": rng.standard_normal(5),
        "half": np.ones(3, np.float16),
        "whole": np.arange(7),
        "bytes": np.arange(9, dtype=np.uint8),
        "ü/\u4e2d \\ \" '": np.ones(2, np.float32),
    }


def test_other_readers_see_the_same(tmp_path, rng):
    tensors = _tensors(rng)
    path = tmp_path / "x"
    _write(path, tensors)
    for found in (safetensors.numpy.load_file(path), _read(path)):
        assert set(found) == set(tensors)
        for name, array in tensors.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)


@pytest.mark.skipif(find_spec("torch") is None, reason="no PyTorch: pip install torch==2.13.0")
def test_pytorch_sees_the_same_weights(tmp_path, rng):
    from safetensors.torch import load_file

    model = fd.Sequential([fd.Input(shape=(5,)), fd.layers.Dense(3), fd.layers.Dense(7)])
    model.compile("adam", "mse")
    model.fit(np.ones((4, 5)), np.ones((4, 7)), verbose=0)
    model.save(tmp_path / "m.safetensors")
    found = load_file(tmp_path / "m.safetensors")
    for weight, name in model.named_weights().items():
        np.testing.assert_array_equal(found[name].numpy(), weight.value)


def test_the_digests_are_what_the_format_says(tmp_path, rng, monkeypatch):
    monkeypatch.setattr(tensor_file, "_BLOCK", 1 << 10)
    path = tmp_path / "x"
    tensors = {"large": rng.standard_normal(900).astype(np.float32), "small": np.zeros(0)}
    _write(path, tensors)
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    assert (8 + size) % 64 == 0
    metadata = header_of(path)["__metadata__"]
    data = tensors["large"].tobytes()
    blocks = b"".join(
        xxh64(data[first : first + 1024]).to_bytes(8, "little")
        for first in range(0, len(data), 1024)
    )
    assert json.loads(metadata["tensor_digests"]) == {
        "large": f"{xxh64(blocks):016x}",
        "small": f"{xxh64(b''):016x}",
    }
    digest = metadata["header_digest"].encode()
    assert f"{xxh64(content[8 : 8 + size].replace(digest, b'0' * 16)):016x}".encode() == digest


def test_digests_of_large_tensors_by_threads(tmp_path, rng, threads):
    tensors = {"a": rng.standard_normal((1500, 1700)).astype(np.float32)[:, :1600]}
    _write(tmp_path / "x", tensors)
    np.testing.assert_array_equal(_read(tmp_path / "x")["a"], tensors["a"])


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
shapes = st.lists(st.integers(0, 6), max_size=3).map(tuple)


@settings(deadline=None, max_examples=200)
@given(
    st.dictionaries(names.filter(lambda name: name != "__metadata__"), shapes, max_size=5),
    st.dictionaries(names, st.text(st.characters(exclude_categories=["Cs"])), max_size=3),
    st.integers(0, 2**32 - 1),
)
def test_round_trips(tmp_path_factory, shapes, metadata, seed):
    path = tmp_path_factory.mktemp("round") / "x"
    rng = np.random.default_rng(seed)
    types = [np.float32, np.float64, np.uint8, np.float16]
    tensors = {
        name: rng.integers(0, 255, shape).astype(types[rng.integers(4)])
        for name, shape in shapes.items()
    }
    own = {"header_digest", "tensor_digests"}
    metadata = {key: text for key, text in metadata.items() if key not in own}
    _write(path, tensors, {"format_version": "2", **metadata})
    with TensorFile("read", path) as file:
        assert {"format_version": "2", **metadata} == {
            key: text for key, text in file.metadata.items() if key not in own
        }
    for found in (_read(path), safetensors.numpy.load_file(path)):
        assert set(found) == set(tensors)
        for name, array in tensors.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The file of a small model that was trained, and what has to come out of it."""
    path = tmp_path_factory.mktemp("small") / "m.safetensors"
    fd.set_seed(1)
    model = fd.Sequential(
        [fd.Input(shape=(2,)), fd.layers.Dense(3, "relu"), fd.layers.Dense(1, name="ünit")]
    )
    model.compile("adam", "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    model.save(path)
    return path.read_bytes(), model


def _outcome(path, model):
    """Load a file that may be damaged: equal, or refused in words."""
    try:
        loaded = fd.load_model(path)
    except ValueError as error:
        assert str(error).startswith("[load_model"), error
        return False
    assert loaded.get_config() == model.get_config()
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    assert loaded.seed == model.seed and loaded._passes == model._passes
    for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()
    one, two = loaded._current_binding().slots(), model._current_binding().slots()
    assert [v.tobytes() for v in one.values()] == [v.tobytes() for v in two.values()]
    return True


def test_every_prefix_is_refused(tmp_path, small):
    content, model = small
    path = tmp_path / "m.safetensors"
    for size in range(len(content)):
        path.write_bytes(content[:size])
        assert not _outcome(path, model), size
    path.write_bytes(content)
    assert _outcome(path, model)


def test_ten_thousand_mutated_files(tmp_path, small, rng):
    content, model = small
    path = tmp_path / "m.safetensors"
    mutations, equal = Mutations(rng), 0
    for _ in range(10_000):
        path.write_bytes(mutations.of(content))
        equal += _outcome(path, model)
    print(f"{equal} of 10,000 were equal, all others refused")
    # One that changes nothing: most pairs of pieces that change places are of equal bytes.
    assert equal < 1000


def _header(text, tail=b""):
    text = text if isinstance(text, bytes) else json.dumps(text).encode()
    return len(text).to_bytes(8, "little") + text + tail


def _entry(shape, offsets, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


HOSTILE = {
    "nothing": b"",
    "a header that is not there": (2**63).to_bytes(8, "little"),
    "a header of all ones": b"\xff" * 8,
    "a header of 100 MB": (100_000_000).to_bytes(8, "little") + b"{}",
    "no JSON": _header(b"{"),
    "a list": _header([]),
    "no UTF-8": _header(b'{"\xff": 1}'),
    "deep JSON": _header(b"[" * 100_000),
    "deep metadata": _header(b'{"__metadata__":' + b'{"a":' * 50_000),
    "metadata that is no text": _header({"__metadata__": {"a": 1}}),
    "overlapping ranges": _header({"a": _entry([2], [0, 8]), "b": _entry([2], [4, 12])}, b"0" * 12),
    "a hole": _header({"a": _entry([1], [0, 4]), "b": _entry([1], [8, 12])}, b"0" * 12),
    "bytes left over": _header({"a": _entry([1], [0, 4])}, b"0" * 12),
    "bytes missing": _header({"a": _entry([1], [0, 4])}, b"0" * 3),
    "a huge shape": _header({"a": _entry([2**62], [0, 4])}, b"0" * 4),
    "a shape that overflows to 1": _header({"a": _entry([2**33, 2**31], [0, 4])}, b"0" * 4),
    "a negative shape": _header({"a": _entry([-1], [0, 4])}, b"0" * 4),
    "a shape of another size": _header({"a": _entry([3], [0, 8])}, b"0" * 8),
    "offsets that go back": _header({"a": _entry([1], [4, 0])}, b"0" * 4),
    "no offsets": _header({"a": {"dtype": "F32", "shape": [1]}}, b"0" * 4),
    "an unknown type": _header({"a": _entry([1], [0, 4], "F31")}, b"0" * 4),
    "a rare type": _header({"a": _entry([4], [0, 4], "F8_E4M3")}, b"0" * 4),
    "a pickle": b"\x80\x04\x95\x10" + b"\0" * 60,
    "a zip file": b"PK\x03\x04" + b"\0" * 60,
    "a name with NUL": _header({"a\0b": _entry([1], [0, 4])}, b"0" * 4),
    "a path": _header({"../../etc/passwd": _entry([1], [0, 4])}, b"0" * 4),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files(tmp_path, what, small):
    path = tmp_path / "m.safetensors"
    path.write_bytes(HOSTILE[what])
    other = fd.Sequential([fd.Input(shape=(2,)), fd.layers.Dense(3)])
    before = other.get_weights()
    for load in (fd.load_model, other.load_weights):
        tracemalloc.start()
        started = time.perf_counter()
        with pytest.raises(ValueError, match=r"^\[load_(model|weights) .*m.safetensors\] "):
            load(path)
        seconds = time.perf_counter() - started
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 4 << 20, most
        assert seconds < 5  # a hang; docs say 0.1, which a busy machine may not keep
    for a, b in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header["dense/kernel"].update(shape=[3, 2]),
        lambda header: header["__metadata__"].update(format_version="1"),
        lambda header: header["__metadata__"].update(training="{}"),
        lambda header: header["__metadata__"].update(tensor_digests="{}"),
        lambda header: header["__metadata__"].update(header_digest="0" * 16),
        lambda header: header["__metadata__"].update(header_digest=""),
        lambda header: header["__metadata__"].pop("header_digest"),
        lambda header: header.update(more=_entry([0], [0, 0])),
    ],
)
def test_a_header_that_was_changed(tmp_path, small, change):
    content, model = small
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    header = header_of(path)
    change(header)
    size = int.from_bytes(content[:8], "little")
    path.write_bytes(_header(header, content[8 + size :]))
    for load in (fd.load_model, model.load_weights):
        with pytest.raises(ValueError, match=r"the file is damaged: its header is not the one"):
            load(path)


@pytest.mark.parametrize("digests", ["3", "[]", "{", '{"dense/kernel": 3}', "{}"])
def test_signed_headers_with_wrong_digests(tmp_path, small, digests):
    content, model = small
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    header = header_of(path)
    header["__metadata__"]["tensor_digests"] = digests
    size = int.from_bytes(content[:8], "little")
    path.write_bytes(signed(header, content[8 + size :]))
    for load in (fd.load_model, model.load_weights):
        with pytest.raises(ValueError, match=r"the file is damaged"):
            load(path)


def test_a_damaged_number_is_found_and_nothing_changed(tmp_path, small):
    content, model = small
    path = tmp_path / "m.safetensors"
    path.write_bytes(content[:-5] + bytes([content[-5] ^ 16]) + content[-4:])
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"nit/kernel: the file is damaged: the numbers are not"):
        model.load_weights(path)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    # What is not asked for is not read.
    assert model.load_weights(path, match="dense", strict=False).loaded


def test_files_of_others_have_no_digests(tmp_path, small):
    _, model = small
    path = tmp_path / "m.safetensors"
    tensors = {name: weight.value * 2 for weight, name in model.named_weights().items()}
    for metadata in (None, {"format": "pt"}):
        safetensors.numpy.save_file(tensors, path, metadata)
        copy = model.clone()
        if metadata is None:
            copy.load_weights(path)
            for weight, name in copy.named_weights().items():
                np.testing.assert_array_equal(weight.value, tensors[name])


def test_a_file_that_is_replaced_while_it_is_opened(tmp_path, monkeypatch):
    path, other = tmp_path / "a", tmp_path / "b"
    _write(path, {"old": np.zeros(3, np.float32)})
    _write(other, {"new": np.ones(5, np.float32)})
    opened = os.open

    def replaced(name, flags):
        handle = opened(name, flags)
        other.replace(path)
        return handle

    monkeypatch.setattr(tensor_file.os, "open", replaced)
    with TensorFile("read", path) as file:
        monkeypatch.undo()
        view = np.ones(3, np.float32)
        file.read({"old": view})
    assert list(file.tensors) == ["old"] and not view.any()
    assert list(_read(path)) == ["new"]
