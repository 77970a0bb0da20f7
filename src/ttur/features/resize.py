"""Pixels → input of a feature network: the resize and the scaling that a protocol fixes.

A protocol is a row of `PROTOCOLS`, named here and nowhere else. `tf1` and `torch` do not low-pass:
making an image smaller aliases, in both and on purpose.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Num
from PIL import Image
from torch import Tensor


def resize(
    pixels: Num[Tensor, "batch channels height width"], size: int, protocol: str
) -> Float[Tensor, "batch channels {size} {size}"]:
    """To size × size, in float32, in units of 0..255, as the protocol does it.

    No protocol changes an image of whole pixels that has the size, and none looks at the rest of
    the batch. What a bicubic overshoots is cut to 0..255, but by `dinov2`.

    Raises:
        ValueError: if the protocol is unknown.
    """
    check_protocol(protocol)
    # One memory layout whatever came in: networks round differently in another.
    pixels, row = pixels.to(torch.float32).contiguous(), PROTOCOLS[protocol]
    if row.whole:
        pixels = pixels.round().clamp_(0, 255)
    if pixels.shape[-2:] == (size, size):
        return pixels
    return row.resize(pixels, size)


def scale(
    pixels: Float[Tensor, "batch channels height width"], protocol: str
) -> Float[Tensor, "batch channels height width"]:
    """0..255 → the range the network is fed: [-1, 1] for `torch`, [-1, 0.992] for the others of
    Inception, about [-2, 2.7] for transformers, channel by channel.

    Raises:
        ValueError: if the protocol is unknown.
    """
    check_protocol(protocol)
    row = PROTOCOLS[protocol]
    mean, deviation = (
        torch.tensor(values, dtype=pixels.dtype, device=pixels.device)[:, None, None]
        for values in (row.mean, row.standard_deviation)
    )
    return pixels.div(row.unit).sub_(mean).div_(deviation)


def check_protocol(protocol: str, known: Iterable[str] | None = None) -> None:
    """Raises ValueError, naming those `known`, by default all, if the protocol is none of them."""
    names = list(PROTOCOLS if known is None else known)
    if protocol not in names:
        whose = ", ".join(f"{name} is that of {PROTOCOLS[name].whose}" for name in names)
        raise ValueError(
            f"expected a protocol out of {', '.join(names)}, got {protocol!r}; {whose}"
        )


def check_pixel_batch(pixels: Tensor) -> None:
    """Raises ValueError unless they are (batch, 3, height, width) in 0..255, uint8 or not."""
    if pixels.ndim != 4 or pixels.shape[1] != 3 or min(pixels.shape[2:]) < 2:
        raise ValueError(
            f"expected pixels of shape (batch, 3, height, width), sides of 2 or more, got "
            f"{tuple(pixels.shape)}"
        )
    if pixels.dtype == torch.uint8 or len(pixels) == 0:
        return
    low, high = (bound.item() for bound in pixels.aminmax())
    # Resizing white may pass 255 by a rounding error. Written so that a NaN does not pass.
    if not (low >= -0.01 and high <= 255.01):
        raise ValueError(
            f"expected pixels in 0..255, got {low:g} to {high:g}; "
            "images in [-1, 1] become pixels by x * 127.5 + 127.5, others by clamp(0, 255)"
        )


def legacy_bilinear(pixels: Tensor, size: int) -> Tensor:
    """Source coordinate = target · (in / out), no half-pixel centres."""
    # Along the width first: TensorFlow rounds in this order.
    return _legacy_bilinear(_legacy_bilinear(pixels, size, dim=-1), size, dim=-2)


def half_pixel_bilinear(pixels: Tensor, size: int, *, antialias: bool) -> Tensor:
    """Half-pixel centres; with `antialias` widened to low-pass when it makes smaller."""
    return F.interpolate(
        pixels, (size, size), mode="bilinear", align_corners=False, antialias=antialias
    )


def _legacy_bilinear(pixels: Tensor, size: int, dim: int) -> Tensor:
    """TensorFlow 1's `ResizeBilinear(align_corners=False)` along one side, to the bit."""
    length = pixels.shape[dim]
    source = torch.arange(size, dtype=torch.float32, device=pixels.device) * (length / size)
    low = source.long()
    high = (low + 1).clamp(max=length - 1)
    fraction = (source - low).view((size, 1) if dim == -2 else (size,))
    left, right = _selected(pixels, low, dim), _selected(pixels, high, dim)
    # Not torch.lerp: above 1/2 it takes another formula, and a fused product rounds differently.
    return right.sub_(left).mul_(fraction).add_(left)


def _selected(pixels: Tensor, index: Tensor, dim: int) -> Tensor:
    if dim == -2:
        return pixels.index_select(dim, index)  # copies whole rows
    # Along a row gather is some ten times faster than index_select, on a CPU.
    return pixels.gather(dim, index.expand(*pixels.shape[:-1], len(index)))


