"""The six disturbances of images that FID is tested by (Figure 3, Figures A15-A20).

Pixels are floats in 0..255. The paper disturbs x in [-1, 1] and feeds (x + 1) · 127.5; all six
commute with that map, so they act on pixels as they are and level 0 returns them to the bit.
Lengths are given for images of side 64 and scale with the side.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int, UInt8
from PIL import Image
from scipy.ndimage import gaussian_filter1d

BLACK, WHITE = 0.0, 255.0
PAPER_SIDE = 64

Pixels = Float32[np.ndarray, "batch side side 3"]
# Places of the images in the disturbed set. What is random about an image is a function of seed
# and place alone: no batch size changes it, and the levels of an image differ in α only.
Places = Int[np.ndarray, " batch"]


@runtime_checkable
class Disturbance(Protocol):
    """One row of the study: its name, its α at the levels 0 to 3, and what it does."""

    name: ClassVar[str]
    alphas: ClassVar[tuple[float, float, float, float]]

    def __call__(self, pixels: Pixels, alpha: float, places: Places) -> Pixels:
        """The images at those places of the disturbed set, disturbed; the argument is kept."""
        ...


@dataclass(frozen=True)
class GaussianNoise:
    """(1 - α) X + α Z with Z normal, min-max scaled over the whole data set to black..white.

    The extremes of 50,000 · 12,288 draws lie near ±6.2σ, so Z has a standard deviation of only
    about 0.16 in [-1, 1], around mid-grey: what an image loses is mostly contrast.
    """

    seed: int
    lowest: float
    highest: float
    name: ClassVar = "gaussian_noise"
    alphas: ClassVar = (0.0, 0.25, 0.5, 0.75)

    @classmethod
    def of(cls, count: int, side: int, seed: int) -> "GaussianNoise":
        """The noise of `count` images: a first pass over its stream, kept to its two extremes."""
        lowest, highest = np.inf, -np.inf
        for place in range(count):
            normal = _normal(seed, place, side)
            lowest, highest = min(lowest, normal.min()), max(highest, normal.max())
        return cls(seed, float(lowest), float(highest))

    def __call__(self, pixels: Pixels, alpha: float, places: Places) -> Pixels:
        if alpha == 0:
            return pixels.copy()
        normal = np.stack([_normal(self.seed, place, pixels.shape[1]) for place in places.tolist()])
        noise = (normal - self.lowest) * (WHITE / (self.highest - self.lowest))
        return ((1 - alpha) * pixels + alpha * noise).astype(np.float32)


@dataclass(frozen=True)
class GaussianBlur:
    """Gaussian filter of σ = α pixels along both sides, colours not mixed.

    Beyond the edge lies the nearest pixel; the kernel ends at 4σ.
    """

    name: ClassVar = "gaussian_blur"
    alphas: ClassVar = (0.0, 1.0, 2.0, 4.0)

    def __call__(self, pixels: Pixels, alpha: float, places: Places) -> Pixels:
        if alpha == 0:
            return pixels.copy()
        batch, side = pixels.shape[:2]
        # A filter is linear, edges included: as a matrix it takes a tenth of the time.
        matrix = _blurring(side, alpha * side / PAPER_SIDE)
        rows = (matrix @ pixels.reshape(batch, side, side * 3)).reshape(pixels.shape)
        blurred = matrix @ rows  # broadcasts over batch and rows: (side, side) @ (side, 3)
        return np.clip(blurred, BLACK, WHITE)  # of rounding errors, nothing else


@dataclass(frozen=True)
class BlackRectangles:
    """Five squares of side int(α · side): α is a share of the side, not of the area.

    Positions are uniform over those that lie fully inside; squares may overlap.
    """

    seed: int
    name: ClassVar = "black_rectangles"
    alphas: ClassVar = (0.0, 0.25, 0.5, 0.75)

    def __call__(self, pixels: Pixels, alpha: float, places: Places) -> Pixels:
        side = pixels.shape[1]
        length = int(side * alpha)
        disturbed = pixels.copy()
        for image, place in zip(disturbed, places.tolist(), strict=True):
            random = _stream(self.seed, "rectangles", place)
            for top, left in random.integers(side - length + 1, size=(5, 2)):
                image[top : top + length, left : left + length] = BLACK
        return disturbed


@dataclass(frozen=True)
class Swirl:
    """Pixel (r, θ) about the centre shows what was at (r, θ ± α exp(-5 r / (ln 2 · ρ))).

    Bilinear, with a random sign for each image; then a frame (the first 3 and last 4 rows and
    columns of 64) is restored. ρ is 70 in the final paper, 25 in the third version.
    """

    seed: int
    radius: float
    name: ClassVar = "swirl"
    alphas: ClassVar = (0.0, 1.0, 2.0, 4.0)

    def __call__(self, pixels: Pixels, alpha: float, places: Places) -> Pixels:
        disturbed = pixels.copy()
        if alpha == 0:
            return disturbed
        batch, side = pixels.shape[:2]
        flat = pixels.reshape(batch, side * side, 3)
        is_positive = np.array(
            [_stream(self.seed, "swirl", place).random() < 0.5 for place in places.tolist()], bool
        )
        for sign, chosen in ((1, is_positive), (-1, ~is_positive)):
            neighbours, weights = _swirling(side, sign * alpha, self.radius * side / PAPER_SIDE)
            sources = flat[chosen]
            mixed = np.zeros_like(sources)
            for neighbour, weight in zip(neighbours, weights, strict=True):
                mixed += weight[:, None] * sources[:, neighbour]
            disturbed[chosen] = mixed.reshape(-1, side, side, 3)
        return disturbed


@dataclass(frozen=True)
class SaltAndPepper:
    """Each pixel, all its colours together, is hit with probability α: black or white, ½ each."""

    seed: int
    name: ClassVar = "salt_and_pepper"
    alphas: ClassVar = (0.0, 0.1, 0.2, 0.3)

    def __call__(self, pixels: Pixels, alpha: float, places: Places) -> Pixels:
        disturbed = pixels.copy()
        for image, place in zip(disturbed, places.tolist(), strict=True):
            uniform = _stream(self.seed, "salt", place).random(image.shape[:2])
            image[uniform < alpha / 2] = BLACK
            image[uniform >= 1 - alpha / 2] = WHITE
        return disturbed


@dataclass(frozen=True, eq=False)
class Contamination:
    """A share α of all images is replaced by images of another kind ("ImageNet mixture").

    Which images, and by which, is random; what is replaced at one level stays so at the next.
    """

    images: UInt8[np.ndarray, "others height width 3"]
    count: int
    seed: int
    name: ClassVar = "contamination"
    alphas: ClassVar = (0.0, 0.25, 0.5, 0.75)

    def __post_init__(self) -> None:
        needed = round(self.alphas[-1] * self.count)
        if len(self.images) < needed:
            raise ValueError(
                f"expected at least {needed} images to contaminate {self.count} with (a share of "
                f"{self.alphas[-1]}), got {len(self.images)}; give more, or ask for fewer samples"
            )

    @cached_property
    def rank(self) -> Int[np.ndarray, " count"]:
        """When the image at each place is replaced: rank r falls at the first round(αN) > r."""
        return _stream(self.seed, "ranks", 0).permutation(self.count)

    @cached_property
    def substitutes(self) -> Int[np.ndarray, " others"]:
        return _stream(self.seed, "substitutes", 0).permutation(len(self.images))

    def __call__(self, pixels: Pixels, alpha: float, places: Places) -> Pixels:
        disturbed = pixels.copy()
        for image, rank in zip(disturbed, self.rank[places], strict=True):
            if rank < round(alpha * self.count):
                image[:] = squash(self.images[self.substitutes[rank]], pixels.shape[1])
        return disturbed


def squash(
    image: UInt8[np.ndarray, "height width 3"], side: int
) -> UInt8[np.ndarray, "{side} {side} 3"]:
    """The whole image as a square, proportions given up; Pillow's bilinear filter, which averages.

    An image of that side comes back unchanged.
    """
    if image.shape[:2] == (side, side):
        return image
    picture = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR))


def _stream(seed: int, purpose: str, place: int) -> np.random.Generator:
    return np.random.default_rng((seed, place, *purpose.encode()))


def _normal(seed: int, place: int, side: int) -> Float32[np.ndarray, "{side} {side} 3"]:
    return _stream(seed, "noise", place).standard_normal((side, side, 3), np.float32)


@lru_cache(maxsize=8)
def _blurring(side: int, sigma: float) -> Float32[np.ndarray, "{side} {side}"]:
    identity = np.eye(side)
    return gaussian_filter1d(identity, sigma, axis=0, mode="nearest", truncate=4).astype(np.float32)


@lru_cache(maxsize=16)
def _swirling(
    side: int, strength: float, radius: float
) -> tuple[Int[np.ndarray, "4 pixels"], Float32[np.ndarray, "4 pixels"]]:
    """For each pixel of the swirled image, the four pixels it mixes, and their weights."""
    row, column = np.mgrid[:side, :side].astype(np.float64)
    y, x = row - side / 2, column - side / 2
    distance = np.hypot(x, y)
    angle = np.arctan2(y, x) + strength * np.exp(-5 * distance / (np.log(2) * radius))
    first, last = np.ceil(3 * side / PAPER_SIDE), np.ceil(4 * side / PAPER_SIDE)
    inside = (np.minimum(row, column) >= first) & (np.maximum(row, column) < side - last)
    # A pixel of the frame is its own source. Nothing else ever looks outside the image at ρ <= 70;
    # the clip is for other radii, and repeats the edge.
    row = np.where(inside, side / 2 + distance * np.sin(angle), row).clip(0, side - 1)
    column = np.where(inside, side / 2 + distance * np.cos(angle), column).clip(0, side - 1)
    top, left = (np.minimum(source.astype(int), side - 2) for source in (row, column))
    down, right = row - top, column - left
    neighbours = [(top + dy) * side + left + dx for dy in (0, 1) for dx in (0, 1)]
    weights = [
        (down if dy else 1 - down) * (right if dx else 1 - right) for dy in (0, 1) for dx in (0, 1)
    ]
    return np.reshape(neighbours, (4, -1)), np.reshape(weights, (4, -1)).astype(np.float32)
