# SPDX-License-Identifier: Apache-2.0
"""Lesson 1: a perceptron and its decision boundary.

One unit with a sigmoid draws one straight line. Two measures of a flower, the length and the width
of its petals in centimetres, are enough to tell Iris setosa from two other kinds: the line lies in
the gap between them. The flowers come with scikit-learn (Fisher 1936).
"""

import numpy as np
from lesson import Lesson

import fastdnn as fd
from fastdnn.layers import Dense


def petals() -> tuple[np.ndarray, np.ndarray]:
    """Return lengths and widths of petals in centimetres, and 1 for Iris setosa."""
    try:
        from sklearn.datasets import load_iris
    except ImportError:
        raise SystemExit(
            "Lesson 1 takes its flowers from scikit-learn: pip install scikit-learn"
        ) from None
    flowers = load_iris()
    return flowers.data[:, 2:].astype(np.float32), (flowers.target == 0).astype(np.float32)


def main(lesson: Lesson) -> None:
    """Train, draw the boundary, and ask about one flower more."""
    x, y = petals()
    model = fd.Sequential([fd.Input(shape=(2,)), Dense(1, activation="sigmoid")])
    model.compile(fd.optimizers.SGD(0.5), loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=lesson.epochs(100), verbose=0)

    # Drawn into a file even without a display; names of columns come with data frames alone.
    names = ["others", "setosa"]
    figure = fd.plot.decision_boundary(model, x, y, lesson.figure(), labels=names)
    figure.axes[0].set(xlabel="length of the petals, cm", ylabel="width of the petals, cm")
    figure.savefig(lesson.figure())
    lesson.report("accuracy", model.evaluate(x, y, verbose=0)[1], to_reach=1.0)
    flower = model.predict(np.array([[2.0, 0.5]]), verbose=0)
    lesson.report("[2, 0.5] is setosa", float(flower[0, 0] > 0.5), to_reach=1.0)


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
