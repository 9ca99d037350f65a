import numpy as np
import pytest
from guarded import Guarded
from shapes import MATRICES

from fastdnn import ops

KERNELS = ["rescaling_f32"]


@pytest.mark.parametrize("shape", MATRICES)
def test_rescaling(isa, rng, shape):
    x = rng.standard_normal(shape).astype(np.float32)
    y = Guarded(shape)
    ops.rescaling(x, 4.0, -0.1, out=y.array)
    y.check()
    # The product is exact, and so is the sum in float64.
    expected = (4 * x.astype(np.float64) + np.float64(np.float32(-0.1))).astype(np.float32)
    np.testing.assert_array_equal(y.array, expected)
    np.testing.assert_array_equal(ops.rescaling(x, 0.5), x / 2)
    ops.rescaling(x, 4.0, -0.1, out=x)
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.zeros((2, 3), np.float64), 1.0), "float64"),
        ((np.zeros((2, 3), np.float32), np.nan), "scale nan"),
        ((np.zeros((2, 3), np.float32), 1.0, np.inf), "offset inf"),
    ],
)
def test_bad_input(arguments, words):
    with pytest.raises(ValueError, match=rf"\[rescaling\] .*{words}"):
        ops.rescaling(*arguments)
