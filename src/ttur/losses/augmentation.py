"""Augmentation of what the discriminator sees, of real and of generated samples in both phases.

Differentiable, so that the generator learns through it (Zhao et al. 2020; Karras et al. 2020).
"""

from functools import partial
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn import functional as F

from ttur.losses.functions import Losses, LossFunction, Network
from ttur.runtime.description import ONE_OF, STRICT
from ttur.timescales.orders import Round

Images = Float[Tensor, "batch channels height width"]

SHIFT = 0.125  # of the side, at most
HOLE = 0.5  # of the side


def colour(images: Images, rng: torch.Generator | None) -> Images:
    """Brightness, saturation, contrast: + U(-½, ½), × U(0, 2) about the mean over channels, and
    × U(½, 1½) about that of the image.
    """
    brightness, saturation, contrast = (
        torch.rand((len(images), 1, 1, 1), generator=rng, device=images.device, dtype=images.dtype)
        for _ in range(3)
    )
    images = images + (brightness - 0.5)
    grey = images.mean(dim=1, keepdim=True)
    images = (images - grey) * (2 * saturation) + grey
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return (images - mean) * (contrast + 0.5) + mean


def translation(images: Images, rng: torch.Generator | None) -> Images:
    """Shifts by whole pixels, up to an eighth of the side, with zeros behind."""
    count, _, height, width = images.shape
    rows, columns = (
        torch.arange(side, device=images.device)
        + _whole(-int(side * SHIFT + 0.5), int(side * SHIFT + 0.5), count, images, rng)
        for side in (height, width)
    )
    padded = F.pad(images, (1, 1, 1, 1))
    rows, columns = (rows + 1).clamp(0, height + 1), (columns + 1).clamp(0, width + 1)
    batch = torch.arange(count, device=images.device)[:, None, None]
    return padded.movedim(1, -1)[batch, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)


def cutout(images: Images, rng: torch.Generator | None) -> Images:
    """A square of half the side is zero; its centre lies anywhere, so that parts may be outside."""
    count, _, height, width = images.shape
    inside = []
    for side in (height, width):
        hole = int(side * HOLE + 0.5)
        first = _whole(0, side - hole % 2, count, images, rng) - hole // 2
        places = torch.arange(side, device=images.device)
        inside.append((places >= first) & (places < first + hole))
    holes = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return images * ~holes


def _whole(low: int, high: int, count: int, images: Tensor, rng: torch.Generator | None) -> Tensor:
    """Whole numbers from `low` to `high`, both included, (count, 1)."""
    return torch.randint(low, high + 1, (count, 1), generator=rng, device=images.device)


POLICIES = {policy.__name__: policy for policy in (colour, translation, cutout)}


def _known_policies(names: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in names if name not in POLICIES]
    if unknown or not names:
        raise ValueError(
            f"expected some of {', '.join(POLICIES)}, got {', '.join(names) or 'none'}"
        )
    return names


@dataclass(frozen=True, config=STRICT)
class DiffAugment:
    """Colour, translation and cutout, in this order, of every batch that D is asked about
    (Zhao et al. 2020). Random numbers are those of the round.

    >>> from ttur.losses import Hinge
    >>> losses = augmented(Hinge().build(), DiffAugment(("colour", "translation")))
    """

    policies: Annotated[tuple[str, ...], AfterValidator(_known_policies)] = tuple(POLICIES)
    kind: Literal["diff_augment"] = Field(default="diff_augment", repr=False)

    def __call__(self, images: Tensor, rng: torch.Generator | None) -> Tensor:
        """(batch, channels, height, width), floats of which 0 is the middle.

        Raises:
            ValueError: if these are no images.
        """
        if images.ndim != 4:
            raise ValueError(
                "augmentation is of images (batch, channels, height, width), got a shape of "
                f"{tuple(images.shape)}; do without"
            )
        for name in self.policies:
            images = POLICIES[name](images, rng)
        return images


Augmentation = Annotated[DiffAugment, ONE_OF]


def augmented(losses: Losses, augmentation: DiffAugment) -> Losses:
    """The losses of a discriminator that sees augmented samples."""

    def seen(loss: LossFunction, discriminator: Network, round: Round) -> Tensor:
        return loss(lambda samples: discriminator(augmentation(samples, round.rng)), round)

    return losses._replace(
        discriminator=partial(seen, losses.discriminator),
        generator=partial(seen, losses.generator),
    )
