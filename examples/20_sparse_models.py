# SPDX-License-Identifier: Apache-2.0
"""Lesson 20: sparse models.

Three ways to a net most of whose weights are zero. L1 pulls weights towards zero, and what is left
below 0.005 is set to it. FTRL computes weights that are exactly zero. Pruning takes the smallest
weights out of a net that has been trained and trains the others on, in steps from share to share,
which takes two epochs more each time.

Zeros save nothing by themselves: a dense product multiplies by them, too. There are two ways to
gain from them. Pixels that lead to nothing, and units that nothing leads to or from which nothing
leads on, can be left out: L1 and FTRL leave few of them, pruning spares most. Or each transposed
kernel is taken for sparse rows, a unit each, and the images for the dense matrix: that pays from
90 to 95 % of zeros on.
"""

import time
from collections.abc import Callable

import numpy as np
from lesson import Lesson, Split
from matplotlib.figure import Figure
from scipy.sparse import csr_array

import fastdnn as fd
from fastdnn.callbacks import LambdaCallback
from fastdnn.layers import Dense
from fastdnn.optimizers import Adam, Ftrl, Optimizer
from fastdnn.regularizers import L1

BATCH = 256
SparseLayer = tuple[np.ndarray, np.ndarray, np.ndarray]


def net(optimizer: Optimizer, penalty: L1 | None = None) -> fd.Sequential:
    """Return 784-300-100-10."""
    fd.set_seed(42)
    sizes = {300: "relu", 100: "relu", 10: "softmax"}
    layers = [Dense(n, activation=f, kernel_regularizer=penalty) for n, f in sizes.items()]
    model = fd.Sequential([fd.Input(shape=(784,)), *layers])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def drop_below(model: fd.Sequential, limit: float) -> None:
    """Set weights below the limit to zero."""
    for layer in model.layers:
        layer.kernel.value[abs(layer.kernel.value) < limit] = 0


def prune(model: fd.Sequential, share: float) -> LambdaCallback:
    """Set the smallest hidden weights to zero; return what keeps them there after every step."""
    hidden = [layer.kernel for layer in model.layers[:-1]]
    masks = [abs(k.value) >= np.quantile(abs(k.value), share) for k in hidden]

    def keep(*_: object) -> None:
        for kernel, mask in zip(hidden, masks, strict=True):
            kernel.value[...] *= mask

    keep()
    return LambdaCallback(on_train_batch_end=keep)


def smaller(model: fd.Sequential) -> tuple[fd.Sequential, np.ndarray]:
    """Return the net without units that do nothing, and the pixels that it reads.

    A unit that nothing leads to is the same for all images: it goes into the biases above it.
    """
    kernels = [layer.kernel.numpy() for layer in model.layers]
    biases = [layer.bias.numpy() for layer in model.layers]
    pixels = kernels[0].any(axis=1)
    pixels[0] = True  # there has to be one
    kernels[0] = kernels[0][pixels]
    for i in range(len(kernels) - 1):
        used = kernels[i].any(axis=0) & kernels[i + 1].any(axis=1)
        used[0] = True
        biases[i + 1] += np.maximum(biases[i][~used], 0) @ kernels[i + 1][~used]
        kernels[i], biases[i] = kernels[i][:, used], biases[i][used]
        kernels[i + 1] = kernels[i + 1][used]
    layers = [
        Dense(len(bias), layer.activation, kernel_initializer=kernel, bias_initializer=bias)
        for layer, kernel, bias in zip(model.layers, kernels, biases, strict=True)
    ]
    return fd.Sequential([fd.Input(shape=(len(kernels[0]),)), *layers]), pixels


def sparse_layers(model: fd.Sequential) -> list[SparseLayer]:
    """Return each layer's units as sparse rows of weights, the bias last.

    One more unit is always 1: the next layer's biases are its weights.
    """
    layers = []
    for layer in model.layers:
        one = np.append(np.zeros(len(layer.kernel.value)), 1)
        units = np.vstack([layer.kernel.value, layer.bias.value]).T
        rows = csr_array(np.vstack([units, one]).astype(np.float32))
        layers.append((rows.indptr.astype(np.int64), rows.indices.astype(np.int32), rows.data))
    return layers


def predict_sparse(layers: list[SparseLayer], x: np.ndarray) -> np.ndarray:
    """Return the probabilities, from products of sparse kernels with a column an image."""
    results = []
    for start in range(0, len(x), BATCH):
        images = x[start : start + BATCH]
        y = np.ones((images.shape[1] + 1, len(images)), np.float32)
        y[:-1] = images.T
        for layer in layers[:-1]:
            y = fd.ops.csr_dense(*layer, y, activation="relu")
        logits = fd.ops.csr_dense(*layers[-1], y)[:-1].T
        results.append(fd.ops.softmax(np.ascontiguousarray(logits)))
    return np.concatenate(results)


