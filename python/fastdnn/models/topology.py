"""How the layers of a model are connected."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastdnn.layers.flatten import Flatten
from fastdnn.layers.layer import Layer, Shape
from fastdnn.layers.reshape import Reshape
from fastdnn.layers.tensor import Call, Tensor

if TYPE_CHECKING:
    from fastdnn.models.lowering import Lowering


class Topology:
    """All calls of layers that lie between some tensors and others.

    Args:
        inputs: where data comes in.
        outputs: what is computed.
        output_keys: what the outputs are called, if they came in a dict.

    Attributes:
        calls: in an order in which they can run, that of the user's code.
        layers: each once, in the order of their first calls.

    Raises:
        ValueError: if an output needs an `Input` that is none of the inputs.
    """

    def __init__(
        self,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        output_keys: list[str] | None = None,
    ) -> None:
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self.output_keys = output_keys
        if len(set(self.inputs)) < len(self.inputs):
            raise ValueError("[Model] inputs: received a tensor twice; expected different ones")
        self.calls = _calls_between(self.inputs, self.outputs)
        self.layers = list(dict.fromkeys(call.layer for call in self.calls))

    @property
    def input_rows(self) -> list[Shape]:
        """The shape of a row of every input."""
        return [tensor.row for tensor in self.inputs]

    @property
    def output_rows(self) -> list[Shape]:
        """The shape of a row of every output."""
        return [tensor.row for tensor in self.outputs]

    @property
    def input_names(self) -> list[str]:
        """The inputs' names."""
        return _distinct([tensor.name for tensor in self.inputs])

    @property
    def output_names(self) -> list[str]:
        """The outputs' keys, or else the names of the layers that compute them."""
        return self.output_keys or _distinct([tensor.name for tensor in self.outputs])

    def rows_of(self, layer: Layer) -> Shape:
        """Return the shape of a row of a layer's first output."""
        return next(call.outputs[0].row for call in self.calls if call.layer is layer)

    def readers(self, tensor: Tensor) -> list[Layer]:
        """Return the layers that read a tensor as it is, or in another shape."""
        found: list[Layer] = []
        for call in self.calls:
            if tensor in call.inputs:
                flat = isinstance(call.layer, Flatten | Reshape)
                found += self.readers(call.outputs[0]) if flat else [call.layer]
        return found

    def declare(self) -> None:
        """Declare the weights of layers that have forgotten them."""
        for call in self.calls:
            call.layer.connect([tensor.row for tensor in call.inputs])

    def lower(self, lowering: "Lowering", inputs: Sequence[int]) -> list[int]:
        """Add all operations on the inputs with these ids; return the outputs' ids."""
        ids = dict(zip(self.inputs, inputs, strict=True))
        for call in self.calls:
            lowering.rows = [tensor.row for tensor in call.inputs]
            results = call.layer.lower_call(lowering, [ids[tensor] for tensor in call.inputs])
            ids.update(zip(call.outputs, results, strict=True))
        return [ids[tensor] for tensor in self.outputs]

    def get_config(self) -> dict[str, Any]:
        """Return which layer reads and writes which tensors, by numbers.

        Tensors count from 0, the inputs first, then the outputs of one call after the other.
        """
        numbers = {tensor: number for number, tensor in enumerate(self.inputs)}
        calls = []
        for call in self.calls:
            calls.append([self.layers.index(call.layer), [numbers[t] for t in call.inputs]])
            for tensor in call.outputs:
                numbers[tensor] = len(numbers)
        outputs = [numbers[tensor] for tensor in self.outputs]
        return {"calls": calls, "outputs": outputs, "output_keys": self.output_keys}


def _calls_between(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[Call]:
    found: set[Call] = set()
    waiting = [tensor for tensor in outputs if tensor not in inputs]
    while waiting:
        tensor = waiting.pop()
        if tensor.call is None:
            raise ValueError(
                f"[Model] outputs: received a tensor that needs {tensor!r}, which is none of the "
                "inputs; expected every Input that is needed among the inputs"
            )
        if tensor.call not in found:
            found.add(tensor.call)
            waiting += [before for before in tensor.call.inputs if before not in inputs]
    return sorted(found, key=lambda call: call.number)


def _distinct(names: list[str]) -> list[str]:
    """Return the names, numbered where one comes again."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        count = seen.get(name, 0)
        seen[name] = count + 1
        result.append(f"{name}_{count}" if count else name)
    return result
