"""Functions as a callback."""

from collections.abc import Callable
from typing import Any

from fastdnn.callbacks.callback import Callback


class LambdaCallback(Callback):
    """Calls functions where a callback's methods would be called.

    Args:
        functions: by the names of the methods of `Callback`.

    Raises:
        ValueError: if a name is none of a method, or what it stands for cannot be called.

    >>> losses = []
    >>> record = LambdaCallback(on_epoch_end=lambda epoch, logs: losses.append(logs["loss"]))
    """

    def __init__(self, **functions: Callable[..., Any] | None) -> None:
        super().__init__()
        known = [name for name in vars(Callback) if name.startswith("on_")]
        for name, function in functions.items():
            if name not in known:
                raise ValueError(
                    f"[LambdaCallback] received {name!r}; expected some of {', '.join(known)}"
                )
            if function is None:
                continue
            if not callable(function):
                raise ValueError(
                    f"[LambdaCallback] {name}: received {function!r}; expected a function"
                )
            setattr(self, name, function)
