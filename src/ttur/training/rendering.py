"""How the outputs of a generator become the pixels that are scored (J.7, J.10, J.12)."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from ttur.data.dataset import DataSet
from ttur.data.images.decode import Picture
from ttur.evaluation.openers import open_images
from ttur.evaluation.sources import ImageSet, Outcome

# As TensorFlow encodes unless told otherwise: quality 95, colours at half the resolution.
JPEG_QUALITY, JPEG_SUBSAMPLING = 95, "4:2:0"


@dataclass(frozen=True)
class Rendering:
    """Images in [-1, 1] → pixels (x + 1) · 127.5, by the conversion of each program of the paper.

    DCGAN scores them as "float", BEGAN "clipped" to 0..255, WGAN-GP cut off to whole numbers
    ("truncated"); files are "rounded". With `jpeg`, which needs whole numbers and rounds floats,
    each goes through a JPEG file and back.
    """

    pixels: Literal["float", "clipped", "truncated", "rounded"] = "float"
    jpeg: bool = False

    def __call__(self, images: Float[Tensor, "batch 3 h w"]) -> Float[Tensor, "batch 3 h w"]:
        scaled = (images + 1) * 127.5
        if self.pixels != "float":
            scaled = scaled.clamp(0, 255)
        if self.pixels == "truncated":
            scaled = scaled.floor()
        if self.pixels == "rounded":
            scaled = scaled.round()
        if not self.jpeg:
            return scaled
        whole = scaled.round().clamp(0, 255).to(torch.uint8).movedim(1, -1).cpu().numpy()
        returned = torch.from_numpy(np.stack([jpeg_round_trip(image) for image in whole]))
        return returned.movedim(-1, 1).to(scaled)


def jpeg_round_trip(pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """What a JPEG file leaves of an image."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY, subsampling=JPEG_SUBSAMPLING)
    return np.array(Image.open(file))


def reference(data: DataSet, *, count: int | None, jpeg: bool) -> ImageSet:
    """The real images to score against, as JPEG leaves them: `count` at random, or all of `data` if
    that is None or there are no more. All runs are scored against the same ones.
    """
    images = open_images(data)
    total = len(data.images)
    if (count is None or count >= total) and not jpeg:
        return images
    chosen = np.arange(total)
    if count is not None and count < total:
        chosen = np.sort(np.random.default_rng(0).choice(total, count, replace=False))

    def read(batch_size: int) -> Iterator[Outcome]:
        for index in chosen:
            pixels = data.images[index]
            yield Picture(jpeg_round_trip(pixels) if jpeg else pixels)

    def content() -> str:
        coding = f"jpeg {JPEG_QUALITY} {JPEG_SUBSAMPLING}" if jpeg else ""
        return hashlib.sha256(
            f"{images.content_sha256()} {coding}".encode() + chosen.tobytes()
        ).hexdigest()

    name = f"{data.name} ({len(chosen):,} images{', by way of JPEG' * jpeg})"
    return replace(images, name=name, count=len(chosen), read=read, content=content)
