import doctest
import importlib
import inspect
import pkgutil

import pytest

import fastdnn as fd

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(fd.__path__, "fastdnn.")
    if not module.name.endswith(("_core", "__main__"))
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0


def test_public_names_are_documented():
    for name in fd.__all__:
        assert name.startswith("__") or getattr(fd, name).__doc__, name


# What people do not create themselves, and bases.
WITHOUT = {
    *("Accuracy", "Callback", "CallbackList", "Constraint", "FromArray", "Initializer", "Layer"),
    *("Loss", "Metric", "Optimizer", "Regularizer", "RowMetric", "Tensor", "UpdateRules", "Weight"),
}
SHOWN = (
    *(fd.augment, fd.callbacks, fd.constraints, fd.initializers, fd.layers, fd.losses, fd.metrics),
    *(fd.optimizers, fd.optimizers.schedules, fd.regularizers),
)


@pytest.mark.parametrize("module", SHOWN, ids=lambda module: module.__name__)
def test_every_class_shows_its_use(module):
    own = {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and value.__module__.startswith(f"{module.__name__}")
        and not name.startswith("_")
    }
    assert own
    silent = [name for name, value in own.items() if ">>>" not in (value.__doc__ or "")]
    assert set(silent) <= WITHOUT
