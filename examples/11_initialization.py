# SPDX-License-Identifier: Apache-2.0
"""Lesson 11: Xavier and He initialization, vanishing gradients.

Ten hidden layers of 100. With sigmoid and kernels from N(0, 1) most sums lie where sigmoid is flat,
and layers learn slowly. Smaller kernels do not help: sigmoid is nowhere steeper than 1/4, so that
gradients shrink from layer to layer on their way down, to nothing. Xavier's kernels fit tanh, He's
fit ELU: what goes up and what comes down keeps its size. In the figure the layers below are darker.
"""

import numpy as np
from lesson import Lesson, Split
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import fastdnn as fd
from fastdnn.initializers import RandomNormal
from fastdnn.layers import Dense

HIDDEN = [f"hidden{i}" for i in range(1, 11)]
NETS = {
    "sigmoid, N(0, 1)": ("sigmoid", RandomNormal(stddev=1.0)),
    "sigmoid, Xavier": ("sigmoid", "glorot_normal"),
    "tanh, Xavier": ("tanh", "glorot_normal"),
    "ELU, He": ("elu", "he_normal"),
}


def net(activation: str, start: str | RandomNormal) -> fd.Sequential:
    """Return the net, which computes logits."""
    hidden = [
        Dense(100, activation=activation, kernel_initializer=start, name=name) for name in HIDDEN
    ]
    logits = Dense(10, kernel_initializer=start)
    model = fd.Sequential([fd.Input(shape=(784,)), *hidden, logits])
    loss = fd.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(fd.optimizers.SGD(0.01), loss, metrics=["accuracy"])
    return model


def kernel_gradients(model: fd.Sequential, rows: Split) -> list[np.ndarray]:
    """Return the gradients of the hidden kernels, by a forward and a backward pass."""
    x, labels = rows
    logits = model.forward(x, training=True)
    _, slopes = fd.ops.softmax_cross_entropy(logits, labels.astype(np.int32))
    model.zero_gradients()
    model.backward(slopes / len(x))
    return [model.gradients[f"{name}/kernel"] for name in HIDDEN]


def draw(panel: Axes, layers: list[np.ndarray], bins: np.ndarray) -> None:
    """Draw a histogram a layer, dark below and bright above."""
    for color, values in zip(colormaps["viridis"](np.linspace(0, 1, 10)), layers, strict=True):
        counts, _ = np.histogram(values, bins)
        panel.stairs(counts / values.size, bins, color=color)


def main(lesson: Lesson) -> None:
    """Look at each net, draw what was seen, and train."""
    train, validation, _ = lesson.mnist()
    rows = tuple(array[:1000] for array in validation)
    figure = Figure(figsize=(12, 5), layout="constrained")
    reports, accuracy, last = {}, {}, 0.0
    for name, panels in zip(NETS, figure.subplots(2, len(NETS)).T, strict=True):
        fd.set_seed(42)
        model = net(*NETS[name])
        outputs = [model.extract(layer).predict(rows[0], verbose=0) for layer in HIDDEN]
        draw(panels[0], outputs, np.linspace(-2, 2, 41))
        sizes = [np.log10(abs(g[g != 0])) for g in kernel_gradients(model, rows)]
        draw(panels[1], sizes, np.linspace(-12, 0, 41))
        panels[0].set(title=name, xlabel="outputs")
        panels[1].set(xlabel="log10 of gradients' magnitudes")
        reports[name] = model.health(*rows)
        print(f"\n{name}\n{reports[name]}")
        first, last = (10 ** np.median(sizes[i]) for i in (0, -1))
        lesson.report(f"gradients of the first layer by the last's, {name}", first / last)
        model.fit(*train, batch_size=50, epochs=lesson.epochs(3), verbose=0)
        accuracy[name] = model.evaluate(*validation, verbose=0)[1]
        lesson.report(f"validation accuracy, {name}", accuracy[name])
    figure.savefig(lesson.figure(), dpi=60)
    saturated, vanishing, *healthy = NETS
    lesson.claim(f"saturates: {saturated}", "saturated" in str(reports[saturated].problems))
    lesson.claim(f"vanishes: {vanishing}", "vanishing" in str(reports[vanishing].problems))
    for name in healthy:
        lesson.claim(f"nothing wrong: {name}", reports[name].healthy)
        best = max(accuracy[saturated], accuracy[vanishing])
        lesson.claim(f"learns better than those: {name}", accuracy[name] > best)


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
