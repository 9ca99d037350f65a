"""Writes small files of PyTorch, and what its modules give: for machines without PyTorch.

    python tests/golden/make_torch_files.py FOLDER

Made with torch 2.13.0; tests/test_interop_torch.py reads what it has left here.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    torch.manual_seed(28)
    module = nn.Sequential(
        nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2), nn.Softmax(dim=1)
    )
    module(torch.randn(20, 3))  # moves the statistics
    module.eval()
    x = torch.randn(5, 3)
    torch.save(module.state_dict(), folder / "torch.pt")
    halves = {"epoch": 3, "model_state_dict": module.bfloat16().state_dict()}
    torch.save(halves, folder / "torch-checkpoint.pt")
    outputs = [module.float()(x).detach().numpy()]
    module.load_state_dict(torch.load(folder / "torch.pt"))
    outputs.insert(0, module(x).detach().numpy())
    np.savez(folder / "torch.npz", x=x.numpy(), outputs=outputs[0], rounded=outputs[1])
