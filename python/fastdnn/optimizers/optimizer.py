"""The base of the optimizers."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from fastdnn.checks import at_least, is_number
from fastdnn.configuration import nearest_name, parameters
from fastdnn.optimizers import schedules
from fastdnn.optimizers.schedules import LearningRateSchedule
from fastdnn.optimizers.update_rules import UpdateRules

if TYPE_CHECKING:
    from typing_extensions import Unpack


class CommonArgumentsButDecay(TypedDict, total=False):
    """Those of an optimizer that has a `weight_decay` of its own."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    gradient_accumulation_steps: int | None
    name: str | None


class CommonArguments(CommonArgumentsButDecay, total=False):
    """The arguments that every optimizer takes by name; `Optimizer` says what they do."""

    weight_decay: float | None


class Optimizer(UpdateRules):
    """Describes an update rule; the native core applies it and owns its slots.

    Every optimizer takes these arguments by name, and does what they ask for in this order:
    gradients are averaged over steps, clipped, weights decay, the rule is applied, the average
    of the weights moves.

    Args:
        learning_rate: the step size: a number, or a schedule of `optimizers.schedules`.
        weight_decay: the share, times the learning rate, that every weight loses in a step:
            `w -= learning_rate * weight_decay * w`. It is no part of the gradient.
        clipnorm: the largest norm of the gradient of one weight array; longer ones are scaled.
        clipvalue: the largest magnitude of an element of a gradient.
        global_clipnorm: the largest norm of all gradients together. At most one of the three
            may be set.
        use_ema: whether to keep the moving average
            `a = ema_momentum * a + (1 - ema_momentum) * w` of every weight, which replaces the
            weight when `fit` ends.
        ema_momentum: the share of the average that is kept in a step, in [0, 1].
        ema_overwrite_frequency: replace the weights every that many steps, too.
        gradient_accumulation_steps: change the weights every that many steps, at least 2, by
            the mean of their gradients.
        name: a name for display.

    Attributes:
        native_name: the rule's name in the native core.
        learning_rate: of the next step. May be changed at any time, also while `fit` runs,
            unless a schedule gives it.
        schedule: the schedule, or None.
        iterations: how often the model that uses this optimizer has changed its weights.

    Raises:
        ValueError: if an argument is out of range.

    Source: Keras 3's Optimizer; decay: Loshchilov and Hutter, 2019; the norm of all gradients:
    Pascanu et al., 2013.
    """

    native_name: ClassVar[str]
    __signature__: ClassVar[inspect.Signature]

    def __init__(
        self, learning_rate: float | LearningRateSchedule, **common: "Unpack[CommonArguments]"
    ) -> None:
        for name in common:
            if name not in _COMMON:
                known = [*parameters(type(self))]
                raise TypeError(
                    f"[{type(self).__name__}] received the argument {name!r}; expected some of "
                    f"{', '.join(known)}{nearest_name(name, known)}"
                )
        values = {name: common.get(name, default) for name, default in _COMMON.items()}
        self._steps_made = 0
        self.schedule: LearningRateSchedule | None = None
        if isinstance(learning_rate, LearningRateSchedule | Mapping):
            self.schedule = schedules.get(learning_rate, type(self).__name__)
        elif not is_number(learning_rate):
            raise ValueError(
                f"[{type(self).__name__}] learning_rate: received {learning_rate!r}; expected a "
                "number of at least 0, or a schedule derived from LearningRateSchedule"
            )
        else:
            self.learning_rate = learning_rate
        self.weight_decay = self._optional("weight_decay", values["weight_decay"])
        self.clipnorm = self._optional("clipnorm", values["clipnorm"])
        self.clipvalue = self._optional("clipvalue", values["clipvalue"])
        self.global_clipnorm = self._optional("global_clipnorm", values["global_clipnorm"])
        self._check_clips()
        self.use_ema = self._flag("use_ema", values["use_ema"])
        self.ema_momentum = self._number(
            "ema_momentum", values["ema_momentum"], least=0.0, most=1.0
        )
        self.ema_overwrite_frequency = self._steps("ema_overwrite_frequency", values, 1)
        self.gradient_accumulation_steps = self._steps("gradient_accumulation_steps", values, 2)
        self.name = type(self).__name__.lower() if values["name"] is None else values["name"]
        self.iterations = 0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let the signature list the common arguments: configs and help() go by it."""
        super().__init_subclass__(**kwargs)
        own = [
            parameter
            for parameter in list(inspect.signature(cls.__init__).parameters.values())[1:]
            if parameter.kind is not parameter.VAR_KEYWORD
        ]
        taken = [parameter.name for parameter in own]
        defaults = _COMMON | {"name": cls.__name__.lower()}
        common = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
            for name, default in defaults.items()
            if name not in taken
        ]
        cls.__signature__ = inspect.Signature([*own, *common])

    def __setattr__(self, name: str, value: Any) -> None:
        # The native core has taken the numbers over, and has slots that fit them.
        free = ("iterations", "name", "_learning_rate", "_steps_made")
        fixed = name in self.__dict__ and name not in free
        if fixed and name in parameters(type(self)):
            raise AttributeError(
                f"[{type(self).__name__}] {name}: received {value!r}; only learning_rate may be "
                f"changed later; compile the model with a new {type(self).__name__}({name}=...)"
            )
        super().__setattr__(name, value)

    @property
    def learning_rate(self) -> float:
        """The size of the next step."""
        if self.schedule is not None:
            return float(self.schedule(self._steps_made))
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        if self.schedule is not None:
            raise ValueError(
                f"[{type(self).__name__}] learning_rate: received {value!r}; the rate is given by "
                f"{self.schedule!r}; compile with a number to change it by hand"
            )
        self._learning_rate = self._number("learning_rate", value, least=0.0)

    def argument(self, name: str) -> Any:
        """Return what the constructor takes for one of its arguments."""
        if name == "learning_rate" and self.schedule is not None:
            return self.schedule
        return super().argument(name)

    def hyperparameters(self) -> dict[str, float]:
        """Return every number the native rule needs, without those that are None."""
        values = {name: getattr(self, name) for name in parameters(type(self)) if name != "name"}
        return {
            name: value if isinstance(value, int) else float(value)
            for name, value in values.items()
            if value is not None
        }

    @property
    def rules(self) -> "list[Optimizer]":
        """The optimizers that weights follow: this one."""
        return [self]

    def rule_of(self, weight: str) -> int:
        """Return the place among the rules of the one that a weight of this name follows."""
        return 0

    def note_steps(self, steps: int) -> None:
        """Let `iterations` follow from the number of steps that the native core has made."""
        self._steps_made = steps
        self.iterations = steps // (self.gradient_accumulation_steps or 1)

    def _check_clips(self) -> None:
        clips = {
            name: getattr(self, name)
            for name in ("clipnorm", "clipvalue", "global_clipnorm")
            if getattr(self, name) is not None
        }
        if len(clips) > 1:
            received = ", ".join(f"{name}={value!r}" for name, value in clips.items())
            raise ValueError(
                f"[{type(self).__name__}] received {received}; expected at most one of clipnorm, "
                "clipvalue and global_clipnorm; leave out the others"
            )

    def _optional(self, name: str, value: Any) -> float | None:
        return None if value is None else self._number(name, value, least=0.0)

    def _steps(self, name: str, values: dict[str, Any], least: int) -> int | None:
        value = values[name]
        return None if value is None else at_least(type(self).__name__, name, value, least)


_COMMON: dict[str, Any] = {
    "weight_decay": None,
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "gradient_accumulation_steps": None,
    "name": None,
}
