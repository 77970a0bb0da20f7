"""Two sides become numbers: one pass over each, their metrics, and how it was all made."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from ttur.evaluation.comparison import Comparison
from ttur.evaluation.given import Source, open_real, open_source
from ttur.evaluation.measure import Settings
from ttur.evaluation.metric_names import measures
from ttur.evaluation.result import Evaluation, Result
from ttur.evaluation.statistics import Side, Statistics
from ttur.evaluation.values import SideRanges
from ttur.features.extractors import Extractor
from ttur.runtime.showing import ShowProgress, takes_long


@takes_long
def fid(
    real: Source,
    generated: Source,
    *,
    extractor: str | Extractor = "inception",
    protocol: str | None = None,
    weights: Path | str | None = None,
    precision: str = "float32",
    device: str | torch.device = "auto",
    batch_size: int = 50,
    value_range: SideRanges | None = None,
    count: int | None = None,
    on_error: str = "fail",
    follow_links: bool = False,
    interval: bool | str = True,
    seed: int = 0,
    cache: bool = True,
    allow_protocol_mismatch: bool = False,
    say: Callable[[str], None] = lambda line: None,
    progress: ShowProgress = None,
) -> Result:
    """Fréchet distance of two sets of images in the features of an extractor (Heusel et al. 2017).

        >>> import numpy as np
        >>> images = np.random.default_rng(0).integers(0, 256, (400, 16, 16, 3), np.uint8)
        >>> fid(images[:200], images[200:], extractor="digits", cache=False).metric
        'fd_digits'

    A side is what `open_images` takes (folder, archive, array, tensor, Dataset, DataLoader,
    iterator, generator, …) or statistics: a `Statistics` or an .npz with `mu` and `sigma`. The
    options are those of `evaluate`. Only images need the extractor: two statistics are compared
    without any weights.

    Raises:
        FileNotFoundError: if there is nothing at a path.
        ValueError: if a side has fewer than two images or the sides differ in protocol.
    """
    return evaluate(
        real,
        generated,
        ("fid",),
        extractor=extractor,
        protocol=protocol,
        weights=weights,
        precision=precision,
        device=device,
        batch_size=batch_size,
        value_range=value_range,
        count=count,
        on_error=on_error,
        follow_links=follow_links,
        interval=interval,
        seed=seed,
        cache=cache,
        allow_protocol_mismatch=allow_protocol_mismatch,
        say=say,
    ).first


@takes_long
def evaluate(
    real: Source | None,
    generated: Source,
    metrics: str | Sequence[str] = ("fid",),
    *,
    extractor: str | Extractor = "inception",
    protocol: str | None = None,
    weights: Path | str | None = None,
    precision: str = "float32",
    device: str | torch.device = "auto",
    batch_size: int = 50,
    value_range: SideRanges | None = None,
    count: int | None = None,
    on_error: str = "fail",
    follow_links: bool = False,
    interval: bool | str = True,
    kid_subset_size: int = 1000,
    seed: int = 0,
    cache: bool = True,
    allow_protocol_mismatch: bool = False,
    say: Callable[[str], None] = lambda line: None,
    progress: ShowProgress = None,
) -> Evaluation:
    """Several metrics (`evaluation.measures.MEASURES`) from one pass over each side; in one string,
    between commas.

        >>> import numpy as np
        >>> images = np.random.default_rng(0).integers(0, 256, (400, 16, 16, 3), np.uint8)
        >>> sides = images[:200], images[200:]
        >>> list(evaluate(*sides, "fid,is", extractor="digits", cache=False))
        ['fd_digits', 'is_digits']

    A metric of one side, as `is`, does not look at the other: it is not read, and may be None.
    `extractor` is what `load_extractor` takes, with its `protocol`, `weights`, `precision` and
    `device`; an `Extractor` brings its own. `value_range` is that of float pixels, (0, 1) on both
    sides or {"real": (0, 1), "generated": (-1, 1)}, `count` the number to draw from a generator,
    `on_error` "fail" or "skip", `follow_links` for links out of a folder. The interval takes one to
    two Fréchet distances more; `interval` "jackknife", ten for each side. Statistics of the real
    side are kept in the cache, unless another metric needs its features or `cache` is False. The
    global generators of torch, numpy and Python stay where they are, whatever the sources draw from
    them. `progress` True shows how far it is, as `ttur.show_progress` does, which says what else it
    may be.

    Raises:
        FileNotFoundError: if there is nothing at a path.
        ValueError: if a side has fewer images than a metric needs, is statistics where a metric
            needs images, or the sides differ in protocol.
    """
    wanted = measures(metrics)  # refused before a path is looked at
    reading = {"value_range": value_range, "on_error": on_error, "follow_links": follow_links}
    opened = {
        "real": open_real(real, wanted, say, seed=seed, **reading),
        "generated": open_source(generated, "generated", seed=seed, count=count, **reading),
    }
    sides = {name: side for name, side in opened.items() if side is not None}
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
        sides=sides,
    )
    with comparison.guard_randomness():
        seen = {
            name: comparison.look(
                side, name, cache=cache and name == "real", batch_size=batch_size, say=say
            )
            for name, side in sides.items()
        }
        return comparison.of(seen.get("real"), seen.get("generated"))


@takes_long
def inception_score(
    images: Source,
    *,
    extractor: str | Extractor = "inception",
    protocol: str | None = None,
    weights: Path | str | None = None,
    precision: str = "float32",
    device: str | torch.device = "auto",
    batch_size: int = 50,
    value_range: tuple[float, float] | None = None,
    count: int | None = None,
    on_error: str = "fail",
    seed: int = 0,
    progress: ShowProgress = None,
) -> Result:
    """Inception Score of one set of images; the options are those of `evaluate`.

    >>> import numpy as np
    >>> images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    >>> inception_score(images, extractor="digits").metric
    'is_digits'

    Raises:
        FileNotFoundError: if there is nothing at a path.
        ValueError: if there are fewer than ten images.
    """
    return evaluate(
        None,
        images,
        "is",
        extractor=extractor,
        protocol=protocol,
        weights=weights,
        precision=precision,
        device=device,
        batch_size=batch_size,
        value_range=value_range,
        count=count,
        on_error=on_error,
        seed=seed,
    ).first


def compare(
    real: Statistics, generated: Statistics, *, allow_protocol_mismatch: bool = False
) -> Result:
    """The Fréchet distance of two statistics, without interval. No network, no weights.

    Raises:
        ValueError: if they differ in protocol, unless the caller insists, or in dimension.
    """
    comparison = Comparison(
        tuple(measures("fid")), None, Settings(interval=False), allow_protocol_mismatch
    )
    return comparison.of(Side(real), Side(generated)).first
