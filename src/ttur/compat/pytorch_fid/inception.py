"""`pytorch_fid.inception`: the network that returns a list of feature maps."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ttur.compat.networks import plain_inception
from ttur.features.inception import SIZE
from ttur.features.resize import half_pixel_bilinear

# The layers of each block; a pool ends it, and a block is what ends at one of the four outputs.
_POOL = "pool"
_BLOCKS = (
    ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", _POOL),
    ("Conv2d_3b_1x1", "Conv2d_4a_3x3", _POOL),
    tuple(f"Mixed_{letter}" for letter in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e")),
    ("Mixed_7a", "Mixed_7b", "Mixed_7c", "mean"),
)


class InceptionV3(nn.Module):
    """Images (N, 3, H, W) in 0..1 → feature maps (N, d, h, w) of the `output_blocks`, ascending.

        model = InceptionV3([InceptionV3.BLOCK_INDEX_BY_DIM[2048]]).to(device)
        features = model(images)[0]  # (N, 2048, 1, 1)

    As there: resized to 299 × 299 and scaled to -1..1 unless told not to; gradients pass through
    it. The weights are the published ones, or those in the file that `$TTUR_INCEPTION_WEIGHTS`
    names.

    Raises:
        ValueError: for blocks that do not exist, and torchvision's weights.
        OSError: if the weights are not there.
    """

    DEFAULT_BLOCK_INDEX = 3
    BLOCK_INDEX_BY_DIM = {64: 0, 192: 1, 768: 2, 2048: 3}  # noqa: RUF012 - as it is there

    def __init__(
        self,
        output_blocks: Sequence[int] = (DEFAULT_BLOCK_INDEX,),
        resize_input: bool = True,
        normalize_input: bool = True,
        requires_grad: bool = False,
        use_fid_inception: bool = True,
    ) -> None:
        super().__init__()
        if not output_blocks or not set(output_blocks) <= set(range(len(_BLOCKS))):
            raise ValueError(
                f"expected `output_blocks` out of 0 to {len(_BLOCKS) - 1}, got {output_blocks!r}"
            )
        if not use_fid_inception:
            raise ValueError(
                "expected `use_fid_inception`, got False: torchvision's network gives other "
                "numbers, which nobody calls FID; build it by torchvision"
            )
        self.resize_input, self.normalize_input = resize_input, normalize_input
        self.output_blocks = sorted(output_blocks)
        self.last_needed_block = self.output_blocks[-1]
        network = plain_inception()
        others: dict[str, type[nn.Module]] = {_POOL: _HalvingPool, "mean": _Mean}
        self.blocks = nn.ModuleList(
            nn.Sequential(
                *(others[name]() if name in others else network.get_submodule(name) for name in row)
            )
            for row in _BLOCKS[: self.last_needed_block + 1]
        )
        self.requires_grad_(requires_grad)

    def forward(self, inp: Float[Tensor, "batch 3 _ _"]) -> list[Float[Tensor, "batch _ _ _"]]:
        if self.resize_input and inp.shape[-2:] != (SIZE, SIZE):
            inp = half_pixel_bilinear(inp, SIZE, antialias=False)
        x, maps = 2 * inp - 1 if self.normalize_input else inp, []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.output_blocks:
                maps.append(x)
        return maps


class _HalvingPool(nn.MaxPool2d):
    def __init__(self) -> None:
        super().__init__(kernel_size=3, stride=2)


class _Mean(nn.Module):
    """Over all places, which stay as axes of length 1."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3), keepdim=True)


def pooled(maps: Float[Tensor, "batch d _ _"]) -> Float[Tensor, "batch d"]:
    """The mean over all places."""
    return torch.flatten(_Mean()(maps), 1)
