"""Initial values of weights, by name, by object or by array.

Formulas and defaults are Keras's. The numbers come from the native generator, so that they
are the same on every machine. Without a `seed`, a weight's initial value depends on the
model's seed and the weight's place in the model (see `fastdnn.random`).
"""

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from fastdnn import ops
from fastdnn.checks import number
from fastdnn.configuration import Configurable, lookup, table
from fastdnn.random import WEIGHT_STREAM, checked_seed, next_seed

Array = npt.NDArray[np.float32]
Shape = tuple[int, ...]

# What is left of the standard deviation of a normal cut at two standard deviations.
_TRUNCATED_STDDEV = 0.87962566103423978


class Initializer(Configurable, ABC):
    """Base of the initializers: `initializer(shape)` returns a new float32 array."""

    seed: int | None = None

    def __call__(self, shape: Shape) -> Array:
        """Return an array of this shape; a random one is a new draw unless `seed` is given."""
        if self.seed is None:
            return self.draw(tuple(shape), next_seed(), WEIGHT_STREAM)
        return self.draw(tuple(shape), self.seed, WEIGHT_STREAM)

    @abstractmethod
    def draw(self, shape: Shape, seed: int, stream: int) -> Array:
        """Return the array drawn with this key of the generator."""


class Zeros(Initializer):
    """All zeros.

    >>> Zeros()((2,)).tolist()
    [0.0, 0.0]
    """

    def draw(self, shape: Shape, seed: int, stream: int) -> Array:
        """Return zeros."""
        return np.zeros(shape, np.float32)


class Ones(Initializer):
    """All ones.

    >>> Ones()((2, 2)).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """

    def draw(self, shape: Shape, seed: int, stream: int) -> Array:
        """Return ones."""
        return np.ones(shape, np.float32)


class Constant(Initializer):
    """The same number everywhere.

    >>> Constant(0.5)((2, 2)).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """

    def __init__(self, value: float = 0.0) -> None:
        self.value = number("Constant", "value", value)

    def draw(self, shape: Shape, seed: int, stream: int) -> Array:
        """Return the constant, `shape` times."""
        return np.full(shape, self.value, np.float32)


class FromArray(Initializer):
    """The values of an array; what `kernel_initializer=array` becomes.

    Args:
        value: an array of the weight's shape. It is copied.
    """

    def __init__(self, value: npt.ArrayLike) -> None:
        self.value = np.array(value, np.float32)

    def draw(self, shape: Shape, seed: int, stream: int) -> Array:
        """Return a copy of the array."""
        if self.value.shape != shape:
            raise ValueError(
                f"[initializer] received an array of shape {self.value.shape}; "
                f"expected the weight's shape {shape}"
            )
        return np.array(self.value)


class _Random(Initializer):
    """An initializer with a seed of its own, or the model's."""

    def __init__(self, seed: int | None = None) -> None:
        self.seed = None if seed is None else checked_seed(type(self).__name__, seed)


class RandomNormal(_Random):
    """Normal numbers.

    Args:
        mean: their mean.
        stddev: their standard deviation.
        seed: an integer for values that do not depend on the model, or None.

    >>> RandomNormal(stddev=0.1, seed=1)((300, 100)).shape
    (300, 100)
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean = number("RandomNormal", "mean", mean)
        self.stddev = number("RandomNormal", "stddev", stddev, least=0.0)

    def draw(self, shape: Shape, seed: int, stream: int) -> Array:
        """Return normal numbers."""
        return ops.random_normal(shape, self.mean, self.stddev, seed=seed, stream=stream)


class TruncatedNormal(_Random):
    """Normal numbers within two standard deviations of the mean; the others are drawn again.

    Args:
        mean: the mean.
        stddev: the standard deviation before truncation.
        seed: an integer for values that do not depend on the model, or None.

    >>> w = TruncatedNormal(seed=1)((500, 400))
    >>> round(float(w.std()), 3)
    0.044
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean = number("TruncatedNormal", "mean", mean)
        self.stddev = number("TruncatedNormal", "stddev", stddev, least=0.0)

    def draw(self, shape: Shape, seed: int, stream: int) -> Array:
        """Return truncated normal numbers."""
        return ops.random_truncated_normal(shape, self.mean, self.stddev, seed=seed, stream=stream)


class RandomUniform(_Random):
    """Uniform numbers in [minval, maxval).

    Args:
        minval: the lower bound.
        maxval: the upper bound.
        seed: an integer for values that do not depend on the model, or None.

    >>> w = RandomUniform(seed=1)((500, 400))
    >>> round(float(w.std()), 3)
    0.029
    """

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        super().__init__(seed)
        self.minval = number("RandomUniform", "minval", minval)
        self.maxval = number("RandomUniform", "maxval", maxval, least=self.minval)

    def draw(self, shape: Shape, seed: int, stream: int) -> Array:
        """Return uniform numbers."""
        return ops.random_uniform(shape, self.minval, self.maxval, seed=seed, stream=stream)


