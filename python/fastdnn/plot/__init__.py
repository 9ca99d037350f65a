"""Figures of how training went, and of what came of it.

They need matplotlib: `pip install 'fastdnn[plot]'`.
"""

from fastdnn.plot.boundary import decision_boundary
from fastdnn.plot.curves import history
from fastdnn.plot.table import confusion

__all__ = ["confusion", "decision_boundary", "history"]
