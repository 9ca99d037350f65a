"""Steps of training in pieces, for loops of one's own."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn.layers.layer import Shape
from fastdnn.layers.weight import Weight, checked_value
from fastdnn.models.arguments import arranged
from fastdnn.models.compiling import Compiled
from fastdnn.models.data import Rows
from fastdnn.models.lowering import Binding
from fastdnn.models.topology import Topology
from fastdnn.optimizers.lbfgs import LBFGS

Array = npt.NDArray[np.float32]


class OwnLoop(ABC):
    """The part of a model that computes outputs, gradients and updates one by one."""

    _topology: Topology | None
    _compiled: Compiled | None

    def __init__(self) -> None:
        self._forward_inputs: list[Rows] | None = None  # of a pass that backward can go on from

    @abstractmethod
    def _current_binding(self) -> Binding:
        """Return the native network that fits the layers as they are."""

    @abstractmethod
    def _compiled_binding(self) -> Binding:
        """Return the same, compiled, or raise a ValueError."""

    @abstractmethod
    def _inputs(
        self, where: str, x: Any, rows: Sequence[Shape] | None, predicts: bool = False
    ) -> tuple[list[Rows], list[Shape]]:
        """Return the inputs as the native core takes them, and the shapes of their rows."""

    @abstractmethod
    def _in_structure(self, values: list[Any]) -> Any:
        """Return values for the outputs in the form that the model's outputs have."""

    @abstractmethod
    def named_weights(self) -> dict[Weight, str]:
        """Return all weights and their names."""

    def forward(self, x: Any, training: bool = False) -> Any:
        """Return the outputs for one batch, in the form that `predict` returns.

        Args:
            x: the inputs, as in `fit`.
            training: whether layers do what they do in training, such as to drop numbers and to
                move averages. `backward` goes on from such a pass.

        Raises:
            ValueError: if the model is not built, or the data is wrong.

        >>> import numpy as np, fastdnn as fd
        >>> model = fd.Sequential([fd.Input(shape=(1,)), fd.layers.Dense(1)])
        >>> model.compile(fd.optimizers.SGD(0.5))
        >>> x = np.linspace(0, 1, 16, dtype=np.float32)[:, None]
        >>> for step in range(200):
        ...     error = model.forward(x, training=True) - 3 * x
        ...     model.zero_gradients()
        ...     model.backward(2 * error / len(x))  # of the mean squared error
        ...     model.apply_gradients()
        >>> model.layers[0].kernel.value.round(2).tolist()
        [[3.0]]
        """
        binding = self._current_binding()
        rows = None if self._topology is None else self._topology.input_rows
        inputs, _ = self._inputs("forward", x, rows, predicts=not training)
        if not training:
            return self._outputs_of(inputs)
        outputs, flat = binding.new_outputs(len(inputs[0]))
        self._forward_inputs = None
        binding.network.forward(inputs, flat)
        self._forward_inputs = inputs
        return self._in_structure(outputs)

    def _outputs_of(self, inputs: list[Rows]) -> Any:
        """Return the outputs for one batch at inference, in their structure."""
        binding, rows = self._current_binding(), len(inputs[0])
        outputs, flat = binding.new_outputs(rows)
        binding.network.predict(inputs, flat, 0, 1, max(rows, 1), np.inf)
        return self._in_structure(outputs)

    def backward(self, gradient: Any) -> None:
        """Add the gradients of all trainable weights to `gradients`.

        Goes on from the last `forward(x, training=True)`, once.

        Args:
            gradient: the derivatives of a loss by the outputs, in their form and shapes.

        Raises:
            ValueError: if there was no such pass, or shapes are others; nothing is changed then.
        """
        binding = self._current_binding()
        if self._forward_inputs is None or self._topology is None:
            raise ValueError(
                "[backward] received gradients without a forward pass; expected "
                "forward(x, training=True) before every backward"
            )
        names = self._topology.output_names
        parts = arranged("backward", "gradient", gradient, names)
        arrays = []
        for part, row in zip(parts, binding.output_rows, strict=True):
            array = np.require(part, np.float32, ["C", "A", "W"])
            expected = (len(self._forward_inputs[0]), *row)
            if array.shape != expected:
                raise ValueError(
                    f"[backward] gradient: received shape {array.shape}; expected {expected}, that "
                    "of the outputs"
                )
            arrays.append(array.reshape(len(array), math.prod(row)))
        inputs, self._forward_inputs = self._forward_inputs, None
        binding.network.backward(inputs, arrays)

    @property
    def gradients(self) -> "Gradients":
        """The gradients of the trainable weights by name: views, to be read or changed.

        `fit` uses the memory for itself.
        """
        binding = self._current_binding()
        return Gradients(
            {
                name: binding.network.gradient(binding.ids[weight])
                for weight, name in self.named_weights().items()
                if weight.trainable
            }
        )

    def zero_gradients(self) -> None:
        """Set all gradients to zero, so that the next `backward` starts anew."""
        for gradient in self.gradients.values():
            gradient[...] = 0.0

    def apply_gradients(self) -> None:
        """Change the weights by `gradients`, as the optimizer's step does.

        Regularizers of weights add to the gradients here, those of activities did in `backward`;
        constraints are applied last.

        Raises:
            ValueError: if the model is not compiled, or the optimizer accumulates gradients itself.
        """
        binding = self._compiled_binding()
        assert self._compiled is not None, "checked by _compiled_binding"
        optimizer = self._compiled.optimizer
        if isinstance(optimizer, LBFGS):
            raise ValueError(
                "[apply_gradients] received the optimizer LBFGS, which has to compute the loss in "
                "other places, too; expected any other; use fit or train_on_batch"
            )
        steps = optimizer.rules[0].gradient_accumulation_steps
        if steps is not None:
            raise ValueError(
                f"[apply_gradients] received gradient_accumulation_steps={steps}; expected an "
                "optimizer without; call backward several times before apply_gradients instead"
            )
        binding.network.learning_rates = optimizer.learning_rates
        binding.network.apply_gradients()
        optimizer.note_steps(int(binding.network.iterations))


class Gradients(Mapping[str, Array]):
    """Views of gradients by name; what is assigned to a name is copied into its view.

    >>> view = np.zeros(2, np.float32)
    >>> gradients = Gradients({"dense/bias": view})
    >>> gradients["dense/bias"] = [1, 2]
    >>> view.tolist()
    [1.0, 2.0]
    """

    def __init__(self, views: dict[str, Array]) -> None:
        self._views = views

    def __getitem__(self, name: str) -> Array:
        return self._views[name]

    def __setitem__(self, name: str, value: npt.ArrayLike) -> None:
        view = self._views[name]
        view[...] = checked_value(f"gradients: {name}", value, view.shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def __repr__(self) -> str:
        return repr(self._views)
