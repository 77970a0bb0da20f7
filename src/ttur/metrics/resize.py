"""Pixels → input of a feature network: the resize and the scaling that a protocol fixes.

`tf1` is what the graph of 2015-12-05 does (the paper's numbers), `torch` what the PyTorch ports of
it do, `clean` what clean-fid does, `torch_antialias` what torchmetrics does since 1.8. The first
two do not low-pass: making an image smaller aliases, in both and on purpose.
"""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Num
from PIL import Image
from torch import Tensor

PROTOCOLS = ("tf1", "torch", "clean", "torch_antialias")
SCALING = {
    "tf1": "(x-128)/128",
    "torch": "x/127.5-1",
    "clean": "(x-128)/128",
    "torch_antialias": "(x-128)/128",
}


def resize(
    pixels: Num[Tensor, "batch channels height width"], size: int, protocol: str
) -> Float[Tensor, "batch channels {size} {size}"]:
    """To size × size, in float32, still in 0..255 and not rounded.

    `tf1`: bilinear, source coordinate = target · (in / out), no half-pixel centres.
    `torch`: bilinear, half-pixel centres, no antialiasing.
    `clean`: Pillow's bicubic on float pixels, channel by channel, widened to low-pass when it makes
    smaller, cut to 0..255. On the CPU, whatever device the pixels are on.
    `torch_antialias`: bilinear, half-pixel centres, widened to low-pass when it makes smaller.
    No protocol changes an image that has the size, and none looks at the rest of the batch.

    Raises:
        ValueError: if the protocol is unknown.
    """
    check_protocol(protocol)
    # One memory layout whatever came in: networks round differently in another.
    pixels = pixels.to(torch.float32).contiguous()
    if pixels.shape[-2:] == (size, size):
        return pixels
    if protocol == "clean":
        return _pillow_bicubic(pixels, size)
    if protocol == "tf1":
        # Along the width first: TensorFlow rounds in this order.
        return _legacy_bilinear(_legacy_bilinear(pixels, size, dim=-1), size, dim=-2)
    return F.interpolate(
        pixels,
        (size, size),
        mode="bilinear",
        align_corners=False,
        antialias=protocol == "torch_antialias",
    )


def scale(
    pixels: Float[Tensor, "batch channels height width"], protocol: str
) -> Float[Tensor, "batch channels height width"]:
    """0..255 → the range the network is fed: [-1, 1] for `torch`, [-1, 0.992] for the others.

    Raises:
        ValueError: if the protocol is unknown.
    """
    check_protocol(protocol)
    if SCALING[protocol] == "x/127.5-1":
        return pixels.div(127.5).sub_(1)
    return pixels.sub(128).div_(128)


def check_protocol(protocol: str) -> None:
    """Raises ValueError, naming the known ones, if the protocol is unknown."""
    if protocol not in PROTOCOLS:
        raise ValueError(
            f"expected a protocol out of {', '.join(PROTOCOLS)}, got {protocol!r}; tf1 is the "
            "paper's, torch that of the PyTorch ports, clean clean-fid's, torch_antialias that of "
            "torchmetrics since 1.8"
        )


def check_pixels(pixels: Tensor) -> None:
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


def _pillow_bicubic(pixels: Tensor, size: int) -> Tensor:
    """Pillow's own kernel in its mode F (float32, nothing rounded to integers)."""
    resized = np.empty((*pixels.shape[:2], size, size), np.float32)
    for index, planes in enumerate(pixels.cpu().numpy()):
        for channel, plane in enumerate(planes):
            image = Image.fromarray(plane).resize((size, size), Image.Resampling.BICUBIC)
            resized[index, channel] = np.asarray(image)
    return torch.from_numpy(resized).clamp_(0, 255).to(pixels.device)
