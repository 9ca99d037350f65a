"""The base of the optimizers."""

import math
from typing import Any, ClassVar

from fastdnn.configuration import Configurable, parameters


class Optimizer(Configurable):
    """Describes an update rule; the native core applies it and owns its slots.

    Attributes:
        native_name: the rule's name in the native core.
        learning_rate: may be changed at any time, also while `fit` runs.
        iterations: how many steps the model that uses this optimizer has made.
    """

    native_name: ClassVar[str]

    def __init__(self, learning_rate: float, name: str) -> None:
        self.learning_rate = learning_rate
        self.name = name
        self.iterations = 0

    def __setattr__(self, name: str, value: Any) -> None:
        # The native core has taken the numbers over, and has slots that fit them.
        fixed = name in self.__dict__ and name not in ("iterations", "name", "_learning_rate")
        if fixed and name in parameters(type(self)):
            raise AttributeError(
                f"[{type(self).__name__}] {name}: received {value!r}; only learning_rate may be "
                f"changed later; compile the model with a new {type(self).__name__}({name}=...)"
            )
        super().__setattr__(name, value)

    @property
    def learning_rate(self) -> float:
        """The step size."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = self._number("learning_rate", value, least=0.0)

    def hyperparameters(self) -> dict[str, float]:
        """Return every number the native rule needs."""
        names = [name for name in parameters(type(self)) if name != "name"]
        return {name: float(getattr(self, name)) for name in names}

    def _number(
        self, name: str, value: Any, least: float = -math.inf, below: float = math.inf
    ) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if math.isfinite(number) and least <= number < below:
            return number
        bounds = [f"at least {least:g}"] * (least > -math.inf) + [f"below {below:g}"] * (
            below < math.inf
        )
        raise ValueError(
            f"[{type(self).__name__}] {name}: received {value!r}; "
            f"expected a number {' and '.join(bounds)}".rstrip()
        )
