"""CelebA, aligned and cropped (Liu et al. 2015): which part of a face is kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ttur.data.contents import Contents
from ttur.data.images.archives import image_entries
from ttur.data.images.framing import Framing
from ttur.data.published.description import PublishedImages
from ttur.data.published.image_folders import unlabelled_images

_WIDTH, _HEIGHT = 178, 218
_BOX = (slice(50, 178), slice(25, 153))  # rows and columns, 128 of each


def crop_face(
    pixels: UInt8[np.ndarray, "height width 3"], framing: Framing
) -> UInt8[np.ndarray, "size size 3"]:
    """A centre square, of 108 pixels in the paper's experiments (A.5), or BEGAN's box (D).

    BEGAN's box is brought to the size by taking the nearest pixel in TensorFlow's first sense: the
    one at floor(i · 128 / size).

    Raises:
        ValueError: if it is none of the aligned images, 178 wide and 218 high.
    """
    if pixels.shape[:2] != (_HEIGHT, _WIDTH):
        raise ValueError(
            f"expected the {_WIDTH}x{_HEIGHT} pixels of img_align_celeba, got "
            f"{pixels.shape[1]}x{pixels.shape[0]}; other images are for `ttur prepare images`"
        )
    if framing.crop != "began":
        return framing(pixels)
    box = pixels[_BOX]
    size = framing.size or len(box)
    nearest = np.arange(size) * len(box) // size
    return box[nearest][:, nearest]


@contextmanager
def _read(published: PublishedImages, sources: list[Path], framing: Framing) -> Iterator[Contents]:
    """The folder or zip of images."""
    with image_entries(sources[0]) as entries:
        read = tuple(source for source in sources if source.is_file())
        yield unlabelled_images(entries, lambda pixels: crop_face(pixels, framing), read)


CELEBA = PublishedImages(
    name="celeba",
    title="CelebA, aligned and cropped faces (Liu et al. 2015)",
    url="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    licence="for non-commercial research only; no copies may be passed on",
    reader=_read,
    size=64,
    counts={"train": 202_599},
    is_resized=True,
    crop=108,
    crops=("began",),
    sha256={
        "img_align_celeba.zip": "46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74"
    },
)
