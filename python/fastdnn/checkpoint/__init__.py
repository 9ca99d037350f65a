"""Models in safetensors files.

docs/checkpoint-format.md says what is in them.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fastdnn import files
from fastdnn.checkpoint.format import FORMAT_VERSION, others_than, texts_of
from fastdnn.checkpoint.restoring import from_arrays, from_state
from fastdnn.checkpoint.resuming import resume
from fastdnn.checkpoint.snapshot import Snapshot
from fastdnn.files import FilePath
from fastdnn.loading import ADVICE, LoadReport, Rename, plan
from fastdnn.tensor_file import TensorFile

if TYPE_CHECKING:
    from fastdnn.models.model import Model

__all__ = [
    "FORMAT_VERSION",
    "Snapshot",
    "from_arrays",
    "load_model",
    "load_weights",
    "resume",
    "save_model",
    "save_weights",
    "texts_of",
]


def load_model(
    filepath: FilePath,
    custom_objects: Mapping[str, Callable[..., Any]] | None = None,
    compile: bool = True,
) -> "Model":
    """Read a model from a file of `Model.save`.

    It predicts as the model that was saved, and trains on as if there had been no file.

    Args:
        filepath: the safetensors file.
        custom_objects: by name, what no file holds: the functions that were losses or metrics, and
            classes of schedules that fastdnn does not have.
        compile: whether to compile the model as it was; if not, the optimizer's state is left out.

    Raises:
        ValueError: if the file is damaged, is no fastdnn model, was written in a newer version of
            the format, or names what `custom_objects` does not have.
        OSError: if the file cannot be read.

    >>> import tempfile, fastdnn as fd
    >>> model = fd.Sequential([fd.Input(shape=(4,)), fd.layers.Dense(2)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/model.safetensors")
    ...     same = fd.load_model(f"{folder}/model.safetensors")
    >>> bool((same.get_weights()[0] == model.get_weights()[0]).all())
    True
    """
    with TensorFile("load_model", filepath) as file:
        texts = texts_of(file)
        if "architecture" not in texts:
            raise ValueError(
                f"[{file.where}] the file has no architecture; build the model and use load_weights"
            )
        return from_state(file, texts, custom_objects, compile, file.where)


def save_model(model: "Model", filepath: FilePath, overwrite: bool) -> None:
    """Write everything there is to know about the model."""
    files.write("save", filepath, overwrite, lambda: Snapshot.of(model).write)


def save_weights(model: "Model", filepath: FilePath, overwrite: bool) -> None:
    """Write the weights alone."""
    files.write("save_weights", filepath, overwrite, lambda: Snapshot.of_weights(model).write)


def load_weights(
    model: "Model",
    filepath: FilePath,
    match: str | None = None,
    rename: Rename | None = None,
    strict: bool = True,
    dry_run: bool = False,
) -> LoadReport:
    """Read weights into a built model, all that are wanted or none."""
    model._current_binding()
    with TensorFile("load_weights", filepath) as file:
        texts = texts_of(file)
        others = others_than(file, texts, model.named_weights().values())
        stored = {name: what for name, what in file.tensors.items() if name not in others}
        report, places = plan(file.where, model, stored, match, rename, strict, dry_run, ADVICE)
        if not dry_run:
            views = {name: weight.value for weight, name in places.items()}
            file.check(views)
            file.read(views)
        return report
