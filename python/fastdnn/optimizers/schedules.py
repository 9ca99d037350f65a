"""Learning rates that change from step to step: what `learning_rate=` of an optimizer takes.

A schedule called with a number of steps, 0 for the first, returns the rate of the next one.
Names, arguments, defaults and formulas are Keras's.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastdnn import _core
from fastdnn.configuration import (
    Configurable,
    lookup,
    parameters,
    snake_case,
    table,
)

if TYPE_CHECKING:
    from typing_extensions import Self

Rates = npt.NDArray[np.float64]


class LearningRateSchedule(Configurable, ABC):
    """Base of the schedules. A subclass says what the rate is in `__call__`, step by step.

    Where it keeps every argument of its constructor in an attribute of the same name, a model that
    is trained by it can be saved, and loaded with `custom_objects={"Warmup": Warmup}`.

    >>> class Warmup(LearningRateSchedule):
    ...     def __init__(self, steps, then):
    ...         self.steps, self.then = steps, then
    ...
    ...     def __call__(self, step):
    ...         return self.then(step) * min(1.0, (step + 1) / self.steps)
    >>> rate = Warmup(10, ExponentialDecay(0.1, 10_000, 0.1))
    >>> round(rate(0), 6), round(rate(10_000), 6)
    (0.01, 0.01)
    """

    @abstractmethod
    def __call__(self, step: Any) -> Any:
        """Return the rate after so many steps."""

    def rates(self, first: int, count: int) -> Rates:
        """Return the rates of so many steps from the first one on."""
        rates = [self(step) for step in range(first, first + count)]
        try:
            return np.array([float(rate) for rate in rates])
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"[{type(self).__name__}] returned {rates[0]!r} for step {first}; expected a number"
            ) from error

    def argument(self, name: str) -> Any:
        """Return what the constructor takes for one of its arguments."""
        if not hasattr(self, name):
            raise ValueError(
                f"[{type(self).__name__}] has no attribute {name!r}; expected every argument of "
                "the constructor in an attribute of the same name: files hold those"
            )
        return super().argument(name)

    def own_classes(self) -> dict[str, type["LearningRateSchedule"]]:
        """Return the classes of this schedule, and of those inside it, that fastdnn does not have.

        By name, as `load_model` takes them.
        """
        cls = type(self)
        own = {} if cls in CLASSES.values() else {cls.__name__: cls}
        for name in parameters(cls):
            inner = self.argument(name)
            if isinstance(inner, LearningRateSchedule):
                own |= inner.own_classes()
        return own

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Self":
        """Create the schedule that `get_config` described, with the schedules inside it."""
        nested = {
            name: get(value, cls.__name__)
            if isinstance(value, Mapping) and "class_name" in value
            else value
            for name, value in config.items()
        }
        return super().from_config(nested)


class _Formula(LearningRateSchedule):
    """A schedule whose formula the native core knows."""

    name: str | None

    def __call__(self, step: Any) -> float:
        """Return the rate after so many steps."""
        return self._native().rate(float(step))

    def rates(self, first: int, count: int) -> Rates:
        """Return the rates of so many steps from the first one on."""
        return self._native().rates(first, count)

    def _native(self) -> _core.Schedule:
        return _core.Schedule(snake_case(type(self).__name__), self._numbers())

    def _numbers(self) -> dict[str, list[float]]:
        """Return the constructor's numbers as the native core takes them."""
        values = {name: getattr(self, name) for name in parameters(type(self)) if name != "name"}
        return {
            name: value if isinstance(value, list) else [float(value)]
            for name, value in values.items()
        }

    def _steps(self, name: str, value: Any) -> float:
        """Return a number of steps, which need not be whole."""
        steps = self._number(name, value, above=0.0)
        return int(steps) if steps == int(steps) else steps


