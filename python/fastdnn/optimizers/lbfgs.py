"""L-BFGS: steps by all rows at once, from what the last steps say of the curvature."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fastdnn.checks import at_least, number
from fastdnn.optimizers.optimizer import Optimizer
from fastdnn.optimizers.sgd import SGD
from fastdnn.optimizers.update_rules import UpdateRules

Vector = npt.NDArray[np.float64]

# Of a step along a line (Nocedal and Wright, section 3.1, the values for quasi-Newton methods): the
# loss falls by at least this share of what the slope promises, and the slope to at most this share.
_DECREASE, _CURVATURE = 1e-4, 0.9


@dataclass
class Point:
    """Weights, the loss there, its gradient, and what else was summed up there."""

    x: Vector
    loss: float
    gradient: Vector
    totals: Vector


Evaluate = Callable[[Vector], Point]


class LBFGS(UpdateRules):
    """Limited-memory BFGS with a line search, for small models and data that fit in memory.

    A step goes along minus the gradient of the mean loss of all rows, multiplied by an estimate of
    the inverse Hessian from the last steps, as far as the strong Wolfe conditions ask for. With it
    an epoch of `fit` is one step; `batch_size` is the rows that the core works on at a time,
    `shuffle` has no meaning, and the loss and the metrics of an epoch are those after its step.
    Each `fit` begins without steps to estimate from.
    `fit` ends when no step makes the loss smaller or the gradient has vanished. Dropout and batch
    normalization make the loss another function from step to step: better go without.

    Args:
        learning_rate: the length of a step, in units of the estimate's, that a search begins with.
        history_size: how many steps the estimate is from.
        max_evaluations: how often a search computes the loss at most.
        tolerance: how small the largest derivative is where `fit` ends.
        name: a name for display.

    Attributes:
        iterations: the steps made.

    Raises:
        ValueError: if an argument is out of range.

    Source: Nocedal and Wright, Numerical Optimization, 2nd ed., algorithms 7.4, 3.5 and 3.6.

    >>> import numpy as np, fastdnn as fd
    >>> model = fd.Sequential([fd.Input(shape=(1,)), fd.layers.Dense(1)])
    >>> model.compile(fd.optimizers.LBFGS(), loss="mse")
    >>> x = np.linspace(0, 1, 50, dtype=np.float32)
    >>> history = model.fit(x, 3 * x + 2, epochs=20, verbose=0)
    >>> model.layers[0].kernel.value.round(3).tolist()
    [[3.0]]
    """

    def __init__(
        self,
        learning_rate: float = 1.0,
        history_size: int = 10,
        max_evaluations: int = 25,
        tolerance: float = 1e-6,
        name: str | None = "lbfgs",
    ) -> None:
        # The native core has a rule for whoever asks it for a step; it is not used.
        self._rule = SGD(number("LBFGS", "learning_rate", learning_rate, above=0.0))
        self.history_size = at_least("LBFGS", "history_size", history_size, 1)
        self.max_evaluations = at_least("LBFGS", "max_evaluations", max_evaluations, 1)
        self.tolerance = number("LBFGS", "tolerance", tolerance, 0.0)
        self.name = name
        self.iterations = 0
        self._pairs: list[tuple[Vector, Vector]] = []  # of steps and changes of the gradient

    @property
    def rules(self) -> list[Optimizer]:
        """What the native core is compiled with."""
        return [self._rule]

    def rule_of(self, weight: str) -> int:
        """Return 0: all weights are one vector."""
        return 0

    @property
    def learning_rate(self) -> float:
        """What a search begins with."""
        return self._rule.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._rule.learning_rate = value

    def note_steps(self, steps: int) -> None:
        """Let `iterations` be the number of steps."""
        self.iterations = steps

    def forget(self) -> None:
        """Forget the steps that the estimate is from."""
        self._pairs = []

    def get_state(self) -> dict[str, Vector]:
        """Return the steps that the estimate is from."""
        parts = [(f"change/{i}", f"turn/{i}") for i in range(len(self._pairs))]
        return {
            name: vector
            for names, pair in zip(parts, self._pairs, strict=True)
            for name, vector in zip(names, pair, strict=True)
        }

    def set_state(self, state: Mapping[str, Vector]) -> None:
        """Estimate from the steps of another one."""
        count = sum(name.startswith("change/") for name in state)
        self._pairs = [(state[f"change/{i}"], state[f"turn/{i}"]) for i in range(count)]

    def step(self, evaluate: Evaluate, start: Point) -> Point | None:
        """Return the point that a step leads to, or None where there is none that is lower.

        Args:
            evaluate: returns the loss and its gradient somewhere.
            start: where the step begins.
        """
        if self._pairs and len(self._pairs[0][0]) != len(start.x):
            self._pairs = []  # other layers are trained now
        if np.abs(start.gradient).max(initial=0.0) <= self.tolerance:
            return None
        while True:
            direction = self._direction(start.gradient)
            slope = _dot(start.gradient, direction)
            first = self.learning_rate
            if not self._pairs:  # nothing is known of the scale: a step of at most this length
                first *= min(1.0, 1.0 / np.abs(start.gradient).sum())
            found = None
            if slope < 0.0:
                found = self._search(evaluate, start, direction, slope, first)
            if found is not None or not self._pairs:
                break
            self._pairs = []  # once more, along the gradient
        if found is None:
            return None
        change, turn = found.x - start.x, found.gradient - start.gradient
        if _dot(change, turn) > 1e-10 * _dot(turn, turn):
            self._pairs = [*self._pairs, (change, turn)][-self.history_size :]
        return found

    def _direction(self, gradient: Vector) -> Vector:
        """Return minus the gradient times the estimate of the inverse Hessian: algorithm 7.4."""
        q, shares = gradient.copy(), []
        for change, turn in reversed(self._pairs):
            share = _dot(change, q) / _dot(change, turn)
            shares.append(share)
            q -= share * turn
        if self._pairs:
            change, turn = self._pairs[-1]
            q *= _dot(change, turn) / _dot(turn, turn)
        for (change, turn), share in zip(self._pairs, reversed(shares), strict=True):
            q += (share - _dot(turn, q) / _dot(change, turn)) * change
        return -q

    def _search(
        self, evaluate: Evaluate, start: Point, direction: Vector, slope: float, first: float
    ) -> Point | None:
        """Return a point that the strong Wolfe conditions accept, or the lowest one seen.

        Algorithms 3.5 and 3.6 in one: `low` is the best place so far where the loss has fallen
        enough, `high` the other end of a range that holds better ones, once there is one.
        """
        low, low_loss, low_slope, best = 0.0, start.loss, slope, None
        high: float | None = None
        high_loss, length = math.nan, first
        for _ in range(self.max_evaluations):
            point = evaluate(start.x + length * direction)
            now = _dot(point.gradient, direction) if math.isfinite(point.loss) else math.nan
            enough = point.loss <= start.loss + _DECREASE * length * slope
            if not enough or not math.isfinite(now) or point.loss >= low_loss:
                high, high_loss = length, point.loss
            else:
                if abs(now) <= -_CURVATURE * slope:
                    return point
                if now * (length - low if high is None else high - low) >= 0.0:
                    high, high_loss = low, low_loss
                low, low_loss, low_slope, best = length, point.loss, now, point
            if high is None:
                length *= 2.0
            else:
                length = _between(low, low_loss, low_slope, high, high_loss)
                if abs(high - low) <= 1e-9 * max(high, low):
                    break
        return best


def _between(low: float, low_loss: float, low_slope: float, high: float, high_loss: float) -> float:
    """Return the lowest place of a parabola, but none too near to an end of the range."""
    width = high - low
    curvature = high_loss - low_loss - low_slope * width
    share = 0.5
    if math.isfinite(curvature) and curvature > 0.0:
        share = min(max(-0.5 * low_slope * width / curvature, 0.1), 0.9)
    return low + share * width


def _dot(a: Vector, b: Vector) -> float:
    # Not np.dot, whose sums depend on the number of threads of a BLAS.
    return float((a * b).sum())
