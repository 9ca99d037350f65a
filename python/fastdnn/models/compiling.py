"""What `compile` chose: an optimizer, and for every output a loss and metrics."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn import losses, metrics, optimizers
from fastdnn.checks import number
from fastdnn.configuration import serialize
from fastdnn.layers.layer import Shape
from fastdnn.losses import FunctionLoss, Loss
from fastdnn.metrics import Accuracy, FunctionMetric, Metric
from fastdnn.models import data as datasets
from fastdnn.models.arguments import arranged
from fastdnn.models.functions import Answers, Functions
from fastdnn.optimizers.update_rules import UpdateRules

Metrics = tuple[Metric | Accuracy, ...]
# Its name and options in the native core, and whether rows count by their weights: in one way, or
# both.
NativeMetric = tuple[str, dict[str, Any], list[bool]]


@dataclass(frozen=True)
class OutputChoice:
    """What `compile` chose for one output; without a loss it is not trained."""

    name: str
    loss: Loss | None
    loss_weight: float
    metrics: Metrics
    weighted_metrics: Metrics

    def shown(self, width: int) -> dict[str, tuple[Metric, bool]]:
        """Return the metrics by name and whether they are weighted, for so many columns.

        Raises:
            ValueError: if a metric does not take the targets that the loss takes.
        """
        result: dict[str, tuple[Metric, bool]] = {}
        for weighted, group in ((False, self.metrics), (True, self.weighted_metrics)):
            for metric in group:
                if self.loss is None:
                    raise ValueError(
                        f"[compile] metrics: received {metric.name!r} for the output "
                        f"{self.name!r}, which has no loss; expected one as well"
                    )
                if isinstance(metric, Accuracy):
                    metric = metric.resolve(self.loss, width)
                self._check_targets(metric, result)
                numbers = metric.results(width)
                if numbers != 1:
                    raise ValueError(
                        f"[compile] metrics: received {metric.name!r}, which gives {numbers} "
                        f"numbers; expected metrics of one; use {metric.one_number}"
                    )
                result[_unused_name(metric.name, weighted, result)] = (metric, weighted)
        return result

    def targets(self, width: int) -> str:
        """Return the kind of targets that the loss and the metrics want, for so many columns."""
        assert self.loss is not None, "asked of outputs with one"
        if self.loss.targets != "any":
            return self.loss.targets
        wanted = [metric.targets or "values" for metric, _ in self.shown(width).values()]
        given = [kind for kind in wanted if kind != "any"]
        if "classes" in given:
            return "classes"
        return "values" if given else "any"

    def _check_targets(self, metric: Metric, others: Mapping[str, tuple[Metric, bool]]) -> None:
        """Raise a ValueError unless the metric takes labels just as the loss and others do."""
        assert self.loss is not None, "checked by the caller"
        for name, kind in (
            (f"loss {self.loss.native_name!r}", self.loss.targets),
            *((repr(name), other.targets) for name, (other, _) in others.items()),
        ):
            if "any" in (kind, metric.targets):
                continue
            if (kind == "classes") != (metric.targets == "classes"):
                raise ValueError(
                    f"[compile] metrics: received {metric.name!r} with {name}; the one takes "
                    "integer labels, the other does not; use 'accuracy' for the accuracy that fits"
                )


@dataclass(frozen=True)
class Compiled:
    """The parsed arguments of `compile`."""

    optimizer: UpdateRules
    outputs: tuple[OutputChoice, ...]

    @classmethod
    def parse(
        cls,
        optimizer: Any,
        names: Sequence[str],
        loss: Any,
        loss_weights: Any,
        choices: Mapping[str, Any],
    ) -> "Compiled":
        """Look up every name, or raise a ValueError that lists the valid ones.

        Args:
            optimizer: a name or an object.
            names: the outputs' names.
            loss: one for all outputs, a list or a dict.
            loss_weights: a list, a dict or None.
            choices: the arguments "metrics" and "weighted_metrics".
        """
        rule = optimizers.get(optimizer, "compile")
        found = [
            None if item is None else losses.get(item, "compile")
            for item in _per_output("loss", loss, names)
        ]
        scored = [item is not None for item in found]
        weights = _per_output("loss_weights", 1.0 if loss_weights is None else loss_weights, names)
        lists = {
            argument: _metric_lists(argument, value, names, scored)
            for argument, value in choices.items()
        }
        outputs = tuple(
            OutputChoice(name, found[i], _loss_weight(weights[i]), *(lists[a][i] for a in lists))
            for i, name in enumerate(names)
        )
        return cls(rule, outputs)

    def custom_objects(self) -> dict[str, Callable[..., Any]]:
        """Return by name what no config holds: functions, and classes of the user's schedules.

        Raises:
            ValueError: if two have the same name.
        """
        chosen = [
            item
            for output in self.outputs
            for item in (output.loss, *output.metrics, *output.weighted_metrics)
        ]
        own = [item for item in chosen if isinstance(item, FunctionLoss | FunctionMetric)]
        named: list[tuple[str, Callable[..., Any]]] = [
            (item.get_config()["function"], item.function) for item in own
        ]
        for rule in self.optimizer.rules:
            if rule.schedule is not None:
                named += rule.schedule.own_classes().items()
        custom: dict[str, Callable[..., Any]] = {}
        for name, value in named:
            if custom.setdefault(name, value) is not value:
                raise ValueError(
                    f"[compile] received two functions or schedules named {name!r}; expected names "
                    "that tell them apart in a file; use def instead of lambda"
                )
        return custom

    def get_config(self) -> dict[str, Any]:
        """Return arguments for `compile`, in a form JSON can hold."""
        config: dict[str, Any] = {
            "loss": [serialize(output.loss) for output in self.outputs],
            "metrics": [serialize(output.metrics) for output in self.outputs],
            "weighted_metrics": [serialize(output.weighted_metrics) for output in self.outputs],
        }
        if len(self.outputs) == 1:
            config = {argument: values[0] for argument, values in config.items()}
        config["loss_weights"] = [output.loss_weight for output in self.outputs]
        return {"optimizer": serialize(self.optimizer), **config}

    def targets(
        self, where: str, y: Any, sample_weight: Any, widths: Sequence[int]
    ) -> tuple[list[Any], list[npt.NDArray[np.float32] | None]]:
        """Return the targets and the sample weights of every output, as the native core takes them.

        Args:
            where: what the caller was doing, for messages.
            y: the targets of the outputs that have a loss, or of all.
            sample_weight: one weight a row, for all outputs, in a list or in a dict, or None.
            widths: the outputs' columns.
        """
        scored = [output.name for output in self.outputs if output.loss is not None]
        if not scored:
            raise ValueError(
                f"[{where}] the model is compiled without a loss; expected compile(loss=...), or "
                "forward, backward and apply_gradients"
            )
        values = dict(zip(scored, arranged(where, "y", self._scored(y), scored), strict=True))
        given = self._scored(sample_weight)
        if not isinstance(given, Mapping) and not (isinstance(given, list) and len(scored) > 1):
            given = dict.fromkeys(scored, given)
        weights = dict(zip(scored, arranged(where, "sample_weight", given, scored), strict=True))
        arrays, factors = [], []
        for output, width in zip(self.outputs, widths, strict=True):
            array = factor = None
            if output.loss is not None:
                array = datasets.to_array(where, "y", values[output.name])
                kind = output.targets(width)
                array = datasets.to_targets(where, array, kind, output.loss.native_name, width)
                factor = datasets.to_sample_weight(where, weights[output.name], len(array))
            arrays.append(array)
            factors.append(factor)
        return arrays, factors

    def _scored(self, values: Any) -> Any:
        """Return what there is for outputs that have a loss, if it is there for all of them."""
        without = [output.name for output in self.outputs if output.loss is None]
        if isinstance(values, Mapping):
            return {name: value for name, value in values.items() if name not in without}
        every = isinstance(values, list | tuple) and len(values) == len(self.outputs)
        if not without or not every or any(np.ndim(v) == 0 for v in values if v is not None):
            return values
        pairs = zip(self.outputs, values, strict=True)
        found = [value for output, value in pairs if output.loss is not None]
        return found if len(found) > 1 else found[0]

    def weighed_by_class(
        self, where: str, data: datasets.Dataset, class_weight: Any, widths: Sequence[int]
    ) -> datasets.Dataset:
        """Return the rows with their sample weights times those of their classes.

        Args:
            where: what the caller was doing, for messages.
            data: the rows.
            class_weight: a dict from class to weight, "balanced", or None; for one output alone.
            widths: the outputs' columns.
        """
        if class_weight is None:
            return data
        if len(self.outputs) > 1:
            raise ValueError(
                f"[{where}] class_weight: received weights for a model of {len(self.outputs)} "
                "outputs; expected one output; use sample_weight"
            )
        (weight,), (targets,) = data.weights, data.targets
        assert targets is not None, "the only output has a loss"
        kind = self.outputs[0].targets(widths[0])
        weights = datasets.times_class_weight(where, weight, class_weight, targets, kind, widths[0])
        return datasets.Dataset(data.inputs, data.targets, [weights])

    def widths(self, where: str, rows: Sequence[Shape]) -> list[int]:
        """Return the outputs' columns; rows that have a loss must be vectors."""
        for output, row in zip(self.outputs, rows, strict=True):
            if output.loss is not None and len(row) > 1:
                raise ValueError(
                    f"[{where}] the model's output {output.name!r} has rows of shape {row}; "
                    "expected vectors where there is a loss; put a Flatten() layer behind"
                )
        return [math.prod(row) for row in rows]

    def plan(self, widths: Sequence[int]) -> "MetricPlan":
        """Choose the metrics behind "accuracy", now that the outputs' columns are known."""
        shown = [output.shown(width) for output, width in zip(self.outputs, widths, strict=True)]
        return MetricPlan(self.outputs, shown, widths)


