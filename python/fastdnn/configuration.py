"""Objects that are described by their constructor's arguments: repr, config, names, look-up."""

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from fastdnn.checks import flag, number

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")


class Configurable:
    """Base of layers, losses, metrics, optimizers and initializers.

    A subclass keeps every constructor argument in an attribute of the same name; `get_config`,
    `from_config` and `repr` follow from that.
    """

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as values that JSON can hold."""
        return {name: serialize(self.argument(name)) for name in parameters(type(self))}

    def argument(self, name: str) -> Any:
        """Return what the constructor takes for one of its arguments."""
        return getattr(self, name)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Self":
        """Create the object that `get_config` described."""
        known = parameters(cls)
        for name in config:
            if name not in known:
                raise ValueError(
                    f"[{cls.__name__}.from_config] received the argument {name!r}; "
                    f"expected only {_listed(known)}"
                )
        return cls(**config)

    def _number(self, name: str, value: Any, *ends: float, **bounds: Any) -> float:
        """Return an argument as a float, if it is in range; see `fastdnn.checks.number`."""
        return number(type(self).__name__, name, value, *ends, **bounds)

    def _flag(self, name: str, value: Any) -> bool:
        return flag(type(self).__name__, name, value)

    def __repr__(self) -> str:
        shown = []
        for name, default in parameters(type(self)).items():
            value = self.argument(name)
            if default is inspect.Parameter.empty or not _same(value, default):
                shown.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


def serialize(value: Any) -> Any:
    """Return `value` in a form JSON can hold; objects become their class name and config."""
    if isinstance(value, Configurable):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, tuple | list):
        return [serialize(item) for item in value]
    if isinstance(value, Mapping):
        return {key: serialize(item) for key, item in value.items()}
    return value


def lookup(where: str, what: str, identifier: Any, classes: Mapping[str, type[T]]) -> T:
    """Return an object for a name, a serialized object, a class or an object.

    Args:
        where: what the caller was doing, for messages: "compile".
        what: which argument it was, for messages: "loss".
        identifier: `"adam"`, `{"class_name": ..., "config": ...}`, `Adam` or `Adam()`.
        classes: name -> class. The keys that are not class names are the names users write.
    """
    known = tuple(set(classes.values()))
    if isinstance(identifier, known):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, known):
        return identifier()
    if isinstance(identifier, str):
        found = classes.get(identifier) or classes.get(identifier.lower())
        if found is not None:
            return found()
        raise ValueError(unknown_name(where, what, identifier, classes))
    if isinstance(identifier, Mapping) and "class_name" in identifier:
        name, config = identifier["class_name"], identifier.get("config", {})
        if not isinstance(name, str) or name not in classes:
            raise ValueError(unknown_name(where, what, name, classes))
        if not isinstance(config, Mapping):
            raise ValueError(f"[{where}] {what}: {name}'s config is a {type(config).__name__}")
        # Every class in the tables is Configurable or has the same class method.
        create: Callable[[Mapping[str, Any]], T] = classes[name].from_config  # type: ignore[attr-defined]
        return create(config)
    raise ValueError(
        f"[{where}] {what}: received {identifier!r} of type {type(identifier).__name__}; "
        f"expected a name or an object: {_listed(_user_names(classes))}"
    )


def table(*classes: type[T], **aliases: type[T]) -> dict[str, type[T]]:
    """Return name -> class for `lookup`: snake_case names, short names, class names.

    >>> sorted(table(Configurable, conf=Configurable))
    ['Configurable', 'conf', 'configurable']
    """
    names = {snake_case(cls.__name__): cls for cls in classes}
    return names | aliases | {cls.__name__: cls for cls in classes}


def unknown_name(where: str, what: str, name: object, known: Iterable[str]) -> str:
    """Return the message for a name nobody knows: the valid ones, and the nearest."""
    names = _user_names(known)
    expected = f"expected one of {_listed(names)}"
    return f"[{where}] {what}: received {name!r}; {expected}{nearest_name(name, names)}"


def nearest_name(name: object, known: Iterable[str]) -> str:
    """Return the end of a message that asks whether another name was meant, if one is near.

    >>> nearest_name("minst", ["digits", "mnist"])
    "; did you mean 'mnist'?"
    """
    import difflib  # only when something is wrong: importing takes time

    spellings = {known_name.lower(): known_name for known_name in known}
    near = difflib.get_close_matches(str(name).lower(), spellings, n=1, cutoff=0.7)
    return f"; did you mean {spellings[near[0]]!r}?" if near else ""


def snake_case(name: str) -> str:
    """Return a class's name as Keras writes it in names of layers, losses and metrics.

    >>> snake_case("BatchNormalization"), snake_case("LeakyReLU"), snake_case("ELU")
    ('batch_normalization', 'leaky_re_lu', 'elu')
    """
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def parameters(cls: type) -> Mapping[str, Any]:
    """Return the constructor's arguments and their defaults."""
    key: Any = cls  # mypy takes no class for hashable whose base says nothing of hashes
    return _parameters(key)


@functools.cache  # reading a signature takes longer than a small step
def _parameters(cls: Any) -> Mapping[str, Any]:
    signature = inspect.signature(cls)
    defaults = {name: parameter.default for name, parameter in signature.parameters.items()}
    return MappingProxyType(defaults)


def _same(value: object, default: object) -> bool:
    """Whether an attribute is what the constructor makes of the default."""
    if isinstance(value, Configurable) and isinstance(default, str):
        return repr(value) == f"{type(value).__name__}()" and _is_name(type(value), default)
    return type(value) is type(default) and bool(value == default)


def _is_name(cls: type, name: str) -> bool:
    return name in (snake_case(cls.__name__), cls.__name__)


def _user_names(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name == name.lower()) or sorted(names)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
