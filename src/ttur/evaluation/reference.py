"""Statistics of a source: one pass over its images, or found where a pass before left them."""

from collections.abc import Callable, Collection
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ttur.evaluation.collector import side_of_images
from ttur.evaluation.openers import ImageSource, open_images
from ttur.evaluation.sample import ImageSample
from ttur.evaluation.saved_features import save_side
from ttur.evaluation.sources import ImageSet
from ttur.evaluation.statistics import Side, Statistics, mismatches
from ttur.evaluation.values import ValueRange
from ttur.features.designs import DESIGNS
from ttur.features.extractors import Extractor, load_extractor
from ttur.metrics.uncertainty import LEAST_RATIO
from ttur.runtime import digests
from ttur.runtime.cache import LIMIT_VARIABLE, cache_directory, cache_limit, note_use, trim_cache
from ttur.runtime.files import size_in_words
from ttur.runtime.lock import awaited_lock, lock_beside
from ttur.runtime.progress import task
from ttur.runtime.randomness import randomness_from
from ttur.runtime.showing import ShowProgress, takes_long

ADM_IMAGES = 10_000  # of the whole set, for precision and recall


@takes_long
def statistics(
    source: ImageSource | ImageSet,
    extractor: str | Extractor = "inception",
    *,
    protocol: str | None = None,
    weights: Path | str | None = None,
    precision: str = "float32",
    device: str | torch.device = "auto",
    batch_size: int = 50,
    value_range: ValueRange | None = None,
    count: int | None = None,
    on_error: str = "fail",
    follow_links: bool = False,
    seed: int = 0,
    progress: ShowProgress = None,
) -> Statistics:
    """One pass over the images of a source (`evaluation.openers`), which may stand for them later.

        >>> import numpy as np
        >>> statistics(np.zeros((7, 32, 32, 3), np.uint8), "digits").count
        7

    The options are those of `evaluate`. The fingerprint's `data_sha256` is over the uint8 pixels of
    all images, in any order: the same for a folder, its zip and the array of it.

    Raises:
        FileNotFoundError: if there is nothing at the path.
        ValueError: if it holds fewer than two images, or not images; a corrupt file is named.
    """
    images = open_images(
        source,
        value_range=value_range,
        count=count,
        on_error=on_error,
        follow_links=follow_links,
    )
    return side_of(
        images,
        (),
        extractor,
        protocol=protocol,
        weights=weights,
        precision=precision,
        device=device,
        batch_size=batch_size,
        seed=seed,
    ).statistics


def side_of(
    images: ImageSet,
    keep: Collection[str],
    extractor: str | Extractor = "inception",
    *,
    protocol: str | None = None,
    weights: Path | str | None = None,
    precision: str = "float32",
    device: str | torch.device = "auto",
    batch_size: int = 50,
    seed: int = 0,
    lenient: bool = False,
) -> Side:
    """One pass that keeps, besides moments, what is named; if `lenient`, as far as it is there.

    The options are those of `statistics`.

    Raises:
        ValueError: as `statistics`, or if the extractor has nothing of what is named.
    """
    if isinstance(extractor, str):
        extractor = load_extractor(
            extractor, protocol=protocol, weights=weights, device=device, precision=precision
        )
    with randomness_from(None, extractor.device or torch.device("cpu")):
        return side_of_images(
            images, extractor, keep, batch_size=batch_size, seed=seed, lenient=lenient
        )


def write_statistics(images: Path, file: Path, *, adm: bool = False, **options: Any) -> Statistics:
    """The `statistics` of images at a path, with its options, written to an .npz.

    With `adm`, a reference as ADM's evaluator reads it: `mu_s` and `sigma_s` of the spatial
    features beside `mu` and `sigma`, and in `arr_0` 10,000 of the images, or all if there are
    fewer, drawn by the seed and in random order.

    Raises:
        FileNotFoundError: if there is nothing at the path.
        OSError: if the file cannot be written; before an image is seen, if its folder cannot be.
        ValueError: if the file is no .npz, a folder or the images themselves; as `statistics`; with
            `adm`, if the extractor has no spatial features or the images differ in size.
    """
    source = _source_and_place(images, file, "statistics", options)
    sample = ImageSample(ADM_IMAGES, options.get("seed", 0)) if adm else None
    keep = ("spatial",) if adm else ()
    made = side_of(sample.of(source) if sample else source, keep, **options).statistics
    made.save(file, images=sample.images() if sample else None)
    return made


