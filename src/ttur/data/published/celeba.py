"""CelebA, aligned and cropped (Liu et al. 2015): which part of a face is kept."""

from typing import Literal

import numpy as np
from jaxtyping import UInt8

from ttur.data.images.decode import centre_crop_and_resize

Crop = int | Literal["began"]

_WIDTH, _HEIGHT = 178, 218
_BOX = (slice(50, 178), slice(25, 153))  # rows and columns, 128 of each


def celeba_crop(
    pixels: UInt8[np.ndarray, "height width 3"], crop: Crop | None, size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """A centre square, of 108 pixels in the paper's experiments (A.5), or BEGAN's box (D).

    BEGAN's box is brought to `size` by taking the nearest pixel in TensorFlow's first sense: the
    one at floor(i · 128 / size).

    Raises:
        ValueError: if it is none of the aligned images, 178 wide and 218 high.
    """
    if pixels.shape[:2] != (_HEIGHT, _WIDTH):
        raise ValueError(
            f"expected the {_WIDTH}x{_HEIGHT} pixels of img_align_celeba, got "
            f"{pixels.shape[1]}x{pixels.shape[0]}; other images are for `ttur prepare images`"
        )
    if crop != "began":
        return centre_crop_and_resize(pixels, crop, size)
    box = pixels[_BOX]
    nearest = np.arange(size) * len(box) // size
    return box[nearest][:, nearest]
