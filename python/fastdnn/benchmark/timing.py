"""Timing in turns: rounds of A B C A B C, medians and quartiles, ratios round by round."""

import gc
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

# Does one turn of work and returns the seconds it took for one unit of it.
Turn = Callable[[], float]

# How an amount of work done in some seconds is shown.
UNITS: dict[str, Callable[[float, float], float]] = {
    "GFLOP/s": lambda amount, seconds: amount / seconds * 1e-9,
    "ns/element": lambda amount, seconds: seconds / amount * 1e9,
    "us/step": lambda amount, seconds: seconds / amount * 1e6,
}

OURS = "fastdnn"


class Quartiles(NamedTuple):
    """The middle of some numbers, and the range that half of them lie in."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Quartiles":
        """Return the quartiles of one number or more.

        >>> Quartiles.of([4, 1, 2, 3, 5])
        Quartiles(low=2.0, median=3.0, high=4.0)
        """
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        return cls(*statistics.quantiles(values, n=4, method="inclusive"))


@dataclass(frozen=True)
class Effort:
    """How long to measure: more rounds give a narrower spread.

    Args:
        rounds: The turns of each contender.
        least_seconds: The shortest turn; what is faster is repeated within it.
        pause: Seconds before each turn. The threads of OpenBLAS and OpenMP keep a processor busy
            for up to 0.1 s after their last work, at the cost of whoever comes next.
    """

    rounds: int = 11
    least_seconds: float = 0.02
    pause: float = 0.15


@dataclass(frozen=True)
class Measurement:
    """The times of one case.

    Args:
        suite: What was asked: "kernels", "peak" or "training".
        case: What was run.
        unit: How speed is shown, a key of `UNITS`.
        amount: The work of one run: floating-point operations, elements or steps.
        seconds: For every contender the seconds of one run, round by round.
        flops: The floating-point operations of the products of one run, shown as GFLOP/s beside
            `unit`; None where `unit` says it, or there are none.
    """

    suite: str
    case: str
    unit: str
    amount: float
    seconds: Mapping[str, Sequence[float]]
    flops: float | None = None

    def speed(self, contender: str) -> Quartiles:
        """Return what a contender reaches, in `unit`."""
        return self._quartiles(contender, self.unit, self.amount)

    def flops_rate(self, contender: str) -> Quartiles | None:
        """Return what a contender reaches in GFLOP/s, if `flops` are known."""
        return None if self.flops is None else self._quartiles(contender, "GFLOP/s", self.flops)

    def ratio(self, contender: str) -> Quartiles:
        """Return how many times as fast as a contender fastdnn is, each round on its own."""
        pairs = zip(self.seconds[contender], self.seconds[OURS], strict=True)
        return Quartiles.of([theirs / ours for theirs, ours in pairs])

    @property
    def peers(self) -> list[str]:
        """The contenders that are not fastdnn in one form or another; libraries come first."""
        return [name for name in self.seconds if not name.startswith(OURS)]

    def to_json(self) -> dict[str, Any]:
        """Return this as plain values, with the ratios spelt out for other readers."""
        return {
            "suite": self.suite,
            "case": self.case,
            "unit": self.unit,
            "amount": self.amount,
            "flops": self.flops,
            "seconds": {name: list(values) for name, values in self.seconds.items()},
            "ratios": {name: self.ratio(name)._asdict() for name in self.peers},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Measurement":
        """Return what `to_json` described.

        Raises:
            ValueError: If its values cannot be those of a measurement; of wrong types or with too
                few of them there are TypeError and KeyError, too.
        """
        fields = ("suite", "case", "unit", "amount", "seconds")
        measurement = cls(**{name: values[name] for name in fields}, flops=values.get("flops"))
        turns = list(measurement.seconds.values())
        numbers = [measurement.amount, *(number for turn in turns for number in turn)]
        if not (
            isinstance(measurement.suite, str)
            and isinstance(measurement.case, str)
            and measurement.unit in UNITS
            and OURS in measurement.seconds
            and len({len(turn) for turn in turns}) == 1
            and len(turns[0]) > 0
            and all(0 < number < math.inf for number in numbers)
        ):
            raise ValueError(f"no measurement: {values}")
        return measurement

    def _quartiles(self, contender: str, unit: str, amount: float) -> Quartiles:
        show = UNITS[unit]
        return Quartiles.of([show(amount, s) for s in self.seconds[contender]])


def repeated(
    run: Callable[[], object],
    least_seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> Turn:
    """Return turns of `run`, repeated as often as it takes to last `least_seconds`.

    Runs it at once, to warm up and to see how long it takes.
    """
    run()
    repeats, seconds = 1, _time(run, 1, clock)
    while seconds < least_seconds:
        # Aim a tenth beyond, but trust a short time no further than ten-fold.
        wanted = 1.1 * least_seconds / max(seconds, 1e-9)
        repeats = int(repeats * min(max(wanted, 1.1), 10.0)) + 1
        seconds = _time(run, repeats, clock)
    return lambda: _time(run, repeats, clock) / repeats


def in_turns(turns: Mapping[str, Turn], effort: Effort) -> dict[str, list[float]]:
    """Return the seconds of every contender's turns, one list entry a round."""
    seconds: dict[str, list[float]] = {name: [] for name in turns}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(effort.rounds):
            for name, turn in turns.items():
                time.sleep(effort.pause)
                seconds[name].append(turn())
    finally:
        if collecting:
            gc.enable()
    return seconds


def _time(run: Callable[[], object], repeats: int, clock: Callable[[], float]) -> float:
    start = clock()
    for _ in range(repeats):
        run()
    return clock() - start