@takes_long
def save_features(
    images: ImageSource | ImageSet,
    file: Path | str,
    *,
    extractor: str | Extractor = "inception",
    protocol: str | None = None,
    weights: Path | str | None = None,
    precision: str = "float32",
    device: str | torch.device = "auto",
    batch_size: int = 50,
    value_range: ValueRange | None = None,
    count: int | None = None,
    on_error: str = "fail",
    follow_links: bool = False,
    seed: int = 0,
    progress: ShowProgress = None,
) -> Side:
    """What one pass over images saw, in an .npz that may stand for them under any metric: features
    and, where the extractor has them, logits and the moments of spatial features.

        >>> import numpy as np
        >>> images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
        >>> save_features(images, "mine.npz", extractor="digits").features.shape
        (40, 64)
        >>> ttur.inception_score("mine.npz").metric
        'is_digits'

    The options are those of `statistics`. A file of 50,000 images by Inception has 0.6 GB.

    Raises:
        FileNotFoundError: if there is nothing at the path.
        OSError: if the file cannot be written; before an image is seen, if its folder cannot be.
        ValueError: if the file is no .npz, a folder or the images themselves; as `statistics`.
    """
    file = Path(file)
    reading: dict[str, Any] = {
        "value_range": value_range,
        "count": count,
        "on_error": on_error,
        "follow_links": follow_links,
    }
    source = _source_and_place(images, file, "features", reading)
    made = side_of(
        source,
        ("features", "logits", "spatial"),
        extractor=extractor,
        protocol=protocol,
        weights=weights,
        precision=precision,
        device=device,
        batch_size=batch_size,
        seed=seed,
        lenient=True,
    )
    save_side(made, file)
    return made


def _source_and_place(
    images: ImageSource | ImageSet, file: Path, what: str, options: dict[str, Any]
) -> ImageSet:
    """The images, opened by their part of the options, once it is known that the file can be."""
    if file.suffix != ".npz":
        raise ValueError(f"{what} are written as .npz, got {file}; name it {file}.npz")
    if file.is_dir():
        raise ValueError(f"expected a file to write, got the folder {file}; name another file")
    there = isinstance(images, str | Path) and Path(images).exists() and file.exists()
    if there and file.samefile(str(images)):
        raise ValueError(f"the {what} would overwrite the images in {images}; name another file")
    names = ("value_range", "count", "on_error", "follow_links")
    source = open_images(images, **{n: options.pop(n) for n in names if n in options})
    file.parent.mkdir(parents=True, exist_ok=True)
    return source


def reference_statistics(
    images: ImageSet,
    extractor: Extractor,
    *,
    say: Callable[[str], None] = lambda line: None,
    cache: Path | None = None,
    batch_size: int = 50,
    seed: int = 0,
    interval: bool = True,
) -> Statistics:
    """The same, computed once per content, extractor, seed and versions, then read from the cache.

    The content is that of the files: a changed folder has another key. `cache` is a folder, by
    default `statistics` in the package's. A damaged file in it is computed again and replaced; one
    that cannot be written costs the next run time, not this one its result. An extractor of the
    caller's own is known by its weights alone, which another network may share, and an iterator
    only by its pixels: they are never kept. Of processes that want the same one computes it.

    Groups are kept, and given, only where an `interval` can come of them; a file without is
    computed again when it is wanted. Of too few images the whole is the one group.

    Raises:
        ValueError: if `$TTUR_CACHE_LIMIT` is no size; as `statistics`.
    """
    with task(f"content of {images.name}"):
        content = images.content_sha256() if extractor.name in DESIGNS else None
    if content is None:
        return side_of_images(images, extractor, batch_size=batch_size, seed=seed).statistics
    # Pillow decides what a JPEG's pixels are.
    versions = [version(name) for name in ("ttur", "pillow")]
    key = digests.of_document([content, images.on_error, extractor.fingerprint(), seed, versions])
    folder = cache_directory() / "statistics" if cache is None else cache
    path = folder / f"{key}.npz"
    cache_limit()  # refused now, if it is none
    if (kept := _kept(path, extractor, interval, say=lambda line: None)) is not None:
        return kept
    with awaited_lock(lock_beside(path)):
        if (kept := _kept(path, extractor, interval, say)) is not None:
            return kept  # by whom one waited for
        made = side_of_images(images, extractor, batch_size=batch_size, seed=seed).statistics
        made = _grouped(made, interval)
        try:
            made.save(path, with_groups=len(made.groups) > 1)
        except OSError as error:
            say(f"the reference statistics are not kept: {error}")
            return made
    size = size_in_words(path.stat().st_size)
    if cache is None:
        trim_cache()
    if path.exists():
        of = f"statistics of {made.count:,} images of {images.name} by {extractor.name}"
        say(f"{of} are kept for the next time: {size} in {folder}; see `ttur cache`")
    else:
        say(f"the reference statistics are not kept: {size} are more than {LIMIT_VARIABLE}")
    return made


def _kept(
    path: Path, extractor: Extractor, interval: bool, say: Callable[[str], None]
) -> Statistics | None:
    """What lies there, if it can stand for a pass over the images."""
    try:
        kept = Statistics.load(path)
    except (FileNotFoundError, NotADirectoryError):
        return None  # the first time
    except ValueError as error:
        say(f"{error}; computing the reference again")
        return None
    if mismatches(kept.fingerprint, extractor.fingerprint()):
        say(f"{path} is of another extractor; computing the reference again")
        return None
    grouped = _grouped(kept, interval)
    if interval and not grouped.groups:
        say(f"{path} has no groups, which the interval needs; computing the reference again")
        return None
    note_use(path)
    return grouped


def _grouped(made: Statistics, interval: bool) -> Statistics:
    """With the groups that are of use: ten take six times the bytes of the rest."""
    if not interval:
        return replace(made, groups=())
    if made.count is not None and made.count < LEAST_RATIO * len(made.mean):
        # Without any it would count as exact.
        return replace(made, groups=(made.moments,))
    return made