def milliseconds(turns: int, *ways: Callable[[], np.ndarray]) -> list[float]:
    """Return what each of them takes, the best of some turns."""
    times = np.empty((turns, len(ways)))
    for row in times:
        for i, way in enumerate(ways):
            start = time.perf_counter()
            way()
            row[i] = 1000 * (time.perf_counter() - start)
    return times.min(axis=0).tolist()


def look(lesson: Lesson, name: str, model: fd.Sequential, images: Split) -> dict[str, float]:
    """Report what the net is worth, and how fast it is in three ways; return it by name."""
    x = images[0]
    kernels = [layer.kernel.value for layer in model.layers]
    zeros = 1 - sum(map(np.count_nonzero, kernels)) / sum(k.size for k in kernels)
    small, pixels = smaller(model)
    x_small, rows = np.ascontiguousarray(x[:, pixels]), sparse_layers(model)
    ways = (
        lambda: model.predict(x, batch_size=BATCH, verbose=0),
        lambda: small.predict(x_small, batch_size=BATCH, verbose=0),
        lambda: predict_sparse(rows, x),
    )
    found = {"zeros": zeros, "accuracy": model.evaluate(*images, verbose=0)[1]}
    found["units"] = sum(layer.units for layer in small.layers[:-1])
    answers = [way().argmax(axis=1) for way in ways]
    # Sums in another order are rounded otherwise, which may decide where two digits are as likely.
    assert all(np.mean(answers[0] == answer) > 0.999 for answer in answers)
    plain, *others = milliseconds(1 if lesson.quick else 7, *ways)
    found |= {"plain": plain, "smaller": plain / others[0], "sparse": plain / others[1]}
    lesson.report(f"{name}: share of zeros", zeros)
    lesson.report(f"{name}: test accuracy", found["accuracy"])
    lesson.report(f"{name}: hidden units left", found["units"])
    lesson.report(f"{name}: speed-up without the other units", found["smaller"])
    lesson.report(f"{name}: speed-up by sparse rows", found["sparse"])
    return found


def draw(found: dict[str, list[dict[str, float]]]) -> Figure:
    """Draw accuracy and speed against the share of zeros."""
    figure = Figure(figsize=(12, 4), layout="constrained")
    titles = {
        "accuracy": "test accuracy",
        "smaller": "speed-up without unused units",
        "sparse": "speed-up by sparse rows",
    }
    for panel, (what, title) in zip(figure.subplots(1, 3), titles.items(), strict=True):
        for label, nets in found.items():
            panel.plot([1 - f["zeros"] for f in nets], [f[what] for f in nets], "o-", label=label)
        panel.set(title=title, xlabel="share of zeros", xscale="log")
        panel.invert_xaxis()
        shares = (0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99)
        panel.set_xticks([1 - share for share in shares], [f"{share:.0%}" for share in shares])
        panel.minorticks_off()
        panel.grid(alpha=0.3)
        panel.legend()
    return figure


def main(lesson: Lesson) -> None:
    """Train all nets, and look at each."""
    train, _, test = lesson.mnist()

    def fit(model: fd.Sequential, epochs: int, *callbacks: LambdaCallback) -> None:
        count = lesson.epochs(epochs)
        model.fit(*train, batch_size=50, epochs=count, callbacks=list(callbacks), verbose=0)

    found = {"L1": [], "FTRL": [], "pruning": []}
    for strength in (0.0001, 0.0003, 0.001):
        model = net(Adam(0.001), L1(strength))
        fit(model, 5)
        drop_below(model, 0.005)
        found["L1"].append(look(lesson, f"L1 {strength:g}", model, test))
    for strength in (0.003, 0.01, 0.02):
        rule = Ftrl(0.05, initial_accumulator_value=0.001, l1_regularization_strength=strength)
        model = net(rule)
        fit(model, 5)
        found["FTRL"].append(look(lesson, f"FTRL {strength:g}", model, test))
    model = net(Adam(0.001))
    fit(model, 5)
    plain = look(lesson, "plain", model, test)
    found["pruning"].append(plain)
    cut = {}
    for share in (0.8, 0.9, 0.95, 0.98):
        mask = prune(model, share)
        cut[share] = model.evaluate(*test, verbose=0)[1]
        fit(model, 2, mask)
        found["pruning"].append(look(lesson, f"pruned {share:.0%}", model, test))
    draw(found).savefig(lesson.figure(), dpi=60)
    l1, pruned, most = found["L1"][1], *found["pruning"][-2:]
    lesson.report("ms for all test images, plain", plain["plain"])
    lesson.report("ms for all test images, pruned 98%, zeros multiplied", most["plain"])
    lesson.claim("pruned by 95% the net is as good", pruned["accuracy"] > plain["accuracy"] - 0.005)
    lesson.claim("training on after pruning helps", pruned["accuracy"] > cut[0.95])
    lesson.claim("L1 0.0003 leaves fewer units than pruning", l1["units"] < pruned["units"])
    lesson.claim("without unused units it is faster", l1["smaller"] > 1.5)


if __name__ == "__main__":
    Lesson(__file__, __doc__).run(main)
