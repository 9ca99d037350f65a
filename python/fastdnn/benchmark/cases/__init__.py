"""Every function of `fastdnn.ops` beside what one writes in NumPy."""

from collections.abc import Iterator
from functools import partial

from fastdnn.benchmark.cases import array, gemm, layer, loss, normalization, optimizer, sparse
from fastdnn.benchmark.cases.case import Case, Shape, Variant, by

__all__ = ["Case", "cases"]

# A layer's output in a small net, in the first-level cache; and what no cache holds.
_SHAPES: tuple[Shape, ...] = ((50, 300), (2048, 2048))
_QUICK_SHAPES: tuple[Shape, ...] = ((50, 300),)


def cases(quick: bool) -> Iterator[Case]:
    """Yield all cases, or small ones for each function."""
    yield from gemm.cases(quick)
    yield from sparse.cases(quick)
    for shape in _QUICK_SHAPES if quick else _SHAPES:
        for op, variant, build in _variants():
            name = " ".join(filter(None, (op, variant, by(shape))))
            yield Case(op, name, "ns/element", shape[0] * shape[1], partial(build, shape))


def _variants() -> Iterator[Variant]:
    for family in (layer, normalization, loss, optimizer, array):
        yield from family.variants()
