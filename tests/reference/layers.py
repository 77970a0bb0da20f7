"""Layers of the paper's image networks as sums over indices: plain tensors, arithmetic, autograd.

No layer and no convolution of torch's. Channels come before rows and columns.
"""

import torch
from torch import Tensor

Tensors = dict[str, Tensor]


def same_padding(size: int, taps: int, stride: int) -> tuple[int, int]:
    """Zeros before and after: TensorFlow's rule for padding="SAME"."""
    out = -(-size // stride)
    total = max((out - 1) * stride + taps - size, 0)
    return total // 2, total - total // 2


def convolution(params: Tensors, name: str, x: Tensor, stride: int = 1) -> Tensor:
    """y[b,o,i,j] = bias[o] + Σ_cuv padded[b,c,si+u,sj+v] weight[o,c,u,v]; the bias may be missing.

    As many zeros stand around x as make the output x's size over the stride s.
    """
    weight, bias = params[f"{name}.weight"], params.get(f"{name}.bias")
    batch, channels, height, width = x.shape
    channels_out, _, taps, _ = weight.shape
    (top, bottom), (left, right) = (same_padding(size, taps, stride) for size in (height, width))
    padded = x.new_zeros(batch, channels, top + height + bottom, left + width + right)
    padded[:, :, top : top + height, left : left + width] = x
    rows, columns = -(-height // stride), -(-width // stride)
    y = x.new_zeros(batch, channels_out, rows, columns)
    for u in range(taps):
        for v in range(taps):
            seen = padded[:, :, u : u + stride * rows : stride, v : v + stride * columns : stride]
            y = y + torch.einsum("bcij,oc->boij", seen, weight[:, :, u, v])
    return y if bias is None else y + bias[None, :, None, None]


def linear(params: Tensors, name: str, x: Tensor) -> Tensor:
    return x @ params[f"{name}.weight"].T + params[f"{name}.bias"]


def doubled(x: Tensor) -> Tensor:
    """Nearest neighbour: y[b,c,i,j] = x[b,c,⌊i/2⌋,⌊j/2⌋]."""
    rows, columns = torch.arange(2 * x.shape[2]) // 2, torch.arange(2 * x.shape[3]) // 2
    return x[:, :, rows][:, :, :, columns]


def halved(x: Tensor) -> Tensor:
    """The mean of each 2 x 2 square."""
    return (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4
