"""Arrays and tensors of images, in the layouts they come in, become uint8 (height, width, 3)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, Num, UInt8
from PIL import Image
from torch import Tensor

from ttur.data.images.decode import Picture, check_pixels, picture_of
from ttur.runtime.surroundings import neutral_surroundings

ValueRange = tuple[float, float]
"""Black and white."""
SideRanges = ValueRange | Mapping[str, ValueRange]
"""That of both sides, or by the names of the sides."""
SIDES = ("real", "generated")
_NOT_FINITE = "a value of the images in {} is NaN or infinite"


@dataclass(frozen=True)
class Values:
    """How the values of one source become pixels.

    uint8 values are pixels. Floats become round((x − low) · 255 / (high − low)), in float64 and
    halves to even; those outside [low, high] are clipped and counted. Grey is replicated.
    """

    where: str
    value_range: ValueRange | None

    def __post_init__(self) -> None:
        if self.value_range is not None and not _is_range(self.value_range):
            raise ValueError(
                "expected as `value_range` black and white, two numbers with black < white, "
                f"got {self.value_range!r}"
            )

    def pictures_of(self, item: Any) -> Iterator[Picture]:
        """The images of one item: one of Pillow's, an array (H, W, 3), (H, W, 1) or (H, W), a
        tensor (3, H, W), (1, H, W) or (H, W), a batch of these with channels, or a list of images.
        Of a tuple or dict, as data sets give them: the entry `image`, or else the first, with the
        labels that stand beside it.
        """
        labels = _labels_of(item)
        if labels is not None:
            images = _first_of(item)
            if len(labels) != count_of(images):
                labels = [None] * count_of(images)  # of other things than these
            for picture, label in zip(self.pictures_of(images), labels, strict=True):
                yield replace(picture, label=label)
            return
        if isinstance(item, list) and item and all(_is_image(entry) for entry in item):
            for entry in item:
                yield from self.pictures_of(entry)
            return
        item = _first_of(item)
        if isinstance(item, Image.Image):
            width, height = item.size
            self.check(np.dtype(np.uint8), (1, height, width, 3))
            yield picture_of(item)
        elif isinstance(item, np.ndarray | Tensor):
            values = channels_last(item)
            values = values[..., None] if values.ndim == 2 else values
            values = values[None] if values.ndim == 3 else values
            self.check(values.dtype, values.shape)
            yield from map(self.picture, values)
        else:
            raise ValueError(
                f"expected images from {self.where}, got a {type(item).__name__}; give arrays "
                "(H, W, 3), tensors (3, H, W) or images of Pillow's"
            )

    @neutral_surroundings()
    def image_tensor(self, tensor: Num[Tensor, "..."]) -> Num[Tensor, "n channels height width"]:
        """A tensor of images (n, 1 or 3, H, W), or (n, H, W), where it is.

        Raises:
            ValueError: if they are not images, or floats without a value range.
        """
        values = tensor.detach()
        if values.dtype == torch.bfloat16:  # unknown to numpy, whose words messages use
            values = values.float()
        values = values.reshape(shape_of_many(tuple(values.shape), 0, self.where))
        dtype = torch.empty(0, dtype=values.dtype).numpy().dtype
        self.check(dtype, tuple(values.movedim(-3, -1).shape if values.ndim > 2 else values.shape))
        return values

    @neutral_surroundings()
    def pixels_of(
        self, values: Num[Tensor, "n channels height width"]
    ) -> tuple[UInt8[Tensor, "n 3 height width"], Int[Tensor, " n"]]:
        """What `picture` makes of checked images, to the bit, where they are; and how many values
        of each were clipped.
        """
        clipped = torch.zeros(len(values), dtype=torch.int64)
        if values.dtype != torch.uint8:
            assert self.value_range is not None
            low, high = self.value_range
            if values.device.type == "mps":  # has no float64
                values = values.cpu()
            levels = values.double().sub(low).mul_(255 / (high - low))
            if not levels.isfinite().all():
                raise ValueError(_NOT_FINITE.format(self.where))
            clipped = ((values < low) | (values > high)).flatten(1).sum(dim=1)
            values = levels.round_().clamp_(0, 255).to(torch.uint8)
        return values.expand(-1, 3, -1, -1), clipped

    def check(self, dtype: np.dtype, shape: tuple[int, ...]) -> None:
        """Refuse values (N, H, W, channels) that cannot become images, before any is read.

        Raises:
            ValueError: naming what is wrong with the layout, the type or the size.
        """
        if len(shape) == 4 and shape[3] == 4:
            raise ValueError(
                f"expected images of 1 or 3 channels in {self.where}, got 4 in {shape} when read "
                "as (N, H, W, channels); composite the images on a background by the fourth, if "
                "it is alpha, or drop it; if it is no axis of channels, move the axes"
            )
        if len(shape) != 4 or shape[3] not in (1, 3):
            raise ValueError(
                f"expected images in {self.where} as arrays (N, H, W, 3) or tensors (N, 3, H, W), "
                f"with 1 in place of 3 if they are grey, got {shape} when read as (N, H, W, "
                "channels); move the axes"
            )
        if dtype != np.uint8 and dtype.kind != "f":
            raise ValueError(f"expected uint8 images in {self.where}, got {dtype}; convert them")
        if dtype != np.uint8 and self.value_range is None:
            raise ValueError(
                f"expected uint8 images in {self.where}, got {dtype} of an unknown range; say "
                "by `value_range` which values are black and white, as 0,1 or -1,1"
            )
        if min(shape[1:3]) < 2:
            raise ValueError(
                f"expected images of at least 2x2 pixels, got {shape[2]}x{shape[1]} in {self.where}"
            )
        check_pixels(shape[2], shape[1])

    def picture(self, values: np.ndarray) -> Picture:
        """One image of checked values (H, W, 1 or 3)."""
        clipped = floats = 0
        if values.dtype != np.uint8:
            assert self.value_range is not None
            low, high = self.value_range
            floats = values.size
            levels = (values.astype(np.float64) - low) * (255 / (high - low))
            if not np.isfinite(levels).all():
                raise ValueError(_NOT_FINITE.format(self.where))
            clipped = int(np.count_nonzero((values < low) | (values > high)))
            values = np.rint(levels).clip(0, 255).astype(np.uint8)
        mode = "RGB" if values.shape[2] == 3 else "L"
        # A copy: what made the values may write the next image over them.
        pixels = np.repeat(values, 3, axis=2) if mode == "L" else np.array(values, order="C")
        return Picture(pixels, mode=mode, clipped=clipped, floats=floats)


def range_of(value_range: SideRanges | None, side: str) -> ValueRange | None:
    """What floats of the side "real" or "generated" mean.

    >>> range_of({"real": (0.0, 1.0), "generated": (-1.0, 1.0)}, "real")
    (0.0, 1.0)

    Raises:
        ValueError: if it is of other sides.
    """
    if not isinstance(value_range, Mapping):
        return value_range
    if not set(value_range) <= set(SIDES):
        raise ValueError(
            f"expected as `value_range` one for {' and '.join(SIDES)}, got one for "
            f"{', '.join(map(str, value_range))}"
        )
    return value_range.get(side)


def channels_last(values: np.ndarray | Tensor) -> np.ndarray:
    """An array as it is, a tensor (..., channels, H, W) with its channels moved to the end."""
    if isinstance(values, np.ndarray):
        return values
    values = values.detach()
    if values.ndim > 2:
        values = values.movedim(-3, -1)
    if values.dtype == torch.bfloat16:  # unknown to numpy
        values = values.float()
    return values.cpu().numpy()


def shape_of_many(shape: tuple[int, ...], channel: int, where: str) -> tuple[int, ...]:
    """The shape of many images, with an axis of channels where grey ones came without.

    Raises:
        ValueError: if it may as well be that of a single image, its channels at `channel`.
    """
    if len(shape) != 3:
        return shape
    if shape[channel] in (1, 3):
        raise ValueError(
            f"expected many images in {where}, got {shape}, which may be a single one; add the "
            "axis that is missing: of images in front, or of the channel of grey ones"
        )
    return (*shape, 1) if channel == -1 else (shape[0], 1, *shape[1:])


def _first_of(item: Any) -> Any:
    while isinstance(item, dict | tuple | list) and item:
        if isinstance(item, dict):
            item = item["image" if "image" in item else next(iter(item))]
        else:
            item = item[0]
    return item


def count_of(images: Any) -> int:
    """How many an image, or a batch with its axis of channels, is; a list, all in it together."""
    if isinstance(images, list | tuple):
        return sum(map(count_of, images))
    return len(images) if isinstance(images, np.ndarray | Tensor) and images.ndim == 4 else 1


def _labels_of(item: Any) -> list[str | None] | None:
    """What stands beside images: a number in a tuple (image, label), or `label` in a dict, or as
    many as there are in a batch; None if nothing does that could be such.
    """
    beside, kinds = None, (int, np.integer)
    if isinstance(item, dict):
        beside = next((item[name] for name in ("label", "labels") if name in item), None)
        kinds = (*kinds, str)
    elif isinstance(item, tuple | list) and len(item) == 2:
        beside = item[1]
    if isinstance(beside, np.ndarray | Tensor) and beside.ndim <= 1:
        beside = beside.tolist()
    many = beside if isinstance(beside, list | tuple) else [beside]
    return [str(one) for one in many] if many and all(isinstance(o, kinds) for o in many) else None


def _is_range(pair: Any) -> bool:
    try:
        low, high = (float(each) for each in pair)
    except (TypeError, ValueError):
        return False
    return bool(np.isfinite(low) and np.isfinite(high) and low < high)


def _is_image(entry: Any) -> bool:
    """Whether it is a whole image, and not the label beside one."""
    if isinstance(entry, Image.Image):
        return True
    return isinstance(entry, np.ndarray | Tensor) and entry.ndim == 3
