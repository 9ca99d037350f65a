"""What training asks an optimizer for: one rule for all weights, or several."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fastdnn.configuration import Configurable

if TYPE_CHECKING:
    from fastdnn.optimizers.optimizer import Optimizer


class UpdateRules(Configurable, ABC):
    """Base of `Optimizer` and `MultiOptimizer`."""

    learning_rate: float
    iterations: int

    @property
    @abstractmethod
    def rules(self) -> "list[Optimizer]":
        """The optimizers that weights follow."""

    @abstractmethod
    def rule_of(self, weight: str) -> int:
        """Return the place among the rules of the one that a weight of this name follows."""

    def check_names(self, weights: Iterable[str]) -> None:
        """Raise a ValueError where the rules do not fit a model with weights of these names."""

    @abstractmethod
    def note_steps(self, steps: int) -> None:
        """Let `iterations` follow from the number of steps that the native core has made."""

    @property
    def learning_rates(self) -> list[float]:
        """The size of the next step of each rule."""
        return [rule.learning_rate for rule in self.rules]

    @property
    def has_schedules(self) -> bool:
        """Whether learning rates change from step to step."""
        return any(rule.schedule is not None for rule in self.rules)

    def rates(self, first: int, count: int) -> npt.NDArray[np.float64]:
        """Return the learning rates of so many steps from this one, for each those of all rules."""
        columns = [
            np.full(count, rule.learning_rate)
            if rule.schedule is None
            else rule.schedule.rates(first, count)
            for rule in self.rules
        ]
        return np.stack(columns, axis=1).reshape(-1)
