"""The outputs of frozen lower layers, computed once for all epochs of `fit`."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastdnn.layers.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from fastdnn.layers.batch_normalization import BatchNormalization
from fastdnn.layers.dense import Dense
from fastdnn.layers.embedding import Embedding
from fastdnn.layers.flatten import Flatten
from fastdnn.layers.layer import Layer
from fastdnn.layers.layer_normalization import LayerNormalization
from fastdnn.layers.merge import Add, Concatenate, Multiply
from fastdnn.layers.prelu import PReLU
from fastdnn.layers.rescaling import Rescaling
from fastdnn.layers.reshape import Reshape
from fastdnn.layers.tensor import Tensor
from fastdnn.models import loops
from fastdnn.models.data import Dataset, Rows
from fastdnn.models.lowering import Binding
from fastdnn.models.sparse_rows import SparseRows
from fastdnn.models.topology import Topology

if TYPE_CHECKING:
    from fastdnn.models.training import Trainer

Array = npt.NDArray[np.float32]
Choice = bool | str | os.PathLike[str]

# Outputs that take more of the machine's memory than this go to a file.
_SHARE_OF_MEMORY = 0.25
# Layers whose outputs depend on their inputs and weights alone; others are never cached. Of those
# that have weights, Normalization is not worth it: rows would be kept twice for a product each.
_DETERMINISTIC = (
    *(Activation, ELU, LeakyReLU, ReLU, Softmax),
    *(Add, BatchNormalization, Concatenate, Dense, Embedding, Flatten, LayerNormalization),
    *(Multiply, PReLU, Rescaling, Reshape),
)


def checked_choice(value: Any, batches: bool) -> Choice:
    """Return the argument `cache_frozen` of `fit`.

    Args:
        value: "auto", True, False or the path of a file to make.
        batches: whether batches come from an iterator, whose rows may be others every time.
    """
    if not isinstance(value, bool | str | os.PathLike) or value == "":
        raise ValueError(
            f"[fit] cache_frozen: received {value!r}; expected 'auto', True, False or a path"
        )
    if batches and value not in ("auto", False):
        raise ValueError(
            f"[fit] cache_frozen: received {value!r} beside an iterator of batches; expected "
            "arrays, or 'auto'"
        )
    return value


class FrozenCache:
    """The rows of a fit as the lowest layer that trains sees them, and a network from there on.

    The state of the optimizer is either in that network or in the model's own, and moves when
    the other one is wanted.

    Args:
        model: the model, compiled.
        lower: the layers that are frozen.
        upper: the others.
        parts: the rows to train on and those to validate on, and the sizes of their batches. A
            row goes through a product in a batch as large as without the cache, as its bits may
            depend on that.
        choice: see `checked_choice`.
    """

    def __init__(
        self,
        model: "Trainer",
        lower: Topology,
        upper: Topology,
        parts: Sequence[tuple[Dataset, int]],
        choice: Choice,
    ) -> None:
        names, given = model.named_weights(), model._known_topology().inputs
        self._model = model
        self._lower = Binding.of(lower, names, model.seed)
        self._upper = Binding.of(upper, names, model.seed)
        shapes = [(data.rows, *t.row) for data, _ in parts for t in lower.outputs]
        arrays = iter(_memory(shapes, choice))
        self._jobs: list[tuple[list[Rows], list[Array], int]] = []
        self._parts: list[Dataset] = []
        for data, size in parts:
            rows: dict[Tensor, Rows] = dict(zip(given, data.inputs, strict=True))
            outputs = [next(arrays) for _ in lower.outputs]
            self._jobs.append(([rows[t] for t in lower.inputs], outputs, min(size, data.rows)))
            flat = [array.reshape(data.rows, -1) for array in outputs]
            rows |= dict(zip(lower.outputs, flat, strict=True))
            self._parts.append(replace(data, inputs=[rows[t] for t in upper.inputs]))
        self._seen: list[Array] = []
        self._order: npt.NDArray[np.int64] | None = None
        self._displaced: list[Array] = []  # outputs of the last rows of `_order` in full batches
        self._holds_state = False
        model._compile_binding(self._upper, model._compiled_plan(), model._current_binding())
        self._holds_state = True

    def is_current(self) -> bool:
        """Whether no layer has been frozen or thawed since."""
        return self._lower.is_current() and self._upper.is_current()

    def refresh(self) -> None:
        """Compute the outputs, unless the frozen weights are what they were the last time."""
        weights = [weight.value for weight in self._lower.ids]
        if self._seen and all(map(np.array_equal, weights, self._seen)):
            return
        self._seen, self._order = [weight.copy() for weight in weights], None
        for inputs, outputs, batch_size in self._jobs:
            loops.predict(self._lower.network, inputs, outputs, batch_size)

    def arrange(self, order: npt.NDArray[np.int64] | None) -> None:
        """Have the outputs for a pass over the rows to train on.

        Those of a smaller last batch are computed anew, in a batch of that size and after a full
        one, as in training: products are planned for full batches.

        Args:
            order: that of the rows; None for the one they have, which `refresh` is right for.
        """
        inputs, outputs, batch_size = self._jobs[0]
        remainder = len(outputs[0]) % batch_size
        if order is None or order is self._order or remainder == 0:
            return
        count = batch_size + remainder
        if self._order is not None:
            for array, values in zip(outputs, self._displaced, strict=True):
                array[self._order[-count:]] = values
        last = order[-count:]
        self._displaced = [array[last] for array in outputs]
        fresh = [np.empty_like(values) for values in self._displaced]
        dense = [rows[last] for rows in inputs if isinstance(rows, np.ndarray)]
        loops.predict(self._lower.network, [*dense], fresh, batch_size)
        for array, values in zip(outputs, fresh, strict=True):
            array[last] = values
        self._order = order

    def take(self, part: int) -> tuple[Binding, Dataset]:
        """Return the network above, with the optimizer's state, and its rows: 0 to train on."""
        if not self._holds_state:
            own = self._model._binding
            assert own is not None, "the model is compiled"
            self._upper.take_state(own)
            self._holds_state = True
        return self._upper, self._parts[part]

    def give_back(self) -> None:
        """Let the model's own network have the optimizer's state."""
        own = self._model._binding
        if self._holds_state and own is not None:
            own.take_state(self._upper)
            self._holds_state = False


