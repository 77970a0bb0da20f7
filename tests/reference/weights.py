"""Random Inception weights that keep activations of order one, from the published names alone."""

import json
from pathlib import Path

import torch
from torch import Tensor

# Names and shapes in the order of pt_inception-2015-12-05-6726825d.pth (SHA-256 6726825d0af5…).
SHAPES: dict[str, list[int]] = json.loads(
    (Path(__file__).parents[1] / "golden" / "inception_tensors.json").read_text("utf-8")
)


def random_inception_weights(seed: int = 0) -> dict[str, Tensor]:
    """He-scaled kernels (Var = 2 / inputs); batch-norm statistics away from 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in SHAPES.items():
        if name.endswith(("conv.weight", "fc.weight")):
            inputs = torch.Size(shape[1:]).numel()
            weights[name] = torch.randn(shape, generator=generator) * (2 / inputs) ** 0.5
        elif name.endswith(("bn.weight", "running_var")):
            weights[name] = 0.8 + 0.4 * torch.rand(shape, generator=generator)
        else:
            weights[name] = 0.1 * torch.randn(shape, generator=generator)
    return weights
