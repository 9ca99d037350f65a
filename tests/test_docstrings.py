import doctest
import importlib
import pkgutil

import pytest

import fastdnn

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(fastdnn.__path__, "fastdnn.")
    if not module.name.endswith(("_core", "__main__"))
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0


def test_public_names_are_documented():
    for name in fastdnn.__all__:
        assert name.startswith("__") or getattr(fastdnn, name).__doc__, name
