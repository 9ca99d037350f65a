"""Several optimizers for one model."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from fastdnn.configuration import serialize
from fastdnn.optimizers.optimizer import Optimizer
from fastdnn.optimizers.update_rules import UpdateRules
from fastdnn.patterns import compiled_pattern, matches


class MultiOptimizer(UpdateRules):
    """Optimizers of their own for some of the weights.

    Each weight follows the first optimizer whose pattern matches the whole of its name, such as
    "tower/hidden1/kernel", of its own part, "kernel", of its layer's name, "tower/hidden1" or
    "hidden1", or of that of a model that the layer is in, "tower". Norms of gradients are those of
    the weights of one optimizer together. Rates and schedules are those of each; all make their
    steps at the same time, so that `gradient_accumulation_steps` must be the same.

    Args:
        optimizers: pairs `(optimizer, pattern)`, at most eight, where an optimizer is a name or an
            object, and a pattern a regular expression.
        name: a name for display.

    Attributes:
        iterations: how often the model that uses this optimizer has changed its weights.

    Raises:
        ValueError: if there are no pairs, or one of them is wrong; in `fit`, if a weight matches
            no pattern or a pattern no weight.

    >>> import fastdnn as fd
    >>> model = fd.Sequential(
    ...     [fd.Input(shape=(4,)), fd.layers.Dense(8, name="low"), fd.layers.Dense(1, name="top")]
    ... )
    >>> slow, fast = fd.optimizers.SGD(0.001), fd.optimizers.Adam(0.01)
    >>> model.compile(fd.optimizers.MultiOptimizer([(slow, "low"), (fast, ".*")]), loss="mse")
    """

    def __init__(
        self, optimizers: Sequence[tuple[Any, str]], name: str | None = "multi_optimizer"
    ) -> None:
        if not isinstance(optimizers, Sequence) or isinstance(optimizers, str) or not optimizers:
            raise ValueError(
                f"[MultiOptimizer] optimizers: received {optimizers!r}; expected a list of pairs "
                "(optimizer, pattern)"
            )
        self.name = name
        self.iterations = 0
        self._pairs = [_pair(item) for item in optimizers]
        counts = {rule.gradient_accumulation_steps for rule in self.rules}
        if len(counts) > 1:
            raise ValueError(
                "[MultiOptimizer] received optimizers with other numbers of "
                f"gradient_accumulation_steps: {', '.join(sorted(map(str, counts)))}; expected one "
                "for all"
            )
        if len(set(map(id, self.rules))) < len(self.rules):
            raise ValueError(
                "[MultiOptimizer] received the same optimizer twice; expected one pattern for it, "
                "such as 'a|b'"
            )

    @property
    def optimizers(self) -> list[tuple[Optimizer, str]]:
        """The optimizers and their patterns."""
        return [(rule, pattern.pattern) for rule, pattern in self._pairs]

    @property
    def rules(self) -> list[Optimizer]:
        """The optimizers that weights follow."""
        return [rule for rule, _ in self._pairs]

    def rule_of(self, weight: str) -> int:
        """Return the place of the optimizer that a weight of this name follows."""
        for place, (_, pattern) in enumerate(self._pairs):
            if matches(pattern, weight):
                return place
        patterns = ", ".join(repr(pattern.pattern) for _, pattern in self._pairs)
        raise ValueError(
            f"[MultiOptimizer] received the weight {weight!r}, which matches none of {patterns}; "
            "expected an optimizer for every weight; add (optimizer, '.*') at the end"
        )

    def check_names(self, weights: Iterable[str]) -> None:
        """Raise a ValueError where a pattern matches none of the weights of a model."""
        names = list(weights)
        for _, pattern in self._pairs:
            if not any(matches(pattern, name) for name in names):
                raise ValueError(
                    f"[MultiOptimizer] received the pattern {pattern.pattern!r}, which matches no "
                    f"weight; expected one for some of {', '.join(names)}"
                )

    @property
    def learning_rate(self) -> float:
        """The size of the next step of the first optimizer; set that of each by itself."""
        return self.rules[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        raise ValueError(
            f"[MultiOptimizer] learning_rate: received {value!r}; expected one for each optimizer; "
            "use optimizers[i][0].learning_rate = ..."
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as values that JSON can hold."""
        return {"optimizers": serialize(self.optimizers), "name": self.name}

    def note_steps(self, steps: int) -> None:
        """Let `iterations` follow from the number of steps that the native core has made."""
        for rule in self.rules:
            rule.note_steps(steps)
        self.iterations = self.rules[0].iterations


def _pair(item: Any) -> tuple[Optimizer, re.Pattern[str]]:
    from fastdnn.optimizers import get

    if not isinstance(item, tuple | list) or len(item) != 2 or not isinstance(item[1], str):
        raise ValueError(
            f"[MultiOptimizer] optimizers: received {item!r}; expected a pair (optimizer, pattern)"
        )
    rule = get(item[0], "MultiOptimizer")
    if not isinstance(rule, Optimizer):
        raise ValueError(
            f"[MultiOptimizer] optimizers: received a {type(rule).__name__} in a pair; expected an "
            "optimizer that is none"
        )
    return rule, compiled_pattern("MultiOptimizer", item[1])
