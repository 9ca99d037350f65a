import numpy as np
import pytest
from guarded import Guarded
from shapes import LENGTHS

from fastdnn import _core

KERNELS = ["bytes_to_f32", "bytes_to_unit_f32", "f16_to_f32", "bf16_to_f32"]

EVERY_BYTE = np.arange(2**8, dtype=np.uint8)
EVERY_PATTERN = np.arange(2**16).astype(np.uint16)


def oracle(dtype, bits):
    """What each element means; bfloat16 is the upper half of float32."""
    if dtype == "uint8":
        return bits.astype(np.float32) / np.float32(255)
    if dtype == "bfloat16":
        return (bits.astype(np.uint32) << 16).view(np.float32)
    return bits.view(np.float16).astype(np.float32)


def assert_same_numbers(y, expected):
    """Bit by bit, but any NaN will do."""
    number = ~np.isnan(expected)
    np.testing.assert_array_equal(np.isnan(y), ~number)
    np.testing.assert_array_equal(y[number].view(np.uint32), expected[number].view(np.uint32))


@pytest.mark.parametrize("dtype", ["uint8", "float16", "bfloat16"])
def test_every_element(isa, dtype):
    x = EVERY_BYTE if dtype == "uint8" else EVERY_PATTERN
    y = Guarded(x.shape)
    _core.testing.to_f32(dtype, x, y.array)
    y.check()
    assert_same_numbers(y.array, oracle(dtype, x))


def test_bfloat16_is_that_of_ml_dtypes():
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes, which has bfloat16 for NumPy")
    values = EVERY_PATTERN.view(ml_dtypes.bfloat16).astype(np.float32)
    assert_same_numbers(oracle("bfloat16", EVERY_PATTERN), values)


@pytest.mark.parametrize("dtype", ["uint8", "float16", "bfloat16"])
@pytest.mark.parametrize("length", LENGTHS)
def test_lengths_and_alignments(isa, rng, dtype, length):
    """Tails are converted as the middle is, and nothing outside is read or written."""
    of_bytes = dtype == "uint8"
    for shift in (0, 1, 2, 3, 5, 8, 15):
        # The elements end where the memory ends, so that AddressSanitizer sees reads beyond.
        memory = rng.integers(0, 256 if of_bytes else 2**16, shift + length)
        x = memory.astype(np.uint8 if of_bytes else np.uint16)[shift:]
        y = Guarded((length,), misalign=15 - shift)
        _core.testing.to_f32(dtype, x, y.array)
        y.check()
        assert_same_numbers(y.array, oracle(dtype, x))


def test_bytes_are_divided_by_255_exactly(isa):
    """Through the network's input: every byte value, and rows that end within a vector."""
    graph = _core.Graph()
    graph.add_output(graph.add_activation(graph.add_input(37), "linear", 0.0))
    network = _core.Network(graph)
    x = np.resize(np.arange(256, dtype=np.uint8), (21, 37))
    y = np.empty(x.shape, np.float32)
    assert network.predict([x], [y], 0, 3, 7, 1.0) == 3
    np.testing.assert_array_equal(y, x.astype(np.float32) / np.float32(255))


def test_bytes_are_whole_numbers_where_rescaling_reads_them(isa):
    graph = _core.Graph()
    graph.add_output(graph.add_rescaling(graph.add_input(37), 1.0, 0.0))
    x = np.resize(EVERY_BYTE, (21, 37))
    y = np.empty(x.shape, np.float32)
    assert _core.Network(graph).predict([x], [y], 0, 3, 7, 1.0) == 3
    np.testing.assert_array_equal(y, x.astype(np.float32))
