"""What `compile` chose: an optimizer, a loss and metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn import losses, metrics, optimizers
from fastdnn.configuration import serialize
from fastdnn.losses import Loss
from fastdnn.metrics import Accuracy, Metric
from fastdnn.optimizers import Optimizer


@dataclass(frozen=True)
class Compiled:
    """The parsed arguments of `compile`."""

    optimizer: Optimizer
    loss: Loss
    metrics: tuple[Metric | Accuracy, ...]
    weighted_metrics: tuple[Metric | Accuracy, ...]

    @classmethod
    def parse(
        cls, optimizer: Any, loss: Any, metric_list: Any, weighted_metrics: Any
    ) -> "Compiled":
        """Look up every name, or raise a ValueError that lists the valid ones."""
        return cls(
            optimizers.get(optimizer, "compile"),
            losses.get(loss, "compile"),
            _metrics("metrics", metric_list),
            _metrics("weighted_metrics", weighted_metrics),
        )

    def get_config(self) -> dict[str, Any]:
        """Return arguments for `compile`, in a form JSON can hold."""
        return {
            "optimizer": serialize(self.optimizer),
            "loss": serialize(self.loss),
            "metrics": serialize(self.metrics),
            "weighted_metrics": serialize(self.weighted_metrics),
        }

    def plan(self, outputs: int) -> "MetricPlan":
        """Choose the metrics behind "accuracy", now that the number of outputs is known."""
        shown: dict[str, tuple[Metric, bool]] = {}
        for weighted, group in ((False, self.metrics), (True, self.weighted_metrics)):
            for metric in group:
                if isinstance(metric, Accuracy):
                    metric = metric.resolve(self.loss, outputs)
                if (metric.targets == "classes") != (self.loss.targets == "classes"):
                    raise ValueError(
                        f"[compile] metrics: received {metric.name!r} with loss "
                        f"{self.loss.native_name!r}; the one takes integer labels, the other does "
                        "not; use 'accuracy' for the accuracy that fits"
                    )
                shown[_unused_name(metric.name, weighted, shown)] = (metric, weighted)
        native = dict.fromkeys(metric.native_name for metric, _ in shown.values())
        return MetricPlan(shown, list(native))


@dataclass(frozen=True)
class MetricPlan:
    """Which metrics are shown, and what the native core sums up for them."""

    shown: dict[str, tuple[Metric, bool]]
    native: list[str]

    @property
    def size(self) -> int:
        """The length of the native totals."""
        return 3 + 2 * len(self.native)

    def logs(self, totals: npt.NDArray[np.float64]) -> dict[str, float]:
        """Return the loss and the metrics by name.

        Args:
            totals: rows, sum of weights, sum of weighted losses; then for every native metric
                the sum of its values and the sum of its weighted values.
        """
        rows, weight = float(totals[0]), float(totals[1])
        logs = {"loss": float(totals[2]) / rows if rows else float("nan")}
        for name, (metric, weighted) in self.shown.items():
            place = 3 + 2 * self.native.index(metric.native_name)
            total = float(totals[place + weighted])
            logs[name] = metric.result(total, weight if weighted else rows)
        return logs


def _metrics(argument: str, value: Any) -> tuple[Metric | Accuracy, ...]:
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(
            f"[compile] {argument}: received {value!r}; expected a list such as ['accuracy']"
        )
    return tuple(metrics.get(item, "compile") for item in value)


def _unused_name(name: str, weighted: bool, used: dict[str, Any]) -> str:
    """Return the name to show a metric by; Keras, too, says "weighted_mse" for a second mse."""
    if weighted and name in used:
        name = f"weighted_{name}"
    count, candidate = 0, name
    while candidate in used or candidate == "loss":
        count += 1
        candidate = f"{name}_{count}"
    return candidate
