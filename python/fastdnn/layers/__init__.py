"""Layers: what a network is made of. Names, arguments and defaults are Keras's."""

from fastdnn.layers.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from fastdnn.layers.activity_regularization import ActivityRegularization
from fastdnn.layers.batch_normalization import BatchNormalization
from fastdnn.layers.dense import Dense
from fastdnn.layers.dropout import Dropout
from fastdnn.layers.embedding import Embedding
from fastdnn.layers.flatten import Flatten
from fastdnn.layers.input import Input
from fastdnn.layers.layer import Layer
from fastdnn.layers.layer_normalization import LayerNormalization
from fastdnn.layers.merge import Add, Concatenate, Multiply
from fastdnn.layers.noise import AlphaDropout, GaussianNoise
from fastdnn.layers.normalization import Normalization
from fastdnn.layers.prelu import PReLU
from fastdnn.layers.rescaling import Rescaling
from fastdnn.layers.reshape import Reshape
from fastdnn.layers.tensor import Tensor
from fastdnn.layers.weight import Weight

__all__ = [
    "ELU",
    "Activation",
    "ActivityRegularization",
    "Add",
    "AlphaDropout",
    "BatchNormalization",
    "Concatenate",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "Input",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Multiply",
    "Normalization",
    "PReLU",
    "ReLU",
    "Rescaling",
    "Reshape",
    "Softmax",
    "Tensor",
    "Weight",
]

CLASSES: dict[str, type[Layer]] = {
    cls.__name__: cls
    for cls in (
        Activation,
        ActivityRegularization,
        Add,
        AlphaDropout,
        BatchNormalization,
        Concatenate,
        Dense,
        Dropout,
        ELU,
        Embedding,
        Flatten,
        GaussianNoise,
        LayerNormalization,
        LeakyReLU,
        Multiply,
        Normalization,
        PReLU,
        ReLU,
        Rescaling,
        Reshape,
        Softmax,
    )
}
