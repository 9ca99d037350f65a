"""`fastdnn train`: a data set or a table in, a saved model and its curves out."""

import argparse
import json
import math
import os
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from fastdnn import activations, optimizers
from fastdnn.cli.arguments import (
    dropout_rate,
    fraction,
    layer_sizes,
    positive_float,
    positive_int,
    seed,
    thread_count,
)
from fastdnn.cli.problems import IMAGE_SETS, Problem, image_problem, table_problem
from fastdnn.configuration import nearest_name

_EPOCHS = {"digits": 40, "mnist": 10, "fashion-mnist": 15}
_TABLE_EPOCHS = 20
_SMALL_BATCH, _LARGE_BATCH, _MANY_ROWS = 32, 128, 10_000
_DIVERGED = 1  # exit code
_BYTES_PER_WEIGHT = 8  # float32 for the weight and its gradient
_EXAMPLES = """examples:
  fastdnn train digits
  fastdnn train mnist --hidden 512 --dropout 0.2 --epochs 20
  fastdnn train houses.csv --target price --output houses.safetensors
"""


@dataclass(frozen=True)
class _Outputs:
    """Where the results go; `columns` is there for tables, `plot` if it can be drawn."""

    model: Path
    columns: Path | None
    plot: Path | None


def add_parser(commands: Any) -> None:
    """Add the command to argparse's sub-commands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "train",
        help="train a network on a data set or a CSV table",
        description="Train a network, test it, save it and draw its curves.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("data", help=f"{', '.join(IMAGE_SETS)}, or a CSV file (also .csv.gz)")
    table = parser.add_argument_group("tables")
    table.add_argument(
        "--target", metavar="COLUMN", help="name or index of the column to predict (the last)"
    )
    table.add_argument(
        "--task",
        choices=("classification", "regression"),
        help="what the target is (decided by its values)",
    )
    table.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="whether the first line names the columns (decided by its looks)",
    )
    network = parser.add_argument_group("network")
    network.add_argument(
        "--hidden", type=layer_sizes, default=(300, 100), metavar="N,N", help="layers (300,100)"
    )
    network.add_argument(
        "--activation",
        default="relu",
        metavar="NAME",
        help=f"of these (relu): {', '.join(sorted(activations.NAMES))}",
    )
    network.add_argument(
        "--dropout", type=dropout_rate, default=0.0, metavar="RATE", help="after each of these (0)"
    )
    network.add_argument(
        "--batch-norm", action="store_true", help="before each of these activations"
    )
    training = parser.add_argument_group("training")
    training.add_argument(
        "--epochs",
        type=positive_int,
        metavar="N",
        help="times to go over the rows "
        f"({', '.join(f'{n} for {name}' for name, n in _EPOCHS.items())}, "
        f"{_TABLE_EPOCHS} for a table)",
    )
    training.add_argument(
        "--batch-size",
        type=positive_int,
        metavar="N",
        help=f"rows of a step ({_SMALL_BATCH}, or {_LARGE_BATCH} from {_MANY_ROWS:,} rows on)",
    )
    training.add_argument(
        "--optimizer",
        default="adam",
        metavar="NAME",
        help=f"how weights are changed (adam): {', '.join(optimizers.NAMES)}",
    )
    training.add_argument(
        "--learning-rate",
        type=positive_float,
        metavar="RATE",
        help="how far a step goes (the optimizer's default)",
    )
    training.add_argument(
        "--validation-split",
        type=fraction,
        default=0.1,
        metavar="SHARE",
        help="of the training rows, to watch the training by (0.1)",
    )
    training.add_argument(
        "--seed", type=seed, default=0, metavar="N", help="same seed, same model (0)"
    )
    training.add_argument(
        "--threads",
        type=thread_count,
        metavar="N",
        help="the most to use (one for every processor this process may use)",
    )
    output = parser.add_argument_group("output")
    output.add_argument(
        "--output", type=Path, metavar="FILE", help="the model (DATA.safetensors, here)"
    )
    output.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="the curves (the model's name with .png; needs matplotlib)",
    )
    output.add_argument("--quiet", action="store_true", help="print nothing but errors")


def run(arguments: argparse.Namespace) -> int:
    """Train as the arguments say; returns the exit code."""
    import fastdnn as fd

    problem = _problem(arguments)
    outputs = _output_paths(arguments, problem)
    _check_size(problem, arguments.hidden)
    say = (lambda *_: None) if arguments.quiet else print
    if arguments.threads is not None:
        fd.set_num_threads(arguments.threads)
    fd.set_seed(arguments.seed)
    model = build_model(problem, arguments)

    epochs = arguments.epochs or _EPOCHS.get(arguments.data, _TABLE_EPOCHS)
    rows = len(problem.train[0])
    batch_size = arguments.batch_size or (_SMALL_BATCH if rows < _MANY_ROWS else _LARGE_BATCH)
    _introduce(say, problem, model, arguments, epochs, batch_size)
    for warning in problem.warnings:
        print(f"fastdnn: warning: {warning}", file=sys.stderr)
    start = time.perf_counter()
    with warnings.catch_warnings():
        # What is said of it is in the words of this command.
        warnings.filterwarnings("ignore", r"\[fit\] the loss is not finite", RuntimeWarning)
        history = model.fit(
            *problem.train,
            batch_size=batch_size,
            epochs=epochs,
            validation_data=problem.validation,
            verbose=0 if arguments.quiet else "auto",
            callbacks=[_stop_when_diverged()],
        )
    if _has_diverged(model, history.history):
        count = len(history.epoch)
        print(
            f"fastdnn: error: the training diverged in epoch {count} of {epochs}, its loss or "
            "weights are no longer finite; nothing was written: try a smaller --learning-rate, or "
            "inputs of a smaller scale",
            file=sys.stderr,
        )
        return _DIVERGED
    seconds = time.perf_counter() - start
    results = test_results(problem, model)
    written = _write(problem, model, history, outputs)

    say()
    for name, value in results.items():
        say(f"test {name:<12} {value}")
    say(f"{'time':<17} {seconds:.1f} s, {1e3 * seconds / epochs:.0f} ms an epoch")
    for what, path in written.items():
        say(f"{what:<17} {path}")
    if outputs.plot is None:
        say(f"{'curves':<17} none: pip install 'fastdnn[plot]' to have them drawn")
    return 0


def build_model(problem: Problem, arguments: argparse.Namespace) -> Any:
    """The compiled network that the arguments describe."""
    import fastdnn as fd

    layers = fd.layers
    shape = problem.train[0].shape[1:]
    stack: list[Any] = [fd.Input(shape)]
    if len(shape) > 1:
        stack.append(layers.Flatten())
    initializer = _initializer(arguments.activation)
    for units in arguments.hidden:
        # The normalisation has an offset of its own.
        stack.append(
            layers.Dense(units, use_bias=not arguments.batch_norm, kernel_initializer=initializer)
        )
        if arguments.batch_norm:
            stack.append(layers.BatchNormalization())
        stack.append(layers.Activation(arguments.activation))
        if arguments.dropout:
            stack.append(layers.Dropout(arguments.dropout))
    classification = problem.task == "classification"
    stack.append(layers.Dense(problem.outputs, activation="softmax" if classification else None))
    model = fd.Sequential(stack)
    optimizer = fd.optimizers.get(arguments.optimizer)
    if arguments.learning_rate is not None:
        optimizer.learning_rate = arguments.learning_rate
    if classification:
        model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    else:
        model.compile(optimizer, loss="mse", metrics=["mae"])
    return model


def test_results(problem: Problem, model: Any) -> dict[str, str]:
    """Name -> figure of the test rows, for people; a regression's in the target's unit."""
    x, y = problem.test
    if problem.task == "classification":
        logs = model.evaluate(x, y, verbose=0, return_dict=True)
        return {name: f"{logs[name]:.4f}" for name in ("accuracy", "loss")}
    assert problem.encoder is not None
    truth = problem.encoder.inverse_transform_target(y).astype(np.float64)
    found = problem.encoder.inverse_transform_target(model.predict(x, verbose=0))
    error = found.astype(np.float64) - truth
    with np.errstate(over="ignore", invalid="ignore"):  # a net that diverged predicts anything
        squares, spread = np.square(error).mean(), np.square(truth - truth.mean()).mean()
        r2 = 1 - squares / spread if spread else math.nan
    unit = f"in units of {problem.encoder.target_name_}"
    return {
        "RMSE": f"{math.sqrt(squares):.6g} {unit}",
        "MAE": f"{np.abs(error).mean():.6g} {unit}",
        "R2": f"{r2:.4f}",
    }


def _problem(arguments: argparse.Namespace) -> Problem:
    if arguments.data in IMAGE_SETS:
        given = {"--target": arguments.target, "--task": arguments.task}
        for option in (name for name, value in given.items() if value is not None):
            raise ValueError(f"[train] {option} is for tables; {arguments.data} is a set of images")
        return image_problem(
            arguments.data, validation_split=arguments.validation_split, seed=arguments.seed
        )
    path = Path(arguments.data)
    if not path.exists() or path.is_dir():
        received = "received the folder" if path.is_dir() else "there is no file"
        raise ValueError(
            f"[train] {received} {arguments.data!r}; expected a CSV file, or one of "
            f"{', '.join(IMAGE_SETS)}{nearest_name(arguments.data, IMAGE_SETS)}"
        )
    return table_problem(
        path,
        target=arguments.target,
        task=arguments.task,
        header=arguments.header,
        validation_split=arguments.validation_split,
        seed=arguments.seed,
    )


def _output_paths(arguments: argparse.Namespace, problem: Problem) -> _Outputs:
    """Where the model and its curves go; checked now, not after an hour of training."""
    model: Path = arguments.output or Path(f"{problem.name}.safetensors")
    if model.suffix != ".safetensors":
        example = f"{model.stem or problem.name}.safetensors"
        raise ValueError(
            f"[train] --output {model}: expected a name in .safetensors, such as {example}"
        )
    plot: Path | None = arguments.plot
    if plot is not None and find_spec("matplotlib") is None:
        raise ValueError("[train] --plot needs matplotlib: pip install 'fastdnn[plot]'")
    if plot is None and find_spec("matplotlib") is not None:
        plot = model.with_suffix(".png")
    if plot is not None and plot.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise ValueError(f"[train] --plot {plot}: expected a name in .png, .pdf or .svg")
    # A model takes numbers; this file says which numbers a table's columns become.
    columns = None if problem.encoder is None else model.with_suffix(".columns.json")
    taken = {} if problem.encoder is None else {Path(arguments.data).resolve(): "the input"}
    for what, path in (("model", model), ("columns", columns), ("curves", plot)):
        if path is not None:
            _check_writable(what, path)
            _check_apart(what, path, taken)
            taken[path.resolve()] = f"the file of the {what}"
    return _Outputs(model, columns, plot)


def _check_writable(what: str, path: Path) -> None:
    folder = path.parent
    if not folder.is_dir():
        raise ValueError(f"[train] there is no folder {folder} to write {path.name} into")
    if path.is_dir():
        raise ValueError(f"[train] {path} is a folder; expected the name of a file")
    refused = next((p for p in (folder, path) if p.exists() and not os.access(p, os.W_OK)), None)
    if refused is not None:
        raise ValueError(
            f"[train] {refused} is not writable, and the {what} would go to {path}; choose another "
            "place by --output or --plot"
        )


def _check_apart(what: str, path: Path, taken: dict[Path, str]) -> None:
    """Refuse to write over the input or another output, by whatever name or link."""
    for other, name in taken.items():
        same = path.resolve() == other
        if same or (path.exists() and other.exists() and path.samefile(other)):
            raise ValueError(
                f"[train] the {what} would be written over {name}, {path}; choose another name by "
                "--output or --plot"
            )


def _layer_sizes(problem: Problem, hidden: Sequence[int]) -> tuple[int, ...]:
    return (math.prod(problem.train[0].shape[1:]), *hidden, problem.outputs)


def _check_size(problem: Problem, hidden: Sequence[int]) -> None:
    """Refuse a network that this machine cannot hold, before the system kills the process."""
    sizes = _layer_sizes(problem, hidden)
    weights = sum(before * after for before, after in pairwise(sizes))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if weights * _BYTES_PER_WEIGHT > memory:
        raise ValueError(
            f"[train] layers of {'-'.join(map(str, sizes))} units have {weights:,} weights, which "
            f"take at least {weights * _BYTES_PER_WEIGHT / 2**30:,.0f} GiB; this machine has "
            f"{memory / 2**30:,.0f} GiB: choose smaller --hidden layers"
        )


def _stop_when_diverged() -> Any:
    """A callback that ends the training after an epoch whose loss is not finite."""
    from fastdnn.callbacks import Callback, Logs

    class StopWhenDiverged(Callback):
        def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
            if not _finite_losses(logs or {}):
                self.model.stop_training = True

    return StopWhenDiverged()


def _has_diverged(model: Any, history: Mapping[str, Sequence[float]]) -> bool:
    # The last step may have spoilt the weights after the last loss was taken.
    finite_weights = all(np.isfinite(weight).all() for weight in model.get_weights())
    return not finite_weights or not _finite_losses({k: v[-1] for k, v in history.items()})


def _finite_losses(logs: Mapping[str, float]) -> bool:
    return all(math.isfinite(logs[name]) for name in ("loss", "val_loss") if name in logs)


def _introduce(
    say: Any, problem: Problem, model: Any, arguments: argparse.Namespace, epochs: int, batch: int
) -> None:
    x = problem.train[0]
    validation = len(problem.validation[0]) if problem.validation else 0
    what = f"{problem.outputs} classes" if problem.task == "classification" else "regression"
    shape = "x".join(str(size) for size in x.shape[1:])
    sizes = _layer_sizes(problem, arguments.hidden)
    say(
        f"{problem.name}: {len(x)} rows to train, {validation} to validate, "
        f"{len(problem.test[0])} to test; inputs {shape}, {what}"
    )
    for note in problem.notes:
        say(note)
    say(
        f"network: {'-'.join(map(str, sizes))}, {model.count_params():,} parameters; "
        f"{arguments.optimizer}, batches of {batch}, {epochs} epoch{'s' if epochs > 1 else ''}"
    )
    if problem.encoder is not None and problem.task == "regression":
        name, deviation = problem.encoder.target_name_, problem.encoder.target_deviation_
        say(f"loss and mae of an epoch are of the standardised {name}: 1 is {deviation:.6g} of it")


def _write(problem: Problem, model: Any, history: Any, outputs: _Outputs) -> dict[str, Path]:
    """Write the files; returns what was written -> where."""
    model.save(outputs.model)
    written = {"model": outputs.model}
    if outputs.columns is not None:
        assert problem.encoder is not None, "which the path is there for"
        outputs.columns.write_text(json.dumps(problem.encoder.get_config(), indent=1) + "\n")
        written["columns"] = outputs.columns
    if outputs.plot is not None:
        from fastdnn import plot

        unit = ""
        if problem.encoder is not None and problem.task == "regression":
            unit = f"of the standardised {problem.encoder.target_name_}"
        plot.history(history, outputs.plot, unit=unit)
        written["curves"] = outputs.plot
    return written


def _initializer(activation: str) -> str:
    """The kernel initializer made for this activation (He 2015, LeCun 1998, Glorot 2010)."""
    if activation == "selu":
        return "lecun_normal"
    saturating = ("sigmoid", "tanh", "softmax", "softsign", "hard_sigmoid", "hard_tanh", "linear")
    return "glorot_uniform" if activation in saturating else "he_normal"
