"""Named feature extractors: a network, its verified weights and the protocol it is fed by."""

import copy
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module, resources
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from ttur.features import inception, resize
from ttur.features.compact import Compact
from ttur.features.inference import PRECISIONS, measuring_copy, side_by_side, without_tf32
from ttur.features.state_dicts import load_strictly, tensors_in
from ttur.runtime import digests
from ttur.runtime.artifacts import Artifact, fetch
from ttur.runtime.checkpoint import weights_sha256
from ttur.runtime.distributed import pick_device
from ttur.runtime.errors import closest, error_of, kind_of

GROUP = "ttur.extractors"  # of entry points: other packages' extractors, by name


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


@dataclass(frozen=True)
class Design:
    """All that a name stands for; the loader knows no name.

    A `network` takes images of `size`, resized and scaled by a protocol, and returns features,
    (features, logits) or (features, logits, spatial). Of its `protocols`, None for all there are,
    the first is its own. `prepare` makes what measures of the loaded network, in a precision.
    `images_apart`: on a CPU it is shared among the cores, a few images at a time. `plain_names`:
    its numbers are called fid, kid, …; those of others fd_<name>, kid_<name>, ….
    """

    network: Callable[[], nn.Module]
    size: int
    dimension: int
    weights: WeightsFile
    protocols: tuple[str, ...] | None = None
    precisions: tuple[str, ...] = ("float32",)
    prepare: Callable[[nn.Module, str], nn.Module] = lambda network, precision: network
    images_apart: bool = False
    plain_names: bool = False


INCEPTION = PublishedWeights(
    name="pt_inception-2015-12-05-6726825d.pth",
    url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    "pt_inception-2015-12-05-6726825d.pth",
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    size=95_628_359,
    remedy="name the file as `weights`, or take an embedded extractor (cifar10 as "
    "`extractor`, or fd_cifar10 as `metric` where a GAN is trained), or train with "
    "`metric` none",
)


def _early(network: nn.Module, precision: str, layer: int) -> nn.Module:
    assert isinstance(network, inception.Inception)
    return _Adapted(measuring_copy(inception.EarlyLayer(network, layer), precision))


DESIGNS = {
    "inception": Design(
        network=inception.Inception,
        size=inception.SIZE,
        dimension=inception.DIMENSION,
        weights=INCEPTION,
        precisions=PRECISIONS,
        prepare=measuring_copy,
        images_apart=True,
        plain_names=True,
    ),
    "digits": Design(
        network=partial(Compact, width=16),
        size=16,
        dimension=64,
        weights=EmbeddedWeights(
            "digits.safetensors",
            "4f791cff1e3efedad49c7a8763667fd731e0501bb5b8c24bca35555e68a047fa",
        ),
    ),
    "cifar10": Design(
        network=partial(Compact, width=32),
        size=32,
        dimension=128,
        weights=EmbeddedWeights(
            "cifar10.safetensors",
            "4e2b58a48c5926ebd9489194c48f4378e389257072af64969f7a42af731b7a64",
        ),
    ),
}
DESIGNS |= {
    f"inception_{layer}": replace(
        DESIGNS["inception"],
        dimension=layer,
        prepare=partial(_early, layer=layer),
        plain_names=False,
    )
    for layer in inception.LAYERS
}


@dataclass(frozen=True)
class Features:
    """What a network says of a batch: float32, a row an image.

    Without classes, `logits` has no column; without an output of its positions, `spatial` has none.
    Inception has 2023 of them, those of sFID, from the same pass.
    """

    features: Float[Tensor, "batch dimension"]
    logits: Float[Tensor, "batch classes"]
    spatial: Float[Tensor, "batch positions"]


