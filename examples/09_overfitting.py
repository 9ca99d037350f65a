# SPDX-License-Identifier: Apache-2.0
"""Lesson 9: overfitting and capacity.

The net of lesson 8, a smaller and a far larger one, trained for longer than is good for them. From
some epoch on a net learns the reviews by heart: the loss falls on, but no longer on reviews that it
has not seen. The more it can remember, the sooner. The smallest net has only four units a layer;
some of them die, which costs it dearly.
"""

import numpy as np
from lesson import Lesson

import fastdnn as fd
from fastdnn.layers import Dense


def main(lesson: Lesson) -> None:
    """Train three sizes."""
    (x, y), _ = lesson.imdb()
    held = int(0.4 * len(y))  # 10,000 to validate
    training, validation, best = {}, {}, {}
    for name, units in (("small", 4), ("medium", 16), ("large", 512)):
        fd.set_seed(42)
        model = fd.Sequential(
            [
                fd.Input(shape=(10_000,)),
                Dense(units, activation="relu"),
                Dense(units, activation="relu"),
                Dense(1, activation="sigmoid"),
            ]
        )
        model.compile("rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
        history = model.fit(
            x[held:],
            y[held:],
            batch_size=512,
            epochs=lesson.epochs(20),
            validation_data=(x[:held], y[:held]),
            verbose=0,
        ).history
        label = f"{name}, {units}-{units}-1"
        training[label], validation[label] = history["loss"], history["val_loss"]
        best[name] = int(np.argmin(history["val_loss"])) + 1
        lesson.report(f"epoch of the smallest validation loss, {label}", best[name])
        lesson.report(f"training loss in the end, {label}", history["loss"][-1])
        lesson.report(f"validation loss in the end, {label}", history["val_loss"][-1])
    lesson.draw({"training loss": training, "validation loss": validation})
    lesson.claim("the small net overfits later than the medium one", best["small"] > best["medium"])
    lesson.claim("the large net overfits within 5 epochs", best["large"] < 5)
    least = min(losses[-1] for losses in training.values())
    lesson.claim("the large net learns most by heart", training[label][-1] == least)


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
