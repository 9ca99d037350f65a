# SPDX-License-Identifier: Apache-2.0
"""Lesson 32: a model zoo.

Some small nets come with the package. One that tells digits gets a new last layer and learns from
100 images which digits are odd: its hidden layers know digits already.
"""

from lesson import Lesson

import fastdnn as fd
from fastdnn.layers import Dense


def main(lesson: Lesson) -> None:
    """List, load, fine-tune."""
    for entry in fd.zoo.list():
        print(entry)
    rows = 600 if lesson.quick else None

    (x, digits), (x_test, digits_test) = fd.datasets.load_mnist()
    x_test, digits_test = x_test[:rows], digits_test[:rows]
    known = fd.zoo.load("mnist-300-100")
    accuracy = known.evaluate(x_test, digits_test, verbose=0)[1]
    lesson.report("test accuracy of mnist-300-100", accuracy, to_reach=0.98)

    def tuned(model: fd.Sequential) -> float:
        model.pop()
        model.add(Dense(1, activation="sigmoid", name="odd"))
        model.compile(fd.optimizers.Adam(0.001), "binary_crossentropy", metrics=["accuracy"])
        few = x[:100], digits[:100] % 2
        model.fit(*few, batch_size=10, epochs=lesson.epochs(30), verbose=0)
        return model.evaluate(x_test, digits_test % 2, verbose=0)[1]

    new = fd.Sequential.from_config(known.get_config())
    known.freeze("hidden.")
    reused, scratch = tuned(known), tuned(new)
    lesson.report("test accuracy, odd or even, from the zoo's net and 100 images", reused)
    lesson.report("test accuracy, odd or even, from scratch", scratch)
    lesson.claim("the zoo's net is better", reused > scratch)


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
