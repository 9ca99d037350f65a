"""Runs the tests of the installed Keras on fastdnn, and writes what came out as JSON.

Usage: KERAS_BACKEND=numpy python run.py results.json
"""

import importlib
import json
import re
import sys
import types
import unittest
from pathlib import Path

import adapters
import keras
from exclusions import EXCLUSIONS, OTHER_MODULES, PACKAGES
from keras.src.testing import TestCase

import fastdnn as fd

LOSSES = adapters.all_of(fd.losses, adapters.loss)
METRICS = adapters.all_of(fd.metrics, adapters.metric)
LAYERS = adapters.all_of(fd.layers, adapters.batch_normalization)
OPTIMIZERS = adapters.all_of(fd.optimizers, adapters.optimizer)
SCHEDULES = adapters.all_of(fd.optimizers.schedules, adapters.schedule)


def facade(name, names):
    return adapters.Facade(importlib.import_module(f"keras.src.{name}"), **names)


# The test module, and what it takes for Keras's.
MODULES = {
    **{
        f"optimizers.{name.lower()}_test": {name: OPTIMIZERS[name]}
        for name in (
            "Adadelta",
            "Adagrad",
            "Adam",
            "Adamax",
            "AdamW",
            "Ftrl",
            "Lion",
            "Nadam",
            "SGD",
        )
    },
    "optimizers.rmsprop_test": {"RMSprop": OPTIMIZERS["RMSprop"]},
    "optimizers.optimizer_test": {
        "optimizers": facade("optimizers", {**OPTIMIZERS, "get": adapters.get_optimizer})
    },
    "optimizers.schedules.learning_rate_schedule_test": {
        "schedules": facade("optimizers.schedules", SCHEDULES)
    },
    "losses.losses_test": {"losses": facade("losses.losses", LOSSES)},
    **{
        f"metrics.{name}_test": {
            name if alias is None else alias: facade(f"metrics.{name}", METRICS)
        }
        for name, alias in (
            ("accuracy_metrics", None),
            ("f_score_metrics", None),
            ("confusion_metrics", "metrics"),
            ("probabilistic_metrics", "metrics"),
            ("regression_metrics", "metrics"),
        )
    },
    "layers.normalization.batch_normalization_test": {
        "layers": facade("layers", {"BatchNormalization": LAYERS["BatchNormalization"]})
    },
    "constraints.constraints_test": {
        "constraints": facade("constraints", adapters.all_of(fd.constraints, adapters.of_array))
    },
    "regularizers.regularizers_test": {
        "regularizers": facade("regularizers", adapters.all_of(fd.regularizers, adapters.of_array))
    },
    **{
        f"initializers.{name}_test": {
            "initializers": facade(
                "initializers", adapters.all_of(fd.initializers, adapters.initializer)
            )
        }
        for name in ("random_initializers", "constant_initializers")
    },
}


def cases(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from cases(item)
        else:
            yield item


def main():
    # What tests import from Keras's own conftest: a mark that skips on some back ends.
    marks = types.ModuleType("conftest")
    marks.skip_if_backend = lambda *arguments: lambda function: function
    sys.modules["conftest"] = marks
    # Messages are fastdnn's own: that something is refused is what counts.
    TestCase.assertRaisesRegex = lambda self, error, text, *arguments, **options: self.assertRaises(
        error, *arguments, **options
    )
    found, excluded, suite, unused = 0, {}, unittest.TestSuite(), set(EXCLUSIONS)
    for name, names in MODULES.items():
        module = importlib.import_module(f"keras.src.{name}")
        for key, value in names.items():
            assert hasattr(module, key), (name, key)
            setattr(module, key, value)
        for case in cases(unittest.defaultTestLoader.loadTestsFromModule(module)):
            found += 1
            identity = case.id().removeprefix("keras.src.")
            reason = next((p for p in EXCLUSIONS if re.search(p, identity)), None)
            if reason is None:
                suite.addTest(case)
            else:
                excluded[identity] = EXCLUSIONS[reason]
                unused.discard(reason)
    for package in PACKAGES:
        folder = Path(importlib.import_module(f"keras.src.{package}").__file__).parent
        names = {f"{package}.{path.stem}" for path in folder.glob("*_test.py")}
        unused |= {name for name in OTHER_MODULES if name.rpartition(".")[0] == package} - names
        unknown = names - set(OTHER_MODULES) - set(MODULES)
        assert not unknown, f"neither run nor excluded: {unknown}"
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=0).run(suite)
    failed = {c.id(): text for c, text in [*result.failures, *result.errors]}
    skipped = {c.id(): text for c, text in result.skipped}
    summary = {
        "version": keras.version(),
        "found": found,
        "run": result.testsRun - len(skipped),
        "passed": result.testsRun - len(skipped) - len(failed),
        "failed": failed,
        "skipped": skipped,
        "excluded": excluded,
        "other": OTHER_MODULES,
        "unused": sorted(unused),
    }
    Path(sys.argv[1]).write_text(json.dumps(summary, indent=1))


main()