def made_for(
    model: "Trainer", parts: Sequence[tuple[Dataset, int]], choice: Choice, repeats: bool
) -> FrozenCache | None:
    """Return a cache, or None if there is nothing to keep or it does not pay.

    Args:
        model: the model, compiled.
        parts: see `FrozenCache`.
        choice: see `checked_choice`.
        repeats: whether rows are trained on more than once.

    Raises:
        ValueError: if a cache is asked for and all layers train, or the path is taken.
        OSError: if a cache is asked for and its file cannot be written.
    """
    if choice is False or (choice == "auto" and not repeats):
        return None
    topology = model._known_topology()
    cut = _cut(topology)
    if cut is not None and not _suits(topology, cut, parts):
        cut = None
    if cut is None:
        if choice == "auto":
            return None
        raise ValueError(
            f"[fit] cache_frozen: received {choice!r} for a model whose lowest layers are not "
            "frozen, change from step to step or read sparse rows; expected frozen ones and dense "
            "rows, or 'auto'"
        )
    try:
        return FrozenCache(model, *cut, parts, choice)
    except OSError:
        if choice == "auto":  # no room for the file
            return None
        raise


def _is_fixed(layer: Layer) -> bool:
    """Whether a layer gives the same outputs for the same inputs all through a fit."""
    from fastdnn.models.model import Model

    if isinstance(layer, Model):
        return all(map(_is_fixed, layer.layers))
    if type(layer) not in _DETERMINISTIC or getattr(layer, "activity_regularizer", None):
        return False
    moves = isinstance(layer, BatchNormalization) and layer.trainable
    return not moves and not layer.trainable_weights


def _cut(topology: Topology) -> tuple[Topology, Topology] | None:
    """Return the layers whose outputs are worth keeping, and those that read them.

    Layers without weights above nothing but inputs are left to the readers: they take no time,
    and what they do to bytes becomes part of the product that follows.
    """
    fixed, worth = set(topology.inputs), set[Tensor]()
    for call in topology.calls:
        if fixed.issuperset(call.inputs) and _is_fixed(call.layer):
            fixed.update(call.outputs)
            if call.layer.weights or not worth.isdisjoint(call.inputs):
                worth.update(call.outputs)
    readers = [call for call in topology.calls if worth.isdisjoint(call.outputs)]
    kept = list(dict.fromkeys(t for call in readers for t in call.inputs if t in worth))
    if not kept or any(t in worth or t in topology.inputs for t in topology.outputs):
        return None
    return (
        _between(topology.inputs, kept),
        _between([*kept, *topology.inputs], topology.outputs),
    )


def _between(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Topology:
    """Return what computes the outputs, with those of the inputs that it reads."""
    read = {t for call in Topology(inputs, outputs).calls for t in call.inputs}
    return Topology([t for t in inputs if t in read], outputs)


def _suits(
    topology: Topology, cut: tuple[Topology, Topology], parts: Sequence[tuple[Dataset, int]]
) -> bool:
    """Whether the lower half reads dense rows, and of float32 if the upper one reads them, too.

    All readers of an input together decide how its numbers are widened, and with that the bits.
    """
    lower, upper = cut
    for data, _ in parts:
        for tensor, rows in zip(topology.inputs, data.inputs, strict=True):
            if tensor in lower.inputs and isinstance(rows, SparseRows):
                return False
            compact = not isinstance(rows, np.ndarray) or rows.dtype != np.float32
            if compact and tensor in lower.inputs and tensor in upper.inputs:
                return False
    return True


def _memory(shapes: Sequence[tuple[int, ...]], choice: Choice) -> list[Array]:
    """Return float32 arrays, in a file if a path is given or they take much of the memory."""
    sizes = [4 * int(np.prod(shape)) for shape in shapes]
    path = None if isinstance(choice, bool) or choice == "auto" else choice
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if path is None and sum(sizes) <= _SHARE_OF_MEMORY * installed:
        return [np.empty(shape, np.float32) for shape in shapes]
    import tempfile  # rarely needed, and importing it takes milliseconds

    try:
        file = tempfile.TemporaryFile() if path is None else Path(path).open("x+b")  # noqa: SIM115
    except FileExistsError:
        raise ValueError(
            f"[fit] cache_frozen: received {str(path)!r}, which exists; expected the path "
            "of a file to make"
        ) from None
    with file:
        if path is not None:
            Path(path).unlink()  # mapped memory outlives the name, and nothing is left behind
        # Now: where a disk is full, writing to mapped memory would end the process.
        os.posix_fallocate(file.fileno(), 0, sum(sizes))
        memory = np.asarray(np.memmap(file, np.uint8, "r+", shape=(sum(sizes),)))
    ends = np.cumsum(sizes)
    return [
        memory[end - size : end].view(np.float32).reshape(shape)
        for shape, size, end in zip(shapes, sizes, ends, strict=True)
    ]
