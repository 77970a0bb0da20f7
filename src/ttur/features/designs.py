"""The extractors by name: what a network of ours is, its published weights, its protocols.

`DESIGNS` names them, and nothing else does.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from torch import nn

from ttur.features import clip, dinov2, inception, published, resize
from ttur.features.compact import Compact
from ttur.features.inference import PRECISIONS, measuring_copy
from ttur.features.published import EmbeddedWeights, WeightsFile
from ttur.features.state_dicts import Rename
from ttur.features.vit import with_products


@dataclass(frozen=True)
class Design:
    """All that a name stands for; the loader knows no name.

    A `network` takes images of `size`, resized and scaled by a protocol, and returns features,
    (features, logits) or (features, logits, spatial). Of its `protocols` the first is its own.
    `names` are those of tensors in files that are not the network's. `prepare` makes what measures
    of the loaded network, in a precision. `images_apart`: on a CPU it is shared among the cores, a
    few images at a time. `stated` joins its fingerprint. Numbers by it are called fd_<name>,
    kid_<name>, …, but those that `own_name` has a word for: Inception for all, CLIP for its mmd.
    """

    network: Callable[[], nn.Module]
    size: int
    dimension: int
    weights: WeightsFile
    protocols: tuple[str, ...]
    names: tuple[Rename, ...] = ()
    precisions: tuple[str, ...] = ("float32",)
    prepare: Callable[[nn.Module, str], nn.Module] = lambda network, precision: network
    images_apart: bool = False
    stated: Mapping[str, str] = field(default_factory=dict)
    own_name: Callable[[str], str | None] = lambda kind: None


def _dinov2(weights: WeightsFile, *, width: int, depth: int, heads: int) -> Design:
    return Design(
        network=partial(dinov2.DinoV2, width=width, depth=depth, heads=heads),
        size=dinov2.SIZE,
        dimension=width,
        weights=weights,
        protocols=tuple(resize.FOR_DINOV2),
        names=dinov2.NAMES,
        precisions=PRECISIONS,
        prepare=with_products,
        images_apart=True,
        stated={"positions": dinov2.POSITIONS},
    )


def _early(network: nn.Module, precision: str, layer: int) -> nn.Module:
    assert isinstance(network, inception.Inception)
    return measuring_copy(inception.EarlyLayer(network, layer), precision)


DESIGNS = {
    "inception": Design(
        network=inception.Inception,
        size=inception.SIZE,
        dimension=inception.DIMENSION,
        weights=published.INCEPTION,
        protocols=tuple(resize.FOR_INCEPTION),
        precisions=PRECISIONS,
        prepare=measuring_copy,
        images_apart=True,
        own_name=lambda kind: kind,
    ),
    "dinov2": _dinov2(published.DINOV2_LARGE, width=1024, depth=24, heads=16),
    "dinov2_vitb14": _dinov2(published.DINOV2_BASE, width=768, depth=12, heads=12),
    "dinov2_vits14": _dinov2(published.DINOV2_SMALL, width=384, depth=12, heads=6),
    "clip": Design(
        network=clip.ClipImages,
        size=clip.SIZE,
        dimension=clip.DIMENSION,
        weights=published.CLIP,
        protocols=tuple(resize.FOR_CLIP),
        names=clip.NAMES,
        precisions=PRECISIONS,
        prepare=with_products,
        images_apart=True,
        own_name={"mmd": "cmmd"}.get,
    ),
    "digits": Design(
        network=partial(Compact, width=16),
        size=16,
        dimension=64,
        weights=EmbeddedWeights(
            "digits.safetensors",
            "4f791cff1e3efedad49c7a8763667fd731e0501bb5b8c24bca35555e68a047fa",
        ),
        protocols=tuple(resize.FOR_INCEPTION),
    ),
    "cifar10": Design(
        network=partial(Compact, width=32),
        size=32,
        dimension=128,
        weights=EmbeddedWeights(
            "cifar10.safetensors",
            "4e2b58a48c5926ebd9489194c48f4378e389257072af64969f7a42af731b7a64",
        ),
        protocols=tuple(resize.FOR_INCEPTION),
    ),
}
DESIGNS |= {
    f"inception_{layer}": replace(
        DESIGNS["inception"],
        dimension=layer,
        prepare=partial(_early, layer=layer),
        own_name=lambda kind: None,
    )
    for layer in inception.LAYERS
}


def own_name(kind: str, fd_name: str) -> str | None:
    """What the design whose Fréchet distance is called so calls this kind of number, if not by the
    rule.

    >>> own_name("kid", "fid"), own_name("mmd", "fd_clip"), own_name("kid", "fd_clip")
    ('kid', 'cmmd', None)
    """
    for name, design in DESIGNS.items():
        if (design.own_name("fid") or f"fd_{name}") == fd_name:
            return design.own_name(kind)
    return None


def owner(own: str, kinds: Iterable[str]) -> tuple[str, str] | None:
    """The kind of number and the extractor that a word of its own stands for."""
    for name, design in DESIGNS.items():
        for kind in kinds:
            if design.own_name(kind) == own:
                return kind, name
    return None
