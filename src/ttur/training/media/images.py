"""Images: uint8 pixels of a data set, grids of samples, scores in the features of a network."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from ttur.data import catalogue
from ttur.data.batches import Batches
from ttur.data.dataset import DataSet
from ttur.data.images.grid import image_grid
from ttur.evaluation.comparison import Comparison
from ttur.evaluation.measure import Settings
from ttur.evaluation.metric_names import measures, parse_metrics
from ttur.features.designs import DESIGNS
from ttur.features.extractors import expected_fingerprint, missing_weights
from ttur.features.resize import check_protocol
from ttur.models.description import ModelDescription, SampleShape
from ttur.runtime import digests
from ttur.runtime.description import STRICT, Count
from ttur.runtime.files import replacement
from ttur.runtime.progress import counted, task
from ttur.runtime.randomness import Stream
from ttur.training.contracts import Evaluator, Poll, Say
from ttur.training.drawing import Drawing
from ttur.training.media.medium import Medium
from ttur.training.rendering import Rendering, reference

GRID_SIDE = 8
REAL_BATCH = 250  # real images at once in the feature network
_OF_SAMPLES = ("generated", "evaluation_samples")  # whose number it is, and how it was said


def _known_protocol(name: str) -> str:
    check_protocol(name)
    return name


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ImageScoring:
    """How generated images are scored while training.

    `metric` names what is measured, several between commas, with the extractor in the name (fid,
    is, fd_digits, kid_cifar10, modes_digits, …), or none; the first decides which generator is the
    best. `protocol` is the resize and scaling before the extractor. `pixels` says what becomes of
    (x + 1) · 127.5 before: clipped to 0..255, and then cut off or rounded to whole numbers (J.12),
    and `jpeg_round_trip` whether real and generated images are scored as JPEG would leave them
    (v3, J.10). `reference_images` random real images make the reference; None for all (J.7). So
    many samples are drawn for an evaluation, so many of them at once; a kernel distance compares
    subsets of `kid_subset_size`.
    """

    metric: str = "fid"
    protocol: Annotated[str, AfterValidator(_known_protocol)] = "tf1"
    pixels: Literal["float", "clipped", "truncated", "rounded"] = "float"
    jpeg_round_trip: bool = False
    reference_images: Annotated[Count, Field(ge=2)] | None = None
    evaluation_samples: Annotated[Count, Field(ge=2)] = 50_000
    evaluation_batch_size: Count = 1000
    kid_subset_size: Annotated[Count, Field(ge=4)] = 1000
    kind: Literal["images"] = "images"

    @property
    def rendering(self) -> Rendering:
        return Rendering(self.pixels, self.jpeg_round_trip)

    def passes(self, updates: Sequence[int], every: int) -> dict[int, int]:
        """How often a run is scored that looks after these updates, by the number of samples."""
        return {self.evaluation_samples: len(updates)}


class ImageMedium(Medium):
    """A data set of square images."""

    kind: ClassVar = "images"

    def __init__(self, data: DataSet, sha256: str | None = None):
        self.data = data
        self.sha256 = sha256 or data.sha256
        height, width = data.images.shape[1:3]
        self.sample_shape = (3, height, width)

    @classmethod
    def of_array(cls, images: np.ndarray | Tensor) -> "ImageMedium":
        """uint8 images (N, H, W, 3) of one's own, wherever they are."""
        pixels = images.cpu().numpy() if isinstance(images, Tensor) else np.asarray(images)
        digest = digests.of_array(pixels)
        card = {"splits": {"train": {"sha256": digest}}}
        return cls(DataSet("data", "train", pixels, None, card))

    @classmethod
    def load(
        cls, name: str, split: str, data_directory: Path | None, model: ModelDescription
    ) -> "ImageMedium":
        data = catalogue.load(name, data_directory, split)
        expected = cls.assumed_shape(model)[1:]
        if data.images.shape[1:3] != expected:
            raise ValueError(
                f"{name} has images of {data.images.shape[1:3]}, the configuration says "
                f"{expected[0]}; prepare the data at that size, or set `image_size` to "
                f"{data.images.shape[1]}"
            )
        return cls(data)

    @classmethod
    def assumed_shape(cls, model: ModelDescription) -> SampleShape:
        size: int = getattr(model, "image_size")  # noqa: B009  of every model of images
        return (3, size, size)

    def batches(
        self, batch_size: int, stream: Stream, device: torch.device, *, mirror: bool = False
    ) -> Batches:
        return Batches(self.data.images, batch_size, stream=stream, device=device, mirror=mirror)

    def evaluator(
        self,
        scoring: ImageScoring,
        drawing: Drawing,
        *,
        every: int,
        last: int,
        weights: Path | str | None,
        say: Say,
    ) -> Evaluator:
        def write_samples(generator: nn.Module, path: Path) -> None:
            latents = _grid_latents(drawing)
            with torch.no_grad():
                images = drawing.evaluation_copy(generator, latents)(latents)
            write_grid(to_pixels(images), path.with_suffix(".png"))

        if scoring.metric == "none":
            return Evaluator("none", None, write_samples)
        comparison = _comparison(scoring, drawing.device, weights)
        wanted, there = scoring.reference_images, len(self.data.images)
        if wanted is not None and wanted > there:
            say(f"the reference is all {there:,} images of {self.data.name}, not {wanted:,}")
        images, real = reference(self.data, count=wanted, jpeg=scoring.jpeg_round_trip), None
        if "real" in comparison.sides:
            real = comparison.look(images, "real", cache=True, batch_size=REAL_BATCH, say=say)

        def score(generator: nn.Module, update: int, poll: Poll) -> dict[str, float]:
            drawn = comparison.collect("generated")
            with task("scoring", scoring.evaluation_samples, "images") as advance:
                for pixels in generated_pixels(scoring, drawing, generator, poll):
                    drawn.update(pixels)
                    advance(len(pixels))
            found = comparison.of(real, drawn.side())
            return {made.metric: made.value for made in found.measurements}

        return Evaluator(comparison.headline, score, write_samples, comparison.directions)

    def rehearse(
        self, scoring: ImageScoring, *, device: torch.device, weights: Path | str | None, say: Say
    ) -> Mapping[str, bool] | None:
        if scoring.metric == "none":
            return {}
        kinds, extractor = parse_metrics(scoring.metric)
        if weights is None and (missing := missing_weights(extractor)):
            expected_fingerprint(extractor, scoring.protocol, "float32")
            settings = Settings(kid_subset_size=scoring.kid_subset_size)
            Comparison(tuple(measures(kinds)), None, settings).check_count(
                scoring.evaluation_samples, *_OF_SAMPLES, DESIGNS[extractor].dimension
            )
            say(f"to be downloaded first: {missing}")
            return None
        return _comparison(scoring, device, weights).directions

    @classmethod
    def displayable(cls, outputs: Tensor, vocabulary: tuple[str, ...]) -> Sequence[np.ndarray]:
        return list(to_pixels(outputs))

    @classmethod
    def write(cls, samples: Sequence[Any], *, out: Path | None, grid: Path | None) -> str:
        if (out is None) == (grid is None):
            raise ValueError("expected a folder `out` for single images or a file `grid` for one")
        if grid is not None:
            if grid.suffix.lower() != ".png":
                raise ValueError(f"a grid is written as .png, got {grid}; name it {grid}.png")
            grid.parent.mkdir(parents=True, exist_ok=True)
            write_grid(np.stack(samples), grid)
            return f"{grid}\n"
        assert out is not None
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise FileExistsError(f"{out} is not an empty folder; choose an empty or new `out`")
        out.mkdir(parents=True, exist_ok=True)
        for index, pixels in enumerate(counted(samples, f"writing {out}", "images")):
            Image.fromarray(pixels).save(out / f"{index:06d}.png")
        return f"{out}\n"


