"""What all losses have in common."""

import math
from abc import ABC, abstractmethod
from typing import ClassVar

from fastdnn.configuration import Configurable, is_number, parameters


class Loss(Configurable, ABC):
    """Base of the losses: a native name, options, and the kind of targets it wants.

    Every argument of a subclass but the name is an option of the native core, a number or a flag.

    Attributes:
        targets: "classes" for integer labels of shape (rows,), "distribution" for rows of
            probabilities such as one-hot labels, "probabilities" for values in [0, 1], "signs" for
            -1 and 1, or 0 and 1, "values" for any numbers of the outputs' shape, and "any" for
            what a function knows to use.
    """

    targets: ClassVar[str] = "values"
    name: str

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    @abstractmethod
    def native_name(self) -> str:
        """The loss's name in the native core."""

    def options(self) -> dict[str, float]:
        """Return the options the native core takes."""
        names = (name for name in parameters(type(self)) if name != "name")
        return {name: float(getattr(self, name)) for name in names}

    def _number(
        self,
        name: str,
        value: float,
        least: float,
        most: float = math.inf,
        ends: bool = True,
    ) -> float:
        """Return an option as a float, or raise a ValueError unless it is finite and in range.

        Args:
            name: the option.
            value: what was received.
            least: the lower end of the range.
            most: the upper end.
            ends: whether the ends belong to it.
        """
        right = is_number(value) and math.isfinite(value)
        if right and (least < value < most or (ends and value in (least, most))):
            return float(value)
        limited = most < math.inf
        if ends:
            wanted = f"from {least:g} to {most:g}" if limited else f"of at least {least:g}"
        else:
            wanted = f"above {least:g}" + (f" and below {most:g}" if limited else "")
        raise ValueError(
            f"[{type(self).__name__}] {name}: received {value!r}; expected a number {wanted}"
        )
