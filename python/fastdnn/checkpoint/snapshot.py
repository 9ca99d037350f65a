"""What files hold of models."""

import copy
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastdnn import tensor_file
from fastdnn._core import OptimizerConfig, __version__
from fastdnn.checkpoint.format import (
    FIT_PREFIX,
    FORMAT_VERSION,
    Array,
    as_json,
    check_tensors,
    slot_name,
)
from fastdnn.checkpoint.restoring import (
    ArraySource,
    declare,
    with_custom_objects,
)
from fastdnn.optimizers import Optimizer

if TYPE_CHECKING:
    from fastdnn.models.model import Model


class Snapshot:
    """What a file of a model holds, as it was at some time.

    Attributes:
        tensors: name -> array.
        texts: name -> what JSON can say.
    """

    def __init__(self, tensors: dict[str, Array], texts: dict[str, Any]) -> None:
        self.tensors, self.texts = tensors, texts

    @classmethod
    def of(cls, model: "Model") -> "Snapshot":
        """Return everything there is to know about the model; arrays are views.

        Raises:
            ValueError: if `load_model` would refuse it.
        """
        binding = model._current_binding()
        names = model.named_weights()
        tensors: dict[str, Array] = {name: weight.value for weight, name in names.items()}
        for (slot, weight), view in binding.slots().items():
            _add(tensors, slot_name(slot, names[weight]), view)
        # Raises where names do not tell them apart.
        custom = {} if model._compiled is None else model._compiled.custom_objects()
        architecture = {"class_name": type(model).__name__, "config": model.get_config()}
        texts = {
            "architecture": _without_arrays(architecture),
            "compile": model._compiled.get_config() if model._compiled else None,
            "training": {
                "seed": model.seed,
                "iterations": int(binding.network.iterations) if binding.compiled else 0,
                "passes": model._passes,
            },
        }
        _check_readable(tensors, texts, custom)
        if model._fit_state is not None:
            texts["fit"], arrays = model._fit_state.get()
            for name, array in arrays.items():
                tensor_file.code_of("save", name, array)
                _add(tensors, FIT_PREFIX + name, array)
        return cls(tensors, texts)

    @classmethod
    def of_weights(cls, model: "Model") -> "Snapshot":
        """Return the weights alone."""
        model._current_binding()
        return cls({name: weight.value for weight, name in model.named_weights().items()}, {})

    def copied(self) -> "Snapshot":
        """Return one that does not change when the model does."""
        tensors = {name: np.array(array, order="C") for name, array in self.tensors.items()}
        return Snapshot(tensors, copy.deepcopy(self.texts))

    def metadata(self) -> dict[str, str]:
        """Return the texts of the file."""
        return {
            "format": "fastdnn",
            "format_version": str(FORMAT_VERSION),
            "library_version": __version__,
            **{name: json.dumps(text, default=as_json) for name, text in self.texts.items()},
        }

    def write(self, handle: int) -> None:
        """Write the file's content to an open file."""
        tensor_file.write(handle, self.tensors, self.metadata())


def _add(tensors: dict[str, Array], name: str, array: Array) -> None:
    if name in tensors:
        raise ValueError(
            f"[save] received a weight named {name!r}, which is what files call another part of "
            "a model; rename the layer"
        )
    tensors[name] = array


def _check_readable(
    tensors: Mapping[str, Array],
    texts: Mapping[str, Any],
    custom: Mapping[str, Callable[..., Any]],
) -> None:
    """Raise a ValueError where load_model would refuse the file: no such file is written."""
    try:
        config = with_custom_objects("save", texts["compile"], custom)
        model, _ = declare("save", {**texts, "compile": config})
        names = model.named_weights()
        expected = {name: weight.shape for weight, name in names.items()}
        if len(tensors) > len(expected):
            assert model._compiled is not None
            optimizer = model._compiled.optimizer
            slots = [_slots_of(rule) for rule in optimizer.rules]
            for weight in model.trainable_weights:
                for slot in slots[optimizer.rule_of(names[weight])]:
                    expected[slot_name(slot, names[weight])] = weight.shape
        check_tensors("save", ArraySource(tensors).tensors, expected)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(
            f"[save] load_model would refuse the file ({error}): a class that fastdnn does not "
            "have, or an attribute changed after the model was built; undo it, or use save_weights"
        ) from error


def _slots_of(rule: Optimizer) -> list[str]:
    """Return the names of the slots that the native core has for a rule."""
    numbers = rule.hyperparameters()
    del numbers["learning_rate"]
    return OptimizerConfig(rule.native_name, **numbers).slot_names()


def _without_arrays(config: Any) -> Any:
    """Return the config with initial values left out: the file has the weights themselves."""
    if isinstance(config, Mapping):
        if config.get("class_name") == "FromArray":
            return {"class_name": "Zeros", "config": {}}
        return {key: _without_arrays(value) for key, value in config.items()}
    if isinstance(config, list):
        return [_without_arrays(value) for value in config]
    return config
