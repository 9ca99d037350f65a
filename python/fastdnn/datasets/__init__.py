"""Data sets to learn and to test with, in the shape Keras returns them."""

from fastdnn.datasets.digits import load_digits
from fastdnn.datasets.imdb import load_imdb
from fastdnn.datasets.mnist import load_fashion_mnist, load_mnist
from fastdnn.datasets.table import Table, read_csv
from fastdnn.datasets.table_encoder import TableEncoder

__all__ = [
    "Table",
    "TableEncoder",
    "load_digits",
    "load_fashion_mnist",
    "load_imdb",
    "load_mnist",
    "read_csv",
]
