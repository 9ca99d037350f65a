# SPDX-License-Identifier: Apache-2.0
"""Lesson 15: optimizers compared.

The same net with plain SGD and with six rules that make more of the same gradients: momentum keeps
going where gradients agree, the others give every weight a rate of its own. FTRL computes weights
from sums of gradients and forgets what they started from, all the more the larger the value its
squares are summed up from: with the default of 0.1 next to nothing is left of the initial weights.
"""

from lesson import Lesson

import fastdnn as fd
from fastdnn.layers import Dense
from fastdnn.optimizers import SGD, Adagrad, Adam, Ftrl, RMSprop


def main(lesson: Lesson) -> None:
    """Train with each."""
    train, validation, test = lesson.mnist()
    optimizers = {
        "SGD": SGD(0.01),
        "momentum": SGD(0.01, momentum=0.9),
        "Nesterov": SGD(0.01, momentum=0.9, nesterov=True),
        "AdaGrad": Adagrad(0.05),
        "RMSprop": RMSprop(0.001),
        "Adam": Adam(0.001),
        "FTRL": Ftrl(0.05, initial_accumulator_value=0.001),
    }
    training, unseen = {}, {}
    for name, optimizer in optimizers.items():
        fd.set_seed(42)
        model = fd.Sequential(
            [
                fd.Input(shape=(784,)),
                Dense(300, activation="relu"),
                Dense(100, activation="relu"),
                Dense(10, activation="softmax"),
            ]
        )
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(
            *train,
            batch_size=50,
            epochs=lesson.epochs(5),
            validation_data=validation,
            verbose=0,
        ).history
        training[name], unseen[name] = history["loss"], history["val_loss"]
        lesson.report(f"training loss, {name}", history["loss"][-1])
        lesson.report(f"test accuracy, {name}", model.evaluate(*test, verbose=0)[1])
        if name != "SGD":
            faster = history["loss"][-1] < training["SGD"][-1]
            lesson.claim(f"{name} learns faster than plain SGD", faster)
    lesson.draw({"training loss": training, "validation loss": unseen})


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
