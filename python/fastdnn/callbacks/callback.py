"""The base of the callbacks."""

from collections.abc import MutableMapping
from typing import Any

# Those of an epoch are one dict for all callbacks: what one adds, later ones see.
Logs = MutableMapping[str, float]


class Callback:
    """Base of the callbacks; override what is needed.

    Attributes:
        model: the model that is being trained. `model.stop_training = True` ends `fit` after
            the epoch, or at once from `on_train_batch_end`.
        params: of a fit "verbose"; "epochs"; "steps", the number of batches in an epoch, None
            where nobody knows; and "validates", whether there is data to validate on. Of an
            evaluation or a prediction "verbose" alone.

    A callback with `on_train_batch_begin` or `on_train_batch_end` makes `fit` come back to
    Python after every batch, which costs time with small batches. `on_train_progress` does
    not: it is called some twenty times a second.

    >>> class Stop(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.model.stop_training = logs["loss"] < 0.1
    """

    def __init__(self) -> None:
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        """Remember the model."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Remember how `fit` was called."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Run before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Run after the last epoch, with its loss and metrics."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Run before an epoch; the first is 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Run after an epoch, with its loss and metrics, also those with `val_` in front."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Run before a batch; the first of an epoch is 0."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Run after a batch, with the loss and the metrics of the epoch so far."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Run before an evaluation, also those of `fit` on validation data."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Run after an evaluation, with the loss and the metrics."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Run before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Run after a prediction."""

    def on_train_progress(self, steps: int, logs: Logs | None = None) -> None:
        """Run every now and then, with the number of batches done in this epoch."""

    def close(self) -> None:
        """Release what is open; run last, also when `fit` is interrupted or raises."""

    def get_state(self) -> dict[str, Any]:
        """Return what `set_state` needs, for a `fit` that goes on elsewhere.

        Numbers, texts, lists and dicts of these, and arrays of NumPy's or lists of arrays.
        """
        return {}

    def check_state(self, state: dict[str, Any]) -> None:
        """Raise a ValueError unless `set_state` can take it; run before anything is changed."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Become what another callback of this class was.

        Run after `on_train_begin`, and in the middle of an epoch after `on_epoch_begin` too.
        """


def checked_state(callback: Callback, state: Any, **kinds: Any) -> dict[str, Any]:
    """Return a callback's state, or raise a ValueError unless it has values of these kinds.

    Args:
        callback: whose state it is.
        state: what came from a file.
        kinds: by name, a type, several in a tuple, or None for a value that may be missing.
    """
    where = type(callback).__name__
    for name, kind in kinds.items():
        kind = kind if isinstance(kind, tuple) else (kind,)
        wanted = tuple(type(None) if each is None else each for each in kind)
        value = state.get(name) if isinstance(state, dict) else state
        missing = not isinstance(state, dict) or name not in state
        if missing or not isinstance(value, wanted) or (isinstance(value, bool)):
            raise ValueError(
                f"[{where}] set_state: received {value!r} for {name!r}; expected "
                f"{' or '.join(each.__name__ for each in wanted)}: the file is damaged"
            )
    return dict(state)
