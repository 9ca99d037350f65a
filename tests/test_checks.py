"""Checks of arguments, and that constructors ask for truth values."""

import inspect
import math

import numpy as np
import pytest

import fastdnn as fd
from fastdnn.checks import flag, number


@pytest.mark.parametrize(
    ("bounds", "inside", "outside", "words"),
    [
        ({}, [-1e308, np.float32(2), np.int8(3)], [math.nan, math.inf, 10**400], "a finite number"),
        ({"least": 0.0}, [0, 1e300], [-1e-300], "a number of at least 0"),
        ({"least": 0.0, "most": 1.0}, [0, 1], [-1, 1.0000001], "a number from 0 to 1"),
        ({"above": 0.0, "below": 1.0}, [0.5], [0, 1], "a number between 0 and 1"),
        ({"above": 0.0, "most": 2.0}, [2], [0, 3], "a number above 0 and at most 2"),
        ({"least": 0.0, "below": 2.0}, [0], [2, -1], "a number of at least 0 and below 2"),
    ],
)
def test_number(bounds, inside, outside, words):
    for value in inside:
        assert number("here", "x", value, **bounds) == value
        assert type(number("here", "x", value, **bounds)) is float
    for value in [*outside, "1", None, True, np.ones(1), 1j]:
        with pytest.raises(ValueError, match=rf"^\[here\] x: received .*; expected {words}!$"):
            number("here", "x", value, **bounds, note="!")


def test_flag():
    assert flag("here", "x", np.bool_(True)) is True and flag("here", "x", False) is False
    for value in ("False", 0, None, math.nan, []):
        with pytest.raises(ValueError, match=r"^\[here\] x: received .*; expected True or False$"):
            flag("here", "x", value)


MODULES = (
    fd.augment,
    fd.callbacks,
    fd.constraints,
    fd.initializers,
    fd.layers,
    fd.losses,
    fd.metrics,
    fd.optimizers,
    fd.optimizers.schedules,
    fd.regularizers,
)
# What else the constructors with such arguments need.
NEEDED = {
    "Dense": (3,),
    "Embedding": (4, 2),
    "BackupAndRestore": ("x",),
    "CSVLogger": ("x.csv",),
    "ModelCheckpoint": ("x.safetensors",),
    "ExponentialDecay": (0.1, 10, 0.5),
    "InverseTimeDecay": (0.1, 10, 0.5),
    "PolynomialDecay": (0.1, 10),
}
FLAGS = [
    (cls, name)
    for module in MODULES
    for cls in vars(module).values()
    if inspect.isclass(cls) and not inspect.isabstract(cls) and not cls.__name__.startswith("_")
    for name, parameter in inspect.signature(cls).parameters.items()
    if isinstance(parameter.default, bool)
]


@pytest.mark.parametrize(
    ("cls", "name"), FLAGS, ids=lambda value: getattr(value, "__name__", value)
)
def test_constructors_take_truth_values(cls, name):
    assert cls(*NEEDED.get(cls.__name__, ()), **{name: False}) is not None
    with pytest.raises(ValueError, match=rf"\[\w+\] {name}: received 'no'; expected True or False"):
        cls(*NEEDED.get(cls.__name__, ()), **{name: "no"})
