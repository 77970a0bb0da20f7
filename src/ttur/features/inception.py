"""The Inception-v3 of 2015-12-05, the network behind FID and IS.

It is not torchvision's: average pools do not count padding, the last block pools by maximum, and
there are 1008 classes.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

SIZE = 299
DIMENSION = 2048
CLASSES = 1008
SPATIAL = 7  # channels of the first tower of Mixed_6d that sFID looks at
LAYERS = {64: "Conv2d_2b_3x3", 192: "Conv2d_4a_3x3", 768: "Mixed_6e"}  # and a pool, if one follows
_POOLED = frozenset({"Conv2d_2b_3x3", "Conv2d_4a_3x3"})


class Inception(nn.Module):
    """Scaled images → (pool_3 features, logits, spatial). Frozen: it measures, it is never trained.

    The logits leave the bias out, as the Inception Score always has. Spatial are the 17 × 17 × 7
    numbers of sFID (Nash et al. 2021; guided-diffusion takes `mixed_6/conv:0`), in TensorFlow's
    order: height, width, channel. 472 tensors under their published names, random until
    `load_state_dict`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Convolution(32, 32, 3, padded=False)
        self.Conv2d_2b_3x3 = Convolution(32, 64, 3)
        self.Conv2d_3b_1x1 = Convolution(64, 80, 1)
        self.Conv2d_4a_3x3 = Convolution(80, 192, 3, padded=False)
        self.Mixed_5b = MixedA(192, pooled=32)
        self.Mixed_5c = MixedA(256, pooled=64)
        self.Mixed_5d = MixedA(288, pooled=64)
        self.Mixed_6a = MixedB()
        self.Mixed_6b = MixedC(128)
        self.Mixed_6c = MixedC(160)
        self.Mixed_6d = MixedC(160)
        self.Mixed_6e = MixedC(192)
        self.Mixed_7a = MixedD()
        self.Mixed_7b = MixedE(1280, pool=average_pool)
        self.Mixed_7c = MixedE(2048, pool=max_pool)
        self.fc = nn.Linear(DIMENSION, CLASSES)
        self.requires_grad_(False).eval()

    def forward(
        self, images: Float[Tensor, "batch 3 299 299"]
    ) -> tuple[Float[Tensor, "batch 2048"], Float[Tensor, "batch 1008"], Float[Tensor, "batch _"]]:
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(images)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(halving_pool(x)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(halving_pool(x))))
        x = self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x))))
        # A block's output begins with its tower of 1 × 1, after ReLU.
        spatial = x[:, :SPATIAL].movedim(1, -1).flatten(1).to(self.fc.weight.dtype)
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(self.Mixed_6e(x))))
        features = x.mean(dim=(2, 3), dtype=self.fc.weight.dtype)
        return features, F.linear(features, self.fc.weight), spatial


