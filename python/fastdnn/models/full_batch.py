"""Steps by the gradient of all rows, for L-BFGS."""

import functools
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastdnn.models.data import Dataset, Stop
from fastdnn.optimizers.lbfgs import LBFGS, Point

if TYPE_CHECKING:
    from fastdnn.models.training import Trainer

Totals = npt.NDArray[np.float64]


class FullBatchSource:
    """Rows in memory, all of which make one step.

    Attributes:
        steps: the steps of an epoch: 1.
    """

    def __init__(self, data: Dataset, batch_size: int, optimizer: LBFGS) -> None:
        self.steps: int | None = 1
        self._optimizer = optimizer
        self._data, self._batch_size = data, min(batch_size, data.rows)
        self._here: Point | None = None  # where the last step has led to

    def begin_epoch(self) -> None:
        """Do nothing: each epoch is the same."""

    def has_more(self) -> bool:
        """Whether there is another step."""
        return True

    def train(self, model: "Trainer", wanted: int, totals: Totals) -> tuple[int, Totals]:
        """Make a step, and return 1 and the totals of an epoch: what the rows give after it."""
        optimizer, network = self._optimizer, model._current_binding().network
        weights = _Weights(model)
        start = self._here
        # The model may have changed since: callbacks can.
        if start is None or not weights.are(start.x):
            start = self._evaluate(model, weights, weights.get())
        if not math.isfinite(start.loss):
            model._stop = Stop(1, self._data.inputs)
            return 1, start.totals
        found = None
        try:
            found = optimizer.step(functools.partial(self._evaluate, model, weights), start)
        finally:
            weights.set(start.x if found is None else found.x)
        self._here = start if found is None else found
        if found is None:
            model.stop_training = True
        else:
            network.iterations += 1
            optimizer.note_steps(int(network.iterations))
        return 1, self._here.totals

    def get_state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what tells which rows these are, and what the optimizer goes on from."""
        state = {"rows": self._data.rows, "batch_size": self._batch_size}
        if self._here is None:
            return state, {}
        here = {name: np.asarray(value) for name, value in vars(self._here).items()}
        return state, here | self._optimizer.get_state()

    def set_state(
        self, where: str, seed: int, state: Mapping[str, Any], arrays: Mapping[str, Any]
    ) -> None:
        """Go on where another one was, or raise a ValueError if that had other rows."""
        own, _ = self.get_state()
        for name in own:
            if state[name] != own[name]:
                raise ValueError(
                    f"[{where}] received a fit with {name} {own[name]}; the file's has "
                    f"{state[name]}; use the same, or delete the file to begin anew"
                )
        if arrays:
            here = {field.name: arrays[field.name] for field in fields(Point)}
            self._here = Point(**{**here, "loss": float(here["loss"])})
            self._optimizer.set_state(arrays)

    def _evaluate(self, model: "Trainer", weights: "_Weights", x: npt.NDArray[np.float64]) -> Point:
        data, plan, network = self._data, model._plan, model._current_binding().network
        assert plan is not None, "compiled by the caller"
        weights.set(x)
        totals, gradient = np.zeros(plan.size), np.zeros(len(x))
        answers = plan.answers(data.targets)
        for first in range(0, data.rows, self._batch_size):
            _, totals = network.train(
                data.inputs,
                data.targets,
                data.weights,
                None,
                first,
                1,
                self._batch_size,
                np.inf,
                update=False,
                functions=answers,
                totals=totals,
            )
            share = min(self._batch_size, data.rows - first) / data.rows
            gradient += share * weights.gradient()
        return Point(x, plan.logs(totals)["loss"], gradient, totals)


class _Weights:
    """The trainable weights of a model as one vector."""

    def __init__(self, model: "Trainer") -> None:
        binding = model._current_binding()
        trained = [weight for weight, trains in binding.trainable.items() if trains]
        for weight in trained:
            if weight.constraint is not None:
                raise ValueError(
                    f"[LBFGS] received a model whose weight {model.named_weights()[weight]!r} has "
                    "a constraint; expected none; use a regularizer, or another optimizer"
                )
        self._values = [weight.value for weight in trained]
        self._gradients = [binding.network.gradient(binding.ids[weight]) for weight in trained]

    def get(self) -> npt.NDArray[np.float64]:
        return np.concatenate([value.reshape(-1) for value in self._values]).astype(np.float64)

    def set(self, x: npt.NDArray[np.float64]) -> None:
        first = 0
        for value in self._values:
            value[...] = x[first : first + value.size].reshape(value.shape)
            first += value.size

    def are(self, x: npt.NDArray[np.float64]) -> bool:
        return len(x) == sum(value.size for value in self._values) and bool(
            np.array_equal(self.get(), x.astype(np.float32))
        )

    def gradient(self) -> npt.NDArray[np.float64]:
        return np.concatenate([g.reshape(-1) for g in self._gradients]).astype(np.float64)
