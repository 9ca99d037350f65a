"""Models and weights of PyTorch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn import layers
from fastdnn.interop.torch_state import (
    Array,
    Part,
    array_of,
    chosen,
    in_order,
    is_safetensors,
    parts_of,
    weights_of,
)
from fastdnn.layers.layer import Layer
from fastdnn.loading import LoadReport, load_arrays, require_built
from fastdnn.models import Model, Sequential

_BY_HAND = "build the model here, and load the state dict: from_torch(module.state_dict(), model)"
# PyTorch's defaults, which a state dict does not say.
_EPSILON, _NEW_SHARE = 1e-5, 0.1


def from_torch(
    source: Any,
    model: Model | None = None,
    *,
    activation: Any = "relu",
    output_activation: Any = None,
    strict: bool = True,
    modules: Sequence[str] | None = None,
) -> "Model | LoadReport":
    """Return a model with PyTorch's weights, or load them into one.

    Args:
        source: an `nn.Module` made of `nn.Sequential`, without hooks; frozen modules become frozen
            layers. Or a state dict. Or a file: `.pt` and `.pth` of
            `torch.save(module.state_dict(), path)`, which is read without PyTorch and without
            running what is in it, or `.safetensors`.
        model: where to load the weights: into its layers of the modules' names, or, where some
            have other names, module by module in their order, which has to be that of its layers
            with weights. None for a new model.
        activation: of a new model from a state dict, which does not say: what follows every
            hidden `Linear`, behind a normalization if one follows.
        output_activation: likewise, what follows the last one.
        strict: with `model`, whether every weight of it has to be among these.
        modules: the names of the modules with tensors to take, in the order of the layers, such as
            `["encoder.0", "head"]`. None for all of them, in the order that the source has. In
            safetensors files tensors lie in an order of their own: there names have to be numbers,
            as in `nn.Sequential`.

    Returns:
        The new `Sequential`, or the `LoadReport`.

    Raises:
        ValueError: if a module or a tensor is of a kind that there is no layer for, does not fit
            the model, or the file is damaged; nothing is changed then.
        OSError: if the file cannot be read.

    >>> import numpy as np
    >>> weights = {"0.weight": np.ones((2, 3)), "0.bias": np.zeros(2), "2.weight": np.ones((1, 2))}
    >>> model = from_torch(weights)
    >>> model.predict(np.ones((1, 3), np.float32), verbose=0).tolist()
    [[6.0]]
    """
    if hasattr(source, "state_dict") and not isinstance(source, type):
        if model is None and modules is None:
            return _from_module(source)
        source = source.state_dict()
    named = {} if model is None else _layers_of(model)
    parts = parts_of(source)
    if modules is not None:
        parts = chosen(parts, modules)
    elif model is not None and all(part.own_name in named for part in parts):
        return _into(model, [(part, part.own_name) for part in parts], strict)
    elif is_safetensors(source):
        parts = in_order(parts)
    if model is None:
        return _from_parts(parts, activation, output_activation)
    if strict and len(parts) != len(named):
        raise ValueError(
            f"[from_torch] received {len(parts)} modules with tensors ("
            f"{', '.join(part.name for part in parts)}) for {len(named)} layers with weights ("
            f"{', '.join(named)}); expected equal numbers; strict=False takes the first ones, and "
            "modules=[...] those that you name"
        )
    return _into(model, list(zip(parts, named, strict=False)), strict)


def _layers_of(model: Model) -> dict[str, Layer]:
    """Return the layers with weights, by name."""
    require_built("from_torch", model)
    return {name: layer for layer, name in model.named_layers().items() if layer.weights}


def _into(model: Model, pairs: Sequence[tuple[Part, str]], strict: bool) -> LoadReport:
    """Load modules into layers of these names."""
    named = _layers_of(model)
    arrays: dict[str, npt.NDArray[np.float32]] = {}
    places: dict[str, str] = {}
    for part, name in pairs:
        layer, kind = named[name], type(named[name]).__name__
        if kind not in part.kinds:
            raise ValueError(
                f"[from_torch] received {part.name!r}, a {part.kinds[0]}, for the layer {name!r}, "
                f"a {kind}; expected modules in the order of the layers"
            )
        found = weights_of(kind, part.tensors)
        for weight, array in found.items():
            if weight == "alpha" and array.shape == (1,):
                array = np.broadcast_to(array, layer.weights[0].shape)
            arrays[f"{part.own_name}/{weight}"] = array
            places[f"{part.own_name}/{weight}"] = f"{name}/{weight}"
    return load_arrays("from_torch", model, arrays, rename=places, strict=strict)


def _from_parts(parts: list[Part], activation: Any, output_activation: Any) -> Sequential:
    """Return a model of layers that have such tensors."""
    dense = [place for place, part in enumerate(parts) if part.kind == "Dense"]
    if not dense:
        raise ValueError("[from_torch] received no Linear module; expected some")
    row = (parts[dense[0]].tensors["weight"].shape[1],)
    if dense[0] > 0:  # what comes before has as many features
        row = (next(iter(parts[0].tensors.values())).shape[0],)
    made: list[tuple[Layer, Mapping[str, Array]]] = []
    for place, part in enumerate(parts):
        made.append((_layer(part.kind, part.tensors), part.tensors))
        following = parts[place + 1].kind if place + 1 < len(parts) else None
        normalized = following in ("BatchNormalization", "LayerNormalization")
        # An activation stands behind a Linear, or behind the normalization behind one.
        first = max((i for i in dense if i <= place), default=-1)
        if normalized or following == "PReLU" or part.kind == "PReLU" or first < 0:
            continue
        chosen = output_activation if first == dense[-1] else activation
        if chosen is not None:
            made.append((layers.Activation(chosen), {}))
    return _assembled(row, made)


def _layer(kind: str, tensors: Mapping[str, Array], **options: Any) -> Layer:
    """Return a layer for such tensors."""
    weight = tensors.get("weight")
    if kind == "Dense":
        assert weight is not None, "what makes it one"
        return layers.Dense(weight.shape[0], use_bias="bias" in tensors)
    affine: dict[str, Any] = {"scale": weight is not None, "center": "bias" in tensors}
    if kind == "BatchNormalization":
        options = {"momentum": 1.0 - _NEW_SHARE, "epsilon": _EPSILON, **options}
        return layers.BatchNormalization(**options, **affine)
    if kind == "LayerNormalization":
        return layers.LayerNormalization(**{"epsilon": _EPSILON, **options}, **affine)
    if kind == "Embedding":
        assert weight is not None, "what makes it one"
        return layers.Embedding(*weight.shape)
    return layers.PReLU()


def _assembled(row: tuple[int, ...], made: list[tuple[Layer, Mapping[str, Array]]]) -> Sequential:
    """Return a model of layers, with the tensors that belong to them."""
    import fastdnn as fd

    model = Sequential([fd.Input(shape=row), *(layer for layer, _ in made)])
    arrays: dict[str, npt.NDArray[np.float32]] = {}
    for layer, tensors in made:
        if tensors:
            for name, array in weights_of(type(layer).__name__, tensors).items():
                shape = layer.weights[0].shape if name == "alpha" else array.shape
                arrays[f"{layer.name}/{name}"] = np.broadcast_to(array, shape)
    load_arrays("from_torch", model, arrays)
    return model


# What becomes of a module that has no tensors.
_PLAIN: dict[str, Callable[[Any], "Layer | None"]] = {
    "Identity": lambda m: None,
    "Flatten": lambda m: layers.Flatten(),
    "Dropout": lambda m: layers.Dropout(m.p),
    "AlphaDropout": lambda m: layers.AlphaDropout(m.p),
    "ReLU": lambda m: layers.ReLU(),
    "ReLU6": lambda m: layers.Activation("relu6"),
    "LeakyReLU": lambda m: layers.LeakyReLU(m.negative_slope),
    "ELU": lambda m: layers.ELU(m.alpha),
    "SELU": lambda m: layers.Activation("selu"),
    "GELU": lambda m: layers.Activation("gelu"),
    "SiLU": lambda m: layers.Activation("silu"),
    "Mish": lambda m: layers.Activation("mish"),
    "Softplus": lambda m: layers.Activation("softplus"),
    "Softsign": lambda m: layers.Activation("softsign"),
    "Hardsigmoid": lambda m: layers.Activation("hard_sigmoid"),
    "Hardtanh": lambda m: layers.Activation("hard_tanh"),
    "Sigmoid": lambda m: layers.Activation("sigmoid"),
    "Tanh": lambda m: layers.Activation("tanh"),
    "Softmax": lambda m: layers.Softmax(),
}
# Arguments that the layers here have no room for, and what they must be.
_FIXED: dict[str, dict[str, tuple[Any, ...]]] = {
    "GELU": {"approximate": ("none",)},
    "Softplus": {"beta": (1, 1.0)},
    "Hardtanh": {"min_val": (-1, -1.0), "max_val": (1, 1.0)},
    "Softmax": {"dim": (1, -1)},
    "Flatten": {"start_dim": (1,), "end_dim": (-1,)},
}
_WITH_TENSORS = {
    "Linear": "Dense",
    "BatchNorm1d": "BatchNormalization",
    "LayerNorm": "LayerNormalization",
    "PReLU": "PReLU",
    "Embedding": "Embedding",
}


def _from_module(module: Any) -> Sequential:
    """Return a model of the layers that the modules are."""
    made: list[tuple[Layer, Mapping[str, Array]]] = []
    row: tuple[int, ...] | None = None
    first_uses: dict[Any, str] = {}
    for name, each in _modules(module, ""):
        kind = _kind(each)
        for argument, allowed in _FIXED.get(kind, {}).items():
            if getattr(each, argument) not in allowed:
                raise ValueError(
                    f"[from_torch] {name!r} is a {kind} with {argument}="
                    f"{getattr(each, argument)!r}; expected {allowed[0]!r}"
                )
        if kind in _PLAIN:
            layer = _PLAIN[kind](each)
            made += [] if layer is None else [(layer, {})]
            continue
        if kind not in _WITH_TENSORS:
            raise ValueError(
                f"[from_torch] {name!r} is a {kind}; expected modules of nn.Sequential among "
                f"{', '.join([*_WITH_TENSORS, *_PLAIN])}; {_BY_HAND}"
            )
        if first_uses.setdefault(each, name) != name:
            raise ValueError(
                f"[from_torch] {name!r} is {first_uses[each]!r} once more; expected modules with "
                f"weights of their own; {_BY_HAND}"
            )
        tensors = {key: array_of(value) for key, value in each.state_dict().items()}
        tensors.pop("num_batches_tracked", None)
        own = _WITH_TENSORS[kind]
        layer = _layer(own, tensors, **_options(name, each))
        parameters = list(each.parameters())
        layer.trainable = not parameters or any(one.requires_grad for one in parameters)
        if not name.rpartition(".")[2].isdecimal():
            layer.rename(name.replace(".", "_"))
        made.append((layer, tensors))
        if row is None:
            features = {"Linear": "in_features", "BatchNorm1d": "num_features"}.get(kind)
            size = next(iter(tensors.values())).shape[-1]
            row = (getattr(each, features) if features else size,)
            row = () if kind == "Embedding" else row
    if row is None:
        raise ValueError("[from_torch] received no module with weights; expected some")
    return _assembled(row, made)


def _kind(module: Any) -> str:
    """Return a module's class: one of PyTorch's own by its name alone."""
    cls = type(module)
    own = cls.__module__.startswith("torch.nn.modules.")
    return cls.__name__ if own else f"{cls.__module__}.{cls.__qualname__}"


def _modules(module: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the modules in an `nn.Sequential`, and in those inside it, as often as each is used."""
    if module._forward_hooks or module._forward_pre_hooks:
        raise ValueError(
            f"[from_torch] {name or _kind(module)!r} has hooks, which run code of their own, as "
            "those of pruning and of weight_norm do; expected modules without; remove them first"
        )
    if _kind(module) != "Sequential":
        yield name, module
        return
    for child, each in module._modules.items():  # named_children() leaves out repetitions
        yield from _modules(each, f"{name}.{child}".lstrip("."))


def _options(name: str, module: Any) -> dict[str, Any]:
    """Return the arguments of a normalization."""
    kind = type(module).__name__
    if kind == "LayerNorm":
        if len(module.normalized_shape) != 1:
            raise ValueError(
                f"[from_torch] {name!r} normalizes over {tuple(module.normalized_shape)}; expected "
                "one axis"
            )
        return {"epsilon": module.eps}
    if kind != "BatchNorm1d":
        return {}
    if module.momentum is None or not module.track_running_stats:
        raise ValueError(
            f"[from_torch] {name!r} keeps no moving statistics; expected momentum as a number and "
            "track_running_stats=True"
        )
    # The share of what is new there, of what is kept here.
    return {"epsilon": module.eps, "momentum": 1.0 - module.momentum}
