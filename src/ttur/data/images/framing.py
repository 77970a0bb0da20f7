"""Which part of an image is kept, and at which size: crop, pad, resize."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image

Crop = int | str
"""The side of a centre square in pixels, or a crop that a data set has under a name."""


@dataclass(frozen=True)
class Framing:
    """Every image alike: the centre square of side `crop` (None: the short side), or with `pad`
    the whole of it on a black square of its long side; brought to `size` (None: as it is).
    """

    size: int | None = None
    crop: Crop | None = None
    pad: bool = False

    @property
    def is_untouched(self) -> bool:
        """Whether images stay as they are, also those that are not square."""
        return self == Framing()

    def __call__(
        self, pixels: UInt8[np.ndarray, "height width 3"]
    ) -> UInt8[np.ndarray, "new_height new_width 3"]:
        if self.is_untouched:
            return pixels
        assert not isinstance(self.crop, str), "the data set that names it cuts it out"
        return centre_crop_and_resize(
            pad_to_square(pixels) if self.pad else pixels, self.crop, self.size
        )


def centre_crop_and_resize(
    pixels: UInt8[np.ndarray, "height width 3"], crop: int | None, size: int | None
) -> UInt8[np.ndarray, "side side 3"]:
    """The centre square of side `crop` (None: the short side), brought to `size` (None: as it is).

    Pillow's bilinear filter on uint8, which averages when it shrinks. Crop 108, size 64 on aligned
    CelebA is the picture of the DCGAN experiments. An odd margin leaves its extra row or column
    below or on the right.
    """
    height, width = pixels.shape[:2]
    side = min(height, width) if crop is None else crop
    if side > min(height, width):
        raise ValueError(f"a crop of {side} pixels does not fit into an image of {width}x{height}")
    top, left = (height - side) // 2, (width - side) // 2
    square = pixels[top : top + side, left : left + side]
    if size is None or size == side:
        return square
    return np.array(Image.fromarray(square).resize((size, size), Image.Resampling.BILINEAR))


def pad_to_square(
    pixels: UInt8[np.ndarray, "height width 3"],
) -> UInt8[np.ndarray, "side side 3"]:
    """Black on both sides of the short one; an odd row or column comes below or on the right."""
    side = max(pixels.shape[:2])
    missing = [side - length for length in pixels.shape[:2]]
    return np.pad(pixels, [*((m // 2, m - m // 2) for m in missing), (0, 0)])
