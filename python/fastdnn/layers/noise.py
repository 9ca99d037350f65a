"""Layers that are random while training, besides Dropout."""

from typing import TYPE_CHECKING

from fastdnn.layers.dropout import checked_layer_seed, checked_rate
from fastdnn.layers.layer import Layer

if TYPE_CHECKING:
    from fastdnn.models.lowering import Lowering


class GaussianNoise(Layer):
    """Adds normally distributed numbers of mean 0 while training.

    Evaluation and prediction change nothing.

    Args:
        stddev: the standard deviation, in [0, 1].
        seed: an integer that picks the layer's stream of random numbers; None for the
            layer's place in the model.
        name: unique in the model.

    Raises:
        ValueError: if `stddev` or `seed` is out of range.

    >>> GaussianNoise(0.1)
    GaussianNoise(stddev=0.1, name='gaussian_noise')
    """

    def __init__(self, stddev: float, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(name)
        self.stddev = self._number("stddev", stddev, 0.0, 1.0)
        self.seed = checked_layer_seed("GaussianNoise", seed)

    def lower(self, lowering: "Lowering", x: int) -> int:
        """Add the noise, unless there is none."""
        return lowering.gaussian_noise(x, self.stddev, self.seed) if self.stddev > 0.0 else x


class AlphaDropout(Layer):
    """Drops inputs at random while training, and keeps their mean 0 and variance 1.

    Every input becomes `-1.7581` (where SELU saturates) with probability `rate`; then
    `a * x + b` brings mean and variance back. Goes with "selu" and "lecun_normal" (Klambauer et
    al. 2017, "Self-normalizing neural networks"). Evaluation and prediction change nothing.

    Args:
        rate: the share of the inputs to drop, rounded to a multiple of 2**-16, in [0, 1).
        seed: an integer that picks the layer's stream of random numbers; None for the
            layer's place in the model. Layers with the same seed drop the same places.
        name: unique in the model.

    Raises:
        ValueError: if `rate` or `seed` is out of range.

    >>> AlphaDropout(0.1)
    AlphaDropout(rate=0.1, name='alpha_dropout')
    """

    def __init__(self, rate: float, *, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(name)
        self.rate = checked_rate("AlphaDropout", rate)
        self.seed = checked_layer_seed("AlphaDropout", seed)

    def lower(self, lowering: "Lowering", x: int) -> int:
        """Add the dropout, unless it drops nothing."""
        return lowering.alpha_dropout(x, self.rate, self.seed) if self.rate > 0.0 else x
