"""3×3 convolutions joined with the doubling before them or the mean pooling after them.

Both pairs are one convolution with a 4×4 kernel and stride 2, which has 16 products for every 36 of
the two steps and no large map between them. Same function, same derivatives; measured in
docs/benchmarks.md.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

Maps = Float[Tensor, "batch _ _ _"]


def doubling(x: Maps) -> Maps:
    """Every pixel twice in each direction (nearest neighbour)."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def convolved_after_doubling(conv: nn.Conv2d, x: Maps) -> Maps:
    """`conv(doubling(x))` for a 3×3 convolution with padding 1."""
    # Four neighbouring outputs see the same pixel through different taps of the kernel.
    kernel = _spread(conv.weight).transpose(0, 1).flip(2, 3)
    return F.conv_transpose2d(x, kernel, conv.bias, stride=2, padding=1)


def convolved_before_pooling(conv: nn.Conv2d, x: Maps) -> Maps:
    """`avg_pool2d(conv(x), 2)` for a 3×3 convolution with padding 1."""
    return F.conv2d(x, _spread(conv.weight) / 4, conv.bias, stride=2, padding=1)


def _spread(
    weight: Float[Tensor, "channels_out channels_in 3 3"],
) -> Float[Tensor, "channels_out channels_in 4 4"]:
    """The sum of the kernel at its four places in a 4×4 one."""
    places = ((0, 1, 0, 1), (1, 0, 0, 1), (0, 1, 1, 0), (1, 0, 1, 0))
    return torch.stack([F.pad(weight, place) for place in places]).sum(0)