class VarianceScaling(_Random):
    """Numbers whose variance is `scale / n`, n from the weight's shape (in, out).

    Args:
        scale: a positive number.
        mode: what n is: "fan_in" (in), "fan_out" (out) or "fan_avg" ((in + out) / 2).
        distribution: "truncated_normal" (or "normal"), "untruncated_normal" or "uniform".
        seed: an integer for values that do not depend on the model, or None.

    Raises:
        ValueError: if `scale` is not positive or a name is unknown.

    >>> w = VarianceScaling(seed=1)((500, 400))
    >>> round(float(w.std()), 3)
    0.045
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        super().__init__(seed)
        self.scale = number("VarianceScaling", "scale", scale)
        if self.scale <= 0.0:
            raise ValueError(
                f"[VarianceScaling] scale: received {scale!r}; expected a positive number"
            )
        self.mode = _one_of("mode", mode, _FANS)
        self.distribution = _one_of("distribution", distribution, _DISTRIBUTIONS)

    def draw(self, shape: Shape, seed: int, stream: int) -> Array:
        """Return scaled numbers."""
        fan_in, fan_out = _fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2.0}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return ops.random_uniform(shape, -limit, limit, seed=seed, stream=stream)
        stddev = math.sqrt(variance)
        if self.distribution == "untruncated_normal":
            return ops.random_normal(shape, 0.0, stddev, seed=seed, stream=stream)
        return ops.random_truncated_normal(
            shape, 0.0, stddev / _TRUNCATED_STDDEV, seed=seed, stream=stream
        )


class _NamedScaling(VarianceScaling):
    """A VarianceScaling with a name of its own; only the seed is left to choose."""

    _arguments: tuple[float, str, str]

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(*self._arguments, seed=seed)


class GlorotUniform(_NamedScaling):
    """Uniform in +-sqrt(6 / (in + out)) (Glorot and Bengio 2010); the default of kernels.

    >>> limit = (6 / (300 + 100)) ** 0.5
    >>> bool(abs(GlorotUniform(seed=1)((300, 100))).max() <= limit)
    True
    """

    _arguments = (1.0, "fan_avg", "uniform")


class GlorotNormal(_NamedScaling):
    """Truncated normal with variance 2 / (in + out) (Glorot and Bengio 2010).

    >>> w = GlorotNormal(seed=1)((500, 400))
    >>> round(float(w.std()), 3)
    0.047
    """

    _arguments = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_NamedScaling):
    """Uniform in +-sqrt(6 / in) (He et al. 2015), for ReLU and its relatives.

    >>> w = HeUniform(seed=1)((500, 400))
    >>> round(float(w.std()), 3)
    0.063
    """

    _arguments = (2.0, "fan_in", "uniform")


class HeNormal(_NamedScaling):
    """Truncated normal with variance 2 / in (He et al. 2015), for ReLU and its relatives.

    >>> w = HeNormal(seed=1)((500, 400))
    >>> round(float(w.std()), 3)
    0.063
    """

    _arguments = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_NamedScaling):
    """Uniform in +-sqrt(3 / in) (LeCun et al. 1998).

    >>> w = LecunUniform(seed=1)((500, 400))
    >>> round(float(w.std()), 3)
    0.045
    """

    _arguments = (1.0, "fan_in", "uniform")


class LecunNormal(_NamedScaling):
    """Truncated normal with variance 1 / in (LeCun et al. 1998), for SELU.

    >>> w = LecunNormal(seed=1)((500, 400))
    >>> round(float(w.std()), 3)
    0.045
    """

    _arguments = (1.0, "fan_in", "truncated_normal")


class Orthogonal(_Random):
    """A matrix with orthonormal rows or columns (Saxe et al. 2014), times `gain`.

    It is the Q of the QR factorization of a normal matrix, with the signs that make it
    uniformly distributed.

    Args:
        gain: a factor.
        seed: an integer for values that do not depend on the model, or None.

    Raises:
        ValueError: if the weight is not a matrix.

    >>> w = Orthogonal(seed=1)((3, 3))
    >>> abs(w @ w.T).round(3).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = number("Orthogonal", "gain", gain)

    def draw(self, shape: Shape, seed: int, stream: int) -> Array:
        """Return an orthogonal matrix."""
        if len(shape) != 2:
            raise ValueError(f"[Orthogonal] received the shape {shape}; expected (in, out)")
        tall = (max(shape), min(shape))
        normal = ops.random_normal(tall, 0.0, 1.0, seed=seed, stream=stream)
        # float64, so that the columns are orthonormal to the last bit float32 can hold.
        q, r = np.linalg.qr(normal.astype(np.float64))
        q *= np.where(np.diagonal(r) < 0.0, -1.0, 1.0)
        q = q.T if shape[0] < shape[1] else q
        return np.ascontiguousarray(self.gain * q, np.float32)


_FANS = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = {
    "normal": "truncated_normal",
    "truncated_normal": "truncated_normal",
    "untruncated_normal": "untruncated_normal",
    "uniform": "uniform",
}

_CLASSES: dict[str, type[Initializer]] = table(
    Zeros, Ones, Constant, RandomNormal, RandomUniform, TruncatedNormal,
    VarianceScaling, GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform,
    Orthogonal, normal=RandomNormal, uniform=RandomUniform,
)  # fmt: skip
_CLASSES["FromArray"] = FromArray  # has no name for users: it needs its array


def get(identifier: Any, where: str = "initializers.get") -> Initializer:
    """Return the initializer that a name, a config, an array or an object stands for.

    >>> get("he_normal")
    HeNormal()
    """
    if isinstance(identifier, np.ndarray):
        return FromArray(identifier)
    return lookup(where, "initializer", identifier, _CLASSES)


def _fans(shape: Shape) -> tuple[int, int]:
    if len(shape) == 1:
        return shape[0], shape[0]
    return math.prod(shape[:-1]), shape[-1]


def _one_of(what: str, value: str, valid: Any) -> str:
    if value not in valid:
        raise ValueError(
            f"[VarianceScaling] {what}: received {value!r}; expected one of {', '.join(valid)}"
        )
    return str(valid[value]) if isinstance(valid, dict) else value
