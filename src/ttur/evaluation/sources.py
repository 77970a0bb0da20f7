"""Whatever holds images becomes batches of uint8 pixels, in one order and one layout."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Num
from torch import Tensor

from ttur.data import catalogue
from ttur.data.dataset import DataSet
from ttur.data.images import read_pixels
from ttur.metrics.resize import resize

# A folder or zip of images, a prepared data set (a folder means its training split), an .npy file
# or .npz (`arr_0`), an array uint8 (N, H, W, 3) or a tensor uint8 (N, 3, H, W).
ImageSource = str | Path | DataSet | np.ndarray | Tensor


def image_batches(source: ImageSource, batch_size: int) -> Iterator[np.ndarray | list[np.ndarray]]:
    """uint8 (batch, H, W, 3), or a list of (H, W, 3) where a batch has images of several sizes.

    Raises:
        FileNotFoundError: if there is nothing at the path.
        ValueError: if it holds no images, or not uint8 ones; a corrupt file is named.
    """
    if batch_size < 1:
        raise ValueError(f"expected a batch size of 1 or more, got {batch_size}")
    array = _array(source)
    if array is not None:
        for start in range(0, len(array), batch_size):
            yield np.array(array[start : start + batch_size], order="C")
        return
    assert isinstance(source, str | Path)
    images = read_pixels(Path(source))
    while batch := list(islice(images, batch_size)):
        one_size = len({image.shape for image in batch}) == 1
        yield np.stack(batch) if one_size else batch


def to_pixels(
    batch: np.ndarray | list[np.ndarray], size: int | None, protocol: str
) -> Num[Tensor, "batch 3 height width"]:
    """A batch as its extractor takes it; images of several sizes are resized one by one.

    That changes nothing but the time: an extractor leaves images of its own size alone.
    """
    if isinstance(batch, np.ndarray):
        return torch.from_numpy(batch).movedim(-1, 1)
    if size is None:
        raise ValueError(
            "expected images of one size, got several, and the extractor has no size of its own; "
            "give Extractor.of a size"
        )
    return torch.cat(
        [resize(torch.from_numpy(image).movedim(-1, 0)[None], size, protocol) for image in batch]
    )


def name_of(source: object) -> str:
    """What a message calls a source."""
    if isinstance(source, DataSet):
        return f"{source.name} ({source.split})"
    return str(source) if isinstance(source, str | Path) else f"a {type(source).__name__}"


def _array(source: ImageSource) -> np.ndarray | None:
    """The images as one array, if the source is one; a folder or archive is not."""
    if isinstance(source, DataSet):
        return source.images
    if isinstance(source, Tensor):
        return _checked(source.detach().movedim(1, -1).cpu().numpy(), "a tensor", "(N, 3, H, W)")
    if isinstance(source, np.ndarray):
        return _checked(source, "an array")
    path = Path(source)
    if (path / "card.json").is_file():
        return catalogue.load(path.resolve().name, path.resolve().parent).images
    if path.suffix.lower() not in (".npy", ".npz"):
        return None
    try:
        if path.suffix.lower() == ".npy":
            loaded = np.load(path, mmap_mode="r", allow_pickle=False)
        else:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                loaded = arrays["arr_0"]
    except FileNotFoundError:
        raise
    except Exception as error:  # a damaged archive raises half a dozen kinds
        raise ValueError(
            f"expected an array of images (in an .npz: `arr_0`) in {path}, got: {error}"
        ) from error
    return _checked(loaded, str(path))


def _checked(images: np.ndarray, where: str, layout: str = "(N, H, W, 3)") -> np.ndarray:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise ValueError(
            f"expected uint8 images {layout} in {where}, got {images.dtype} of shape "
            f"{images.shape}; grey images are repeated three times, floats are rounded first"
        )
    return images
