"""What `fit` returns."""

from typing import Any

from fastdnn.callbacks.callback import Callback, Logs, checked_state


class History(Callback):
    """What `fit` returns: the loss and the metrics of every epoch.

    Attributes:
        epoch: the epochs.
        history: name -> one number an epoch.
        epochs_of: name -> the epochs that have a number of this name.

    >>> import numpy as np, fastdnn as fd
    >>> model = fd.Sequential([fd.Input(shape=(1,)), fd.layers.Dense(1)])
    >>> model.compile("sgd", loss="mse")
    >>> x = np.ones((4, 1), np.float32)
    >>> list(model.fit(x, x, epochs=2, verbose=0).history)
    ['loss']
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}
        self.epochs_of: dict[str, list[int]] = {}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Append the numbers of the epoch."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
            self.epochs_of.setdefault(name, []).append(epoch)

    def get_state(self) -> dict[str, Any]:
        """Return the numbers."""
        return {"epoch": self.epoch, "history": self.history, "epochs_of": self.epochs_of}

    def check_state(self, state: dict[str, Any]) -> None:
        """Raise a ValueError unless it is such a state."""
        checked_state(self, state, epoch=list, history=dict, epochs_of=dict)
        for lists in (state["history"], state["epochs_of"]):
            checked_state(self, lists, **dict.fromkeys(lists, list))

    def set_state(self, state: dict[str, Any]) -> None:
        """Have these numbers."""
        self.epoch, self.history = state["epoch"], state["history"]
        self.epochs_of = state["epochs_of"]
