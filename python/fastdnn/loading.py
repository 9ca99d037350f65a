"""Which of the weights that a file has go where in a model, and what was done about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastdnn.checks import kind_of
from fastdnn.configuration import nearest_name
from fastdnn.layers.weight import Weight
from fastdnn.patterns import compiled_pattern, matches

if TYPE_CHECKING:
    from fastdnn.models.model import Model

# A dict from names in the file, or of layers there, to names in the model; or a function.
Rename = Mapping[str, str | None] | Callable[[str], str | None]

# For those who take these arguments.
ADVICE = (
    "; match takes a part of the weights, rename={name: None} leaves one out, dry_run=True reports "
    "what would be done"
)


@dataclass(frozen=True)
class Stored:
    """What a file says of one of its tensors."""

    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype} of shape {self.shape}"


@dataclass(frozen=True)
class LoadReport:
    """What `load_weights` has done, or would do; print it to see a table.

    Attributes:
        loaded: name in the model -> name in the file, of the weights that were loaded.
        skipped: what the file has besides: names that `match` leaves out or the model does not
            have.
        missing: weights of the model that `match` asks for and the file does not have.
        mismatched: name in the model -> what the file has there and what the model needs. With
            `dry_run` alone: otherwise it is an error.

    >>> print(LoadReport({"a/bias": "b/bias"}, ("c/bias",), (), {}))
    1 loaded, 1 skipped, 0 missing, 0 mismatched
    loaded   a/bias  from b/bias
    skipped  c/bias
    """

    loaded: Mapping[str, str]
    skipped: tuple[str, ...]
    missing: tuple[str, ...]
    mismatched: Mapping[str, str]

    def __str__(self) -> str:
        parts = ("loaded", "skipped", "missing", "mismatched")
        counts = ", ".join(f"{len(getattr(self, part))} {part}" for part in parts)
        rows = [
            *(("loaded", to, f"from {at}" * (at != to)) for to, at in self.loaded.items()),
            *(("skipped", name, "") for name in self.skipped),
            *(("missing", name, "") for name in self.missing),
            *(("mismatched", *item) for item in self.mismatched.items()),
        ]
        first = max((len(what) for what, _, _ in rows), default=0)
        second = max((len(name) for _, name, note in rows if note), default=0)
        lines = [f"{what:<{first}}  {name:<{second}}  {note}" for what, name, note in rows]
        return "\n".join([counts, *map(str.rstrip, lines)])


def require_built(where: str, model: Any) -> None:
    """Raise a ValueError unless it is a model with weights, whose number of inputs is known."""
    from fastdnn.models.model import Model  # which loads weights, too

    if not isinstance(model, Model):
        raise ValueError(
            f"[{where}] model: received {kind_of(model)}; expected a model, such as a Sequential"
        )
    model._current_binding()


def plan(
    where: str,
    model: "Model",
    stored: Mapping[str, Stored],
    match: str | None = None,
    rename: Rename | None = None,
    strict: bool = True,
    dry_run: bool = False,
    advice: str = "",
) -> tuple[LoadReport, dict[Weight, str]]:
    """Decide which tensors go where.

    Args:
        where: what the caller was doing, for messages.
        model: a built model.
        stored: what there is, by name.
        match: a regular expression for names in the model; None for all.
        rename: see `Rename`; None as a new name leaves a tensor out.
        strict: whether names that are missing or left over are an error.
        dry_run: whether mismatched tensors and missing names are only reported.
        advice: how else to load a part, for messages.

    Returns:
        The report, and the name in the file of every weight that has one.

    Raises:
        ValueError: if an argument is wrong, two tensors get one name, a shape or a type is not
            what the model needs, nothing matches, or `strict` forbids it.
    """
    renamed = _renamed(where, stored, rename)
    pattern = None if match is None else compiled_pattern(where, match)
    names = model.named_weights()
    wanted = {
        name: weight for weight, name in names.items() if pattern is None or matches(pattern, name)
    }
    if not wanted and names:
        raise ValueError(
            f"[{where}] match: received {match!r}, which matches no weight; expected a pattern for "
            f"some of {', '.join(names.values())}"
        )
    chosen = {to: at for to, at in renamed.items() if pattern is None or matches(pattern, to)}
    missing = tuple(name for name in wanted if name not in chosen)
    left_over = [at for to, at in chosen.items() if to not in wanted]
    mismatched = {
        name: f"the file has {stored[chosen[name]]}; expected {_expected(weight)}"
        for name, weight in wanted.items()
        if name in chosen and stored[chosen[name]] != _expected(weight)
    }
    if not dry_run:
        if mismatched:
            raise ValueError(f"[{where}] {'; '.join(map(': '.join, mismatched.items()))}{advice}")
        if strict and (missing or left_over):
            raise ValueError(
                f"[{where}] the file does not fit the model; missing: "
                f"{', '.join(missing) or 'nothing'}; left over: {', '.join(left_over) or 'nothing'}"
                f"; strict=False loads the rest{advice}"
            )
        if wanted and stored and len(missing) == len(wanted):
            raise ValueError(
                f"[{where}] the file has none of these weights: {', '.join(wanted)}; received "
                f"{', '.join(stored)}{advice}"
            )
    places = {
        weight: chosen[name]
        for name, weight in wanted.items()
        if name in chosen and name not in mismatched
    }
    used = {*places.values(), *(chosen[name] for name in mismatched)}
    skipped = tuple(name for name in stored if name not in used)
    loaded = {names[weight]: at for weight, at in places.items()}
    return LoadReport(loaded, skipped, missing, mismatched), places


def load_arrays(
    where: str,
    model: "Model",
    arrays: Mapping[str, npt.NDArray[Any]],
    match: str | None = None,
    rename: Rename | None = None,
    strict: bool = True,
    dry_run: bool = False,
    advice: str = "",
) -> LoadReport:
    """Copy float32 arrays into a model's weights, all of them or none; arguments as of `plan`."""
    require_built(where, model)
    stored = {name: Stored(array.dtype.name, array.shape) for name, array in arrays.items()}
    report, places = plan(where, model, stored, match, rename, strict, dry_run, advice)
    if not dry_run:
        for weight, name in places.items():
            weight.value[...] = arrays[name]
    return report


