"""compile, and what fit, evaluate and one's own loop have to have ready."""

import weakref
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastdnn.layers.layer import Layer, Shape
from fastdnn.models import data as datasets
from fastdnn.models.arguments import arranged
from fastdnn.models.codes import check_codes
from fastdnn.models.compiling import Compiled, MetricPlan
from fastdnn.models.data import Dataset, Rows
from fastdnn.models.lowering import Binding
from fastdnn.models.own_loop import OwnLoop
from fastdnn.models.sparse_rows import SparseRows
from fastdnn.models.topology import Topology
from fastdnn.optimizers.update_rules import UpdateRules

# The models that optimizers count the steps of.
_users: "weakref.WeakKeyDictionary[UpdateRules, weakref.ref[Compilable]]" = (
    weakref.WeakKeyDictionary()
)


def _refuse_others(optimizer: UpdateRules, model: "Compilable") -> None:
    user = _users.get(optimizer, lambda: None)()
    if user is not None and user is not model and user.optimizer is optimizer:
        name = type(optimizer).__name__
        raise ValueError(
            f"[compile] optimizer: received the {name} of another model, whose steps it counts; "
            f"expected one for each model; use {name}.from_config(optimizer.get_config())"
        )


class Compilable(OwnLoop):
    """The part of a model that is compiled; it checks everything before it changes anything."""

    def __init__(self) -> None:
        super().__init__()
        self._compiled: Compiled | None = None
        self._plan: MetricPlan | None = None
        self._binding: Binding | None = None
        self._fitting = False

    @property
    @abstractmethod
    def layers(self) -> list[Layer]:
        """The layers, in order."""

    @abstractmethod
    def codes(self, place: int) -> int | None:
        """Return how many codes layers tell apart on an input; None if they take any numbers."""

    @abstractmethod
    def _build(self, rows: Sequence[Shape]) -> None:
        """Create the native network for inputs with such rows."""

    @abstractmethod
    def _known_topology(self) -> Topology:
        """Return how the layers are connected, or raise a ValueError."""

    @abstractmethod
    def _input_rows(self) -> list[Shape] | None:
        """Return the shape of a row of every input, None where they are not known yet."""

    @abstractmethod
    def _output_rows(self, rows: Sequence[Shape]) -> list[Shape]:
        """Return the shape of a row of every output for inputs with such rows."""

    @abstractmethod
    def _first_nonfinite(self, inputs: list[Rows]) -> str:
        """Return in words which layer makes numbers of these rows that are not finite."""

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
    ) -> None:
        """Choose how to train.

        Args:
            optimizer: a name or an object of `fastdnn.optimizers`.
            loss: a name or an object of `fastdnn.losses`, or a function (see
                `fastdnn.losses.FunctionLoss`); None for loops of one's own. For a
                model of several outputs one for all, a list, or a dict by the outputs' names; an
                output whose loss is None is not trained and needs no targets.
            loss_weights: the losses' factors in their sum, for several outputs: a list or a dict.
            metrics: names or objects of `fastdnn.metrics`, or functions (see
                `fastdnn.metrics.FunctionMetric`); "accuracy" becomes the one that
                fits the loss and the targets. For several outputs a list of lists or a dict, or
                one list for every output that has a loss.
            weighted_metrics: likewise; sample weights count.

        A new optimizer starts anew; the same object keeps its state.

        Raises:
            ValueError: if a name is unknown; the model stays as it was.

        >>> import fastdnn as fd
        >>> model = fd.Sequential([fd.Input(shape=(4,)), fd.layers.Dense(1)])
        >>> model.compile(optimizer=fd.optimizers.SGD(0.1), loss="mse", metrics=["mae"])
        """
        self._refuse_while_fitting("compile")
        names = ["output"] if self._topology is None else self._topology.output_names
        choices = {"metrics": metrics, "weighted_metrics": weighted_metrics}
        compiled = Compiled.parse(optimizer, names, loss, loss_weights, choices)
        binding, anew = self._binding, compiled.optimizer is not self.optimizer
        if binding is not None and not anew:
            binding = self._current_binding()  # if layers were frozen, the state moves along now
        _refuse_others(compiled.optimizer, self)
        # No calls from here on: Ctrl-C comes before or after all of it.
        if binding is not None and anew:
            binding.compiled = False  # what it holds is not the new optimizer's
        self._compiled, self._plan = compiled, None
        _users[compiled.optimizer] = weakref.ref(self)

    @property
    def optimizer(self) -> UpdateRules | None:
        """The optimizer that `compile` chose."""
        return None if self._compiled is None else self._compiled.optimizer

    @property
    def loss(self) -> Any:
        """The loss that `compile` chose; of several outputs, a list."""
        if self._compiled is None:
            return None
        losses = [output.loss for output in self._compiled.outputs]
        return losses[0] if len(losses) == 1 else losses

    @property
    def metrics_names(self) -> list[str]:
        """What `evaluate` returns, in this order; known after the first data."""
        return ["loss"] if self._plan is None else self._plan.names

    def _refuse_while_fitting(self, where: str) -> None:
        if self._fitting:
            raise RuntimeError(
                f"[{where}] received a call while fit runs, as from a callback; set "
                "model.stop_training = True there, and call it when fit has returned"
            )

    def _prepare(
        self,
        where: str,
        x: Any,
        y: Any,
        sample_weight: Any,
        class_weight: Any,
        rows: Sequence[Shape] | None = None,
    ) -> tuple[Dataset, MetricPlan, list[Shape]]:
        """Check and convert the data; the model stays as it is.

        Args:
            where: what the caller was doing, for messages.
            x: the inputs.
            y: the targets.
            sample_weight: one weight a row, or None; for several outputs, a list or a dict too.
            class_weight: see `Compiled.weighed_by_class`.
            rows: the shapes of the inputs' rows; None for the model's, or else those of `x`.

        Returns:
            The data, the metrics to sum up, and the shapes of the inputs' rows.
        """
        if self._compiled is None:
            raise ValueError(
                f"[{where}] the model is not compiled; call compile(optimizer=..., loss=...) first"
            )
        inputs, found = self._inputs(where, x, rows or self._input_rows())
        widths = self._compiled.widths(where, self._output_rows(found))
        targets, weights = self._compiled.targets(where, y, sample_weight, widths)
        for array in targets:
            if array is not None:
                datasets.check_rows(where, inputs[0], array)
        data = Dataset(inputs, targets, weights)
        data = self._compiled.weighed_by_class(where, data, class_weight, widths)
        return data, self._compiled.plan(widths), found

    def _inputs(
        self, where: str, x: Any, rows: Sequence[Shape] | None, predicts: bool = False
    ) -> tuple[list[Rows], list[Shape]]:
        """Return the inputs as the native core takes them, and the shapes of their rows."""
        topology = self._topology
        names = ["input"] if topology is None else topology.input_names
        inputs, found = [], []
        for i, part in enumerate(arranged(where, "x", x, names)):
            readers = self.layers if topology is None else topology.readers(topology.inputs[i])
            part = datasets.to_rows(where, part, readers, allow_empty=predicts)
            row = rows[i] if rows is not None else part.shape[1:] or (1,)
            inputs.append(datasets.to_inputs(where, part, row, check_finite=not predicts))
            count = self.codes(i)
            # Of sparse rows the native core says that they cannot go there.
            if count is not None and not isinstance(part, SparseRows):
                check_codes(where, part, count)
            found.append(row)
            if len(inputs[i]) != len(inputs[0]):
                raise ValueError(
                    f"[{where}] x: received {len(inputs[0])} rows of {names[0]!r} and "
                    f"{len(inputs[i])} of {names[i]!r}; expected equal numbers"
                )
        return inputs, found

    def _compile_network(self, plan: MetricPlan, rows: Sequence[Shape]) -> None:
        """Have a native network for such rows that is compiled for the loss and these metrics."""
        if self._topology is None:
            self._build(rows)
        binding = self._current_binding()
        if not binding.compiled or self._plan is None or plan.native != self._plan.native:
            self._plan = None  # no plan fits what is half compiled
            self._compile_binding(binding, plan, binding)
        self._plan = plan

    def _compile_binding(self, binding: Binding, plan: MetricPlan, old: Binding) -> None:
        if self._compiled is None:
            return
        optimizer = self._compiled.optimizer
        rules = [(rule.native_name, rule.hyperparameters()) for rule in optimizer.rules]
        names = self.named_weights()
        optimizer.check_names(names.values())
        places = {
            index: optimizer.rule_of(names[weight]) if binding.trainable[weight] else 0
            for weight, index in binding.ids.items()
        }
        binding.compile(old, plan.native, rules, [places[i] for i in range(len(places))])

    def _compiled_binding(self) -> Binding:
        if self._compiled is None or self._topology is None:
            raise ValueError(
                "[apply_gradients] the model is not compiled or not built; expected an Input and "
                "compile(optimizer=...)"
            )
        self._compile_network(self._plan or self._compiled_plan(), self._topology.input_rows)
        return self._current_binding()

    def _move_optimizer(self, binding: Binding) -> None:
        """Let another native network take over the optimizer's state, if there is one."""
        if self._binding is not None and self._binding.compiled:
            plan = self._plan or self._compiled_plan()
            self._compile_binding(binding, plan, self._binding)

    def _compiled_plan(self) -> MetricPlan:
        assert self._compiled is not None, "asked by the caller"
        rows = self._output_rows(self._input_rows() or [])
        return self._compiled.plan(self._compiled.widths("compile", rows))

    def _gradients_of(self, where: str, x: Any, y: Any) -> Any:
        """Compute the gradients of the loss on all rows; return the native network."""
        data, plan, rows = self._prepare(where, x, y, None, None)
        self._compile_network(plan, rows)
        network = self._current_binding().network
        network.train(
            data.inputs,
            data.targets,
            data.weights,
            None,
            0,
            1,
            data.rows,
            np.inf,
            update=False,
            functions=plan.answers(data.targets),
        )
        return network
