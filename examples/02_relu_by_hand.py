# SPDX-License-Identifier: Apache-2.0
"""Lesson 2: ReLU by hand.

A hidden layer stops what is negative: the second row of the features does not get through at all.
The weights are given, so that every number can be checked with pencil and paper.
"""

import numpy as np
from lesson import Lesson

import fastdnn as fd
from fastdnn.layers import Dense

FEATURES = [[1, 2, 3, 4], [-1, -2, -3, -4], [11, 12, 13, 14]]
HIDDEN = [[0.1, 0.2, 0.4], [0.4, 0.6, 0.6], [0.5, 0.9, 0.1], [0.8, 0.2, 0.8]]
OUTPUT = [[0.1, 0.6], [0.2, 0.1], [0.7, 0.9]]
EXPECTED = [[5.11, 8.44], [0, 0], [24.01, 38.24]]


def main(lesson: Lesson) -> None:
    """Predict."""
    model = fd.Sequential(
        [
            fd.Input(shape=(4,)),
            Dense(3, activation="relu", kernel_initializer=np.array(HIDDEN)),
            Dense(2, kernel_initializer=np.array(OUTPUT)),
        ]
    )
    result = model.predict(np.array(FEATURES), verbose=0)
    print(result)
    error = abs(result - EXPECTED).max()
    lesson.report("largest error", error, to_reach=1e-5, smaller_is_better=True)


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
