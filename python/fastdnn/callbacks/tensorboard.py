"""The numbers of a fit for TensorBoard."""

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fastdnn.callbacks.callback import Callback, Logs, checked_state
from fastdnn.callbacks.event_file import EventFile, histogram, scalar
from fastdnn.checks import at_least, flag
from fastdnn.layers.tensor import Tensor


class TensorBoard(Callback):
    """Writes what TensorBoard shows: `tensorboard --logdir logs`. It needs no other package.

    As Keras lays them out, "train" and "validation" in the folder are two runs:

    =====================================  ===================  =================================
    tag                                    step                 what
    =====================================  ===================  =================================
    `epoch_loss`, `epoch_accuracy` ...     the epoch            of both; `epoch_learning_rate`
    `evaluation_loss_vs_iterations` ...    of the optimizer     of "validation" and of `evaluate`
    `batch_loss` ...                       batches of this fit  the epoch so far
    `dense/kernel/histogram` ...           the epoch            how a weight's numbers lie
    =====================================  ===================  =================================

    Where gradients vanish, the histograms of the lower layers stay what they were.

    Args:
        log_dir: the folder; another one for every fit, to compare them.
        histogram_freq: write histograms of all weights every that many epochs; 0 for never.
        write_graph: whether to write how the layers are connected, once.
        write_images: False; weights as images are not there.
        write_steps_per_second: whether to write `epoch_steps_per_second`, and that of a batch
            where batches are written.
        update_freq: "epoch"; or write batches too, every that many, "batch" for each. That makes
            `fit` come back to Python after every batch, which costs time with small ones.
        profile_batch: 0; `fastdnn bench` measures steps.
        embeddings_freq: 0; the projector is not there.
        embeddings_metadata: None, likewise.

    Raises:
        ValueError: if an argument is wrong.
        OSError: in `fit` and `evaluate`, if a file cannot be written.

    >>> board = TensorBoard("logs/first", histogram_freq=1)
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: int | str = "epoch",
        profile_batch: int = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: None = None,
    ) -> None:
        super().__init__()
        absent = {
            "write_images": flag("TensorBoard", "write_images", write_images),
            "profile_batch": profile_batch,
            "embeddings_freq": embeddings_freq,
            "embeddings_metadata": embeddings_metadata,
        }
        for name, value in absent.items():
            if value:
                raise ValueError(
                    f"[TensorBoard] {name}: received {value!r}; scalars, histograms and the graph "
                    "are all that is written; leave it out"
                )
        self.log_dir = Path(log_dir)
        self.histogram_freq = at_least("TensorBoard", "histogram_freq", histogram_freq, 0)
        self.write_graph = flag("TensorBoard", "write_graph", write_graph)
        self.write_steps_per_second = flag(
            "TensorBoard", "write_steps_per_second", write_steps_per_second
        )
        self.update_freq = _update_freq(update_freq)
        self._files: dict[str, EventFile] = {}
        self._fits = self._graph_is_written = False
        self._batches = self._iterations = 0
        self._epoch_began = self._batch_began = 0.0
        if self.update_freq != "epoch":
            # Only now: a callback with these methods makes fit come back after every batch.
            self.on_train_batch_begin = self._before_batch  # type: ignore[method-assign]
            self.on_train_batch_end = self._after_batch  # type: ignore[method-assign]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Write the graph."""
        self._fits, self._batches = True, 0
        if self.write_graph and not self._graph_is_written:
            self._file("train").write_graph(_nodes(self.model))
            self._graph_is_written = True

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Remember when it was."""
        self._epoch_began = time.perf_counter()
        self._iterations = self.model.optimizer.iterations

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the epoch's numbers, and the histograms."""
        numbers = dict(logs or {})
        train = {name: value for name, value in numbers.items() if not name.startswith("val_")}
        train["learning_rate"] = self.model.optimizer.learning_rate
        if self.write_steps_per_second:
            steps = self.model.optimizer.iterations - self._iterations
            train["steps_per_second"] = steps / (time.perf_counter() - self._epoch_began)
        self._write("train", epoch, "epoch_{}", train)
        validation = {name[4:]: value for name, value in numbers.items() if name not in train}
        if validation:
            self._write("validation", epoch, "epoch_{}", validation)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for weight, name in self.model.named_weights().items():
                self._file("train").write(epoch, [histogram(f"{name}/histogram", weight.value)])

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Write the numbers of an evaluation, also by itself."""
        iterations = self.model.optimizer.iterations
        self._write("validation", iterations, "evaluation_{}_vs_iterations", logs or {})
        if not self._fits:
            self.close()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the files."""
        self.close()

    def close(self) -> None:
        """Close the files; what comes later goes to new ones."""
        self._fits = False
        while self._files:
            self._files.popitem()[1].close()

    def get_state(self) -> dict[str, Any]:
        """Return how many batches there were, and the steps before this epoch."""
        return {"batches": self._batches, "iterations": self._iterations}

    def check_state(self, state: dict[str, Any]) -> None:
        """Raise a ValueError unless it is such a state."""
        checked_state(self, state, batches=int, iterations=int)

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from there, in new files beside the old ones."""
        self._batches, self._iterations = state["batches"], state["iterations"]

    def _before_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._batch_began = time.perf_counter()

    def _after_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._batches += 1
        if self._batches % int(self.update_freq):
            return
        numbers = dict(logs or {})
        if self.write_steps_per_second:
            numbers["steps_per_second"] = 1.0 / (time.perf_counter() - self._batch_began)
        self._write("train", self._batches, "batch_{}", numbers)

    def _write(self, run: str, step: int, tag: str, numbers: Mapping[str, float]) -> None:
        values = [scalar(tag.format(name), value) for name, value in numbers.items()]
        self._file(run).write(step, values)

    def _file(self, run: str) -> EventFile:
        if run not in self._files:  # only now: TensorBoard shows runs without numbers, too
            self._files[run] = EventFile(self.log_dir / run)
        return self._files[run]


def _update_freq(value: int | str) -> int | str:
    if value in ("epoch", "batch"):
        return "epoch" if value == "epoch" else 1
    if isinstance(value, str):
        raise ValueError(
            f"[TensorBoard] update_freq: received {value!r}; expected 'epoch', 'batch' or an "
            "integer of at least 1"
        )
    return at_least("TensorBoard", "update_freq", value, 1)


def _nodes(model: Any) -> list[tuple[str, str, list[str]]]:
    """Return the name, the class and what it reads, of every input and call of a layer."""
    from fastdnn.models.topology import Topology  # models import callbacks

    nodes: list[tuple[str, str, list[str]]] = []
    names: dict[Tensor, str] = {}  # those of the nodes that compute them
    taken: set[str] = set()

    def add(name: str, kind: str, reads: list[str], tensors: Iterable[Tensor]) -> None:
        number, own = 1, name
        while own in taken:  # a layer that is called again
            number += 1
            own = f"{name}_call_{number}"
        taken.add(own)
        names.update(dict.fromkeys(tensors, own))
        nodes.append((own, kind, reads))

    for tensor in model.inputs:
        add(tensor.name, "Input", [], [tensor])
    for call in Topology(model.inputs, model.outputs).calls:
        reads = [names[tensor] for tensor in call.inputs]
        add(call.layer.name, type(call.layer).__name__, reads, call.outputs)
    return nodes
