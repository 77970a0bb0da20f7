"""Files of weights that can be had: of the package, or downloaded once and verified."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Protocol, runtime_checkable

from ttur.runtime.artifacts import Artifact, fetch


@runtime_checkable
class WeightsFile(Protocol):
    """A file of weights that can be had, and the digest of the one that a name stands for."""

    @property
    def sha256(self) -> str: ...

    def fetch(self) -> Path: ...


@dataclass(frozen=True)
class EmbeddedWeights:
    """A file of the package."""

    name: str
    sha256: str

    def fetch(self) -> Path:
        return Path(str(resources.files("ttur.features") / "weights" / self.name))


class PublishedWeights(Artifact):
    """A file that is downloaded once."""

    def fetch(self) -> Path:
        return fetch(self)


# Of these a command gives those it has an argument for.
_OR_EMBEDDED = (
    "name it by `weights`, or take `extractor` cifar10 (not a FID), or `metric` fd_cifar10 (not a "
    "FID), or `metric` none"
)


def _dinov2(name: str, sha256: str, size: int | None) -> PublishedWeights:
    """Of "vitl14", "vitb14" or "vits14": a state dict of its authors."""
    file = f"dinov2_{name}_pretrain.pth"
    url = f"https://dl.fbaipublicfiles.com/dinov2/dinov2_{name}/{file}"
    return PublishedWeights(file, url, sha256, size, _OR_EMBEDDED)


INCEPTION = PublishedWeights(
    name="pt_inception-2015-12-05-6726825d.pth",
    url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    "pt_inception-2015-12-05-6726825d.pth",
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    size=95_628_359,
    remedy=_OR_EMBEDDED,
)
DINOV2_LARGE = _dinov2(
    "vitl14", "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428", 1_217_586_395
)
DINOV2_BASE = _dinov2(
    "vitb14", "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73", 346_378_731
)
DINOV2_SMALL = _dinov2(
    "vits14", "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9", None
)
_CLIP = "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02"
CLIP = PublishedWeights(
    name="ViT-L-14-336px.pt",
    url=f"https://openaipublic.azureedge.net/clip/models/{_CLIP}/ViT-L-14-336px.pt",
    sha256=_CLIP,
    size=None,
    remedy="name as `weights` that file, or model.safetensors of "
    "openai/clip-vit-large-patch14-336 on Hugging Face, whose numbers carry its digest",
)