def pillow_bicubic(pixels: Tensor, size: int) -> Tensor:
    """Pillow's own kernel in its mode F (float32, nothing rounded to integers), channel by channel,
    widened to low-pass when it makes smaller, cut to 0..255. On the CPU, wherever the pixels are.
    """
    return _by_pillow(pixels, size).clamp_(0, 255)


def pillow_bicubic_of_bytes(pixels: Tensor, size: int) -> Tensor:
    """The same on whole pixels, as of an image file: Pillow rounds after either direction."""
    return _by_pillow(pixels.to(torch.uint8), size).to(torch.float32)


def of_centre(pixels: Tensor, size: int) -> Tensor:
    """`pillow_bicubic_of_bytes` of the square in the middle, as wide as the shorter side."""
    height, width = pixels.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return pillow_bicubic_of_bytes(pixels[..., top : top + side, left : left + side], size)


def torch_bicubic(pixels: Tensor, size: int) -> Tensor:
    """Half-pixel centres, widened to low-pass when it makes smaller; not cut: it overshoots."""
    return F.interpolate(pixels, (size, size), mode="bicubic", antialias=True)


def _by_pillow(pixels: Tensor, size: int) -> Tensor:
    """Plane by plane, in the mode that their numbers have."""
    images = pixels.cpu().numpy()
    resized = np.empty((*pixels.shape[:2], size, size), images.dtype)
    for index, planes in enumerate(images):
        for channel, plane in enumerate(planes):
            image = Image.fromarray(plane).resize((size, size), Image.Resampling.BICUBIC)
            resized[index, channel] = np.asarray(image)
    return torch.from_numpy(resized).to(pixels.device)


@dataclass(frozen=True)
class ResizeProtocol:
    """A resize to size × size of float32 pixels, and a scaling: (pixels / unit - mean) / deviation.

    Mean and deviation are of one channel each, or one for all. `scaling` is how fingerprints write
    it, and `whose` protocol it is stands in messages. `whole`: it is defined for bytes, and floats
    are rounded to them before, halves to even.
    """

    resize: Callable[[Tensor, int], Tensor]
    scaling: str
    unit: float
    mean: tuple[float, ...]
    standard_deviation: tuple[float, ...]
    whose: str
    whole: bool = False

    @classmethod
    def of_graph(cls, resize: Callable[[Tensor, int], Tensor], whose: str) -> "ResizeProtocol":
        """Scaled as in the graph of 2015-12-05."""
        return cls(resize, "(x-128)/128", 1.0, (128.0,), (128.0,), whose)

    @classmethod
    def of_statistics(
        cls,
        resize: Callable[[Tensor, int], Tensor],
        mean: tuple[float, ...],
        deviation: tuple[float, ...],
        whose: str,
        *,
        whole: bool = False,
    ) -> "ResizeProtocol":
        """Scaled by mean and deviation of the training images, in 0..1."""
        scaling = f"(x/255-{mean})/{deviation}".replace(" ", "")
        return cls(resize, scaling, 255.0, mean, deviation, whose, whole)


# Whose network they feed: a design names one of these tables.
FOR_INCEPTION = {
    "tf1": ResizeProtocol.of_graph(legacy_bilinear, "the paper, by the graph of 2015-12-05"),
    "torch": ResizeProtocol(
        partial(half_pixel_bilinear, antialias=False),
        scaling="x/127.5-1",
        unit=127.5,
        mean=(1.0,),
        standard_deviation=(1.0,),
        whose="the PyTorch ports",
    ),
    "clean": ResizeProtocol.of_graph(pillow_bicubic, "clean-fid"),
    "torch_antialias": ResizeProtocol.of_graph(
        partial(half_pixel_bilinear, antialias=True), "torchmetrics since 1.8"
    ),
}
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FOR_DINOV2 = {
    "dinov2": ResizeProtocol.of_statistics(torch_bicubic, *IMAGENET, "EDM2"),
    "dinov2_pil": ResizeProtocol.of_statistics(
        pillow_bicubic_of_bytes, *IMAGENET, "dgm-eval", whole=True
    ),
}
FOR_CLIP = {
    "clip": ResizeProtocol.of_statistics(
        of_centre,
        (0.48145466, 0.4578275, 0.40821073),
        (0.26862954, 0.26130258, 0.27577711),
        "CMMD",
        whole=True,
    ),
}
PROTOCOLS = FOR_INCEPTION | FOR_DINOV2 | FOR_CLIP

# What other programs do, by their names and settings.
PROTOCOL_OF = {
    "pytorch-fid": "torch",
    "torch-fidelity": "tf1",
    "clean-fid clean": "clean",
    "clean-fid legacy_pytorch": "torch",
    "clean-fid legacy_tensorflow": "tf1",
    "torchmetrics": "torch_antialias",
    "torchmetrics antialias=False": "tf1",
}