class EarlyLayer(nn.Module):
    """Scaled images → one of the `LAYERS`, averaged over its positions, as pytorch-fid's `dims`.

    It shares the blocks of the network up to there, and runs no other.
    """

    def __init__(self, network: Inception, layer: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential()
        for name, block in network.named_children():
            self.blocks.append(block)
            if name in _POOLED:
                self.blocks.append(nn.MaxPool2d(kernel_size=3, stride=2))
            if name == LAYERS[layer]:
                break

    def forward(self, images: Float[Tensor, "batch 3 299 299"]) -> Float[Tensor, "batch layer"]:
        return self.blocks(images).mean(dim=(2, 3), dtype=images.dtype)


def average_pool(x: Tensor) -> Tensor:
    """3 × 3, of the pixels there are."""
    return F.avg_pool2d(x, kernel_size=3, stride=1, padding=1, count_include_pad=False)


def max_pool(x: Tensor) -> Tensor:
    """3 × 3."""
    return F.max_pool2d(x, kernel_size=3, stride=1, padding=1)


def halving_pool(x: Tensor) -> Tensor:
    """The largest of 3 × 3, at every second pixel."""
    return F.max_pool2d(x, kernel_size=3, stride=2)


class MixedA(nn.Module):
    """35 × 35: towers of 1 × 1, 5 × 5 and two 3 × 3, and an average of `pooled` channels."""

    def __init__(self, inputs: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = Convolution(inputs, 64, 1)
        self.branch5x5_1 = Convolution(inputs, 48, 1)
        self.branch5x5_2 = Convolution(48, 64, 5)
        self.branch3x3dbl_1 = Convolution(inputs, 64, 1)
        self.branch3x3dbl_2 = Convolution(64, 96, 3)
        self.branch3x3dbl_3 = Convolution(96, 96, 3)
        self.branch_pool = Convolution(inputs, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch1x1(x)
        wide = self.branch5x5_2(self.branch5x5_1(x))
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        pooled = self.branch_pool(average_pool(x))
        return torch.cat([single, wide, double, pooled], dim=1)


class MixedB(nn.Module):
    """35 × 35 to 17 × 17."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3 = Convolution(288, 384, 3, stride=2)
        self.branch3x3dbl_1 = Convolution(288, 64, 1)
        self.branch3x3dbl_2 = Convolution(64, 96, 3)
        self.branch3x3dbl_3 = Convolution(96, 96, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch3x3(x)
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([single, double, halving_pool(x)], dim=1)


class MixedC(nn.Module):
    """17 × 17: 7 × 7 as 1 × 7 and 7 × 1, once and twice, over `c` channels."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.branch1x1 = Convolution(768, 192, 1)
        self.branch7x7_1 = Convolution(768, c, 1)
        self.branch7x7_2 = Convolution(c, c, (1, 7))
        self.branch7x7_3 = Convolution(c, 192, (7, 1))
        self.branch7x7dbl_1 = Convolution(768, c, 1)
        self.branch7x7dbl_2 = Convolution(c, c, (7, 1))
        self.branch7x7dbl_3 = Convolution(c, c, (1, 7))
        self.branch7x7dbl_4 = Convolution(c, c, (7, 1))
        self.branch7x7dbl_5 = Convolution(c, 192, (1, 7))
        self.branch_pool = Convolution(768, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch1x1(x)
        wide = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        pooled = self.branch_pool(average_pool(x))
        return torch.cat([single, wide, double, pooled], dim=1)


class MixedD(nn.Module):
    """17 × 17 to 8 × 8."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1 = Convolution(768, 192, 1)
        self.branch3x3_2 = Convolution(192, 320, 3, stride=2)
        self.branch7x7x3_1 = Convolution(768, 192, 1)
        self.branch7x7x3_2 = Convolution(192, 192, (1, 7))
        self.branch7x7x3_3 = Convolution(192, 192, (7, 1))
        self.branch7x7x3_4 = Convolution(192, 192, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch3x3_2(self.branch3x3_1(x))
        wide = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        wide = self.branch7x7x3_4(wide)
        return torch.cat([single, wide, halving_pool(x)], dim=1)


class MixedE(nn.Module):
    """8 × 8: towers whose ends fork into 1 × 3 and 3 × 1."""

    def __init__(self, inputs: int, pool: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.pool = pool
        self.branch1x1 = Convolution(inputs, 320, 1)
        self.branch3x3_1 = Convolution(inputs, 384, 1)
        self.branch3x3_2a = Convolution(384, 384, (1, 3))
        self.branch3x3_2b = Convolution(384, 384, (3, 1))
        self.branch3x3dbl_1 = Convolution(inputs, 448, 1)
        self.branch3x3dbl_2 = Convolution(448, 384, 3)
        self.branch3x3dbl_3a = Convolution(384, 384, (1, 3))
        self.branch3x3dbl_3b = Convolution(384, 384, (3, 1))
        self.branch_pool = Convolution(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch1x1(x)
        fork = self.branch3x3_1(x)
        fork = [self.branch3x3_2a(fork), self.branch3x3_2b(fork)]
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        double = [self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double)]
        pooled = self.branch_pool(self.pool(x))
        return torch.cat([single, *fork, *double, pooled], dim=1)


class Convolution(nn.Module):
    """Without bias, then batch norm and ReLU; `kernel` is a side, or (height, width).

    Padded to keep the size, unless strided or told not to.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padded: bool = True,
    ) -> None:
        super().__init__()
        height, width = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        padding = (height // 2, width // 2) if padded and stride == 1 else (0, 0)
        self.conv = nn.Conv2d(inputs, outputs, (height, width), stride, padding, bias=False)
        self.bn = FrozenBatchNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class FrozenBatchNorm(nn.Module):
    """Batch norm by its running statistics, eps 1e-3.

    Not `nn.BatchNorm2d`, which insists on a `num_batches_tracked` that the published file lacks.
    """

    eps = 1e-3

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )
