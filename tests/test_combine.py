import numpy as np
import pytest
from guarded import Guarded
from shapes import MATRICES

from fastdnn import ops

KERNELS = ["add_f32", "multiply_f32"]


@pytest.mark.parametrize(("op", "numpy_op"), [(ops.add, np.add), (ops.multiply, np.multiply)])
@pytest.mark.parametrize("shape", MATRICES)
def test_sums_and_products(isa, rng, shape, op, numpy_op):
    """One rounding an element, as NumPy has it: the same bits."""
    x, y = rng.standard_normal((2, *shape)).astype(np.float32)
    z = Guarded(shape)
    op(x, y, out=z.array)
    z.check()
    expected = numpy_op(x, y)
    np.testing.assert_array_equal(z.array, expected)
    np.testing.assert_array_equal(op(x, y), expected)
    np.testing.assert_array_equal(op(x, x), numpy_op(x, x))
    np.testing.assert_array_equal(op(x, y.copy(), out=x), expected)


@pytest.mark.parametrize("op", [ops.add, ops.multiply])
def test_bad_input(op):
    x = np.zeros((4, 3), np.float32)
    for arguments, options, words in (
        ((x, x[:2]), {}, r"of shape \(4, 3\) and a .* of shape \(2, 3\); expected equal shapes"),
        ((x, x.astype(np.float64)), {}, "y: received a float64"),
        ((x[:2], x[:2]), {"out": x[1:3]}, "shares memory with an input"),
    ):
        with pytest.raises(ValueError, match=rf"\[{op.__name__}\] .*{words}"):
            op(*arguments, **options)
