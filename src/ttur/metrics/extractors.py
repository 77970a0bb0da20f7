"""Named feature extractors: a network, its verified weights and the protocol it is fed by."""

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from importlib import resources
from pathlib import Path

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from ttur.metrics import inception, resize
from ttur.metrics.compact import Compact
from ttur.metrics.inference import PRECISIONS, prepared, side_by_side, without_tf32
from ttur.metrics.state_dicts import load_strictly, tensors_in
from ttur.runtime.artifacts import Artifact, fetch
from ttur.runtime.checkpoint import weights_sha256

INCEPTION = Artifact(
    name="pt_inception-2015-12-05-6726825d.pth",
    url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    "pt_inception-2015-12-05-6726825d.pth",
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    size=95_628_359,
    remedy="name it with --weights FILE, or take an embedded extractor (--metric fd_cifar10 where "
    "a GAN is trained, --extractor cifar10 elsewhere), or train with --metric none",
)


@dataclass(frozen=True)
class Design:
    """What a name stands for: a network, the side of its images, its features, its weights."""

    network: Callable[[], nn.Module]
    size: int
    dimension: int
    sha256: str


DESIGNS = {
    "inception": Design(
        network=inception.Inception,
        size=inception.SIZE,
        dimension=inception.DIMENSION,
        sha256=INCEPTION.sha256,
    ),
    "digits": Design(
        network=partial(Compact, width=16),
        size=16,
        dimension=64,
        sha256="4f791cff1e3efedad49c7a8763667fd731e0501bb5b8c24bca35555e68a047fa",
    ),
    "cifar10": Design(
        network=partial(Compact, width=32),
        size=32,
        dimension=128,
        sha256="4e2b58a48c5926ebd9489194c48f4378e389257072af64969f7a42af731b7a64",
    ),
}


@dataclass(frozen=True)
class Features:
    """What a network says of a batch. A network without classes has logits of shape (batch, 0)."""

    features: Float[Tensor, "batch dimension"]
    logits: Float[Tensor, "batch classes"]


@dataclass(frozen=True)
class Extractor:
    """Pixels → features and logits, and the name that numbers made from them carry."""

    name: str
    weights_sha256: str  # "" for a function of the user's, which has none
    protocol: str
    dimension: int
    network: nn.Module  # takes images already resized and scaled
    size: int | None  # side of its images; None: it takes pixels as they come, 0..255
    verified: bool  # the weights are those the name stands for
    precision: str = "float32"  # of the network; pixels and features are float32 in any
    images_apart: bool = False  # on a CPU: shared among its cores, a few images at a time

    @classmethod
    def of(
        cls,
        network: Callable[[Tensor], Tensor | tuple[Tensor, Tensor]],
        *,
        name: str,
        dimension: int,
        size: int | None = None,
        protocol: str = "tf1",
    ) -> "Extractor":
        """Any module or function of one's own: images → features, or → (features, logits).

        With a `size` it receives images resized and scaled as the protocol says; without, pixels
        (float32, 0..255) as they come. A module is copied, in evaluation mode: training the
        original further changes no number.

        Raises:
            ValueError: if the name is taken by an extractor of ours, or the protocol is unknown.
        """
        resize.check_protocol(protocol)
        if name in DESIGNS:
            raise ValueError(f"expected a name of your own, got {name!r}, which is one of ours")
        adapted = _Adapted(copy.deepcopy(network)).eval().requires_grad_(False)
        digest = weights_sha256(adapted) if adapted.state_dict() else ""
        return cls(name, digest, protocol, dimension, adapted, size, verified=False)

    @torch.no_grad()
    def __call__(self, pixels: Num[Tensor, "batch channels height width"]) -> Features:
        """uint8, or floats in 0..255, on any device; the result is on the network's device.

        Raises:
            ValueError: if the pixels have another shape or range, or the network another dimension.
        """
        resize.check_pixels(pixels)
        device = next((tensor.device for tensor in self.network.parameters()), pixels.device)
        pixels = pixels.to(device)
        if self.images_apart and device.type == "cpu":
            features, logits = side_by_side(self._outputs, pixels)
        else:
            with without_tf32():
                features, logits = self._outputs(pixels)
        if features.shape != (len(pixels), self.dimension):
            raise ValueError(
                f"expected features of shape ({len(pixels)}, {self.dimension}) from extractor "
                f"{self.name}, got {tuple(features.shape)}; flatten them or declare that dimension"
            )
        return Features(features, logits)

    def _outputs(
        self, pixels: Num[Tensor, "batch channels height width"]
    ) -> tuple[Float[Tensor, "batch ..."], Float[Tensor, "batch ..."]]:
        if self.size is None:
            return self.network(pixels.to(torch.float32))
        resized = resize.resize(pixels, self.size, self.protocol)
        return self.network(resize.scale(resized, self.protocol))

    def metric(self, kind: str) -> str:
        """`kind` ("fd", "is", "kid", …) with this extractor in its name, as results report it.

        Only Inception with the published weights gives the plain names; other weights than a name
        stands for add the first eight digits of their SHA-256.
        """
        if self.name == "inception" and self.verified:
            return "fid" if kind == "fd" else kind
        of_unknown_weights = not self.verified and self.weights_sha256
        suffix = f"[{self.weights_sha256[:8]}]" if of_unknown_weights else ""
        return f"{kind}_{self.name}{suffix}"

    @property
    def fd_name(self) -> str:
        return self.metric("fd")

    @property
    def is_name(self) -> str:
        return self.metric("is")

    def fingerprint(self) -> dict[str, str | int | None]:
        """Everything about the extractor that two statistics must share to be compared."""
        return {
            "extractor": self.name,
            "weights_sha256": self.weights_sha256,
            "protocol": self.protocol,
            "scaling": "none" if self.size is None else resize.SCALING[self.protocol],
            "size": self.size,
            "precision": self.precision,
        }


