import gzip
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastdnn.datasets.idx import read_idx

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def encode(array):
    code = CODES[array.dtype.str[1:]]
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def images(count=3):
    return np.arange(count * 4 * 5, dtype=np.uint8).reshape(count, 4, 5)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 2), (2, 3, 4), (1, 2, 1, 2, 1)])
def test_round_trip(tmp_path, rng, dtype, shape, compress):
    array = (rng.normal(size=shape) * 50).astype(dtype)
    data = encode(array)
    path = tmp_path / "any-name"
    path.write_bytes(gzip.compress(data) if compress else data)
    read = read_idx(path)
    assert read.dtype == array.dtype and read.dtype.isnative
    assert read.flags.writeable and read.flags.c_contiguous
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("compress", [False, True])
def test_every_truncation_is_one_error(tmp_path, compress):
    data = encode(images())
    path = tmp_path / "file"
    for length in range(len(data)):
        path.write_bytes(gzip.compress(data[:length]) if compress else data[:length])
        with pytest.raises(ValueError, match=r"^\[read_idx\] file "):
            read_idx(path)


def test_every_truncation_of_a_gzip_file_is_one_error(tmp_path):
    data = gzip.compress(encode(images()))
    path = tmp_path / "file.gz"
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match=r"^\[read_idx\] file.gz "):
            read_idx(path)


@pytest.mark.parametrize("compress", [False, True])
def test_trailing_bytes(tmp_path, compress):
    data = encode(images()) + b"\0"
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(data) if compress else data)
    with pytest.raises(ValueError, match=r"goes on after the 60 bytes|holds 61 bytes"):
        read_idx(path)


@pytest.mark.parametrize("position", range(10, 40))
def test_damaged_gzip(tmp_path, position):
    data = bytearray(gzip.compress(encode(images())))
    data[position] ^= 0x55
    path = tmp_path / "file.gz"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"^\[read_idx\] file.gz "):
        read_idx(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ends after 0 bytes"),
        (b"PK\3\4" + bytes(60), "begins with 50 4b 03 04; an IDX file begins with 00 00"),
        (b"\0\0\x0a\1\0\0\0\1\0", "element type, one of 08, 09, 0b, 0c, 0d, 0e"),
        (b"\0\0\x08\0\1", "claims 0 dimensions; expected 1 to 32"),
        (b"\0\0\x08\xff" + b"\0\0\0\1" * 255 + b"\0", "claims 255 dimensions"),
        (b"\0\0\x08\3" + b"\xff" * 12, "at most 1073741824 are accepted; pass a larger"),
        (b"\0\0\x08\1\x30\0\0\0" + bytes(9), r"holds 9 bytes of elements.*needs 805306368"),
        (b"\0\0\x0e\2\0\0\0\0\xff\xff\xff\xff", r"shape \(0, 4294967295\), which holds no element"),
        (b"\0\0\x08\3\0\0\0\1", "ends inside its header"),
    ],
)
def test_hostile_headers(tmp_path, data, message):
    path = tmp_path / "file"
    for content in (data, gzip.compress(data)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_idx(path)


def test_memory_follows_the_data_not_the_header(tmp_path):
    import tracemalloc

    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\1\x30\0\0\0" + bytes(1000)))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="holds 1000 bytes"):
            read_idx(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20  # the header claims 805 MB


def test_max_bytes_stops_a_decompression_bomb(tmp_path):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(encode(np.zeros((1000, 1000), np.uint8))))
    assert path.stat().st_size < 2000
    with pytest.raises(ValueError, match="at most 999999 are accepted"):
        read_idx(path, max_bytes=999_999)
    assert read_idx(path, max_bytes=1_000_000).shape == (1000, 1000)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.binary(max_size=64), prefix=st.sampled_from([b"", b"\0\0\x08\1", b"\0\0\x0d\2"]))
def test_random_bytes_read_or_raise_value_error(tmp_path, data, prefix):
    path = tmp_path / "file"
    path.write_bytes(prefix + data)
    try:
        array = read_idx(path)
    except ValueError as error:
        assert str(error).startswith("[read_idx] file ")
    else:
        assert array.nbytes <= len(data)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "absent")
