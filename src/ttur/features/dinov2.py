"""DINOv2 (Oquab et al. 2024) without registers: the network, its trained positions, its files.

Six codes call a number FD-DINOv2 and differ in what they feed the network; docs/evaluation.md.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ttur.features.state_dicts import Rename
from ttur.features.vit import ViT

SIZE = 224
PATCH = 14
GRID = 37  # patches a side that positions were trained for, of images of 518
POSITIONS = "bicubic by 16.1/37"


class DinoV2(ViT):
    """Scaled images → the class token after the last norm, x_norm_clstoken of its authors."""

    def __init__(self, *, width: int, depth: int, heads: int, grid: int = GRID) -> None:
        super().__init__(
            width=width,
            depth=depth,
            heads=heads,
            patch=PATCH,
            grid=grid,
            eps=1e-6,
            activation=F.gelu,
            layer_scale=True,
            interpolation=official_positions,
        )


def official_positions(
    trained: Float[Tensor, "1 width grid grid"],
) -> Float[Tensor, "1 width side side"]:
    """Of the 16 × 16 patches of an image of 224, as the authors' own code has them.

    The ratio is 16.1 / 37, a tenth of a patch too large, and every position that is read moves with
    it: with 16 / 37, as in transformers, they are others.
    """
    ratio = (SIZE // PATCH + 0.1) / trained.shape[-1]
    return F.interpolate(trained, scale_factor=(ratio, ratio), mode="bicubic")


_LAYER = r"encoder\.layer\.(\d+)\."
NAMES = (
    Rename(r"(embeddings\.)?mask_token", None),  # of training
    Rename(r"embeddings\.cls_token", r"cls_token"),
    Rename(r"embeddings\.position_embeddings", r"pos_embed"),
    Rename(r"embeddings\.patch_embeddings\.projection\.(\w+)", r"patch_embed.proj.\1"),
    Rename(_LAYER + r"(norm[12])\.(\w+)", r"blocks.\1.\2.\3"),
    Rename(_LAYER + r"attention\.(?:attention\.query|q_proj)\.(\w+)", r"blocks.\1.attn.qkv.\2", 0),
    Rename(_LAYER + r"attention\.(?:attention\.key|k_proj)\.(\w+)", r"blocks.\1.attn.qkv.\2", 1),
    Rename(_LAYER + r"attention\.(?:attention\.value|v_proj)\.(\w+)", r"blocks.\1.attn.qkv.\2", 2),
    Rename(_LAYER + r"attention\.(?:output\.dense|o_proj)\.(\w+)", r"blocks.\1.attn.proj.\2"),
    Rename(_LAYER + r"layer_scale([12])\.lambda1", r"blocks.\1.ls\2.gamma"),
    Rename(_LAYER + r"mlp\.(\w+)\.(\w+)", r"blocks.\1.mlp.\2.\3"),
    Rename(r"layernorm\.(\w+)", r"norm.\1"),
)
"""Hugging Face's names of its tensors; those of the authors' files, and timm's, are ours."""