def extractor(
    name: str,
    *,
    protocol: str = "tf1",
    weights: Path | str | None = None,
    device: str | torch.device = "cpu",
    precision: str = "float32",
) -> Extractor:
    """ "inception" (published weights, downloaded once), "digits" or "cifar10" (embedded).

    `weights` names a .pth or .safetensors file to use instead; if its bytes are not the ones the
    name stands for, the extractor is not `verified` and its numbers say so in their names.
    `precision` "bfloat16" is for Inception: about twice as fast, and its distances are other
    numbers (docs/numerics.md), so the fingerprint carries it.

    Raises:
        ValueError: if the name, protocol or precision is unknown, or the weights do not fit.
        FileNotFoundError: if the file of weights does not exist.
        ConnectionError: if the published weights are neither cached nor to be had.
    """
    if name not in DESIGNS:
        close = get_close_matches(name, DESIGNS, n=2, cutoff=0.4)
        raise ValueError(
            f"expected an extractor out of {', '.join(DESIGNS)}, got {name!r}"
            + (f"; did you mean {' or '.join(close)}?" if close else "")
        )
    resize.check_protocol(protocol)
    design = DESIGNS[name]
    allowed = PRECISIONS if name == "inception" else PRECISIONS[:1]
    if precision not in allowed:
        raise ValueError(
            f"expected for extractor {name} a precision out of {', '.join(allowed)}, got "
            f"{precision!r}; float32 is the one that published numbers are made with"
        )
    if weights is not None:
        weights = Path(weights)
        if not weights.is_file():
            raise FileNotFoundError(
                f"expected a .pth or .safetensors file of weights, got {weights}, "
                "which is not a file"
            )
        source = weights
    elif name == "inception":
        source = fetch(INCEPTION)
    else:
        source = resources.files("ttur.metrics") / "weights" / f"{name}.safetensors"
    # Read once: the bytes that are hashed are the bytes that are loaded.
    contents = source.read_bytes()
    digest = hashlib.sha256(contents).hexdigest()
    verified = digest == design.sha256
    if weights is None and not verified:
        raise ValueError(
            f"expected SHA-256 {design.sha256} of {source}, got {digest}; "
            "the file was changed: install the package again"
        )
    network = design.network()
    load_strictly(network, tensors_in(contents, str(source)), str(source))
    network = network.to(device).eval().requires_grad_(False)
    large = name == "inception"
    return Extractor(
        name,
        digest,
        protocol,
        design.dimension,
        prepared(network, precision) if large else network,
        design.size,
        verified,
        precision,
        images_apart=large,
    )


class _Adapted(nn.Module):
    """A user's function as a network: features alone are given logits of no class."""

    def __init__(self, function: Callable[[Tensor], Tensor | tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        output = self.function(images)
        return output if isinstance(output, tuple) else (output, output.new_empty(len(output), 0))
