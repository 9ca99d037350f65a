"""Where a fit stands: what files hold, so that it can go on elsewhere."""

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastdnn.callbacks import BackupAndRestore, Callback, CallbackList
from fastdnn.checks import at_least, flag, number

if TYPE_CHECKING:
    from fastdnn.models.loops import Source
    from fastdnn.models.training import Trainer

Array = npt.NDArray[Any]
# What stands for arrays in a callback's state.
_ARRAY, _ARRAYS = "__array__", "__arrays__"


class FitState:
    """Where a fit stands.

    Args:
        model: what is trained.
        source: what it is trained on.
        callbacks: what watches.
        epoch: the first epoch.
        end: the epoch to stop at.

    Attributes:
        epoch: the epoch that runs, or comes next.
        batches: those of it that are done.
        totals: the sums of losses and metrics over them.
        began: the model's steps before the first one of this fit.
        out_of_time: whether `max_seconds` are over.
        callbacks: what watches.
    """

    def __init__(
        self, model: "Trainer", source: "Source", callbacks: CallbackList, epoch: int, end: int
    ) -> None:
        self._model, self._source, self.callbacks = model, source, callbacks
        self.epoch, self._end = epoch, end
        self.batches = 0
        self.out_of_time = False
        self.totals: npt.NDArray[np.float64] | None = None
        self.began = int(model._current_binding().network.iterations)
        self._states: list[tuple[Callback, dict[str, Any]]] = []
        self._rates: list[float | None] = []

    def next_epoch(self) -> None:
        """Begin another epoch."""
        self.epoch, self.batches, self.totals = self.epoch + 1, 0, None

    def get(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return all of it, as what JSON can say and arrays by name."""
        arrays: dict[str, Array] = {}
        source, of_source = self._source.get_state()
        arrays |= {f"source/{name}": array for name, array in of_source.items()}
        if self.totals is not None:
            arrays["totals"] = self.totals
        callbacks = []
        for place, callback in enumerate(self.callbacks.callbacks):
            if type(callback).get_state is Callback.get_state:
                continue
            state, of_callback = _without_arrays(callback.get_state(), f"callback/{place}/")
            arrays |= of_callback
            callbacks.append({"class_name": type(callback).__name__, "state": state})
        text = {
            "epoch": self.epoch,
            "batches": self.batches,
            "began": self.began,
            "stop": self._model.stop_training,
            "learning_rates": _rates(self._model),
            "source": source,
            "callbacks": callbacks,
        }
        return text, arrays

    def set(
        self, where: str, seed: int, text: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> None:
        """Go on where another fit stood; `restore_callbacks` does the rest.

        Raises:
            ValueError: if it was one of other data or callbacks; nothing is changed then.
        """
        states = self._matched(where, text["callbacks"], arrays)
        of_source = {
            name.removeprefix("source/"): array
            for name, array in arrays.items()
            if name.startswith("source/")
        }
        totals = arrays.get("totals")
        size = 0 if self._model._plan is None else self._model._plan.size
        if totals is not None and (totals.shape != (size,) or totals.dtype != np.float64):
            raise ValueError(
                f"[{where}] the file's fit sums up other metrics; expected those of this model; "
                "delete the file to begin anew"
            )
        epoch, batches, began = (
            at_least(where, name, text[name], 0) for name in ("epoch", "batches", "began")
        )
        if (epoch, batches) > (self._end, 0):
            raise ValueError(
                f"[{where}] epochs: received {self._end}; the file's fit has ended {epoch}"
                f"{' and begun another one' if batches else ''}; expected at least "
                f"{epoch + (batches > 0)}; delete the file to begin anew"
            )
        stop = flag(where, "stop", text["stop"])
        rates = text["learning_rates"]
        for own, rate in zip(_rates(self._model), rates, strict=True):
            if (own is None) != (rate is None):
                raise ValueError(f"[{where}] learning_rates: received {rates}; expected others")
            if rate is not None:
                number(where, "learning_rates", rate, 0.0)
        self._source.set_state(where, seed, text["source"], of_source)
        self.epoch, self.batches, self.totals, self.began = epoch, batches, totals, began
        self._states, self._rates, self._model.stop_training = states, rates, stop

    def restore_callbacks(self) -> None:
        """Put callbacks, and learning rates that they may have set, where they were."""
        for callback, state in self._states:
            callback.set_state(state)
        if self._rates:
            assert self._model.optimizer is not None, "compiled by the caller"
            for rule, rate in zip(self._model.optimizer.rules, self._rates, strict=True):
                if rate is not None:
                    rule.learning_rate = rate
        self._states, self._rates = [], []

    def _matched(
        self, where: str, stored: Any, arrays: Mapping[str, Array]
    ) -> list[tuple[Callback, dict[str, Any]]]:
        """Return callbacks and states that belong together: those of a class in their order."""
        waiting: dict[str, list[Callback]] = defaultdict(list)
        for callback in self.callbacks.callbacks:
            waiting[type(callback).__name__].append(callback)
        result = []
        for item in stored:
            if not waiting[item["class_name"]] and not item["state"]:
                continue  # nothing is lost
            if not waiting[item["class_name"]]:
                raise ValueError(
                    f"[{where}] the file's fit has a callback {item['class_name']}, and this one "
                    "has no such one, or fewer; expected the same callbacks; delete the file to "
                    "begin anew"
                )
            callback = waiting[item["class_name"]].pop(0)
            state = _with_arrays(item["state"], arrays)
            if state:
                callback.check_state(state)
                result.append((callback, state))
        return result


def backup_of(callbacks: CallbackList) -> BackupAndRestore | None:
    """Return the callback that has a file to go on from, if there is one."""
    for callback in callbacks.callbacks:
        if isinstance(callback, BackupAndRestore) and callback.path.exists():
            return callback
    return None


def _rates(model: "Trainer") -> list[float | None]:
    """Return the learning rates of the optimizer's rules, None where a schedule gives them."""
    assert model.optimizer is not None, "compiled by the caller"
    return [
        None if rule.schedule is not None else rule.learning_rate for rule in model.optimizer.rules
    ]


def _without_arrays(
    state: Mapping[str, Any], prefix: str
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return a callback's state with names in place of arrays, and the arrays."""
    plain: dict[str, Any] = {}
    arrays: dict[str, Array] = {}
    for key, value in state.items():
        items = value if isinstance(value, list) else [value]
        if not items or not all(isinstance(item, np.ndarray) for item in items):
            plain[key] = value
            continue
        names = [f"{prefix}{key}/{place}" for place in range(len(items))]
        arrays.update(zip(names, items, strict=True))
        plain[key] = {_ARRAYS: names} if isinstance(value, list) else {_ARRAY: names[0]}
    return plain, arrays


def _with_arrays(state: Mapping[str, Any], arrays: Mapping[str, Array]) -> dict[str, Any]:
    """Undo `_without_arrays`."""
    result = {}
    for key, value in state.items():
        if isinstance(value, dict) and set(value) == {_ARRAYS}:
            value = [arrays[name] for name in value[_ARRAYS]]
        elif isinstance(value, dict) and set(value) == {_ARRAY}:
            value = arrays[value[_ARRAY]]
        result[key] = value
    return result
