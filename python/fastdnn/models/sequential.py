"""Layers one after the other."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastdnn.configuration import serialize
from fastdnn.layers.input import Input, row_shape
from fastdnn.layers.layer import Layer, Shape
from fastdnn.layers.tensor import Call, Tensor
from fastdnn.models.members import Names
from fastdnn.models.model import Model
from fastdnn.models.topology import Topology

if TYPE_CHECKING:
    from typing_extensions import Self


class Sequential(Model):
    """A model whose layers follow one another.

    With an `Input` or a model that has one in front the weights exist at once; without, they are
    made by `build` or by the first `fit`, from the data.

    Args:
        layers: the layers, with an `Input` in front or not.
        name: a name for display.

    Raises:
        ValueError: if the layers do not fit together or share a name.

    >>> from fastdnn import Input, Sequential
    >>> from fastdnn.layers import Dense
    >>> model = Sequential([
    ...     Input(shape=(784,)),
    ...     Dense(100, activation="relu"),
    ...     Dense(10, activation="softmax"),
    ... ])
    >>> model.count_params()
    79510
    """

    def __init__(
        self, layers: Iterable[Layer | Input] | None = None, name: str | None = None
    ) -> None:
        self._start(name)
        self._input: Input | None = None
        if isinstance(layers, Layer | Input):
            raise ValueError(
                f"[Sequential] layers: received one {type(layers).__name__}; expected a list; put "
                "brackets around it"
            )
        try:
            self._take_in(layers or ())
            rows = self._input_rows()
            if rows is not None and self._layers:
                self._build(rows)
        except BaseException:
            for member in self._layers:
                member.models.discard(self)
            raise

    def add(self, layer: Layer | Input) -> None:
        """Put a layer on top; the layers below keep their weights.

        Raises:
            ValueError: if the layer does not fit; the model stays as it was.
        """
        self._refuse_while_fitting("add")
        with self._all_or_nothing(adding=layer):
            rows = self._input_rows()
            self._take_in([layer])
            rows = rows or self._input_rows()
            if rows is not None and self._layers:
                self._topology = None
                self._build(rows)

    def pop(self) -> Layer:
        """Take the top layer off and return it; it keeps its weights.

        Raises:
            ValueError: if there is no layer.
        """
        self._refuse_while_fitting("pop")
        if not self._layers:
            raise ValueError("[pop] the model has no layers")
        with self._all_or_nothing():
            rows, built = self._input_rows(), self._topology is not None
            layer = self._layers.pop()
            self._topology = None
            if self._layers and built and rows is not None:
                self._build(rows)
            elif not self._layers:
                self._binding = self._plan = None
            layer.models.discard(self)
        return layer

    def build(self, row: Sequence[int | None] | None = None) -> None:
        """Give the weights their initial values.

        Only needed without an `Input` and before the first `fit`.

        Args:
            row: the shape of the input with the batch in front: `(None, 784)`.

        Raises:
            ValueError: if the layers do not take such rows.
        """
        if row is None or len(row) < 2:
            raise ValueError(
                f"[build] input_shape: received {row!r}; expected the batch and the shape of a "
                "row, such as (None, 784)"
            )
        self._build([row_shape("build", row[1:])])

    def connect(self, rows: Sequence[Shape]) -> list[Shape]:
        """Declare every layer's weights for such rows; return the output's."""
        if self._topology is None:
            self._chain(rows)
        return super().connect(rows)

    def _build(self, rows: Sequence[Shape]) -> None:
        with self._all_or_nothing():
            self.connect(rows)
            self._bind()

    def _chain(self, rows: Sequence[Shape]) -> None:
        """Connect the layers one after the other, now that the input's rows are known."""
        if not self._layers:
            raise ValueError(f"[{self.name}] the model has no layers; add some")
        if len(rows) != 1:
            raise ValueError(f"[{self.name}] received {len(rows)} tensors; expected one")
        known = self._input is not None and self._input.row == rows[0]
        first = self._input if known and self._input is not None else Input(rows[0])
        tensors: list[Tensor] = [first]
        for layer in self._layers:
            tensors = list(Call(layer, tensors, layer.connect([t.row for t in tensors])).outputs)
        self._topology = Topology([first], tensors)

    def get_config(self) -> dict[str, Any]:
        """Return the name and the layers' configs, with the input's shape if it is known."""
        front: list[Any] = []
        if self._input is not None:
            front = [serialize(self._input)]
        elif self._topology is not None:
            front = [serialize(Input(self._topology.input_rows[0]))]
        return {"name": self.name, "layers": front + serialize(self._layers)}

    @classmethod
    def unbuilt_from_config(cls, config: Mapping[str, Any], seed: int | None = None) -> "Self":
        """Create a model whose weights have no memory yet, even if its input is known.

        Args:
            config: the result of `get_config`.
            seed: the model's seed; None to draw one, as for every new model.
        """
        if not isinstance(config, Mapping) or not isinstance(config.get("layers"), list):
            raise ValueError(
                "[from_config] received no list of layers; expected the result of get_config"
            )
        from fastdnn.models.rebuilding import layer_from_config

        model = cls.__new__(cls)
        # A seed that is given is not drawn: that would change those of the models to come.
        model._start(str(config.get("name", "sequential")), seed)
        model._input = None
        model._take_in(map(layer_from_config, config["layers"]))
        return model

    def __repr__(self) -> str:
        return f"<Sequential {self.name!r}, {len(self._layers)} layers, built={self.built}>"

    def _row_of(self, layer: Layer) -> Shape | None:
        rows = self._input_rows()
        if rows is None:
            return None
        row = rows[0]
        for each in self._layers:
            row = each.output_row(row)
            if each is layer:
                break
        return row

    def _input_rows(self) -> list[Shape] | None:
        if self._topology is not None:
            return self._topology.input_rows
        if self._input is not None:
            return [self._input.row]
        # A model in front knows what its input's rows are.
        front = self._layers[0] if self._layers else None
        return front._input_rows() if isinstance(front, Model) else None

    def _output_rows(self, rows: Sequence[Shape]) -> list[Shape]:
        if not self._layers:
            raise ValueError(f"[{self.name}] the model has no layers; add some")
        row = rows[0]
        for layer in self._layers:
            row = layer.output_row(row)
        return [row]

    def _take_in(self, layers: Iterable[Layer | Input]) -> None:
        names = Names(self)
        for layer in layers:
            if isinstance(layer, Input):
                if self._layers or self._input is not None:
                    raise ValueError("[Sequential] received an Input that is not the first layer")
                self._input = layer
                continue
            if not isinstance(layer, Layer):
                raise ValueError(
                    f"[Sequential] received {layer!r} of type {type(layer).__name__}; expected a "
                    "layer"
                )
            if isinstance(layer, Model) and layer.contains(self):
                raise ValueError(
                    f"[Sequential] received {layer!r}, which is or has the model itself; expected "
                    "another one"
                )
            names.give(layer)
            layer.models.add(self)
            self._layers.append(layer)
