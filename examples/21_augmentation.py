# SPDX-License-Identifier: Apache-2.0
"""Lesson 21: data augmentation.

With 1,000 labelled digits a net learns them by heart. If every image is shifted, rotated, zoomed
and lit a little differently each time that it is seen, there is always something new; the layers
that do it are part of the model and do nothing once it predicts.
"""

from lesson import Lesson

import fastdnn as fd
from fastdnn import augment, layers

IMAGE = (28, 28)
CHANGES = {
    "plain": lambda: [],
    "augmented": lambda: [
        augment.RandomTranslation(0.08, 0.08, "constant", image_shape=IMAGE),
        augment.RandomRotation(0.04, "constant", image_shape=IMAGE),
        augment.RandomZoom(0.1, 0.1, "constant", image_shape=IMAGE),
        augment.RandomContrast(0.3, image_shape=IMAGE),
    ],
}


def main(lesson: Lesson) -> None:
    """Train with and without."""
    (x, y), validation, test = lesson.mnist()
    few = x[:1000], y[:1000]
    accuracy, curves = {}, {}
    for name, changes in CHANGES.items():
        model = fd.Sequential(
            [
                fd.Input(shape=(784,)),
                *changes(),
                layers.Dense(300, activation="relu", kernel_initializer="he_normal"),
                layers.Dense(100, activation="relu", kernel_initializer="he_normal"),
                layers.Dense(10, activation="softmax"),
            ]
        )
        model.compile(
            fd.optimizers.SGD(0.01, momentum=0.9),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        history = model.fit(
            *few, batch_size=50, epochs=lesson.epochs(150), validation_data=validation, verbose=0
        )
        curves[name] = history.history["val_accuracy"]
        accuracy[name] = model.evaluate(*test, verbose=0)[1]
        lesson.report(f"test accuracy, {name}", accuracy[name])
    lesson.draw({"validation accuracy": curves})
    lesson.claim("better than without", accuracy["augmented"] > accuracy["plain"])


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
