"""Every float32 number there is, for functions of one."""

import numpy as np

from fastdnn import _core


def distinct_results_for_every_float(function):
    """Yield chunks of all 2**32 inputs with what `function` makes of them, once for equal results.

    Levels mostly agree to the bit, and the oracle is the slow part of a check.
    """
    before = _core.isa_level()
    chunk = 2**16  # stays in the cache
    try:
        for start in range(0, 2**32, chunk):
            x = np.arange(start, start + chunk, dtype=np.uint32).view(np.float32)
            results = []
            for level in _core.supported_isa_levels():
                _core.testing.set_isa_level(level)
                y = function(x)
                if not any(y.tobytes() == other.tobytes() for other in results):
                    results.append(y)
                    yield x, y
    finally:
        _core.testing.set_isa_level(before)
