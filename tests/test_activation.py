import numpy as np
import pytest
from guarded import Guarded
from reference.activation import FORWARD
from shapes import MATRICES

from fastdnn import ops

# Marks which kernels a module tests; tests/test_registry.py asks that none is missing.
KERNELS = ["activation_f32", "activation_backward_f32"]


@pytest.mark.parametrize("name", sorted(FORWARD))
@pytest.mark.parametrize("shape", MATRICES)
def test_forward(isa, rng, name, shape):
    x = rng.standard_normal(shape).astype(np.float32)
    y = Guarded(shape)
    ops.activation(x, name, out=y.array)
    y.check()
    np.testing.assert_array_equal(y.array, FORWARD[name](x, 0.0))
