"""Measure this machine: kernels beside NumPy's, GEMM beside the peak, training beside peers.

What compares is run in turns, A B C A B C, within one process, so that a change of the clock or
another program hits all sides alike; what is reported are medians, quartiles and ratios of
neighbouring turns.
"""

from fastdnn.benchmark.command import main

__all__ = ["main"]
