"""Image files as the tools read them: Pillow's `convert("RGB")`, and nothing else.

So transparency is dropped (the colours beneath count) and no image is turned as EXIF says, unlike
everywhere else in ttur; such images are counted, and said.
"""

import io
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ttur.compat.remarks import say_once
from ttur.data.images.decode import Picture
from ttur.evaluation.sources import ImageSet

_FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_ORIENTATION = 0x0112  # the EXIF tag; 1 is upright
_AHEAD = 2  # batches that are decoded before they are asked for

Change = Callable[[np.ndarray], np.ndarray]


def image_files(
    name: str,
    files: Sequence[str],
    *,
    threads: int = 1,
    contents: Callable[[str], bytes] = lambda file: Path(file).read_bytes(),
    change: Change | None = None,
) -> ImageSet:
    """The images in `files`, in that order; `change` is applied to each, uint8 (H, W, 3).

    Raises:
        ValueError: if there is none; while reading, naming the file that cannot be read.
    """
    if not files:
        raise ValueError(f"expected image files in {name}, got none that the tool looks for")

    def read(batch_size: int) -> Iterator[Picture]:
        odd, pending = Counter[str](), deque()
        with ThreadPoolExecutor(max(threads, 1), "decode") as pool:
            for file in files:
                pending.append(pool.submit(_picture, file, contents, change))
                if len(pending) > _AHEAD * batch_size:
                    yield _counted(pending.popleft().result(), odd)
            while pending:
                yield _counted(pending.popleft().result(), odd)
        for what, count in odd.items():
            say_once(f"ttur: {count} images of {name} {what}; so does the tool")

    return ImageSet(name, len(files), "fail", read)


def _counted(made: tuple[np.ndarray, list[str]], odd: Counter[str]) -> Picture:
    pixels, remarks = made
    odd.update(remarks)
    return Picture(pixels)


def _picture(
    file: str, contents: Callable[[str], bytes], change: Change | None
) -> tuple[UInt8[np.ndarray, "height width 3"], list[str]]:
    """Pixels, and what was passed over in them."""
    try:
        data = contents(file)
        if file.endswith(".npy"):
            pixels, remarks = np.load(io.BytesIO(data), allow_pickle=False), []
        else:
            pixels, remarks = _decoded(data)
    # Damaged files raise a dozen kinds of exceptions.
    except Exception as error:
        raise ValueError(f"cannot read the image {file}: {error}") from error
    pixels = pixels if change is None else np.asarray(change(pixels))
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(
            f"expected uint8 (height, width, 3) in {file}, got {pixels.dtype} {pixels.shape}"
        )
    return pixels, remarks


def _decoded(data: bytes) -> tuple[np.ndarray, list[str]]:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        if image.mode == "F" or image.mode.startswith("I"):
            raise ValueError(
                f"pixels of mode {image.mode} would be cut to 8 bits, not scaled; convert it to 8 "
                "bits first"
            )
        remarks = []
        if image.has_transparency_data:
            remarks.append("are transparent, and their transparency is dropped")
        if image.getexif().get(_ORIENTATION, 1) in range(2, 9):
            remarks.append("are turned by EXIF, and left as they are stored")
        return np.array(image.convert("RGB")), remarks