class MetricPlan:
    """Which metrics are shown, and what the native core sums up for them.

    Args:
        outputs: what was chosen for each.
        shown: the metrics of each by name, and whether they are weighted.
        widths: the outputs' columns.

    Attributes:
        native: what the native core is compiled with, for each output its loss, the loss's
            options and weight, and the metrics with theirs; None for one without loss.
        functions: of each output those that the native core asks; None if there are none.
        size: the length of the native totals.
    """

    def __init__(
        self,
        outputs: Sequence[OutputChoice],
        shown: Sequence[dict[str, tuple[Metric, bool]]],
        widths: Sequence[int],
    ) -> None:
        self._outputs, self._shown = outputs, shown
        self.native: list[tuple[str, dict[str, float], float, list[NativeMetric]] | None] = []
        functions: list[Functions] = []
        # For each output where its totals begin, and for each metric those of it, and their number.
        self._starts: list[int] = []
        self._places: list[dict[str, tuple[int, int]]] = []
        self.size = 0
        for output, group, width in zip(outputs, shown, widths, strict=True):
            self._starts.append(self.size)
            self.size += 3
            distinct = _distinct(group.values())
            natives = [(metric.native_name, metric.options(), ways) for metric, ways in distinct]
            starts: dict[tuple[int, bool], int] = {}
            for index, (metric, ways) in enumerate(distinct):
                for weighted in ways:
                    starts[index, weighted] = self.size
                    self.size += metric.size(width)
            places: dict[str, tuple[int, int]] = {}
            for name, (metric, weighted) in group.items():
                index = next(i for i, (known, _) in enumerate(distinct) if _alike(known, metric))
                places[name] = starts[index, weighted], metric.size(width)
            self._places.append(places)
            asked = [metric for metric, _ in distinct if isinstance(metric, FunctionMetric)]
            loss = output.loss
            functions.append((loss if isinstance(loss, FunctionLoss) else None, asked))
            self.native.append(
                None
                if loss is None
                else (loss.native_name, loss.options(), output.loss_weight, natives)
            )
        self.size += 1  # the penalties
        asks = any(loss is not None or metrics for loss, metrics in functions)
        self.functions = functions if asks else None

    def answers(self, targets: Sequence[Any]) -> Answers | None:
        """Return what the native core asks functions through, None where there are none."""
        return None if self.functions is None else Answers(self.functions, targets)

    def without_loss(self, totals: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return totals that make every loss NaN and leave the metrics as they are."""
        spoilt = totals.copy()
        spoilt[[start + 2 for start in self._starts]] = np.nan
        return spoilt

    @property
    def names(self) -> list[str]:
        """The names of the loss and the metrics, as `logs` returns them."""
        return list(self.logs(np.zeros(self.size)))

    def logs(self, totals: npt.NDArray[np.float64]) -> dict[str, float]:
        """Return the loss, with several outputs each one's, and the metrics by name.

        Args:
            totals: for each output rows, sum of weights, sum of weighted losses; then for every
                native metric its sums. The last one is the sum of the penalties of weights and
                activities, times the rows.
        """
        several = len(self._outputs) > 1
        loss, penalty, losses, values = 0.0, 0.0, {}, {}
        groups = zip(self._outputs, self._starts, self._shown, self._places, strict=True)
        for output, start, shown, places in groups:
            rows, weight, total = map(float, totals[start : start + 3])
            if output.loss is None:
                continue
            mean = total / rows if rows else math.nan
            penalty = float(totals[-1]) / rows if rows else math.nan
            loss += output.loss_weight * mean
            losses[f"{output.name}_loss"] = mean
            for name, (metric, weighted) in shown.items():
                place, size = places[name]
                sums = totals[place : place + size]
                key = f"{output.name}_{name}" if several else name
                value = metric.value(sums, weight if weighted else rows)
                values[key] = float(value) if rows else math.nan
        return {"loss": loss + penalty, **(losses if several else {}), **values}


def _alike(one: Metric, other: Metric) -> bool:
    """Whether the native core sums up the same for both."""
    return one.native_name == other.native_name and one.options() == other.options()


def _distinct(group: Iterable[tuple[Metric, bool]]) -> list[tuple[Metric, list[bool]]]:
    """Return the metrics that are not alike, and whether each is weighted, not or both."""
    distinct: list[tuple[Metric, list[bool]]] = []
    for metric, weighted in group:
        for known, ways in distinct:
            if _alike(known, metric):
                if weighted not in ways:
                    ways.append(weighted)
                break
        else:
            distinct.append((metric, [weighted]))
    return distinct


def _per_output(argument: str, value: Any, names: Sequence[str]) -> list[Any]:
    """Return one item for each output: the same for all, or those of a list or a dict.

    Names that a dict leaves out get None, as in Keras; so an output goes without a loss.
    """
    if isinstance(value, Mapping) and "class_name" not in value:
        unknown = [str(name) for name in value if name not in names]
        if unknown:
            raise ValueError(
                f"[compile] {argument}: received {', '.join(unknown)}; expected names of outputs: "
                f"{', '.join(names)}"
            )
        return [value.get(name) for name in names]
    if isinstance(value, list | tuple):
        if len(value) != len(names):
            raise ValueError(
                f"[compile] {argument}: received a list of {len(value)}; expected {len(names)}, "
                f"one for each output: {', '.join(names)}"
            )
        return list(value)
    return [value] * len(names)


def _loss_weight(value: Any) -> float:
    if value is None:
        return 1.0
    return number("compile", "loss_weights", value, note=" for each output")


def _metric_lists(
    argument: str, value: Any, names: Sequence[str], scored: Sequence[bool]
) -> list[Metrics]:
    """Return the metrics of every output."""
    by_output = isinstance(value, Mapping) or (
        isinstance(value, list | tuple)
        and len(names) > 1
        and all(item is None or isinstance(item, list | tuple) for item in value)
    )
    if by_output and value:
        items = _per_output(argument, value, names)
        return [_metrics(argument, [i] if isinstance(i, str) else i) for i in items]
    metric_list = _metrics(argument, value)
    return [metric_list if has_loss else () for has_loss in scored]


def _metrics(argument: str, value: Any) -> Metrics:
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
