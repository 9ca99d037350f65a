"""Weights and models from elsewhere.

No other framework is needed to read its files. Conventions are translated: kernels are
(inputs, outputs) here and (outputs, inputs) in PyTorch; batch normalization's momentum is the share
that is kept here and the share of what is new there.
"""

from fastdnn.interop.keras_files import from_keras
from fastdnn.interop.npz import from_npz
from fastdnn.interop.sklearn_estimators import from_sklearn
from fastdnn.interop.torch_modules import from_torch

__all__ = ["from_keras", "from_npz", "from_sklearn", "from_torch"]
