"""Feature extractors: a network, its weights and the protocol it is fed by, ours and others'."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from ttur.features import resize
from ttur.features.copying import dtype_of, own_copy, settle_weights
from ttur.features.designs import DESIGNS, Design
from ttur.features.inference import side_by_side
from ttur.features.outputs import Adapted, Features, of_batch
from ttur.features.state_dicts import load_strictly, renamed, tensors_in
from ttur.runtime import digests
from ttur.runtime.artifacts import Artifact, is_here
from ttur.runtime.checkpoint import weights_sha256
from ttur.runtime.distributed import pick_device
from ttur.runtime.errors import closest, error_of, kind_of
from ttur.runtime.files import size_in_words
from ttur.runtime.progress import task
from ttur.runtime.randomness import randomness_from
from ttur.runtime.showing import ShowProgress, takes_long
from ttur.runtime.surroundings import neutral_surroundings

GROUP = "ttur.extractors"  # of entry points: other packages' extractors, by name


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
    stated: Mapping[str, str] = field(default_factory=dict)  # what else its fingerprint says

    @classmethod
    def of(
        cls,
        network: Callable[[Tensor], Any],
        *,
        name: str,
        dimension: int,
        size: int | None = None,
        protocol: str | None = None,
        output: str | int | None = None,
    ) -> "Extractor":
        """Any module or function of one's own: images → features, (features, logits) or (features,
        logits, spatial).

        Tensors or arrays, in any precision; maps of a single position; a list or dict of one entry,
        or that which `output` names, as "x_norm_clstoken". A network in half or double precision is
        given such images. With a `size` it receives images resized and scaled as the protocol says;
        without, pixels (0..255) as they come. A module is copied, in evaluation mode: training the
        original further changes no number.

        Raises:
            ValueError: if the name is taken by an extractor of ours, or the protocol is unknown.
        """
        protocol = next(iter(resize.PROTOCOLS)) if protocol is None else protocol
        resize.check_protocol(protocol)
        _check_own(name)
        with neutral_surroundings():
            adapted = Adapted(own_copy(network), output).eval().requires_grad_(False)
            digest = weights_sha256(adapted) if adapted.state_dict() else ""
            adapted.dtype = dtype_of(adapted)
            settle_weights(adapted)  # after the digest, which is of the names that it came with
        return cls(name, digest, protocol, dimension, adapted, size, verified=False)

    @neutral_surroundings()
    def __call__(
        self,
        pixels: Num[Tensor, "batch channels height width"] | Sequence[Num[Tensor, "channels _ _"]],
    ) -> Features:
        """uint8, or floats in 0..255, on any device; the result is on the network's device. Images
        of several sizes come as a sequence of (channels, height, width).

        Raises:
            ValueError: if the pixels have another shape or range, or the network another dimension
                or kind of output.
        """
        if isinstance(pixels, Tensor):
            resize.check_pixel_batch(pixels)
            outputs = self._outputs
        else:
            pixels, outputs = self._in_one_size(pixels), self._outputs_of_resized
        device = self.device or pixels.device
        pixels = pixels.detach().to(device)
        if self.images_apart and device.type == "cpu":
            made = side_by_side(outputs, pixels)
        else:
            made = outputs(pixels)
        return of_batch(made, len(pixels), self.dimension, self.name)

    def _outputs(
        self, pixels: Num[Tensor, "batch channels height width"]
    ) -> tuple[Float[Tensor, "batch ..."], ...]:
        if self.size is None:
            return self._outputs_of_network(pixels.to(torch.float32, copy=True))
        return self._outputs_of_resized(resize.resize(pixels, self.size, self.protocol))

    def _outputs_of_resized(
        self, pixels: Float[Tensor, "batch channels height width"]
    ) -> tuple[Float[Tensor, "batch ..."], ...]:
        """Not checked again: a resize may leave 0..255, and not all leave alone what they made."""
        return self._outputs_of_network(resize.scale(pixels, self.protocol))

    def _outputs_of_network(self, images: Tensor) -> tuple[Float[Tensor, "batch ..."], ...]:
        outputs = self.network(images)  # which may work in place
        return outputs if isinstance(outputs, tuple) else (outputs,)

    def _in_one_size(
        self, images: Sequence[Num[Tensor, "channels _ _"]]
    ) -> Float[Tensor, "batch channels height width"]:
        if self.size is None:
            raise ValueError(
                "expected images of one size, got several, and the extractor has no size of its "
                "own; give Extractor.of a size"
            )
        for image in images:
            resize.check_pixel_batch(image[None])
        return torch.cat([resize.resize(image[None], self.size, self.protocol) for image in images])

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
        design = DESIGNS.get(self.name)
        if self.verified and design is not None and (own := design.own_name("fid")):
            return own
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
            **self.stated,
        }


@takes_long
def load_extractor(
    name: str,
    *,
    protocol: str | None = None,
    weights: Path | str | None = None,
    device: str | torch.device = "auto",
    precision: str = "float32",
    progress: ShowProgress = None,
) -> Extractor:
    """ "inception", "dinov2", "dinov2_vitb14", "dinov2_vits14" or "clip" (published weights,
    downloaded once), "digits" or "cifar10" (embedded); one of your own as "package.module:name", or
    by its name in the entry-point group `ttur.extractors`.

        >>> load_extractor("digits", protocol="clean", device="cpu").fd_name
        'fd_digits'

    `protocol` None is the extractor's own. `weights` names a .pth or .safetensors file to use
    instead; if its bytes are not the ones the name stands for, the extractor is not `verified` and
    its numbers say so in their names. `precision` "bfloat16" is not for the embedded ones: its
    distances are other numbers (docs/numerics.md), so the fingerprint carries it.

    What "package.module:name" stands for is a `Design`, an `Extractor`, which brings all that the
    arguments say, or a function without arguments that returns one of them.

    Raises:
        ValueError: if the name, protocol or precision is unknown, or the weights do not fit.
        FileNotFoundError: if the file of weights does not exist.
        ConnectionError: if the published weights are neither cached nor to be had.
    """
    with task(f"network of {name}"):
        return _loaded(name, protocol, weights, device, precision)


def _loaded(
    name: str,
    protocol: str | None,
    weights: Path | str | None,
    device: str | torch.device,
    precision: str,
) -> Extractor:
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
    ours = name in DESIGNS
    with neutral_surroundings(), randomness_from(None, device):  # new weights are drawn
        network = design.network()
        state = renamed(tensors_in(contents, str(source)), design.names)
        del contents  # as large as the network
        load_strictly(network, state, str(source))
        network = network.to(device).eval().requires_grad_(False)
        network = design.prepare(network, precision)
    return Extractor(
        name if ours else name.rpartition(":")[2],
        digest,
        protocol,
        design.dimension,
        network if ours else Adapted(network),
        design.size,
        verified,
        precision,
        images_apart=design.images_apart,
        stated=design.stated,
    )


def missing_weights(name: str) -> str | None:
    """What `load_extractor` would have to download, in words; None if it is here."""
    design = DESIGNS.get(name)
    if design is None or not isinstance(file := design.weights, Artifact) or is_here(file):
        return None
    return file.name + ("" if file.size is None else f", {size_in_words(file.size)}")


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
    protocol = design.protocols[0] if protocol is None else protocol
    resize.check_protocol(protocol, design.protocols)
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
