"""The native Graph and Network in NumPy and float64: plain, slow, an oracle.

Same interface as `fastdnn._core.Graph` and `fastdnn._core.Network`. Dropout masks come from
`dropout_mask(seed, stream, step, shape, rate)`, which returns the factors (0 or 1 / (1 - rate)).
"""

import math
import time

import numpy as np

from reference import constraint
from reference import loss as loss_oracles
from reference.random import normal_rows

EPSILON = 1e-7  # Keras's clip of probabilities


def _sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def _softplus(x):
    return np.logaddexp(x, 0.0)


def _softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


_erf = np.vectorize(math.erf, otypes=[np.float64])
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _elu(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def _elu_slope(x, alpha):
    return np.where(x > 0, 1.0, alpha * np.exp(np.minimum(x, 0.0)))


def _mish_slope(x):
    t = np.tanh(_softplus(x))
    return t + x * (1.0 - t * t) * _sigmoid(x)


def _gelu_slope(x):
    return 0.5 * (1.0 + _erf(x / np.sqrt(2.0))) + x * np.exp(-x * x / 2.0) / np.sqrt(2.0 * np.pi)


# name -> value and slope at x.
ACTIVATIONS = {
    "linear": (lambda x, a: x, lambda x, a: np.ones_like(x)),
    "relu": (lambda x, a: np.maximum(x, 0.0), lambda x, a: (x > 0) * 1.0),
    "leaky_relu": (lambda x, a: np.where(x > 0, x, a * x), lambda x, a: np.where(x > 0, 1.0, a)),
    "elu": (_elu, _elu_slope),
    "selu": (
        lambda x, a: _SELU_SCALE * _elu(x, _SELU_ALPHA),
        lambda x, a: _SELU_SCALE * _elu_slope(x, _SELU_ALPHA),
    ),
    "sigmoid": (lambda x, a: _sigmoid(x), lambda x, a: _sigmoid(x) * _sigmoid(-x)),
    "tanh": (lambda x, a: np.tanh(x), lambda x, a: 1.0 - np.tanh(x) ** 2),
    "softplus": (lambda x, a: _softplus(x), lambda x, a: _sigmoid(x)),
    "softsign": (lambda x, a: x / (1.0 + abs(x)), lambda x, a: (1.0 + abs(x)) ** -2.0),
    "gelu": (lambda x, a: 0.5 * x * (1.0 + _erf(x / np.sqrt(2.0))), lambda x, a: _gelu_slope(x)),
    "silu": (
        lambda x, a: x * _sigmoid(x),
        lambda x, a: _sigmoid(x) * (1.0 + x * _sigmoid(-x)),
    ),
    "mish": (lambda x, a: x * np.tanh(_softplus(x)), lambda x, a: _mish_slope(x)),
    "hard_sigmoid": (
        lambda x, a: np.clip(x / 6.0 + 0.5, 0.0, 1.0),
        lambda x, a: (abs(x) < 3.0) / 6.0,
    ),
    "hard_tanh": (lambda x, a: np.clip(x, -1.0, 1.0), lambda x, a: (abs(x) < 1.0) * 1.0),
    "relu6": (lambda x, a: np.clip(x, 0.0, 6.0), lambda x, a: ((x > 0) & (x < 6.0)) * 1.0),
    "exponential": (lambda x, a: np.exp(x), lambda x, a: np.exp(x)),
}


class Dense:
    def __init__(self, x, kernel, bias):
        self.inputs, self.kernel, self.bias = [x], kernel, bias

    def forward(self, net, x, training):
        self.saved = x
        bias = 0.0 if self.bias is None else net.values[self.bias]
        return x @ net.values[self.kernel] + bias

    def backward(self, net, dy):
        net.add_gradient(self.kernel, self.saved.T @ dy)
        net.add_gradient(self.bias, dy.sum(axis=0))
        return dy @ net.values[self.kernel].T


class Activation:
    def __init__(self, x, name, alpha):
        if name != "softmax" and name not in ACTIVATIONS:
            raise ValueError(f"[activation] received '{name}'")
        self.inputs, self.name, self.alpha = [x], name, alpha

    def forward(self, net, x, training):
        self.saved = x
        if self.name == "softmax":
            self.y = _softmax(x)
            return self.y
        return ACTIVATIONS[self.name][0](x, self.alpha)

    def backward(self, net, dy):
        if self.name == "softmax":
            return self.y * (dy - (dy * self.y).sum(axis=1, keepdims=True))
        return dy * ACTIVATIONS[self.name][1](self.saved, self.alpha)


class BatchNormalization:
    def __init__(self, x, gamma, beta, moving_mean, moving_variance, momentum, epsilon, frozen):
        self.frozen = frozen
        self.inputs, self.gamma, self.beta = [x], gamma, beta
        self.moving_mean, self.moving_variance = moving_mean, moving_variance
        self.momentum, self.epsilon = momentum, epsilon

    def forward(self, net, x, training):
        moving_mean = net.values[self.moving_mean]
        moving_variance = net.values[self.moving_variance]
        if training and not self.frozen:
            mean, variance = x.mean(axis=0), x.var(axis=0)
            for moving, now in ((moving_mean, mean), (moving_variance, variance)):
                moving[:] = self.momentum * moving + (1.0 - self.momentum) * now
        else:
            mean, variance = moving_mean, moving_variance
        self.scale = 1.0 / np.sqrt(variance + self.epsilon)
        self.normal = (x - mean) * self.scale
        gamma = 1.0 if self.gamma is None else net.values[self.gamma]
        beta = 0.0 if self.beta is None else net.values[self.beta]
        return gamma * self.normal + beta

    def backward(self, net, dy):
        net.add_gradient(self.gamma, (dy * self.normal).sum(axis=0))
        net.add_gradient(self.beta, dy.sum(axis=0))
        gamma = 1.0 if self.gamma is None else net.values[self.gamma]
        d = dy * gamma
        if self.frozen:
            return self.scale * d
        return self.scale * (d - d.mean(axis=0) - self.normal * (d * self.normal).mean(axis=0))


class Dropout:
    def __init__(self, x, rate, stream):
        self.inputs, self.rate, self.stream = [x], rate, stream

    def forward(self, net, x, training):
        self.factors = 1.0
        if training:
            step = net.iterations
            self.factors = net.dropout_mask(net.seed, self.stream, step, x.shape, self.rate)
        return x * self.factors

    def backward(self, net, dy):
        return dy * self.factors


class Rescaling:
    def __init__(self, x, scale, offset):
        self.inputs, self.scale, self.offset = [x], scale, offset

    def forward(self, net, x, training):
        return self.scale * x + self.offset

    def backward(self, net, dy):
        return self.scale * dy


class LayerNormalization:
    def __init__(self, x, gamma, beta, epsilon):
        self.inputs, self.gamma, self.beta, self.epsilon = [x], gamma, beta, epsilon

    def forward(self, net, x, training):
        self.scale = 1.0 / np.sqrt(x.var(axis=1, keepdims=True) + self.epsilon)
        self.normal = (x - x.mean(axis=1, keepdims=True)) * self.scale
        gamma = 1.0 if self.gamma is None else net.values[self.gamma]
        return gamma * self.normal + (0.0 if self.beta is None else net.values[self.beta])

    def backward(self, net, dy):
        net.add_gradient(self.gamma, (dy * self.normal).sum(axis=0))
        net.add_gradient(self.beta, dy.sum(axis=0))
        d = dy * (1.0 if self.gamma is None else net.values[self.gamma])
        slope = (d * self.normal).mean(axis=1, keepdims=True)
        return self.scale * (d - d.mean(axis=1, keepdims=True) - self.normal * slope)


class AlphaDropout:
    """Masks are dropout's; the factors are those of Keras."""

    def __init__(self, x, rate, stream):
        self.inputs, self.rate, self.stream = [x], rate, stream

    def forward(self, net, x, training):
        self.factors = 1.0
        if not training:
            return x
        key = net.seed, self.stream, net.iterations
        kept = np.asarray(net.dropout_mask(*key, x.shape, self.rate)) > 0
        saturated = -_SELU_SCALE * _SELU_ALPHA
        a = ((1.0 - self.rate) * (1.0 + self.rate * saturated**2)) ** -0.5
        self.factors = a * kept
        return a * np.where(kept, x, saturated) - a * saturated * self.rate

    def backward(self, net, dy):
        return dy * self.factors


class GaussianNoise:
    def __init__(self, x, stddev, stream):
        self.inputs, self.stddev, self.stream = [x], stddev, stream

    def forward(self, net, x, training):
        if not training:
            return x
        return x + self.stddev * normal_rows(*x.shape, net.seed, self.stream, net.iterations)

    def backward(self, net, dy):
        return dy


class Prelu:
    def __init__(self, x, alpha):
        self.inputs, self.alpha = [x], alpha

    def forward(self, net, x, training):
        self.saved = x
        return np.where(x > 0, x, net.values[self.alpha] * x)

    def backward(self, net, dy):
        net.add_gradient(self.alpha, (dy * np.minimum(self.saved, 0.0)).sum(axis=0))
        return dy * np.where(self.saved > 0, 1.0, net.values[self.alpha])


class Normalization:
    def __init__(self, x, mean, variance, invert):
        self.inputs, self.mean, self.variance, self.invert = [x], mean, variance, invert

    def forward(self, net, x, training):
        size = np.maximum(np.sqrt(net.values[self.variance]), 1e-7)
        self.slope = size if self.invert else 1.0 / size
        mean = net.values[self.mean]
        return x * size + mean if self.invert else (x - mean) / size

    def backward(self, net, dy):
        return dy * self.slope


class Embedding:
    def __init__(self, x, embeddings):
        self.inputs, self.embeddings = [x], embeddings

    def forward(self, net, x, training):
        self.codes = x.astype(int)
        return net.values[self.embeddings][self.codes].reshape(len(x), -1)

    def backward(self, net, dy):
        gradient = np.zeros_like(net.values[self.embeddings])
        np.add.at(gradient, self.codes, dy.reshape(*self.codes.shape, -1))
        net.add_gradient(self.embeddings, gradient)
        return np.zeros(self.codes.shape)


class Merge:
    def __init__(self, name, xs):
        self.name, self.inputs = name, list(xs)

    def forward(self, net, *xs, training):
        self.saved = xs
        if self.name == "concatenation":
            return np.concatenate(xs, axis=1)
        return np.sum(xs, axis=0) if self.name == "sum" else np.prod(xs, axis=0)

    def backward(self, net, dy):
        if self.name == "concatenation":
            return np.split(dy, np.cumsum([x.shape[1] for x in self.saved])[:-1], axis=1)
        if self.name == "sum":
            return [dy] * len(self.saved)
        others = [[x for j, x in enumerate(self.saved) if j != i] for i in range(len(self.saved))]
        return [dy * np.prod(each, axis=0) for each in others]


class ActivityPenalty:
    def __init__(self, x, l1, l2):
        self.inputs, self.factors = [x], (l1, l2)

    def forward(self, net, x, training):
        self.saved = x
        return x

    def backward(self, net, dy):
        return dy + penalty_slope(self.saved, *self.factors) / len(self.saved)


def penalty(x, l1, l2):
    return l1 * abs(x).sum() + l2 * (x * x).sum()


def penalty_slope(x, l1, l2):
    return l1 * np.sign(x) + 2.0 * l2 * x


class Graph:
    """Tensors are numbered in the order in which they were added."""

    def __init__(self):
        self.operations, self.parameters, self.inputs, self.outputs = {}, [], [], []
        self.count = 0
        self.penalties, self.constraints = {}, {}

    def _tensor(self):
        self.count += 1
        return self.count - 1

    def add_input(self, width):
        self.inputs.append(self._tensor())
        return self.inputs[-1]

    def add_parameter(self, name, shape, trainable):
        self.parameters.append((name, tuple(shape), trainable))
        return len(self.parameters) - 1

    def _add(self, operation):
        output = self._tensor()
        self.operations[output] = operation
        return output

    def add_dense(self, x, kernel, bias):
        return self._add(Dense(x, kernel, bias))

    def add_activation(self, x, name, alpha):
        return self._add(Activation(x, name, alpha))

    def add_batch_normalization(self, x, *arguments):
        return self._add(BatchNormalization(x, *arguments))

    def add_dropout(self, x, rate, stream):
        return self._add(Dropout(x, rate, stream))

    def add_rescaling(self, x, scale, offset):
        return self._add(Rescaling(x, scale, offset))

    def add_layer_normalization(self, x, gamma, beta, epsilon):
        return self._add(LayerNormalization(x, gamma, beta, epsilon))

    def add_alpha_dropout(self, x, rate, stream):
        return self._add(AlphaDropout(x, rate, stream))

    def add_gaussian_noise(self, x, stddev, stream):
        return self._add(GaussianNoise(x, stddev, stream))

    def add_prelu(self, x, alpha):
        return self._add(Prelu(x, alpha))

    def add_normalization(self, x, mean, variance, invert):
        return self._add(Normalization(x, mean, variance, invert))

    def add_embedding(self, x, embeddings):
        return self._add(Embedding(x, embeddings))

    def add_merge(self, name, xs):
        return self._add(Merge(name, xs))

    def add_activity_penalty(self, x, l1, l2):
        return self._add(ActivityPenalty(x, l1, l2))

    def set_penalty(self, parameter, l1, l2):
        self.penalties[parameter] = l1, l2

    def constrain_non_negative(self, parameter):
        self.constraints[parameter] = constraint.non_negative

    def constrain_norms(self, parameter, *arguments):
        self.constraints[parameter] = lambda w: constraint.norms(w, *arguments)

    def add_output(self, x):
        self.outputs.append(x)


class Network:
    """Weights, slots and everything else in float64."""

    def __init__(self, graph, dropout_mask=None):
        self.graph, self.dropout_mask = graph, dropout_mask
        self.arrays = [np.zeros(shape) for _, shape, _ in graph.parameters]
        self.trainable = [trainable for _, _, trainable in graph.parameters]
        self.learning_rates, self.iterations, self.seed = [0.0], 0, 0
        self.rules, self._slots = [], {}

    def parameter(self, index):
        return self.arrays[index]

    def slot(self, name, index):
        return self._slots[name, index]

    def add_gradient(self, index, gradient):
        if index is not None and self.trainable[index]:
            self.gradients[index] = self.gradients.get(index, 0.0) + gradient

    def compile(self, choices, rules, rule_of=()):
        for choice in choices:
            if choice is not None and choice[0] not in LOSSES:
                raise ValueError(f"[compile] received '{choice[0]}'")
        self.choices, self.live = choices, self._reaching_the_loss(choices)
        self.rules = [(name, dict(hyper)) for name, hyper in rules]
        self.rule_of = list(rule_of) or [0] * len(self.arrays)
        self.learning_rates, self.iterations = [hyper["learning_rate"] for _, hyper in rules], 0
        self._slots = {
            (name, i): np.full(array.shape, self._start(name, i))
            for i, array in enumerate(self.arrays)
            if self.trainable[i]
            for name in self.slot_names(i)
        }

    def _reaching_the_loss(self, choices):
        """Return the tensors that training computes."""
        scored = zip(self.graph.outputs, choices, strict=True)
        live = {tensor for tensor, choice in scored if choice is not None}
        for output, operation in reversed(self.graph.operations.items()):
            if output in live or isinstance(operation, ActivityPenalty):
                live |= {output, *operation.inputs}
        return live

    def slot_names(self, index):
        """Return the names of a parameter's slots."""
        name, hyper = self.rules[self.rule_of[index]]
        names = SLOTS[name](hyper) + ["average"] * bool(hyper.get("use_ema"))
        return names + ["gradient_accumulator"] * ("gradient_accumulation_steps" in hyper)

    def _start(self, slot, index):
        _, hyper = self.rules[self.rule_of[index]]
        return hyper.get("initial_accumulator_value", 0.0) if slot == "accumulator" else 0.0

    def forward(self, inputs, training=False):
        """Return the values of all tensors."""
        self.values = [array.copy() for array in self.arrays]
        numbers = map(self._as_numbers, self.graph.inputs, inputs)
        values = dict(zip(self.graph.inputs, numbers, strict=True))
        for output, operation in self.graph.operations.items():
            if training and output not in self.live:
                continue
            arguments = [values[i] for i in operation.inputs]
            values[output] = operation.forward(self, *arguments, training=training)
        return values

    def _as_numbers(self, tensor, x):
        readers = [op for op in self.graph.operations.values() if tensor in op.inputs]
        if x.dtype == np.uint8 and not any(isinstance(op, Rescaling | Embedding) for op in readers):
            x = x / 255.0
        return x.astype(np.float64)

    def step(self, inputs, targets, weights):
        """One forward and backward pass and an update; returns the totals."""
        values = self.forward(inputs, training=True)
        totals, arriving = self.totals(values, targets, weights)
        self.gradients = {}
        for output, operation in reversed(self.graph.operations.items()):
            if isinstance(operation, ActivityPenalty):
                arriving.setdefault(output, 0.0)
            if output not in arriving:
                continue
            passed = operation.backward(self, arriving[output])
            passed = passed if isinstance(passed, list) else [passed]
            for i, dx in zip(operation.inputs, passed, strict=True):
                arriving[i] = arriving.get(i, 0.0) + dx
        for i, factors in self.graph.penalties.items():
            self.add_gradient(i, penalty_slope(self.values[i], *factors))
        steps = self.rules[0][1].get("gradient_accumulation_steps", 1)
        if steps > 1:
            self._accumulate(self.iterations % steps == 0)
        t = self.iterations // steps + 1
        if (self.iterations + 1) % steps == 0:
            self._update({i: g / steps for i, g in self.gradients.items()}, t)
        self._average(t)
        for i, change in self.graph.constraints.items():
            if i in self.gradients:
                self.values[i] = change(self.values[i])
        for i, array in enumerate(self.arrays):
            array[...] = self.values[i]
        self.iterations += 1
        return totals

    def _accumulate(self, first):
        for i, gradient in self.gradients.items():
            total = self._slots["gradient_accumulator", i]
            self.gradients[i] = total[...] = gradient if first else total + gradient

    def _update(self, gradients, t):
        norms = {i: np.sqrt((g * g).sum()) for i, g in gradients.items()}
        for i, gradient in gradients.items():
            rule = self.rule_of[i]
            optimizer, hyper = self.rules[rule]
            hyper = hyper | {"learning_rate": self.learning_rates[rule]}
            total = np.sqrt(sum(n**2 for j, n in norms.items() if self.rule_of[j] == rule))
            if limit := hyper.get("clipnorm"):
                gradient = gradient * min(1.0, limit / norms[i])
            if limit := hyper.get("global_clipnorm"):
                gradient = gradient * min(1.0, limit / total)
            if limit := hyper.get("clipvalue"):
                gradient = np.clip(gradient, -limit, limit)
            self.values[i] -= (
                hyper["learning_rate"] * hyper.get("weight_decay", 0.0) * self.values[i]
            )
            slots = {n: self._slots[n, i] for n in self.slot_names(i)}
            UPDATES[optimizer](self.values[i], gradient, slots, hyper, t)

    def _average(self, t):
        for i in self.gradients:
            _, hyper = self.rules[self.rule_of[i]]
            if not hyper.get("use_ema"):
                continue
            kept = 0.0 if t == 1 else hyper["ema_momentum"]
            every = hyper.get("ema_overwrite_frequency", 0)
            average = self._slots["average", i]
            average[...] = kept * average + (1.0 - kept) * self.values[i]
            if every and t % every == 0:
                self.values[i][...] = average

    def totals(self, values, targets, weights):
        """Totals of a batch, and the gradients of sum(weight * loss) / rows by output tensor."""
        all_sums, gradients = [], {}
        columns = self.graph.outputs, self.choices, targets, weights
        for tensor, choice, y, weight in zip(*columns, strict=True):
            if choice is None:
                all_sums.append(np.zeros(3))
                continue
            prediction = values[tensor]
            name, options, factor, metrics = choice
            weight = np.ones(len(prediction)) if weight is None else weight.astype(np.float64)
            loss, gradient = LOSSES[name](prediction, y, options)
            sums = [
                (METRICS[metric](prediction, y) * (weight if weighted else 1.0)).sum()
                for metric, _, ways in metrics
                for weighted in ways
            ]
            all_sums.append([len(weight), weight.sum(), (loss * weight).sum(), *sums])
            change = factor * gradient * weight[:, None] / len(weight)
            gradients[tensor] = gradients.get(tensor, 0.0) + change
        rows = len(prediction)
        all_sums.append([rows * self.weight_penalty() + self.activity_penalty()])
        return np.concatenate(all_sums).astype(np.float64), gradients

    def weight_penalty(self):
        penalties = self.graph.penalties.items()
        return sum(penalty(self.values[i], *f) for i, f in penalties if self.trainable[i])

    def activity_penalty(self):
        """The sum over the rows: what is divided by their number."""
        operations = self.graph.operations.values()
        return sum(
            penalty(operation.saved, *operation.factors)
            for operation in operations
            if isinstance(operation, ActivityPenalty)
        )

    def train(self, inputs, targets, weights, order, first, batches, batch_size, max_seconds):
        def run(rows):
            rows = rows if order is None else order[rows]
            return self.step(*_of_rows(rows, inputs, targets, weights))

        return self._run(run, len(inputs[0]), first, batches, batch_size, max_seconds)

    def evaluate(self, inputs, targets, weights, first, batches, batch_size, max_seconds):
        def run(rows):
            x, y, w = _of_rows(rows, inputs, targets, weights)
            return self.totals(self.forward(x), y, w)[0]

        return self._run(run, len(inputs[0]), first, batches, batch_size, max_seconds)

    def predict(self, inputs, outputs, first, batches, batch_size, max_seconds):
        def run(rows):
            values = self.forward(_of_rows(rows, inputs)[0])
            for tensor, output in zip(self.graph.outputs, outputs, strict=True):
                output[rows] = values[tensor]
            return np.zeros(3)

        return self._run(run, len(inputs[0]), first, batches, batch_size, max_seconds)[0]

    def _run(self, run, rows, first, batches, batch_size, max_seconds):
        done, total, deadline = 0, 0.0, time.perf_counter() + max_seconds
        while done < batches:
            start = first + done * batch_size
            total = total + run(np.arange(start, min(start + batch_size, rows)))
            done += 1
            if time.perf_counter() >= deadline:
                break
        return done, total


def _of_rows(rows, *groups):
    return [[None if array is None else array[rows] for array in group] for group in groups]


# Losses: prediction, targets, options -> loss per row, gradient of the sum of the losses.


def _categorical(p, y, options):
    smoothing = options.get("label_smoothing", 0.0)
    y = y * (1.0 - smoothing) + smoothing / p.shape[1]
    if options.get("from_logits"):
        log_p = p - p.max(axis=1, keepdims=True)
        log_p = log_p - np.log(np.exp(log_p).sum(axis=1, keepdims=True))
        return -(y * log_p).sum(axis=1), np.exp(log_p) * y.sum(axis=1, keepdims=True) - y
    total = p.sum(axis=1, keepdims=True)
    q = p / total
    clipped = np.clip(q, EPSILON, 1.0 - EPSILON)
    dq = np.where(q == clipped, -y / clipped, 0.0)
    return -(y * np.log(clipped)).sum(axis=1), (dq - (dq * q).sum(axis=1, keepdims=True)) / total


def _sparse(p, y, options):
    return _categorical(p, np.eye(p.shape[1])[y], options | {"label_smoothing": 0.0})


def _binary(p, y, options):
    y, n = y.astype(np.float64), p.shape[1]
    smoothing = options.get("label_smoothing", 0.0)
    y = y * (1.0 - smoothing) + 0.5 * smoothing
    if options.get("from_logits"):
        loss = _softplus(p) - y * p
        return loss.mean(axis=1), (_sigmoid(p) - y) / n
    q = np.clip(p, EPSILON, 1.0 - EPSILON)
    loss = -(y * np.log(q) + (1.0 - y) * np.log1p(-q))
    return loss.mean(axis=1), np.where(p == q, (q - y) / (q * (1.0 - q)), 0.0) / n


def _squared(p, y, options=None):
    return ((p - y) ** 2).mean(axis=1), 2.0 * (p - y) / p.shape[1]


def _absolute(p, y, options=None):
    return abs(p - y).mean(axis=1), np.sign(p - y) / p.shape[1]


def _focal(name):
    def loss(p, y, options):
        options = dict(options)
        targets = loss_oracles.smoothed(name, y, p.shape[1], options.pop("label_smoothing", 0.0))
        oracle = loss_oracles.ORACLES[name, bool(options.pop("from_logits", 0.0))]
        return oracle(targets, p, **options)[::2]

    return loss


LOSSES = {
    "sparse_categorical_crossentropy": _sparse,
    "categorical_crossentropy": _categorical,
    "binary_crossentropy": _binary,
    "categorical_focal_crossentropy": _focal("categorical_focal_crossentropy"),
    "binary_focal_crossentropy": _focal("binary_focal_crossentropy"),
    "mean_squared_error": _squared,
    "mean_absolute_error": _absolute,
}

METRICS = {
    "sparse_categorical_accuracy": lambda p, y: (p.argmax(axis=1) == y) * 1.0,
    "categorical_accuracy": lambda p, y: (p.argmax(axis=1) == y.argmax(axis=1)) * 1.0,
    "binary_accuracy": lambda p, y: ((p > 0.5) == y).mean(axis=1),
    "mean_squared_error": lambda p, y: _squared(p, y)[0],
    "mean_absolute_error": lambda p, y: _absolute(p, y)[0],
}


# Optimizers: slots by hyperparameters, and the update of one array in place at step t.

SLOTS = {
    "sgd": lambda h: ["momentum"] if h["momentum"] else [],
    "adagrad": lambda h: ["accumulator"],
    "rmsprop": lambda h: (
        ["velocity"]
        + ["momentum"] * (h["momentum"] > 0.0)
        + ["average_gradient"] * bool(h["centered"])
    ),
    "adam": lambda h: ["momentum", "velocity"],
    "ftrl": lambda h: ["accumulator", "linear"],
}


def _sgd(w, g, slots, h, t):
    lr, momentum = h["learning_rate"], h["momentum"]
    if not momentum:
        w -= lr * g
        return
    v = slots["momentum"]
    v[...] = momentum * v - lr * g
    w += momentum * v - lr * g if h["nesterov"] else v


def _adagrad(w, g, slots, h, t):
    slots["accumulator"] += g * g
    w -= h["learning_rate"] * g / np.sqrt(slots["accumulator"] + h["epsilon"])


def _rmsprop(w, g, slots, h, t):
    rho, v = h["rho"], slots["velocity"]
    v[...] = rho * v + (1.0 - rho) * g * g
    variance = v
    if h["centered"]:
        mean = slots["average_gradient"]
        mean[...] = rho * mean + (1.0 - rho) * g
        variance = v - mean * mean
    step = h["learning_rate"] * g / np.sqrt(variance + h["epsilon"])
    if h["momentum"]:
        slots["momentum"][...] = h["momentum"] * slots["momentum"] + step
        step = slots["momentum"]
    w -= step


def _adam(w, g, slots, h, t):
    m, v, b1, b2 = slots["momentum"], slots["velocity"], h["beta_1"], h["beta_2"]
    m += (g - m) * (1.0 - b1)
    v += (g * g - v) * (1.0 - b2)
    rate = h["learning_rate"] * np.sqrt(1.0 - b2**t) / (1.0 - b1**t)
    w -= rate * m / (np.sqrt(v) + h["epsilon"])


def _ftrl(w, g, slots, h, t):
    lr, power = h["learning_rate"], -h["learning_rate_power"]
    l1, a, z = h["l1_regularization_strength"], slots["accumulator"], slots["linear"]
    l2 = h["l2_regularization_strength"] + h["beta"] / (2.0 * lr)
    new = a + g * g
    z += g + 2.0 * h["l2_shrinkage_regularization_strength"] * w - (new**power - a**power) / lr * w
    w[...] = (np.clip(z, -l1, l1) - z) / (new**power / lr + 2.0 * l2)
    a[...] = new


UPDATES = {"sgd": _sgd, "adagrad": _adagrad, "rmsprop": _rmsprop, "adam": _adam, "ftrl": _ftrl}
