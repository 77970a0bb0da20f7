"""The Inception-v3 of 2015-12-05, the network behind FID and IS.

It is not torchvision's: average pools do not count padding, the last block pools by maximum, and
there are 1008 classes.
"""

import re
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

SIZE = 299
DIMENSION = 2048
CLASSES = 1008
POOLS: dict[str, Callable[[Tensor], Tensor]] = {
    "average": partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False),
    "max": partial(F.max_pool2d, kernel_size=3, stride=1, padding=1),
    "max/2": partial(F.max_pool2d, kernel_size=3, stride=2),
}


class Inception(nn.Module):
    """Scaled images → (pool_3 features, logits). Frozen: it measures, it is never trained.

    The logits leave the bias out, as the Inception Score always has. 472 tensors under their
    published names, random until `load_state_dict`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, "3x3/2 32")
        self.Conv2d_2a_3x3 = Convolution(32, "3x3 32", padded=False)
        self.Conv2d_2b_3x3 = Convolution(32, "3x3 64")
        self.Conv2d_3b_1x1 = Convolution(64, "1x1 80")
        self.Conv2d_4a_3x3 = Convolution(80, "3x3 192", padded=False)
        self.Mixed_5b = mixed_a(192, pool=32)
        self.Mixed_5c = mixed_a(256, pool=64)
        self.Mixed_5d = mixed_a(288, pool=64)
        self.Mixed_6a = Mixed(
            288,
            branch3x3="3x3/2 384",
            branch3x3dbl="1x1 64, 3x3 96, 3x3/2 96",
            branch_pool="max/2",
        )
        self.Mixed_6b = mixed_c(128)
        self.Mixed_6c = mixed_c(160)
        self.Mixed_6d = mixed_c(160)
        self.Mixed_6e = mixed_c(192)
        self.Mixed_7a = Mixed(
            768,
            branch3x3="1x1 192, 3x3/2 320",
            branch7x7x3="1x1 192, 1x7 192, 7x1 192, 3x3/2 192",
            branch_pool="max/2",
        )
        self.Mixed_7b = mixed_e(1280, pool="average")
        self.Mixed_7c = mixed_e(2048, pool="max")
        self.fc = nn.Linear(DIMENSION, CLASSES)
        self.requires_grad_(False).eval()

    def forward(
        self, images: Float[Tensor, "batch 3 299 299"]
    ) -> tuple[Float[Tensor, "batch 2048"], Float[Tensor, "batch 1008"]]:
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(images)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(POOLS["max/2"](x)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(POOLS["max/2"](x))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        features = x.mean(dim=(2, 3), dtype=self.fc.weight.dtype)
        return features, F.linear(features, self.fc.weight)


def mixed_a(inputs: int, pool: int) -> "Mixed":
    return Mixed(
        inputs,
        branch1x1="1x1 64",
        branch5x5="1x1 48, 5x5 64",
        branch3x3dbl="1x1 64, 3x3 96, 3x3 96",
        branch_pool=f"average, 1x1 {pool}",
    )


def mixed_c(c: int) -> "Mixed":
    return Mixed(
        768,
        branch1x1="1x1 192",
        branch7x7=f"1x1 {c}, 1x7 {c}, 7x1 192",
        branch7x7dbl=f"1x1 {c}, 7x1 {c}, 1x7 {c}, 7x1 {c}, 1x7 192",
        branch_pool="average, 1x1 192",
    )


def mixed_e(inputs: int, pool: str) -> "Mixed":
    return Mixed(
        inputs,
        branch1x1="1x1 320",
        branch3x3="1x1 384, 1x3 384 | 3x1 384",
        branch3x3dbl="1x1 448, 3x3 384, 1x3 384 | 3x1 384",
        branch_pool=f"{pool}, 1x1 192",
    )


class Mixed(nn.Module):
    """Towers side by side, concatenated. A tower reads `1x1 48, 5x5 64`; `|` forks its end.

    The n-th convolution of the tower `branch` is published as `branch_n` (`branch` if it is the
    only one), the two of a fork as `branch_na` and `branch_nb`.
    """

    def __init__(self, inputs: int, **towers: str) -> None:
        super().__init__()
        self.towers = [self._tower(inputs, name, text) for name, text in towers.items()]

    def _tower(self, channels: int, name: str, text: str) -> list[list[str]]:
        """Names of pools and, step by step, of the convolutions it adds."""
        steps = text.split(", ")
        single = sum(step not in POOLS for step in steps) == 1
        tower: list[list[str]] = []
        number = 0
        for step in steps:
            if step in POOLS:
                tower.append([step])
                continue
            number += 1
            layers = [Convolution(channels, layer) for layer in step.split(" | ")]
            letters = "ab" if len(layers) > 1 else [""]
            names = [name if single else f"{name}_{number}{letter}" for letter in letters]
            for added, layer in zip(names, layers, strict=True):
                self.add_module(added, layer)
            tower.append(names)
            channels = layers[0].conv.out_channels
        return tower

    def forward(self, x: Tensor) -> Tensor:
        outputs = []
        for tower in self.towers:
            branches = [x]
            for names in tower:
                layers = [POOLS.get(name) or self.get_submodule(name) for name in names]
                branches = [layer(branch) for branch in branches for layer in layers]
            outputs += branches
        return torch.cat(outputs, dim=1)


class Convolution(nn.Module):
    """`3x3/2 384` = kernel 3 × 3, stride 2, 384 channels; no bias, then batch norm and ReLU.

    Padded to keep the size, unless strided or told not to.
    """

    def __init__(self, inputs: int, text: str, padded: bool = True) -> None:
        super().__init__()
        match = re.fullmatch(r"(\d)x(\d)(/2)? (\d+)", text)
        assert match is not None, text
        height, width, strided, outputs = match.groups()
        kernel = int(height), int(width)
        self.conv = nn.Conv2d(
            inputs,
            int(outputs),
            kernel,
            stride=2 if strided else 1,
            padding=(kernel[0] // 2, kernel[1] // 2) if padded and not strided else 0,
            bias=False,
        )
        self.bn = FrozenBatchNorm(int(outputs))

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
