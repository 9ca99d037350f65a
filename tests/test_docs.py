"""Every public name is on exactly one page of docs/api."""

import doctest
import importlib
import inspect
import re
from pathlib import Path

import pytest

import fastdnn

PAGES = Path(__file__).resolve().parent.parent / "docs" / "api"


def _listed(option, page):
    found = re.search(rf":{option}: (.+)", page)
    return set(found[1].split(", ")) if found else set()


def _documented(page):
    """The ids of what autodoc takes from the module that a page names."""
    module = importlib.import_module(re.search(r"automodule:: (\S+)", page)[1])
    own = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]
    names = _listed("members", page) or set(getattr(module, "__all__", own))
    return {
        name: getattr(module, name)
        for name in names - _listed("exclude-members", page)
        if not inspect.ismodule(getattr(module, name))
    }


def test_every_public_name_is_on_one_page():
    found = [item for page in PAGES.glob("*.md") for item in _documented(page.read_text()).items()]
    classes = [value for _, value in found if inspect.isclass(value)]
    assert len(classes) == len(set(classes))
    public = {name for name in fastdnn.__all__ if not name.startswith("__")}
    modules = {name for name in public if inspect.ismodule(getattr(fastdnn, name))}
    pages = {path.stem for path in PAGES.glob("*.md")}
    assert modules - {"models"} <= pages  # the names of models are on the page fastdnn
    assert public - modules | set(fastdnn.models.__all__) <= set(dict(found))


def test_what_is_on_a_page_has_a_docstring():
    for page in PAGES.glob("*.md"):
        for name, value in _documented(page.read_text()).items():
            # Autodoc leaves out what has none.
            assert not callable(value) or value.__doc__, f"{page.stem}: {name}"


@pytest.mark.parametrize("page, least", [("index", 9), ("guide", 80)])
def test_the_code_of_pages_runs(page, least):
    path = PAGES.parent / f"{page}.md"
    results = doctest.testfile(str(path), module_relative=False)
    assert results.attempted >= least and results.failed == 0
