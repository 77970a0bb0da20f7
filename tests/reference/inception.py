"""The Inception-v3 of 2015-12-05: plain operations on a dictionary of 472 tensors, in float64."""

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = dict[str, Tensor]


def inception(weights: Weights, images: Tensor) -> tuple[Tensor, Tensor]:
    """Scaled images (N, 3, 299, 299) → pool_3 features (N, 2048), logits without bias (N, 1008)."""
    seen = activations(weights, images)
    return seen["2048"], seen["logits"]


def activations(weights: Weights, images: Tensor) -> dict[str, Tensor]:
    """The taps of pytorch-fid by their number of channels, averaged over positions; the logits; and
    `spatial`, `mixed_6/conv:0` of the graph: the ReLU of the 1 × 1 tower of Mixed_6d, its first
    seven channels with the channel last, as guided-diffusion reshapes it.
    """
    w = {name: tensor.double() for name, tensor in weights.items()}
    x = images.double()

    x = conv(w, "Conv2d_1a_3x3", x, stride=2)
    x = conv(w, "Conv2d_2a_3x3", x)
    x = conv(w, "Conv2d_2b_3x3", x, padding=(1, 1))
    x = F.max_pool2d(x, 3, 2)
    seen = {"64": x.sum(dim=(2, 3)) / (73 * 73)}
    x = conv(w, "Conv2d_3b_1x1", x)
    x = conv(w, "Conv2d_4a_3x3", x)
    x = F.max_pool2d(x, 3, 2)
    seen["192"] = x.sum(dim=(2, 3)) / (35 * 35)

    x = block_a(w, "Mixed_5b", x)
    x = block_a(w, "Mixed_5c", x)
    x = block_a(w, "Mixed_5d", x)
    x = block_6a(w, "Mixed_6a", x)
    x = block_c(w, "Mixed_6b", x)
    x = block_c(w, "Mixed_6c", x)
    tower = conv(w, "Mixed_6d.branch1x1", x)
    seen["spatial"] = torch.stack(
        [tower[:, c, h, wide] for h in range(17) for wide in range(17) for c in range(7)], dim=1
    )
    x = block_c(w, "Mixed_6d", x)
    x = block_c(w, "Mixed_6e", x)
    seen["768"] = x.sum(dim=(2, 3)) / (17 * 17)
    x = block_7a(w, "Mixed_7a", x)
    x = block_e(w, "Mixed_7b", x, average)
    x = block_e(w, "Mixed_7c", x, maximum)

    features = x.sum(dim=3).sum(dim=2) / 64
    return seen | {"2048": features, "logits": features @ w["fc.weight"].T}


def conv(
    w: Weights, name: str, x: Tensor, stride: int = 1, padding: tuple[int, int] = (0, 0)
) -> Tensor:
    x = F.conv2d(x, w[f"{name}.conv.weight"], stride=stride, padding=padding)
    mean, variance = w[f"{name}.bn.running_mean"], w[f"{name}.bn.running_var"]
    scale, shift = w[f"{name}.bn.weight"], w[f"{name}.bn.bias"]
    x = (x - mean[:, None, None]) / torch.sqrt(variance[:, None, None] + 1e-3)
    x = x * scale[:, None, None] + shift[:, None, None]
    return torch.maximum(x, torch.zeros((), dtype=x.dtype))


def average(x: Tensor) -> Tensor:
    """3 × 3 mean over the neighbours that exist."""
    kernel = torch.ones(1, 1, 3, 3, dtype=x.dtype)
    n, c, h, wide = x.shape
    total = F.conv2d(x.reshape(n * c, 1, h, wide), kernel, padding=1)
    neighbours = F.conv2d(torch.ones(1, 1, h, wide, dtype=x.dtype), kernel, padding=1)
    return (total / neighbours).reshape(n, c, h, wide)


def maximum(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 3, 1, 1)


def block_a(w: Weights, name: str, x: Tensor) -> Tensor:
    a = conv(w, f"{name}.branch1x1", x)
    b = conv(w, f"{name}.branch5x5_1", x)
    b = conv(w, f"{name}.branch5x5_2", b, padding=(2, 2))
    c = conv(w, f"{name}.branch3x3dbl_1", x)
    c = conv(w, f"{name}.branch3x3dbl_2", c, padding=(1, 1))
    c = conv(w, f"{name}.branch3x3dbl_3", c, padding=(1, 1))
    d = conv(w, f"{name}.branch_pool", average(x))
    return torch.cat([a, b, c, d], dim=1)


def block_6a(w: Weights, name: str, x: Tensor) -> Tensor:
    a = conv(w, f"{name}.branch3x3", x, stride=2)
    b = conv(w, f"{name}.branch3x3dbl_1", x)
    b = conv(w, f"{name}.branch3x3dbl_2", b, padding=(1, 1))
    b = conv(w, f"{name}.branch3x3dbl_3", b, stride=2)
    return torch.cat([a, b, F.max_pool2d(x, 3, 2)], dim=1)


def block_c(w: Weights, name: str, x: Tensor) -> Tensor:
    a = conv(w, f"{name}.branch1x1", x)
    b = conv(w, f"{name}.branch7x7_1", x)
    b = conv(w, f"{name}.branch7x7_2", b, padding=(0, 3))
    b = conv(w, f"{name}.branch7x7_3", b, padding=(3, 0))
    c = conv(w, f"{name}.branch7x7dbl_1", x)
    c = conv(w, f"{name}.branch7x7dbl_2", c, padding=(3, 0))
    c = conv(w, f"{name}.branch7x7dbl_3", c, padding=(0, 3))
    c = conv(w, f"{name}.branch7x7dbl_4", c, padding=(3, 0))
    c = conv(w, f"{name}.branch7x7dbl_5", c, padding=(0, 3))
    d = conv(w, f"{name}.branch_pool", average(x))
    return torch.cat([a, b, c, d], dim=1)


def block_7a(w: Weights, name: str, x: Tensor) -> Tensor:
    a = conv(w, f"{name}.branch3x3_1", x)
    a = conv(w, f"{name}.branch3x3_2", a, stride=2)
    b = conv(w, f"{name}.branch7x7x3_1", x)
    b = conv(w, f"{name}.branch7x7x3_2", b, padding=(0, 3))
    b = conv(w, f"{name}.branch7x7x3_3", b, padding=(3, 0))
    b = conv(w, f"{name}.branch7x7x3_4", b, stride=2)
    return torch.cat([a, b, F.max_pool2d(x, 3, 2)], dim=1)


def block_e(w: Weights, name: str, x: Tensor, pool) -> Tensor:
    a = conv(w, f"{name}.branch1x1", x)
    b = conv(w, f"{name}.branch3x3_1", x)
    b1 = conv(w, f"{name}.branch3x3_2a", b, padding=(0, 1))
    b2 = conv(w, f"{name}.branch3x3_2b", b, padding=(1, 0))
    c = conv(w, f"{name}.branch3x3dbl_1", x)
    c = conv(w, f"{name}.branch3x3dbl_2", c, padding=(1, 1))
    c1 = conv(w, f"{name}.branch3x3dbl_3a", c, padding=(0, 1))
    c2 = conv(w, f"{name}.branch3x3dbl_3b", c, padding=(1, 0))
    d = conv(w, f"{name}.branch_pool", pool(x))
    return torch.cat([a, b1, b2, c1, c2, d], dim=1)