def _comparison(
    scoring: ImageScoring, device: torch.device, weights: Path | str | None
) -> Comparison:
    """What measures, once it is known that so many samples are enough for it."""
    kinds, extractor = parse_metrics(scoring.metric)
    comparison = Comparison.of_names(
        kinds,
        extractor=extractor,
        protocol=scoring.protocol,
        weights=weights,
        device=device,
        interval=False,
        kid_subset_size=scoring.kid_subset_size,
    )
    comparison.check_count(scoring.evaluation_samples, *_OF_SAMPLES)
    return comparison


def _grid_latents(drawing: Drawing) -> Tensor:
    """64 latents, of a stream of their own."""
    return drawing.latents(GRID_SIDE**2, drawing.rng(1))


def generated_pixels(
    scoring: ImageScoring, drawing: Drawing, generator: nn.Module, poll: Poll
) -> Iterator[Tensor]:
    """Batches of float pixels in 0..255; `poll` is called before each.

    The last is drawn whole and cut: where the statistics of a batch normalise its images, all are
    normalised alike.
    """
    network, rng = drawing.evaluation_copy(generator, _grid_latents(drawing)), drawing.rng()
    samples, rendering = scoring.evaluation_samples, scoring.rendering
    together = min(scoring.evaluation_batch_size, samples)
    for start in range(0, samples, together):
        poll()
        with torch.no_grad():
            drawn = network(drawing.latents(together, rng))
        yield rendering(drawn[: samples - start])


def to_pixels(images: Float[Tensor, "n channels h w"]) -> UInt8[np.ndarray, "n h w channels"]:
    """Images in [-1, 1] as files want them: rounded, clipped, channels last."""
    pixels = ((images.detach().cpu() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return pixels.movedim(1, -1).numpy()


def write_grid(pixels: UInt8[np.ndarray, "n h w channels"], path: Path) -> None:
    """Images as one PNG (`image_grid`)."""
    with replacement(path) as file:
        Image.fromarray(image_grid(pixels)).save(file, format="PNG")
