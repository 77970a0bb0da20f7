"""Metrics class by class: the classes of images are the first folders of their paths."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ttur.data.images.ahead import read_pictures
from ttur.data.images.decode import Picture
from ttur.data.images.files import ImageEntry, ImageFiles
from ttur.evaluation.comparison import Comparison
from ttur.evaluation.given import Given, open_real, open_source
from ttur.evaluation.measures import measures
from ttur.evaluation.result import Evaluation
from ttur.evaluation.sources import ImageSet, Outcome
from ttur.evaluation.values import SideRanges
from ttur.features.extractors import Extractor


@dataclass(frozen=True)
class ClassEvaluation:
    """An evaluation of each class that both sides have, by its name.

    `lacking` are, by side, the classes that only the other side has; `too_few` those with fewer
    images than a metric needs, and why.
    """

    classes: dict[str, Evaluation]
    lacking: dict[str, tuple[str, ...]]
    too_few: dict[str, str]

    @property
    def mean(self) -> dict[str, float]:
        """Of each number over the classes, all of one weight."""
        made = list(self.classes.values())
        return {name: float(np.mean([each[name] for each in made])) for name in made[0]}

    def to_json(self) -> dict[str, Any]:
        return {
            "mean": self.mean,
            "classes": {name: made.to_json() for name, made in self.classes.items()},
            "lacking": {side: list(names) for side, names in self.lacking.items()},
            "too_few": self.too_few,
        }


def evaluate_classes(
    real: Path | str | ImageSet | None,
    generated: Path | str | ImageSet,
    metrics: str | Sequence[str] = ("fid",),
    *,
    extractor: str | Extractor = "inception",
    protocol: str | None = None,
    weights: Path | str | None = None,
    precision: str = "float32",
    device: str | torch.device = "auto",
    batch_size: int = 50,
    value_range: SideRanges | None = None,
    on_error: str = "fail",
    follow_links: bool = False,
    interval: bool | str = True,
    kid_subset_size: int = 1000,
    seed: int = 0,
    allow_protocol_mismatch: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> ClassEvaluation:
    """`evaluate` of each class: of images in folders or archives, whose first folders are classes.

        >>> from PIL import Image
        >>> for path in ("a/cat/1.png", "a/cat/2.png", "b/cat/1.png", "b/cat/2.png"):
        ...     Path(path).parent.mkdir(parents=True, exist_ok=True)
        ...     Image.new("RGB", (16, 16)).save(path)
        >>> list(evaluate_classes("a", "b", "fid", extractor="digits").classes)
        ['cat']

    The options are those of `evaluate`, but that nothing is cached. Each class is read on its own:
    memory is that of the largest class, whatever their number. A class has few images, so a
    distance of it is biased upwards: look at its interval, and compare at the same counts.

    Raises:
        FileNotFoundError: if there is nothing at a path.
        ValueError: if a side has no classes, they have none in common with images enough, or as
            `evaluate`.
    """
    wanted = measures(metrics)
    reading = {"value_range": value_range, "on_error": on_error, "follow_links": follow_links}
    opened = {
        "real": open_real(real, wanted, say, **reading),
        "generated": open_source(generated, "generated", **reading),
    }
    sides = {name: _classes(given, name) for name, given in opened.items() if given is not None}
    every = {name for classes in sides.values() for name in classes}
    lacking = {side: tuple(sorted(every - set(classes))) for side, classes in sides.items()}
    comparison = Comparison.of_names(
        metrics,
        extractor=extractor,
        protocol=protocol,
        weights=weights,
        precision=precision,
        device=device,
        interval=interval,
        kid_subset_size=kid_subset_size,
        seed=seed,
        allow_protocol_mismatch=allow_protocol_mismatch,
    )
    made, too_few = {}, {}
    for name in sorted(set.intersection(*map(set, sides.values()))):
        try:
            for side, classes in sides.items():
                comparison.check(classes[name], side)
        except ValueError as error:
            too_few[name] = str(error)
            continue
        say(f"class {name} …")
        with comparison.guard_randomness():
            seen = {
                side: comparison.look(classes[name], side, batch_size=batch_size, say=say)
                for side, classes in sides.items()
            }
            made[name] = comparison.of(seen.get("real"), seen.get("generated"))
    if not made:
        why = next(iter(too_few.values()), "no folder has the same name on both")
        raise ValueError(
            f"expected classes that both sides have, with images enough, got none: {why}; "
            "name the folders alike on both sides"
        )
    return ClassEvaluation(made, lacking, too_few)


def _classes(given: Given, side: str) -> dict[str, ImageSet]:
    """The images of each first folder."""
    images, entries = given.images, dict[str, list[ImageEntry]]()
    if images is not None and images.files is not None:
        for entry in images.files.entries:
            folder, _, inside = entry.path.partition("/")
            entries.setdefault(folder if inside else ".", []).append(entry)
    if images is None or images.files is None or set(entries) <= {"."}:
        raise ValueError(
            f"expected {side} images in a folder or archive, a sub-folder for each class, got "
            f"{images.name if images else given.path or given.form}; put them into such"
        )
    return {name: _part(images, images.files, name, some) for name, some in entries.items()}


def _part(images: ImageSet, files: ImageFiles, name: str, entries: list[ImageEntry]) -> ImageSet:
    def read(batch_size: int) -> Iterator[Outcome]:
        for entry, picture in read_pictures(files, entries):
            yield picture if isinstance(picture, Picture) else (entry.where, picture)

    # Without the files, whose other kinds and refused ones are those of no class.
    return replace(
        images,
        name=f"{files.path}/{name}",
        count=len(entries),
        read=read,
        files=None,
        content=lambda: None,
    )