class PiecewiseConstantDecay(_Formula):
    """One rate after the other.

    `values[0]` up to the step `boundaries[0]`, then `values[1]` up to `boundaries[1]`, and so on.

    Args:
        boundaries: growing numbers of steps.
        values: the rates, one more than boundaries.
        name: a name for display.

    Raises:
        ValueError: if the numbers of items do not fit, or boundaries do not grow.

    >>> rate = PiecewiseConstantDecay([1000, 2000], [0.1, 0.01, 0.001])
    >>> rate(0), rate(1000), rate(1001), rate(5000)
    (0.1, 0.1, 0.01, 0.001)
    """

    def __init__(
        self, boundaries: Sequence[float], values: Sequence[float], name: str | None = None
    ) -> None:
        self.boundaries = [self._number("boundaries", boundary) for boundary in boundaries]
        self.values = [self._number("values", value, 0.0) for value in values]
        self.name = name
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"[PiecewiseConstantDecay] received {len(self.boundaries)} boundaries and "
                f"{len(self.values)} values; expected one value more"
            )
        if sorted(set(self.boundaries)) != self.boundaries:
            raise ValueError(
                f"[PiecewiseConstantDecay] boundaries: received {boundaries!r}; expected growing "
                "numbers"
            )


class _Decay(_Formula):
    """An initial rate that falls with `step / decay_steps`."""

    def __init__(
        self, initial_learning_rate: float, decay_steps: int, name: str | None = None
    ) -> None:
        self.initial_learning_rate = self._number(
            "initial_learning_rate", initial_learning_rate, 0.0
        )
        self.decay_steps = self._steps("decay_steps", decay_steps)
        self.name = name


class ExponentialDecay(_Decay):
    """`rate = initial_learning_rate * decay_rate ** (step / decay_steps)`.

    Args:
        initial_learning_rate: the first rate.
        decay_steps: the steps in which it is multiplied by `decay_rate` once.
        decay_rate: what it is multiplied by.
        staircase: whether it falls at once after `decay_steps`, and is constant between.
        name: a name for display.

    Raises:
        ValueError: if a number is out of range.

    >>> round(ExponentialDecay(0.1, 10_000, 0.1)(20_000), 6)
    0.001
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, name)
        self.decay_rate = self._number("decay_rate", decay_rate, 0.0)
        self.staircase = self._flag("staircase", staircase)


class InverseTimeDecay(_Decay):
    """`rate = initial_learning_rate / (1 + decay_rate * step / decay_steps)`.

    Args:
        initial_learning_rate: the first rate.
        decay_steps: how often it decays.
        decay_rate: how much.
        staircase: whether it falls at once after `decay_steps`, and is constant between.
        name: a name for display.

    Raises:
        ValueError: if a number is out of range.

    >>> InverseTimeDecay(0.1, 100, 1.0)(300)
    0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, name)
        self.decay_rate = self._number("decay_rate", decay_rate, 0.0)
        self.staircase = self._flag("staircase", staircase)


class PowerDecay(_Decay):
    """`rate = initial_learning_rate / (1 + step / decay_steps) ** power`; not in Keras.

    Args:
        initial_learning_rate: the first rate.
        decay_steps: the steps after which it is divided by `2 ** power`.
        power: the exponent.
        name: a name for display.

    Raises:
        ValueError: if a number is out of range.

    Source: Senior et al., An empirical study of learning rates in deep neural networks, 2013.

    >>> PowerDecay(0.1, 1000)(3000)
    0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        power: float = 1.0,
        name: str | None = None,
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, name)
        self.power = self._number("power", power, 0.0)


class PolynomialDecay(_Decay):
    """From one rate to another along a power.

    `rate = (initial - end) * (1 - min(step, decay_steps) / decay_steps) ** power + end`

    Args:
        initial_learning_rate: the first rate.
        decay_steps: the steps until the last.
        end_learning_rate: the last rate.
        power: the exponent; 1 for a line.
        cycle: whether it starts again, with `decay_steps` multiplied by 2, 3, ...
        name: a name for display.

    Raises:
        ValueError: if a number is out of range.

    >>> PolynomialDecay(0.1, 100, 0.0)(75)
    0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, name)
        self.end_learning_rate = self._number("end_learning_rate", end_learning_rate, 0.0)
        self.power = self._number("power", power, 0.0)
        self.cycle = self._flag("cycle", cycle)


