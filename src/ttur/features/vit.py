"""The vision transformer of Dosovitskiy et al. (2021), as DINOv2 and CLIP have it."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

MLP_RATIO = 4


class ViT(nn.Module):
    """Scaled images → the class token after the last norm, by `projection` brought to so many.

    A token is a patch, or the class token before them; positions are added, and `depth` blocks of
    attention and MLP follow. Positions are trained for `grid` × `grid` patches; `interpolation`
    makes those of another grid. Between papers differ: `eps` of the norms, the `activation` of the
    MLP, a factor for each feature of a branch (`layer_scale`), a bias of the patches or a norm
    before the first block (`norm_first`) in its stead. Frozen: it measures, it is never trained.
    Names of tensors are those of DINOv2's files.
    """

    def __init__(
        self,
        *,
        width: int,
        depth: int,
        heads: int,
        patch: int,
        grid: int,
        eps: float,
        activation: Callable[[Tensor], Tensor],
        layer_scale: bool = False,
        norm_first: bool = False,
        projection: int | None = None,
        interpolation: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.grid, self.interpolation = grid, interpolation
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + grid**2, width))
        self.patch_embed = PatchEmbedding(width, patch, bias=not norm_first)
        self.norm_pre = nn.LayerNorm(width, eps) if norm_first else nn.Identity()
        blocks = [Block(width, heads, eps, activation, layer_scale) for _ in range(depth)]
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.LayerNorm(width, eps)
        self.head = nn.Linear(width, projection, bias=False) if projection else nn.Identity()
        self.requires_grad_(False).eval()

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch features"]:
        patches = self.patch_embed(images)
        tokens = torch.cat([self.cls_token.expand(len(images), -1, -1), patches], dim=1)
        x = self.blocks(self.norm_pre(tokens + self.positions(patches.shape[1])))
        return in_numbers_of(self.head, self.norm(x[:, 0])).to(x.dtype)

    def positions(self, patches: int) -> Float[Tensor, "1 tokens width"]:
        """Of the class token and of so many patches, which fill a square."""
        if patches == self.grid**2 or self.interpolation is None:
            return self.pos_embed
        cls_token, trained = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        trained = trained.unflatten(1, (self.grid, self.grid)).permute(0, 3, 1, 2)
        return torch.cat([cls_token, self.interpolation(trained).flatten(2).mT], dim=1)


class PatchEmbedding(nn.Module):
    """Squares of `patch` pixels, row by row, each by one linear map."""

    def __init__(self, width: int, patch: int, *, bias: bool) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch, bias=bias)

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch patches features"]:
        return in_numbers_of(self.proj, images).flatten(2).mT.to(images.dtype)


class Block(nn.Module):
    """x + attention(norm(x)), then x + MLP(norm(x)).

    Norms, and the sums that go from block to block, stay in float32 where the products are not.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        eps: float,
        activation: Callable[[Tensor], Tensor],
        layer_scale: bool,
    ) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps), nn.LayerNorm(width, eps)
        self.attn, self.mlp = Attention(width, heads), MLP(width, activation)
        self.ls1 = LayerScale(width) if layer_scale else nn.Identity()
        self.ls2 = LayerScale(width) if layer_scale else nn.Identity()

    def forward(
        self, x: Float[Tensor, "batch tokens width"]
    ) -> Float[Tensor, "batch tokens width"]:
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class Attention(nn.Module):
    """softmax(q kᵀ / √d) v in each of the heads (Vaswani et al. 2017), d features each."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "batch tokens width"]
    ) -> Float[Tensor, "batch tokens width"]:
        split = in_numbers_of(self.qkv, x).unflatten(-1, (3, self.heads, -1))
        q, k, v = split.permute(2, 0, 3, 1, 4)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class MLP(nn.Module):
    """A hidden layer of four times the width."""

    def __init__(self, width: int, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, MLP_RATIO * width)
        self.activation = activation
        self.fc2 = nn.Linear(MLP_RATIO * width, width)

    def forward(
        self, x: Float[Tensor, "batch tokens width"]
    ) -> Float[Tensor, "batch tokens width"]:
        return self.fc2(self.activation(in_numbers_of(self.fc1, x)))


class LayerScale(nn.Module):
    """A factor for each feature (Touvron et al. 2021)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(
        self, x: Float[Tensor, "batch tokens width"]
    ) -> Float[Tensor, "batch tokens width"]:
        return x * self.gamma


def quick_gelu(x: Tensor) -> Tensor:
    """x · σ(1.702 x), OpenAI's approximation of x · Φ(x)."""
    return x * torch.sigmoid(1.702 * x)


def in_numbers_of(layer: nn.Module, x: Tensor) -> Tensor:
    """A layer of what is rounded as its weights are."""
    weight = next(layer.parameters(), x)
    return layer(x.to(weight.dtype))


def with_products(network: nn.Module, precision: str) -> nn.Module:
    """The network with the factors of all its matrix products in `precision`."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            layer.to(getattr(torch, precision))
    return network
