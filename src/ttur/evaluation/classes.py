"""Metrics class by class: of the first folders of paths, of the labels of a data set."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ttur.evaluation.comparison import Comparison
from ttur.evaluation.given import Given, open_real, open_source
from ttur.evaluation.metric_names import measures
from ttur.evaluation.openers import ImageSource
from ttur.evaluation.result import Evaluation
from ttur.evaluation.sources import ImageSet
from ttur.evaluation.values import SideRanges
from ttur.features.extractors import Extractor
from ttur.runtime.showing import ShowProgress, takes_long


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


@takes_long
def evaluate_classes(
    real: ImageSource | ImageSet | None,
    generated: ImageSource | ImageSet,
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
    progress: ShowProgress = None,
) -> ClassEvaluation:
    """`evaluate` of each class, which is a first folder of paths or a label of a prepared data set.

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
        why = next(iter(too_few.values()), "no class has the same name on both")
        raise ValueError(
            f"expected classes that both sides have, with images enough, got none: {why}; "
            "name the classes alike on both sides"
        )
    return ClassEvaluation(made, lacking, too_few)


def _classes(given: Given, side: str) -> dict[str, ImageSet]:
    classes = {} if given.images is None else given.images.by_class()
    if not classes:
        raise ValueError(
            f"expected {side} images of classes, a folder or archive with a sub-folder for each or "
            f"a data set with labels, got "
            f"{given.images.name if given.images else given.path or given.form}; "
            "put them into such"
        )
    return classes
