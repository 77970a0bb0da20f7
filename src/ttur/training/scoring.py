"""During training: draw samples from fixed latents, measure them, write a grid.

Works on a copy of the generator with its own noise, so training never notices.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from ttur.data.dataset import DataSet
from ttur.evaluation.collector import side_of_batches, side_of_images
from ttur.evaluation.evaluate import compare
from ttur.evaluation.measures import metric_name
from ttur.evaluation.reference import reference_statistics
from ttur.evaluation.sources import Images
from ttur.metrics.extractors import load_extractor
from ttur.metrics.inception_score import inception_score
from ttur.metrics.modes import modes_covered
from ttur.runtime.files import replaced
from ttur.training.contracts import Evaluator
from ttur.training.game import TwoPlayerGame
from ttur.training.rendering import Rendering, reference

GRID_SIDE = 8
FLOAT = Rendering()

# (generator, fixed latents of the grid) → the copy that draws
Network = Callable[[Tensor], Tensor]
Sampler = Callable[[Any, Tensor], Network]


@dataclass(frozen=True)
class Scoring:
    """Draws from one generator after another, always from the same latents.

    `latents` draws `batch` of them from its argument. `rendering` makes pixels of the samples;
    `reference_images` is how many real ones they are compared with, None for all.
    """

    sampler: Sampler
    latents: Callable[[int, torch.Generator], Tensor]
    seed: int
    samples: int
    batch_size: int
    device: torch.device
    rendering: Rendering = FLOAT
    reference_images: int | None = None

    def pixels(self, generator: Network, poll: Callable[[], None]) -> Iterator[Tensor]:
        """Batches of float pixels in 0..255; `poll` is called before each.

        The last is drawn whole and cut: where the statistics of a batch normalise its images, all
        are normalised alike.
        """
        drawing = self.sampler(generator, self.grid_latents())
        noise = torch.Generator(self.device).manual_seed(self.seed)
        together = min(self.batch_size, self.samples)
        for start in range(0, self.samples, together):
            poll()
            with torch.no_grad():
                drawn = drawing(self.latents(together, noise))
            yield self.rendering(drawn[: self.samples - start])

    def reference(self, data: DataSet) -> Images:
        """The real images, in the same rendering."""
        count, jpeg = self.reference_images, self.rendering.jpeg
        return reference(data, count=count, jpeg=jpeg)

    def grid_latents(self) -> Tensor:
        """64 latents, of a stream of their own."""
        noise = torch.Generator(self.device).manual_seed(self.seed + 1)
        return self.latents(GRID_SIDE**2, noise)

    def write_samples(self, game: TwoPlayerGame, path: Path) -> None:
        """8×8 samples of the fixed latents as one PNG; `path` gets the suffix."""
        latents = self.grid_latents()
        with torch.no_grad():
            images = self.sampler(game.generator, latents)(latents)
        write_grid(images, path.with_suffix(".png"))


def evaluator(
    metric: str,
    protocol: str,
    scoring: Scoring,
    data: DataSet | None,
    weights: Path | None,
    say: Callable[[str], None],
) -> Evaluator:
    """The loop's evaluator for a metric's name: fid, is, fd_digits, is_cifar10, …, or none.

    modes_<classifier> counts the classes that are generated, and measures the distance beside it.
    Loads the extractor and the statistics of the real images: what is missing is missed now.

    Raises:
        ValueError: if there is no such metric.
        OSError: if weights are not there; says how to get them or do without.
    """
    if metric == "none":
        return Evaluator("none", None, scoring.write_samples)
    kind, _, name = metric.partition("_")
    if metric not in ("fid", "is") and not (kind in ("fd", "is", "modes") and name):
        raise ValueError(
            f"no metric {metric!r}; expected fid, is, fd_digits, is_digits, modes_digits, "
            "fd_cifar10, is_cifar10, modes_cifar10, or none"
        )
    if data is None:
        raise ValueError(f"{metric} needs uint8 images (N, H, W, 3); choose metric none for others")
    features = load_extractor(
        name or "inception", protocol=protocol, weights=weights, device=str(scoring.device)
    )
    if kind == "is":
        is_name = metric_name("is", features.fd_name)

        def score_of_classes(game: TwoPlayerGame, poll: Callable[[], None]) -> dict[str, float]:
            pixels = scoring.pixels(game.generator, poll)
            logits = side_of_batches(pixels, features, ("logits",)).logits
            return {is_name: inception_score(logits)}

        return Evaluator(is_name, score_of_classes, scoring.write_samples, False)
    images = scoring.reference(data)
    if (wanted := scoring.reference_images or 0) > len(data.images):
        say(f"the reference is all {len(data.images):,} images of {data.name}, not {wanted:,}")
    if kind == "modes":
        modes_name = metric_name("modes", features.fd_name)
        real_side = side_of_images(images, features, keep=("logits",), batch_size=250)

        def modes(game: TwoPlayerGame, poll: Callable[[], None]) -> dict[str, float]:
            drawn = side_of_batches(scoring.pixels(game.generator, poll), features, ("logits",))
            covered = modes_covered(drawn.logits, real_side.logits)
            value = compare(real_side.statistics, drawn.statistics).value
            return {modes_name: float(covered), features.fd_name: value}

        return Evaluator(modes_name, modes, scoring.write_samples, False)
    real = reference_statistics(images, features, say=say, batch_size=250)

    def distance(game: TwoPlayerGame, poll: Callable[[], None]) -> dict[str, float]:
        drawn = side_of_batches(scoring.pixels(game.generator, poll), features)
        return {features.fd_name: compare(real, drawn.statistics).value}

    return Evaluator(features.fd_name, distance, scoring.write_samples)


def to_pixels(images: Float[Tensor, "n channels h w"]) -> UInt8[np.ndarray, "n h w channels"]:
    """Images in [-1, 1] as files want them: rounded, clipped, channels last."""
    pixels = ((images.detach().cpu() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return pixels.movedim(1, -1).numpy()


def write_grid(images: Tensor, path: Path) -> None:
    """Images (n, channels, H, W) in [-1, 1] as one PNG, about as many rows as columns."""
    pixels = to_pixels(images)
    columns = int(np.ceil(np.sqrt(len(pixels))))
    rows = -(-len(pixels) // columns)
    height, width = pixels.shape[1:3]
    canvas = np.zeros((rows * height, columns * width, 3), np.uint8)
    for index, image in enumerate(pixels):
        row, column = divmod(index, columns)
        canvas[row * height : (row + 1) * height, column * width : (column + 1) * width] = image
    with replaced(path) as file:
        Image.fromarray(canvas).save(file, format="PNG")
