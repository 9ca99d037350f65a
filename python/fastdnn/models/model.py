"""A model: connected layers in one native network, their weights, files."""

import copy
import copyreg
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastdnn import checkpoint
from fastdnn.configuration import serialize
from fastdnn.layers.flatten import Flatten
from fastdnn.layers.input import Input
from fastdnn.layers.layer import Layer, Shape
from fastdnn.layers.reshape import Reshape
from fastdnn.layers.tensor import Call, Tensor, as_tensors
from fastdnn.loading import LoadReport, Rename
from fastdnn.models.data import Rows
from fastdnn.models.fit_state import FitState
from fastdnn.models.health import HealthReport, examine, first_nonfinite
from fastdnn.models.lowering import Binding, Lowering
from fastdnn.models.members import Members, Names
from fastdnn.models.summary import format_summary
from fastdnn.models.topology import Topology
from fastdnn.models.training import Trainer
from fastdnn.random import next_seed

if TYPE_CHECKING:
    from typing_extensions import Self


class Model(Members, Trainer):
    """All that lies between some symbolic tensors and others.

    A model is a layer, too: called on tensors it becomes part of another model, which shares
    its weights. So do two models that have a layer in common: training the one changes the
    other. Several threads may use one model, one after the other; models that share weights must
    not be trained in two threads at the same time.

    Args:
        inputs: an `Input`, or a list or a dict of them. Data comes in the same order, or in a dict
            by their names.
        outputs: what is computed, one tensor, a list or a dict. Losses and metrics go by the
            names of the layers that compute them, or the keys of the dict.
        name: a name for display; in another model, the first part of its weights' names.

    Attributes:
        seed: the key of the model's random numbers; see `fastdnn.random`.

    Raises:
        ValueError: if an output needs an `Input` that is not among the inputs, or two layers
            have the same name.

    >>> import fastdnn as fd
    >>> wide, deep = fd.Input(shape=(8,), name="wide"), fd.Input(shape=(20,), name="deep")
    >>> hidden = fd.layers.Dense(16, activation="relu")(deep)
    >>> price = fd.layers.Dense(1, name="price")(fd.layers.Concatenate()([wide, hidden]))
    >>> fd.Model([wide, deep], price).count_params()
    361
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None:
        self._start(name)
        self._connect(inputs, outputs)
        self._bind()

    def _start(self, name: str | None, seed: int | None = None) -> None:
        self._topology: Topology | None = None
        Trainer.__init__(self)
        Members.__init__(self, name)
        self.seed = next_seed() if seed is None else seed

    def _connect(self, inputs: Any, outputs: Any) -> None:
        """Take in the layers between inputs and outputs."""
        keys = list(outputs) if isinstance(outputs, Mapping) else None
        topology = Topology(as_tensors("Model", inputs), as_tensors("Model", outputs), keys)
        names = Names(self)
        for layer in topology.layers:
            names.give(layer)
            self._layers.append(layer)
        for layer in topology.layers:
            layer.models.add(self)
        self._topology = topology

    def _input_rows(self) -> list[Shape] | None:
        return None if self._topology is None else self._topology.input_rows

    def _output_rows(self, rows: Sequence[Shape]) -> list[Shape]:
        return self._known_topology().output_rows

    def _build(self, rows: Sequence[Shape]) -> None:
        self._bind()

    def _known_topology(self) -> Topology:
        if self._topology is None:
            raise ValueError(
                f"[{self.name}] the model has no weights yet; give it an Input, call build or fit"
            )
        return self._topology

    def _bind(self, initialize: bool = True) -> None:
        """Lower the layers to a new native network, and move weights and optimizer there.

        Args:
            initialize: whether to draw numbers for weights that have none; zeros if not.
        """
        topology, names = self._known_topology(), self.named_weights()
        topology.declare()
        binding = Binding.of(topology, names, self.seed)
        with self._all_or_nothing():
            binding.fill(list(names), initialize)
            self._move_optimizer(binding)
            self._binding = binding

    @contextmanager
    def _all_or_nothing(self, adding: Any = None) -> Iterator[None]:
        """Put the model back as it was where something fails, or Ctrl-C interrupts it.

        So is the name of a layer that is being added.
        """
        name = getattr(adding, "name", None)
        layers, fresh = list(self._layers), [layer for layer in self._layers if not layer.built]
        state = self._binding, self._topology, self._plan
        views = [(each, each.value if each.bound else None, each.memory) for each in self.weights]
        try:
            yield
        except BaseException:
            for layer in self._layers:
                if layer not in layers:
                    layer.models.discard(self)
                    if layer is adding and name is not None:
                        layer.rename(name)
            for layer in layers:
                layer.models.add(self)
            for layer in fresh:
                layer.forget()
            for weight, view, memory in views:
                weight.bind(view, memory)
            self._layers = layers
            self._binding, self._topology, self._plan = state
            raise

    def _current_binding(self) -> Binding:
        if self._frozen_cache is not None:
            self._frozen_cache.give_back()
        if self._binding is None or not self._binding.is_current():
            self._bind()
        assert self._binding is not None, "made by _bind"
        return self._binding

    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        """Make the model part of another one: connect it with symbolic tensors.

        Args:
            inputs: a tensor for each of the model's inputs, in their order.
            training: only None: `fit` trains, `predict` does not. To keep the statistics of
                `BatchNormalization`, freeze the model.

        Returns:
            The output, or the outputs in a list or a dict as they were given to `Model`.

        Raises:
            ValueError: if the tensors' rows are not those of the inputs.
        """
        if training is not None:
            raise ValueError(
                f"[{self.name}] training: received {training!r}; expected None; for numbers use "
                "forward(x, training=True) or predict(x), and freeze() keeps a model's weights and "
                "statistics"
            )
        tensors = as_tensors(self.name, inputs)
        call = Call(self, tensors, self.connect([tensor.row for tensor in tensors]))
        return self._in_structure(list(call.outputs))

    def connect(self, rows: Sequence[Shape]) -> list[Shape]:
        """Check that inputs have such rows; return the rows of the outputs."""
        topology = self._known_topology()
        if list(rows) != topology.input_rows:
            received, expected = (", ".join(map(str, each)) for each in (rows, topology.input_rows))
            raise ValueError(
                f"[{self.name}] received rows of shape {received}; the model was built for rows "
                f"of shape {expected}"
            )
        topology.declare()
        return topology.output_rows

    def codes(self, place: int) -> int | None:
        """Return how many codes the layers tell apart on an input; None for any numbers."""
        if self._binding is not None:
            return self._binding.codes.get(place)
        # Only a chain has none yet, so that its first layer reads the input.
        first = next(
            (each for each in self._layers if not isinstance(each, Flatten | Reshape)), None
        )
        return None if first is None else first.codes(place)

    def lower_call(self, lowering: Lowering, xs: Sequence[int]) -> list[int]:
        """Add the operations of all layers."""
        return self._known_topology().lower(lowering, xs)

    def lower(self, lowering: Lowering, x: int, *more: int) -> int:
        """Add the operations of all layers; return the id of the first output."""
        return self.lower_call(lowering, [x, *more])[0]

    def output_row(self, row: Shape, *more: Shape) -> Shape:
        """Return the shape of a row of the first output."""
        return self._output_rows([row, *more])[0]

    def calls_of(self, layer: Layer) -> list[Call]:
        """Return the calls of one of the layers; none before the model is built."""
        calls = () if self._topology is None else self._topology.calls
        return [call for call in calls if call.layer is layer]

    def contains(self, model: "Model") -> bool:
        """Whether that model is this one, or inside it."""
        inner = (layer for layer in self._layers if isinstance(layer, Model))
        return self is model or any(layer.contains(model) for layer in inner)

    def clone(self) -> "Self":
        """Return a new model with the same configuration and copies of the weights."""
        copied = self.from_config(self.get_config())
        if self.built:
            copied.set_weights(self.get_weights())
        return copied

    def forget(self) -> None:
        """Undo what `connect` declared."""
        for layer in self._layers:
            layer.forget()

    def _in_structure(self, values: list[Any]) -> Any:
        """Return values for the outputs as these were given to `Model`."""
        keys = self._known_topology().output_keys
        if keys is not None:
            return dict(zip(keys, values, strict=True))
        return values[0] if len(values) == 1 else values

    def extract(self, upto: str, name: str | None = None) -> "Model":
        """Return a model of the lower layers, which are shared.

        Args:
            upto: the name of the layer whose output it computes.
            name: a name for display.

        Raises:
            ValueError: if there is no such layer, or the model has no `Input` and has not been
                built.

        >>> import fastdnn as fd
        >>> model = fd.Sequential([
        ...     fd.Input(shape=(4,)), fd.layers.Dense(3, name="hidden"), fd.layers.Dense(2)
        ... ])
        >>> model.extract("hidden").output_shape
        (None, 3)
        """
        topology, layer = self._known_topology(), self.get_layer(upto)
        outputs = next(call.outputs for call in topology.calls if call.layer is layer)
        lower = Topology(topology.inputs, outputs)
        needed = {tensor for call in lower.calls for tensor in call.inputs}
        inputs = [tensor for tensor in topology.inputs if tensor in needed]
        return self.sharing(inputs, list(outputs), name)

    def _first_nonfinite(self, inputs: list[Rows]) -> str:
        return first_nonfinite(self, inputs)

    def sharing(self, inputs: Any, outputs: Any, name: str | None = None) -> "Model":
        """Return a model of some of the layers, and of the same seed: no other one is drawn."""
        model = Model.__new__(Model)
        model._start(name, self.seed)
        model._connect(inputs, outputs)
        model._bind()
        return model

    def health(self, x: Any, y: Any = None) -> HealthReport:
        """Say in words which layers are dead, saturated, vanishing or exploding.

        Args:
            x: some hundreds of rows, as for `predict`.
            y: their targets, as for `fit`; with them, gradients are looked at as well. The model
                stays as it was.

        Raises:
            ValueError: if the model is not built, the data is wrong, or there are targets and
                no loss.

        >>> import numpy as np, fastdnn as fd
        >>> model = fd.Sequential([fd.Input(shape=(4,)), fd.layers.Dense(8, activation="relu")])
        >>> model.layers[0].bias.value[:2] = -100
        >>> model.layers[0].bias.value[2:] = 100
        >>> print(model.health(np.eye(4, dtype=np.float32)).problems[0][:45])
        dense: 25% of its units are dead, 0 for all 4
        """
        return examine(self, x, y)

    @property
    def built(self) -> bool:
        """Whether the weights have values."""
        return self._topology is not None and all(weight.bound for weight in self.weights)

    @property
    def input_shape(self) -> Any:
        """The shape of the input, with None for the batch; of several, a list."""
        return _one_or_all([tensor.shape for tensor in self._known_topology().inputs])

    @property
    def output_shape(self) -> Any:
        """The shape of the output, with None for the batch; of several, a list."""
        return _one_or_all([tensor.shape for tensor in self._known_topology().outputs])

    @property
    def inputs(self) -> list[Tensor]:
        """The symbolic inputs."""
        return list(self._known_topology().inputs)

    @property
    def outputs(self) -> list[Tensor]:
        """The symbolic outputs."""
        return list(self._known_topology().outputs)

    @property
    def input(self) -> Any:
        """The symbolic input; of several, a list."""
        return _one_or_all(self.inputs)

    @property
    def output(self) -> Any:
        """The symbolic output; of several, a list."""
        return _one_or_all(self.outputs)

    def summary(self, print_fn: Callable[[str], object] = print) -> None:
        """Print a table of the layers, their output shapes and their parameters.

        Args:
            print_fn: called once with the whole text.
        """
        shapes = [self._row_of(layer) for layer in self._layers]
        slots = 0 if self._binding is None else sum(v.size for v in self._binding.slots().values())
        print_fn(format_summary(self.name, self._layers, shapes, slots))

    def _row_of(self, layer: Layer) -> Shape | None:
        return None if self._topology is None else self._topology.rows_of(layer)

    def get_config(self) -> dict[str, Any]:
        """Return the name, the inputs, the layers' configs and how they are connected."""
        topology = self._known_topology()
        inputs = [
            serialize(Input(tensor.row, name))
            for tensor, name in zip(topology.inputs, topology.input_names, strict=True)
        ]
        layers = serialize(self._layers)
        return {"name": self.name, "inputs": inputs, "layers": layers, **topology.get_config()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Self":
        """Create a model with the same layers and new weights.

        Raises:
            ValueError: if the config is not one of such a model.
        """
        model = cls.unbuilt_from_config(config)
        rows = model._input_rows()
        if rows is not None and model._layers:
            model._build(rows)
        return model

    @classmethod
    def unbuilt_from_config(cls, config: Mapping[str, Any], seed: int | None = None) -> "Self":
        """Create a model whose weights have no memory yet, even if its inputs are known.

        Args:
            config: the result of `get_config`.
            seed: the model's seed; None for a new one.
        """
        from fastdnn.models.rebuilding import connected_tensors

        model = cls.__new__(cls)
        model._start(config["name"], seed)
        model._connect(*connected_tensors(config))
        return model

    def save(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the model to one safetensors file, in one piece or not at all.

        The file holds the architecture, the weights, what `compile` chose, the optimizer's
        state, the seed and the number of steps. `load_model` reads it.

        Args:
            filepath: for example "model.safetensors".
            overwrite: whether an existing file may be replaced.

        Raises:
            ValueError: if the model is not built, or the name ends like another format's.
            OSError: if the file cannot be written; an older file stays as it was.
        """
        checkpoint.save_model(self, filepath, overwrite)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the weights alone to a safetensors file.

        Raises:
            ValueError: if the model is not built, or the name ends like another format's.
            OSError: if the file cannot be written; an older file stays as it was.
        """
        checkpoint.save_weights(self, filepath, overwrite)

    def load_weights(
        self,
        filepath: str | os.PathLike[str],
        match: str | None = None,
        rename: Rename | None = None,
        strict: bool = True,
        dry_run: bool = False,
    ) -> LoadReport:
        """Read weights from a file of `save_weights`, `save`, or another safetensors file.

        Args:
            filepath: the file.
            match: a regular expression for what to load, such as "hidden[123]". It has to match
                the whole of a weight's name in the model, "tower/hidden1/kernel", of a beginning,
                "tower/hidden1", or of a part of it.
            rename: what names in the file become before they are looked up in the model: a dict
                from names, "old/kernel", or beginnings of names, "old", to others, or a function
                of the name. None as the new name leaves a tensor out.
            strict: whether it is an error if a weight that `match` asks for is not in the file,
                or one that it asks for is not in the model.
            dry_run: whether to only report what would be done.

        Returns:
            The `LoadReport`; print it.

        Raises:
            ValueError: if the file is damaged, a weight has another shape or type there, or
                `strict` forbids what is missing or left over; nothing is changed then.
            OSError: if the file cannot be read.

        >>> import tempfile, fastdnn as fd
        >>> old = fd.Sequential([fd.Input(shape=(4,)), fd.layers.Dense(3, name="hidden1")])
        >>> new = fd.Sequential([fd.Input(shape=(4,)), fd.layers.Dense(3, name="first")])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     old.save_weights(f"{folder}/old.safetensors")
        ...     report = new.load_weights(f"{folder}/old.safetensors", rename={"hidden1": "first"})
        >>> print(report)
        2 loaded, 0 skipped, 0 missing, 0 mismatched
        loaded  first/kernel  from hidden1/kernel
        loaded  first/bias    from hidden1/bias
        """
        return checkpoint.load_weights(self, filepath, match, rename, strict, dry_run)

    def _resume(self, path: Path, state: FitState) -> None:
        checkpoint.resume(self, path, state)

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickles and copies hold what files do, which is everything once there are weights;
        # before that there is nothing but Python objects.
        if self._binding is not None:
            custom = {} if self._compiled is None else self._compiled.custom_objects()
            snapshot = checkpoint.Snapshot.of(self).copied()
            return checkpoint.from_arrays, (snapshot.tensors, snapshot.texts, custom)
        state = self.__getstate__()
        return copyreg.__newobj__, (type(self),), state  # type: ignore[attr-defined]

    def __copy__(self) -> "Model":
        # Models that share layers share what training changes: that is said with layers.
        return copy.deepcopy(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for layer in self._layers:
            layer.models.add(self)


def _one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
