"""Training with JAX: one compiled function a step."""

from typing import Any

import numpy as np

from fastdnn.benchmark.machine import import_peer, limited_affinity
from fastdnn.benchmark.workloads import Array, Data, Workload


class JaxTrainer:
    """A jitted step that takes over the memory of its arguments, on batches already in JAX.

    The step computes Keras's formulas, as fastdnn does.
    """

    passes = 1

    def __init__(self, workload: Workload, data: Data, threads: int) -> None:
        with limited_affinity(threads):
            self._jax = import_peer("jax", "jax")
            # Makes JAX's pool of threads, sized by the processors we may use.
            device = self._jax.devices("cpu")[0]
        self._workload = workload
        with self._jax.default_device(device):
            self._state = self._initial_state(data)
            self._batches = [
                (self._jax.numpy.array(x), self._jax.numpy.array(labels))
                for x, labels in data.batches
            ]
        self._step = self._jax.jit(self._update, donate_argnums=0)

    def run(self) -> None:
        """Train on every batch."""
        for x, labels in self._batches:
            self._state = self._step(self._state, x, labels)
        self._jax.block_until_ready(self._state)

    def kernels(self) -> list[Array]:
        """Return copies of the kernels."""
        return [np.array(layer["kernel"]) for layer in self._state["parameters"]]

    def _initial_state(self, data: Data) -> dict[str, Any]:
        jnp, tree_map = self._jax.numpy, self._jax.tree.map
        parameters, moving = [], []
        for place, kernel in enumerate(data.kernels):
            normalized = self._workload.batch_norm and place < len(data.kernels) - 1
            units = kernel.shape[1]
            layer = {"kernel": jnp.array(kernel), "bias": jnp.zeros(units)}
            if normalized:
                layer["gamma"] = jnp.ones(units)
                moving.append((jnp.zeros(units), jnp.ones(units)))
            parameters.append(layer)
        return {
            "parameters": parameters,
            "moving": moving,
            "slots": [tree_map(jnp.zeros_like, parameters) for _ in range(2)],
            "iteration": jnp.zeros((), jnp.float32),
            "key": self._jax.random.key(1),
        }

    def _update(self, state: dict[str, Any], x: Any, labels: Any) -> dict[str, Any]:
        jax, rate = self._jax, self._workload.learning_rate
        key, mask_key = jax.random.split(state["key"])
        gradient_of = jax.grad(self._loss, has_aux=True)
        gradients, statistics = gradient_of(state["parameters"], x, labels, mask_key)
        moving = jax.tree.map(lambda a, b: 0.99 * a + 0.01 * b, state["moving"], statistics)
        iteration = state["iteration"] + 1
        change, slots = self._optimize(gradients, state["slots"], iteration)
        parameters = jax.tree.map(lambda w, d: w - rate * d, state["parameters"], change)
        return {
            "parameters": parameters,
            "moving": moving,
            "slots": slots,
            "iteration": iteration,
            "key": key,
        }

    def _loss(self, parameters: list[dict[str, Any]], x: Any, labels: Any, key: Any) -> Any:
        jax, jnp = self._jax, self._jax.numpy
        statistics = []
        for layer in parameters[:-1]:
            # The bias of a normalized layer is its beta.
            x = x @ layer["kernel"]
            if "gamma" in layer:
                mean, variance = x.mean(axis=0), x.var(axis=0)
                statistics.append((mean, variance))
                x = (x - mean) * jax.lax.rsqrt(variance + 1e-3) * layer["gamma"]
            x = getattr(jax.nn, self._workload.activation)(x + layer["bias"])
            if self._workload.dropout:
                key, mask_key = jax.random.split(key)
                kept = jax.random.bernoulli(mask_key, 1 - self._workload.dropout, x.shape)
                x = jnp.where(kept, x / (1 - self._workload.dropout), 0)
        scores = jax.nn.log_softmax(x @ parameters[-1]["kernel"] + parameters[-1]["bias"])
        loss = -jnp.take_along_axis(scores, labels[:, None], axis=1).mean()
        return loss, statistics

    def _optimize(self, gradients: Any, slots: list[Any], t: Any) -> tuple[Any, list[Any]]:
        """Return what to subtract, before the learning rate, and the new slots."""
        jnp, tree_map = self._jax.numpy, self._jax.tree.map
        first, second = slots
        if self._workload.optimizer == "momentum":
            first = tree_map(lambda m, g: 0.9 * m + g, first, gradients)
            return first, [first, second]
        if self._workload.optimizer == "rmsprop":
            first = tree_map(lambda v, g: 0.9 * v + 0.1 * g * g, first, gradients)
            change = tree_map(lambda g, v: g / jnp.sqrt(v + 1e-7), gradients, first)
            return change, [first, second]
        if self._workload.optimizer == "adam":
            first = tree_map(lambda m, g: m + 0.1 * (g - m), first, gradients)
            second = tree_map(lambda v, g: v + 0.001 * (g * g - v), second, gradients)
            scale = jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            change = tree_map(lambda m, v: scale * m / (jnp.sqrt(v) + 1e-7), first, second)
            return change, [first, second]
        return gradients, slots