@dataclass(frozen=True)
class Extractor:
    """Pixels → features and logits, and the name that numbers made from them carry.

    >>> import torch
    >>> grey = lambda pixels: pixels.mean(1).flatten(1)
    >>> mine = ttur.Extractor.of(grey, name="grey", dimension=64)
    >>> mine(torch.zeros(5, 3, 8, 8, dtype=torch.uint8)).features.shape, mine.fd_name
    (torch.Size([5, 64]), 'fd_grey')
    """

    name: str
    weights_sha256: str  # "" for a function of the user's, which has none
    protocol: str
    dimension: int
    network: nn.Module  # takes images already resized and scaled
    size: int | None  # side of its images; None: it takes pixels as they come, 0..255
    verified: bool  # the weights are those the name stands for
    precision: str = "float32"  # of the network; pixels and features are float32 in any
    images_apart: bool = False  # on a CPU: shared among its cores, a few images at a time
    plain_names: bool = False  # if verified: fid, kid, …

    @classmethod
    def of(
        cls,
        network: Callable[[Tensor], Tensor | tuple[Tensor, Tensor]],
        *,
        name: str,
        dimension: int,
        size: int | None = None,
        protocol: str | None = None,
    ) -> "Extractor":
        """Any module or function of one's own: images → features, or → (features, logits).

        With a `size` it receives images resized and scaled as the protocol says; without, pixels
        (float32, 0..255) as they come. A module is copied, in evaluation mode: training the
        original further changes no number.

        Raises:
            ValueError: if the name is taken by an extractor of ours, or the protocol is unknown.
        """
        protocol = next(iter(resize.PROTOCOLS)) if protocol is None else protocol
        resize.check_protocol(protocol)
        _check_own(name)
        adapted = _Adapted(copy.deepcopy(network)).eval().requires_grad_(False)
        digest = weights_sha256(adapted) if adapted.state_dict() else ""
        return cls(name, digest, protocol, dimension, adapted, size, verified=False)

    @torch.no_grad()
    def __call__(self, pixels: Num[Tensor, "batch channels height width"]) -> Features:
        """uint8, or floats in 0..255, on any device; the result is on the network's device.

        Raises:
            ValueError: if the pixels have another shape or range, or the network another dimension.
        """
        resize.check_pixel_batch(pixels)
        device = self.device or pixels.device
        pixels = pixels.to(device)
        with torch.autocast(device.type, enabled=False):  # of a training loop around
            if self.images_apart and device.type == "cpu":
                outputs = side_by_side(self._outputs, pixels)
            else:
                with without_tf32():
                    outputs = self._outputs(pixels)
        features, none = outputs[0], outputs[0].new_empty(len(outputs[0]), 0)
        if features.shape != (len(pixels), self.dimension):
            raise ValueError(
                f"expected features of shape ({len(pixels)}, {self.dimension}) from extractor "
                f"{self.name}, got {tuple(features.shape)}; flatten them or declare that dimension"
            )
        return Features(*outputs, *[none] * (3 - len(outputs)))

    def _outputs(
        self, pixels: Num[Tensor, "batch channels height width"]
    ) -> tuple[Float[Tensor, "batch ..."], ...]:
        if self.size is None:
            return self.network(pixels.to(torch.float32))
        resized = resize.resize(pixels, self.size, self.protocol)
        return self.network(resize.scale(resized, self.protocol))

    @property
    def device(self) -> torch.device | None:
        """Where its weights are; None if it has none, and works where its pixels are."""
        tensors = itertools.chain(self.network.parameters(), self.network.buffers())
        return next((tensor.device for tensor in tensors), None)

    @property
    def fd_name(self) -> str:
        """What its Fréchet distance is called; names of other numbers follow from it.

        Only Inception with the published weights gives `fid`; other weights than a name stands for
        add the first eight digits of their SHA-256.
        """
        if self.plain_names and self.verified:
            return "fid"
        of_unknown_weights = not self.verified and self.weights_sha256
        suffix = f"[{self.weights_sha256[:8]}]" if of_unknown_weights else ""
        return f"fd_{self.name}{suffix}"

    def fingerprint(self) -> dict[str, str | int | None]:
        """Everything about the extractor that two statistics must share to be compared."""
        return {
            "extractor": self.name,
            "weights_sha256": self.weights_sha256,
            "protocol": self.protocol,
            "scaling": "none" if self.size is None else resize.PROTOCOLS[self.protocol].scaling,
            "size": self.size,
            "precision": self.precision,
        }


