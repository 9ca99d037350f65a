"""How callbacks are called."""

from collections.abc import Iterable
from typing import Any

from fastdnn.callbacks.callback import Callback, Logs
from fastdnn.callbacks.saver import Saver, Writer, refuse_shared_files

_NEVER = 2**62


class CallbackList:
    """The callbacks of a fit, an evaluation or a prediction, as one.

    Attributes:
        callbacks: they, in the order they were given, but those that save at the end.
        wants_batches: whether some look at every batch.
    """

    def __init__(self, callbacks: Iterable[Callback], model: Any, params: dict[str, Any]) -> None:
        given = list(callbacks)
        savers = [callback for callback in given if isinstance(callback, Saver)]
        self._savers = sorted(savers, key=lambda saver: saver.comes_last)
        self._watchers = [callback for callback in given if not isinstance(callback, Saver)]
        self.callbacks: list[Callback] = [*self._watchers, *self._savers]
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)
        self._writer = Writer()
        for saver in self._savers:
            saver.writer = self._writer
        self.wants_batches = any(map(_wants_batches, self.callbacks))

    def call(self, event: str, *arguments: Any) -> None:
        """Call a method of every callback."""
        for callback in self.callbacks:
            getattr(callback, event)(*arguments)

    def call_watchers(self, event: str, *arguments: Any) -> None:
        """Call a method of those that do not save."""
        for callback in self._watchers:
            getattr(callback, event)(*arguments)

    def call_savers(self, event: str, *arguments: Any) -> None:
        """Call a method of those that save."""
        for callback in self._savers:
            getattr(callback, event)(*arguments)

    def steps_to_go(self) -> int:
        """Return how many batches may be done before somebody wants to save."""
        wanted = (saver.steps_to_go() for saver in self._savers)
        return min((steps for steps in wanted if steps is not None), default=_NEVER)

    def note_steps(self, steps: int, logs: Logs) -> None:
        """Note batches, at most `steps_to_go`, and let those save that want to."""
        # All of them first: files hold what the others have counted.
        for saver in [saver for saver in self._savers if saver.count_steps(steps)]:
            saver.save(logs)

    def close(self) -> None:
        """Close every callback, whatever the others raise, and raise the first error of these."""
        errors = []
        for close in (*(callback.close for callback in self.callbacks), self._writer.close):
            try:
                close()
            except BaseException as error:
                errors.append(error)
        if errors:
            raise errors[0]


def checked_callbacks(callbacks: Any, where: str = "fit") -> list[Callback]:
    """Return the callbacks in a list, or raise a ValueError."""
    if callbacks is None or isinstance(callbacks, Callback):
        return [] if callbacks is None else [callbacks]
    found = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    for callback in found:
        if not isinstance(callback, Callback):
            raise ValueError(
                f"[{where}] callbacks: received {callback!r} of type {type(callback).__name__}; "
                "expected objects of classes derived from fastdnn.callbacks.Callback"
            )
    refuse_shared_files(where, [callback for callback in found if isinstance(callback, Saver)])
    return found


def _wants_batches(callback: Callback) -> bool:
    for name in ("on_train_batch_begin", "on_train_batch_end"):
        method = getattr(callback, name)
        if getattr(method, "__func__", method) is not getattr(Callback, name):
            return True
    return False
