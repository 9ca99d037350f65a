# SPDX-License-Identifier: Apache-2.0
"""Lesson 33: regression, and several yes or no at once.

What the last layer and the loss are depends on what is asked for. Any number: no activation, and
the squared error. A number from 0 to 1, a share: a sigmoid and the cross-entropy, which also
takes targets in between. Several questions that each have a yes or no: a sigmoid for each,
and the cross-entropy of each.

Houses in California (StatLib, 1990 census), in groups of some hundred: what are they worth?
The figure to reach is that of scikit-learn's default MLPRegressor, given the same rows:
`MLPRegressor(random_state=42).fit(x_train, y_train.ravel()).score(x_test, y_test)`.
"""

import os
from pathlib import Path

import numpy as np
from lesson import Lesson, Split

import fastdnn as fd
from fastdnn.callbacks import EarlyStopping, ReduceLROnPlateau
from fastdnn.datasets import Table, TableEncoder, read_csv
from fastdnn.layers import Dense
from fastdnn.metrics import R2Score

SKLEARN = 0.786  # R2 of MLPRegressor(random_state=42)
HIGHEST = 500_001.0  # dollars; dearer houses are listed so


def net(split: Split, units: int, activation: str | None, loss: str, epochs: int) -> fd.Sequential:
    """Return three layers of 200 and one for the outputs, trained until it stops helping."""
    model = fd.Sequential([fd.Input(shape=split[0].shape[1:])])
    for _ in range(3):
        model.add(Dense(200, activation="elu", kernel_initializer="he_normal"))
    model.add(Dense(units, activation=activation))
    model.compile("adam", loss=loss)
    slower = ReduceLROnPlateau(factor=0.3, patience=4)
    enough = EarlyStopping(patience=12, restore_best_weights=True)
    x, y = split
    model.fit(
        x,
        y,
        batch_size=64,
        epochs=epochs,
        validation_split=0.1,
        callbacks=[slower, enough],
        verbose=0,
    )
    return model


def questions(table: Table, rows: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return standardised columns, and as yes or no what the others say; with its names."""
    value, income, place = (
        table.columns[table.position(name)].values
        for name in ("median_house_value", "median_income", "ocean_proximity")
    )
    answers = {"dear": value > 250_000, "rich": income > 5, "inland": place == "INLAND"}
    others = [c for c in table.columns if c.is_numeric and c.name != "median_income"]
    encoder = TableEncoder("median_house_value")
    inputs = Table(tuple(others), table.rows, table.has_header)
    x = encoder.fit(inputs, np.arange(rows)).transform(inputs)
    return x, np.stack(list(answers.values()), axis=1).astype(np.float32), list(answers)


def shuffled(table: Table, count: int | None) -> Table:
    """Return the rows in another order, or some of them."""
    order = np.random.default_rng(42).permutation(table.rows)[:count]
    columns = tuple(type(c)(c.name, c.values[order]) for c in table.columns)
    return Table(columns, len(order), table.has_header)


def main(lesson: Lesson) -> None:
    """Three kinds of answers from one table."""
    folder = os.environ.get("FASTDNN_DATA")
    if not folder:
        raise SystemExit("Lesson 33: set FASTDNN_DATA to a folder with tabular/ in it")
    table = read_csv(Path(folder) / "tabular" / "california-housing.csv.gz")
    table = shuffled(table, 1000 if lesson.quick else None)
    rows, epochs = table.rows * 4 // 5, lesson.epochs(100)
    encoder = TableEncoder("median_house_value").fit(table, np.arange(rows))
    x, (y, _) = encoder.transform(table), encoder.transform_target(table)

    model = net((x[:rows], y[:rows]), 1, None, "mse", epochs)
    r2 = R2Score()(y[rows:], model.predict(x[rows:], verbose=0))
    lesson.report("R2 of any value", r2, to_reach=SKLEARN)

    dollars = table.columns[table.position("median_house_value")].values[:, None]
    share = (dollars / HIGHEST).astype(np.float32)
    model = net((x[:rows], share[:rows]), 1, "sigmoid", "binary_crossentropy", epochs)
    r2 = R2Score()(share[rows:], model.predict(x[rows:], verbose=0))
    lesson.report("R2 of a share of the highest value", r2, to_reach=SKLEARN)

    x, y, names = questions(table, rows)
    model = net((x[:rows], y[:rows]), len(names), "sigmoid", "binary_crossentropy", epochs)
    right = (model.predict(x[rows:], verbose=0) > 0.5) == y[rows:]
    for i, name in enumerate(names):
        usual = max(y[rows:, i].mean(), 1 - y[rows:, i].mean())
        lesson.report(f"accuracy of {name!r}", right[:, i].mean(), to_reach=float(usual))


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