def _expected(weight: Weight) -> Stored:
    return Stored(np.dtype(np.float32).name, weight.shape)


def _renamed(where: str, stored: Mapping[str, Stored], rename: Rename | None) -> dict[str, str]:
    """Return name in the model -> name in the file."""
    used: set[str] = set()
    result: dict[str, str] = {}
    for name in stored:
        new = _new_name(where, name, rename, used)
        if new is None:
            continue
        if new in result:
            raise ValueError(
                f"[{where}] rename: {result[new]!r} and {name!r} both become {new!r}; expected "
                "different names; None as a new name leaves a tensor out"
            )
        result[new] = name
    if isinstance(rename, Mapping):
        for name in rename:
            if name not in used:
                heads = {head for each in stored for head in _heads(each)}
                raise ValueError(
                    f"[{where}] rename: received {name!r}, which the file does not have; expected "
                    f"some of {', '.join(stored)}{nearest_name(name, heads)}"
                )
    return result


def _heads(name: str) -> list[str]:
    """Return a name and its beginnings: "tower/hidden1/kernel", "tower/hidden1", "tower"."""
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _new_name(where: str, name: str, rename: Rename | None, used: set[str]) -> str | None:
    if rename is None:
        return name
    if not isinstance(rename, Mapping):
        if not callable(rename):
            raise ValueError(
                f"[{where}] rename: received a {type(rename).__name__}; expected a dict from names "
                "in the file to names in the model, or a function"
            )
        new = rename(name)
    else:
        head = next((head for head in _heads(name) if head in rename), None)
        if head is None:
            return name
        used.add(head)
        new = rename[head]
        new = new + name[len(head) :] if isinstance(new, str) else new
    if not isinstance(new, str | None):
        raise ValueError(
            f"[{where}] rename: received {new!r} for {name!r}; expected a name, or None to leave "
            "it out"
        )
    return new
