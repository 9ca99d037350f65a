"""Runs a lesson's script on 1, 2 and 5 threads and fails where the bits of a fit differ.

Usage: python lesson_bits.py script [option ...]
"""

import hashlib
import runpy
import sys
from pathlib import Path

import fastdnn as fd
from fastdnn import _core

fit = fd.Model.fit
digests = []


def recorded(self, *arguments, **options):
    history = fit(self, *arguments, **options)
    digest = hashlib.sha256()
    for weight in self.get_weights():
        digest.update(weight.tobytes())
    digests[-1].append(digest.hexdigest())
    return history


script = Path(sys.argv[1])
sys.path.insert(0, str(script.parent))
sys.argv = sys.argv[1:]
fd.Model.fit = recorded
_core.testing.set_least_microseconds_per_thread(0.0)
for count in (1, 2, 5):
    fd.set_num_threads(count)
    digests.append([])
    runpy.run_path(str(script), run_name="__main__")
assert digests[0] == digests[1] == digests[2], f"other bits on other numbers of threads: {digests}"
# Lessons 2, 26 and 28 have given weights: there is nothing to fit.
without = ("02_relu_by_hand.py", "26_wrong_reuse.py", "28_weights_from_elsewhere.py")
assert digests[0] or script.name in without, "no fit was recorded"
print(f"{len(digests[0])} fits, the same bits on 1, 2 and 5 threads")
