"""Arrays between guard words, poisoned before use."""

import numpy as np

_GUARD = 64
_PATTERN = np.float32(-1.0e30)


class Guarded:
    """A poisoned float32 array, `misalign` floats off a 64-byte boundary, between guard words."""

    def __init__(self, shape, misalign=1):
        count = int(np.prod(shape))
        raw = np.empty(count + 2 * _GUARD + 32, np.float32)
        start = (-raw.ctypes.data // 4) % 16 + _GUARD + misalign
        raw.fill(_PATTERN)
        self._raw, self._start, self._stop = raw, start, start + count
        self.array = raw[start : start + count].reshape(shape)
        self.array.fill(np.nan)

    def check(self):
        assert np.all(self._raw[: self._start] == _PATTERN), "wrote before the output"
        assert np.all(self._raw[self._stop :] == _PATTERN), "wrote past the output"