class CosineDecay(_Decay):
    """Half a cosine, after an optional line up to its start (Loshchilov and Hutter 2016).

    `rate = start * ((1 - alpha) * (1 + cos(pi * step / decay_steps)) / 2 + alpha)`

    Args:
        initial_learning_rate: the first rate.
        decay_steps: the steps of the cosine.
        alpha: the last rate, as a share of the one the cosine starts from.
        name: a name for display.
        warmup_target: the rate that a line leads to first, and from which the cosine starts;
            None for no such line.
        warmup_steps: the steps of that line.

    Raises:
        ValueError: if a number is out of range.

    >>> CosineDecay(0.1, 100)(50)
    0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str | None = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, name)
        self.alpha = self._number("alpha", alpha, 0.0)
        target = warmup_target
        self.warmup_target = None if target is None else self._number("warmup_target", target, 0.0)
        self.warmup_steps = self._number("warmup_steps", warmup_steps, 0.0)

    def _numbers(self) -> dict[str, list[float]]:
        # Without a target there is no line, and the cosine starts from the first rate.
        without = {"warmup_target": self.initial_learning_rate, "warmup_steps": 0}
        extra = without if self.warmup_target is None else {}
        own = ("initial_learning_rate", "decay_steps", "alpha", "warmup_target", "warmup_steps")
        return {name: [float(extra.get(name, getattr(self, name)))] for name in own}


class CosineDecayRestarts(_Formula):
    """Half cosines one after the other, each `t_mul` times as long (Loshchilov and Hutter 2016).

    Args:
        initial_learning_rate: the rate the first one starts from.
        first_decay_steps: the steps of the first one.
        t_mul: by what they grow longer, at least 1.
        m_mul: what the rate each starts from is multiplied by.
        alpha: where each ends, as a share of the initial rate.
        name: a name for display.

    Raises:
        ValueError: if a number is out of range.

    >>> rate = CosineDecayRestarts(0.1, 100)
    >>> rate(50), rate(100), rate(200)
    (0.05, 0.1, 0.05)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str | None = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = self._number(
            "initial_learning_rate", initial_learning_rate, 0.0
        )
        self.first_decay_steps = self._steps("first_decay_steps", first_decay_steps)
        self.t_mul = self._number("t_mul", t_mul, 1.0)
        self.m_mul = self._number("m_mul", m_mul, 0.0)
        self.alpha = self._number("alpha", alpha, 0.0)
        self.name = name


class OneCycle(_Formula):
    """Up to a large rate and down to a tiny one, along half cosines; not in Keras.

    From `max_learning_rate / div_factor` up to `max_learning_rate` in the share `pct_start` of
    the steps, then down to `max_learning_rate / div_factor / final_div_factor`.

    Args:
        max_learning_rate: the largest rate.
        total_steps: the steps of the whole; the last rate stays.
        pct_start: the share of the steps in which the rate rises.
        div_factor: by how much the first rate is below the largest.
        final_div_factor: by how much the last rate is below the first.
        name: a name for display.

    Raises:
        ValueError: if a number is out of range.

    Source: Smith, A disciplined approach to neural network hyper-parameters, 2018; the arguments
    are those of PyTorch's OneCycleLR.

    >>> rate = OneCycle(1.0, total_steps=110)
    >>> round(rate(0), 6), rate(32), rate(109) < 1e-5
    (0.04, 1.0, True)
    """

    def __init__(
        self,
        max_learning_rate: float,
        total_steps: int,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        name: str | None = None,
    ) -> None:
        self.max_learning_rate = self._number("max_learning_rate", max_learning_rate, 0.0)
        self.total_steps = self._steps("total_steps", total_steps)
        self.pct_start = self._number("pct_start", pct_start, 0.0, most=1.0)
        self.div_factor = self._number("div_factor", div_factor, 1.0)
        self.final_div_factor = self._number("final_div_factor", final_div_factor, 1.0)
        self.name = name


CLASSES: Mapping[str, type[LearningRateSchedule]] = table(
    PiecewiseConstantDecay,
    ExponentialDecay,
    InverseTimeDecay,
    PowerDecay,
    PolynomialDecay,
    CosineDecay,
    CosineDecayRestarts,
    OneCycle,
)


def get(identifier: Any, where: str = "schedules.get") -> LearningRateSchedule:
    """Return the schedule that a config or an object stands for.

    >>> get({"class_name": "PowerDecay", "config": {"initial_learning_rate": 1, "decay_steps": 9}})
    PowerDecay(initial_learning_rate=1.0, decay_steps=9)
    """
    if isinstance(identifier, LearningRateSchedule):
        return identifier
    return lookup(where, "learning_rate", identifier, CLASSES)
