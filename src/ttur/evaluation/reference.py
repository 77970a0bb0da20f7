"""Statistics of a source: one pass over its images, or found where a pass before left them."""

import hashlib
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from ttur.evaluation.collector import side_of_images
from ttur.evaluation.sources import Images, ImageSource, open_images
from ttur.evaluation.statistics import Statistics, mismatches
from ttur.metrics.extractors import DESIGNS, Extractor
from ttur.runtime.artifacts import cache_directory


def statistics(
    source: ImageSource | Images, extractor: Extractor, *, batch_size: int = 50, seed: int = 0
) -> Statistics:
    """One pass over the images of a source (`evaluation.sources`).

    The fingerprint's `data_sha256` is over the uint8 pixels of all images, in any order: the same
    for a folder, its zip and the array of it.

    Raises:
        FileNotFoundError: if there is nothing at the path.
        ValueError: if it holds fewer than two images, or not images; a corrupt file is named.
    """
    images = source if isinstance(source, Images) else open_images(source)
    return side_of_images(images, extractor, batch_size=batch_size, seed=seed).statistics


def reference_statistics(
    source: ImageSource | Images,
    extractor: Extractor,
    *,
    say: Callable[[str], None] = lambda line: None,
    cache: Path | None = None,
    batch_size: int = 50,
    seed: int = 0,
) -> Statistics:
    """The same, computed once per content, extractor, seed and versions, then read from the cache.

    The content is that of the files: a changed folder has another key. `cache` is a folder, by
    default `statistics` in the package's. A damaged file in it is computed again and replaced; one
    that cannot be written costs the next run time, not this one its result. An extractor of the
    caller's own is known by its weights alone, which another network may share, and an iterator
    only by its pixels: they are never kept.
    """
    images = source if isinstance(source, Images) else open_images(source)
    content = images.content_sha256() if extractor.name in DESIGNS else None
    if content is None:
        return statistics(images, extractor, batch_size=batch_size, seed=seed)
    # Pillow decides what a JPEG's pixels are.
    versions = [version(name) for name in ("ttur", "pillow")]
    made_by = [content, images.on_error, extractor.fingerprint(), seed, versions]
    key = json.dumps(made_by, sort_keys=True)
    folder = cache_directory() / "statistics" if cache is None else cache
    path = folder / f"{hashlib.sha256(key.encode()).hexdigest()}.npz"
    try:
        kept = Statistics.load(path)
        if not mismatches(kept.fingerprint, extractor.fingerprint()):
            return kept
        say(f"{path} is of another extractor; computing the reference again")
    except (FileNotFoundError, NotADirectoryError):
        pass  # the first time
    except ValueError as error:
        say(f"{error}; computing the reference again")
    number = "the" if images.count is None else f"{images.count:,}"
    say(f"statistics of {number} images of {images.name} by {extractor.name} …")
    made = statistics(images, extractor, batch_size=batch_size, seed=seed)
    try:
        made.save(path, with_groups=True)
    except OSError as error:
        say(f"the reference statistics are not kept: {error}")
    return made