def load_extractor(
    name: str,
    *,
    protocol: str | None = None,
    weights: Path | str | None = None,
    device: str | torch.device = "auto",
    precision: str = "float32",
) -> Extractor:
    """ "inception" (published weights, downloaded once), "digits" or "cifar10" (embedded); one of
    your own as "package.module:name", or by its name in the entry-point group `ttur.extractors`.

        >>> load_extractor("digits", protocol="clean", device="cpu").fd_name
        'fd_digits'

    `protocol` None is the extractor's own. `weights` names a .pth or .safetensors file to use
    instead; if its bytes are not the ones the name stands for, the extractor is not `verified` and
    its numbers say so in their names. `precision` "bfloat16" is for Inception: about twice as fast,
    and its distances are other numbers (docs/numerics.md), so the fingerprint carries it.

    What "package.module:name" stands for is a `Design`, an `Extractor`, which brings all that the
    arguments say, or a function without arguments that returns one of them.

    Raises:
        ValueError: if the name, protocol or precision is unknown, or the weights do not fit.
        FileNotFoundError: if the file of weights does not exist.
        ConnectionError: if the published weights are neither cached nor to be had.
    """
    design = DESIGNS[name] if name in DESIGNS else _of_others(name)
    if isinstance(design, Extractor):
        _check_brought(design, protocol, weights, precision)
        return design
    protocol = _protocol_of(design, protocol)
    if precision not in design.precisions:
        raise ValueError(
            f"expected for extractor {name} a precision out of {', '.join(design.precisions)}, got "
            f"{precision!r}; float32 is the one that published numbers are made with"
        )
    device = pick_device(str(device))
    source = design.weights.fetch() if weights is None else Path(weights)
    if not source.is_file():
        raise FileNotFoundError(
            f"expected a .pth or .safetensors file of weights, got {source}, which is not a file"
        )
    # Read once: the bytes that are hashed are the bytes that are loaded.
    contents = source.read_bytes()
    digest = digests.of_bytes(contents)
    verified = digest == design.weights.sha256
    if weights is None and not verified:
        raise ValueError(
            f"expected SHA-256 {design.weights.sha256} of {source}, got {digest}; "
            "the file was changed: install the package again"
        )
    network = design.network()
    load_strictly(network, tensors_in(contents, str(source)), str(source))
    network = network.to(device).eval().requires_grad_(False)
    network, ours = design.prepare(network, precision), name in DESIGNS
    return Extractor(
        name if ours else name.rpartition(":")[2],
        digest,
        protocol,
        design.dimension,
        network if ours else _Adapted(network),
        design.size,
        verified,
        precision,
        images_apart=design.images_apart,
        plain_names=ours and design.plain_names,
    )


def expected_fingerprint(name: str, protocol: str | None, precision: str) -> dict[str, str]:
    """What the fingerprint of an extractor of ours will say, known before its weights are loaded.

    Raises:
        ValueError: if it has no such protocol.
    """
    if name not in DESIGNS:
        return {}
    protocol = _protocol_of(DESIGNS[name], protocol)
    return {"extractor": name, "protocol": protocol, "precision": precision}


def _protocol_of(design: Design, protocol: str | None) -> str:
    known = tuple(resize.PROTOCOLS) if design.protocols is None else design.protocols
    protocol = known[0] if protocol is None else protocol
    resize.check_protocol(protocol, known)
    return protocol


def _of_others(name: str) -> "Design | Extractor":
    """What a name of somebody else's stands for."""
    others = {entry.name: entry for entry in entry_points(group=GROUP)}
    module, colon, attribute = name.partition(":")
    if name in others:
        found = others[name].load()
    elif colon and module and attribute:
        _check_own(attribute)
        try:
            found = getattr(import_module(module), attribute)
        except Exception as error:  # of a module of somebody else's
            raise ValueError(_NOT_MADE.format(name, error_of(error))) from error
    else:
        known = (*DESIGNS, *others)
        raise ValueError(
            f"expected an extractor out of {', '.join(known)}, or package.module:name of your own, "
            f"got {name!r}; {closest(name, known)}"
        )
    if callable(found) and not isinstance(found, Extractor):
        try:
            found = found()
        except Exception as error:  # of a function of somebody else's
            raise ValueError(_NOT_MADE.format(name, error_of(error))) from error
    if not isinstance(found, Design | Extractor):
        raise ValueError(
            f"expected a Design or an Extractor from {name}, got {kind_of(found)}; make one of a "
            "network or function by Extractor.of(network, name=..., dimension=...)"
        )
    return found


_NOT_MADE = (
    "expected an extractor at {}, got {}; give package.module:name of a Design, an Extractor, or a "
    "function without arguments making one"
)


def _check_own(name: str) -> None:
    if name in DESIGNS:
        raise ValueError(f"expected a name of your own, got {name!r}, which is one of ours")


def _check_brought(
    extractor: Extractor, protocol: str | None, weights: Any, precision: str
) -> None:
    """An `Extractor` is made: it cannot be had in another way than it was."""
    if (
        protocol not in (None, extractor.protocol)
        or weights is not None
        or precision not in ("float32", extractor.precision)
    ):
        raise ValueError(
            f"{extractor.name} is an Extractor, made with protocol {extractor.protocol} in "
            f"{extractor.precision}: it takes no other `protocol`, `weights` or `precision`; make "
            "it with them, or give a Design"
        )


class _Adapted(nn.Module):
    """A user's function as a network: features alone are given logits of no class."""

    def __init__(self, function: Callable[[Tensor], Tensor | tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        output = self.function(images)
        return output if isinstance(output, tuple) else (output, output.new_empty(len(output), 0))
