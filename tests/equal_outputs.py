"""Do two models compute the same?"""

import numpy as np

# Of the largest output, or of 1: seventeen roundings to float32 of numbers of this size.
MOST = 1e-6


def assert_equal_outputs(found, expected):
    """Outputs of a model here, and those of the one it was made from."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    assert np.isfinite(expected).all()
    assert np.abs(found - expected).max() <= MOST * max(1.0, np.abs(expected).max())
