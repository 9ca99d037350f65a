"""
Hooks for tests and benches.
"""
from __future__ import annotations
import typing
__all__: list[str] = ['fma_peak', 'kernel_names', 'set_isa_level']
def fma_peak(threads: typing.SupportsInt | typing.SupportsIndex, milliseconds: typing.SupportsFloat | typing.SupportsIndex = 50.0) -> float:
    ...
def kernel_names() -> list[str]:
    ...
def set_isa_level(arg0: str) -> None:
    ...
