"""Optimizers: what `compile(optimizer=...)` takes, by name or as objects.

Update rules, argument names and defaults are Keras's.
"""

from typing import Any

from fastdnn.configuration import lookup
from fastdnn.optimizers import schedules
from fastdnn.optimizers.adadelta import Adadelta
from fastdnn.optimizers.adagrad import Adagrad
from fastdnn.optimizers.adam import Adam, AdamW
from fastdnn.optimizers.adamax import Adamax
from fastdnn.optimizers.ftrl import Ftrl
from fastdnn.optimizers.lbfgs import LBFGS
from fastdnn.optimizers.lion import Lion
from fastdnn.optimizers.multi_optimizer import MultiOptimizer
from fastdnn.optimizers.nadam import Nadam
from fastdnn.optimizers.optimizer import Optimizer
from fastdnn.optimizers.rmsprop import RMSprop
from fastdnn.optimizers.sgd import SGD
from fastdnn.optimizers.update_rules import UpdateRules

__all__ = [
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lion",
    "MultiOptimizer",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "get",
    "schedules",
]

_OPTIMIZERS: tuple[type[Optimizer], ...] = (
    SGD,
    Adagrad,
    RMSprop,
    Adam,
    AdamW,
    Ftrl,
    Adadelta,
    Nadam,
    Adamax,
    Lion,
)
NAMES = tuple(cls.__name__.lower() for cls in _OPTIMIZERS)
_CLASSES: dict[str, type[UpdateRules]] = {
    **dict(zip(NAMES, _OPTIMIZERS, strict=True)),
    **{cls.__name__: cls for cls in _OPTIMIZERS},
    "lbfgs": LBFGS,
    "LBFGS": LBFGS,
    "MultiOptimizer": MultiOptimizer,
}


def get(identifier: Any, where: str = "optimizers.get") -> UpdateRules:
    """Return the optimizer that a name, a config or an object stands for.

    >>> get("adam")
    Adam()
    """
    return lookup(where, "optimizer", identifier, _CLASSES)
