"""What networks must say of images that everybody can make, computed once in float64.

`golden_activations.json` is written by `tools/make_golden_activations.py` from transcriptions of
the networks that share no code with this package.
"""

import json
from collections.abc import Mapping
from importlib import resources
from math import prod, sqrt
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

SEED = 20170626  # the day the paper appeared
STRIDE = 8  # of Inception's 2048 features and 1008 logits every eighth is kept


def golden_weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Named tensors, to the bit the same everywhere: the raw stream of PCG64, in order of names.

    Uniform kernels of variance 2 / inputs keep activations of order one through 48 layers of ReLU;
    the statistics of batch norm lie away from 0 and 1.
    """
    stream = np.random.PCG64(SEED)
    weights = {}
    for name, shape in shapes.items():
        # 24 bits are a float32 without rounding; raw bits, as numpy promises no other stream.
        bits = (stream.random_raw(prod(shape)) >> 40).astype(np.float32)
        uniform = torch.from_numpy(bits / 2**23 - 1).reshape(shape)
        if name.endswith(("conv.weight", "fc.weight")):
            weights[name] = uniform * sqrt(6 / prod(shape[1:]))
        elif name.endswith(("bn.weight", "running_var")):
            weights[name] = 1 + 0.2 * uniform
        else:
            weights[name] = 0.2 * uniform
    return weights


def golden_images(count: int, size: int) -> UInt8[np.ndarray, "count {size} {size} 3"]:
    """Slopes that wrap around and a hyperbolic pattern, another in each image and channel."""
    image, y, x, channel = np.ogrid[:count, :size, :size, :3]
    return ((image + 2) * x + (channel + 1) * y + x * y // (channel + 4)).astype(np.uint8)


def golden_activations() -> dict[str, Any]:
    """Extractor → {"features": [per image], "logits": [per image]}, and "made" of what."""
    file = resources.files("ttur.evaluation.selftest") / "golden_activations.json"
    return json.loads(file.read_text("utf-8"))
