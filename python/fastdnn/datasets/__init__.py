"""Data sets to learn and to test with, in the shape Keras returns them."""

from fastdnn.datasets.digits import load_digits
from fastdnn.datasets.mnist import load_fashion_mnist, load_mnist

__all__ = ["load_digits", "load_fashion_mnist", "load_mnist"]
