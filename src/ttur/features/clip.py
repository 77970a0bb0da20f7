"""The image tower of OpenAI's CLIP (Radford et al. 2021), ViT-L/14 at 336 pixels."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ttur.features.state_dicts import Rename
from ttur.features.vit import ViT, quick_gelu

SIZE = 336
PATCH = 14
DIMENSION = 768


class ClipImages(ViT):
    """Scaled images → their embedding beside that of texts, divided by its norm."""

    def __init__(
        self,
        *,
        width: int = 1024,
        depth: int = 24,
        heads: int = 16,
        projection: int = DIMENSION,
        grid: int = SIZE // PATCH,
    ) -> None:
        super().__init__(
            width=width,
            depth=depth,
            heads=heads,
            patch=PATCH,
            grid=grid,
            eps=1e-5,
            activation=quick_gelu,
            norm_first=True,
            projection=projection,
        )

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch features"]:
        return F.normalize(super().forward(images), dim=1)


def _as_batch(tensor: Tensor) -> Tensor:
    """A token, or tokens, as those of one image."""
    return tensor.reshape(1, -1, tensor.shape[-1])


_THEIRS, _FACES = (
    r"visual\.transformer\.resblocks\.(\d+)\.",
    r"vision_model\.encoder\.layers\.(\d+)\.",
)
_OF_TEXTS = r"(text_model|transformer|token_embedding|ln_final|text_projection)(\..+)?"
NAMES = (
    Rename(_OF_TEXTS, None),
    Rename(r"positional_embedding|logit_scale|input_resolution|context_length|vocab_size", None),
    # OpenAI's.
    Rename(r"visual\.class_embedding", r"cls_token", change=_as_batch),
    Rename(r"visual\.positional_embedding", r"pos_embed", change=_as_batch),
    Rename(r"visual\.conv1\.weight", r"patch_embed.proj.weight"),
    Rename(r"visual\.ln_pre\.(\w+)", r"norm_pre.\1"),
    Rename(_THEIRS + r"ln_([12])\.(\w+)", r"blocks.\1.norm\2.\3"),
    Rename(_THEIRS + r"attn\.in_proj_(\w+)", r"blocks.\1.attn.qkv.\2"),
    Rename(_THEIRS + r"attn\.out_proj\.(\w+)", r"blocks.\1.attn.proj.\2"),
    Rename(_THEIRS + r"mlp\.c_fc\.(\w+)", r"blocks.\1.mlp.fc1.\2"),
    Rename(_THEIRS + r"mlp\.c_proj\.(\w+)", r"blocks.\1.mlp.fc2.\2"),
    Rename(r"visual\.ln_post\.(\w+)", r"norm.\1"),
    Rename(r"visual\.proj", r"head.weight", change=Tensor.t),
    # Hugging Face's.
    Rename(r"vision_model\.embeddings\.position_ids", None),
    Rename(r"vision_model\.embeddings\.class_embedding", r"cls_token", change=_as_batch),
    Rename(r"vision_model\.embeddings\.position_embedding\.weight", r"pos_embed", change=_as_batch),
    Rename(r"vision_model\.embeddings\.patch_embedding\.weight", r"patch_embed.proj.weight"),
    Rename(r"vision_model\.pre_layrnorm\.(\w+)", r"norm_pre.\1"),
    Rename(_FACES + r"layer_norm([12])\.(\w+)", r"blocks.\1.norm\2.\3"),
    Rename(_FACES + r"self_attn\.q_proj\.(\w+)", r"blocks.\1.attn.qkv.\2", 0),
    Rename(_FACES + r"self_attn\.k_proj\.(\w+)", r"blocks.\1.attn.qkv.\2", 1),
    Rename(_FACES + r"self_attn\.v_proj\.(\w+)", r"blocks.\1.attn.qkv.\2", 2),
    Rename(_FACES + r"self_attn\.out_proj\.(\w+)", r"blocks.\1.attn.proj.\2"),
    Rename(_FACES + r"mlp\.(\w+)\.(\w+)", r"blocks.\1.mlp.\2.\3"),
    Rename(r"vision_model\.post_layernorm\.(\w+)", r"norm.\1"),
    Rename(r"visual_projection\.weight", r"head.weight"),
)
"""OpenAI's and Hugging Face's names of its tensors; the tower of texts is left out."""
