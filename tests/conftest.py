import contextlib
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from fastdnn import _core

# The others differ from avx512 in some products only.
ISA_LEVELS = ["scalar", "avx2", "avx512"]


@contextlib.contextmanager
def at_level(level):
    if level not in _core.supported_isa_levels():
        pytest.skip(f"this CPU has no {level}; it supports {_core.supported_isa_levels()}")
    before = _core.isa_level()
    _core.testing.set_isa_level(level)
    try:
        yield level
    finally:
        _core.testing.set_isa_level(before)


@pytest.fixture(params=ISA_LEVELS)
def isa(request):
    """Run the test once with the kernels of each of ISA_LEVELS."""
    with at_level(request.param) as level:
        yield level


@pytest.fixture(params=[*ISA_LEVELS, "amx", "tile model"])
def product_isa(request):
    """The same with amx, and with a model of it."""
    if request.param != "tile model":
        with at_level(request.param) as level:
            yield level
        return
    best = [level for level in ISA_LEVELS if level in _core.supported_isa_levels()][-1]
    with at_level(best):
        _core.testing.multiply_by_tiles_everywhere(True)
        try:
            yield request.param
        finally:
            _core.testing.multiply_by_tiles_everywhere(False)


@pytest.fixture
def rng():
    """Fresh random data every run; the seed is printed when a test fails."""
    seed = int(os.environ.get("FASTDNN_TEST_SEED", np.random.SeedSequence().entropy % 2**32))
    print(f"FASTDNN_TEST_SEED={seed}")
    return np.random.default_rng(seed)


def require_keras():
    """Skip without Keras on its NumPy back end, the golden standard, which needs JAX as well."""
    for name in ("keras", "jax"):
        if find_spec(name) is None:
            pytest.skip(f"no {name}: pip install keras jax")


@pytest.fixture
def matmul_precision():
    """A function that sets the precision of products until the test ends."""
    yield _core.set_matmul_precision
    _core.set_matmul_precision("highest")


@pytest.fixture
def real_data():
    """The folder of the real data sets: FASTDNN_DATA, else ../shared/data beside the repository."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("FASTDNN_DATA") or beside)
    if not folder.is_dir():
        pytest.skip("no real data: set FASTDNN_DATA to a folder with mnist/, tabular/ and so on")
    return folder


@contextlib.contextmanager
def at_threads(count):
    """So many threads, however small the work."""
    before = _core.num_threads()
    _core.set_num_threads(count)
    _core.testing.set_least_microseconds_per_thread(0.0)
    try:
        yield count
    finally:
        _core.testing.set_least_microseconds_per_thread(10.0)
        _core.set_num_threads(before)


@pytest.fixture(params=[1, 2, 3, 5, 8])
def threads(request):
    """Run the test once with each of these numbers of threads."""
    with at_threads(request.param) as count:
        yield count


@pytest.fixture
def assert_same_bits():
    """A function that runs another one on 1, 2 and 5 threads and compares the lists of arrays."""

    def check(run):
        results = []
        for count in (1, 2, 5):
            with at_threads(count):
                results.append([np.array(array) for array in run()])
        for other in results[1:]:
            assert len(other) == len(results[0]) > 0
            for a, b in zip(results[0], other, strict=True):
                np.testing.assert_array_equal(a, b)

    return check


def pytest_terminal_summary(terminalreporter):
    """Say how many tests of peers were run."""
    for report in terminalreporter.getreports("passed"):
        for name, value in getattr(report, "user_properties", ()):
            if name == "peers":
                terminalreporter.write_line(value)
