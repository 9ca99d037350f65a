"""Training with NumPy alone."""

import numpy as np
import numpy.typing as npt

from fastdnn.benchmark import numpy_kernels
from fastdnn.benchmark.workloads import Array, Data, Workload


class NumpyTrainer:
    """Forward, backward and update, one NumPy call after the other."""

    passes = 1

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        self._workload, self._batches = workload, data.batches
        self._rng = np.random.default_rng(1)
        self._activation, self._slope = numpy_kernels.ACTIVATIONS[workload.activation]
        self._layers = [_Layer(kernel) for kernel in data.kernels]
        self._iteration = 0
        self.loss = np.float32(0)

    def run(self) -> None:
        """Train on every batch."""
        for x, labels in self._batches:
            self._step(x, labels)

    def kernels(self) -> list[Array]:
        """Return copies of the kernels."""
        return [layer.kernel.copy() for layer in self._layers]

    def _step(self, x: Array, labels: npt.NDArray[np.int32]) -> None:
        self._iteration += 1
        rows = np.arange(len(x))
        *hidden, last = self._layers
        for layer in hidden:
            x = self._forward(layer, x)
        last.x = x
        gradient = numpy_kernels.softmax(x @ last.kernel + last.bias)
        self.loss = -np.log(np.maximum(gradient[rows, labels], 1e-7)).mean()
        gradient[rows, labels] -= 1
        gradient /= np.float32(len(x))

        for layer in reversed(self._layers):
            if layer is not last:
                gradient = self._backward(layer, gradient)
            kernel_gradient, bias_gradient = layer.x.T @ gradient, gradient.sum(axis=0)
            if layer is not self._layers[0]:
                gradient = gradient @ layer.kernel.T
            self._update(layer, "kernel", kernel_gradient)
            if layer is last or not self._workload.batch_norm:
                self._update(layer, "bias", bias_gradient)

    def _forward(self, layer: "_Layer", x: Array) -> Array:
        layer.x = x
        y: Array = x @ layer.kernel
        if self._workload.batch_norm:
            layer.normalized = numpy_kernels.batch_norm(y, layer.gamma, layer.beta, layer.moving, y)
        else:
            y += layer.bias
        self._activation(y, y)
        layer.y = y
        if self._workload.dropout:
            dropped = np.empty_like(y)
            y, layer.kept = numpy_kernels.dropout(y, self._workload.dropout, self._rng, dropped)
        return y

    def _backward(self, layer: "_Layer", gradient: Array) -> Array:
        if self._workload.dropout:
            rate = self._workload.dropout
            numpy_kernels.dropout_backward(gradient, layer.kept, rate, gradient)
        gradient *= self._slope(layer.y)
        if self._workload.batch_norm:
            normalized, inv_std = layer.normalized
            dgamma, dbeta = numpy_kernels.batch_norm_backward(
                gradient, normalized, inv_std, layer.gamma, gradient
            )
            self._update(layer, "gamma", dgamma)
            self._update(layer, "beta", dbeta)
        return gradient

    def _update(self, layer: "_Layer", name: str, gradient: Array) -> None:
        weights, rate = getattr(layer, name), self._workload.learning_rate
        first, second = layer.slots[name]
        if self._workload.optimizer == "adam":
            numpy_kernels.adam(weights, gradient, first, second, self._iteration, rate)
        elif self._workload.optimizer == "rmsprop":
            numpy_kernels.rmsprop(weights, gradient, first, rate)
        elif self._workload.optimizer == "momentum":
            numpy_kernels.sgd(weights, gradient, first, rate, 0.9)
        else:
            numpy_kernels.sgd(weights, gradient, None, rate)


class _Layer:
    """Weights, optimizer slots, and what the forward pass leaves for the backward pass."""

    x: Array
    y: Array
    kept: npt.NDArray[np.bool_]
    normalized: tuple[Array, Array]

    def __init__(self, kernel: Array) -> None:
        units = kernel.shape[1]
        self.kernel = kernel.copy()
        self.bias, self.beta = np.zeros((2, units), np.float32)
        self.gamma = np.ones(units, np.float32)
        self.moving = np.zeros(units, np.float32), np.ones(units, np.float32)
        self.slots = {
            name: np.zeros((2, *getattr(self, name).shape), np.float32)
            for name in ("kernel", "bias", "gamma", "beta")
        }
