"""Mean and covariance of the features of a set of images, with the protocol they were made by.

In a file: `mu` and `sigma`, as in the paper's code and pytorch-fid, and `fingerprint`, JSON.
"""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Num
from torch import Tensor

from ttur.data.dataset import DataSet
from ttur.evaluation.sources import ImageSource, image_batches, name_of, to_pixels
from ttur.metrics.extractors import Extractor
from ttur.metrics.moments import Moments
from ttur.runtime.artifacts import cache_directory
from ttur.runtime.files import replaced

UNKNOWN = {"source": "unknown"}
# What two sides must share. Quantisation is not among them: it belongs to the images.
PROTOCOL_FIELDS = ("extractor", "weights_sha256", "protocol", "scaling")
# All that numpy raises for a file that is torn, damaged, pickled or no archive.
LOADING_ERRORS = (
    *(OSError, EOFError, KeyError, TypeError, ValueError),
    *(zipfile.BadZipFile, zlib.error),
)


@dataclass(frozen=True, eq=False)
class Statistics:
    """All that a Fréchet distance needs to know of one side.

    `count` is None where a file of another program does not say it; its fingerprint is then
    `{"source": "unknown"}`.
    """

    mean: Float[np.ndarray, " d"]
    covariance: Float[np.ndarray, "d d"]
    count: int | None
    fingerprint: dict[str, Any]

    def save(self, path: Path) -> None:
        """Written beside, flushed, then renamed: never half a file under that name."""
        path.parent.mkdir(parents=True, exist_ok=True)
        fingerprint = np.array(json.dumps(self.fingerprint, sort_keys=True))
        with replaced(path) as file:
            np.savez(file, mu=self.mean, sigma=self.covariance, fingerprint=fingerprint)

    @classmethod
    def load(cls, path: Path) -> "Statistics":
        """Our files, and those of other programs with just `mu` and `sigma`.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is torn, or holds something else.
        """
        try:
            # Opened here: np.load leaves a torn file open.
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                mean, covariance = (file[key].astype(np.float64) for key in ("mu", "sigma"))
                known = "fingerprint" in file
                fingerprint: Any = json.loads(str(file["fingerprint"])) if known else UNKNOWN
        except FileNotFoundError:
            raise
        except LOADING_ERRORS as error:
            raise ValueError(
                f"expected statistics (mu, sigma) in {path}, got a torn or foreign file "
                f"({error}); write it again with `ttur statistics IMAGES {path.name}`"
            ) from error
        if not isinstance(fingerprint, dict):
            raise ValueError(f"expected a JSON object as fingerprint in {path}, got {fingerprint}")
        if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)):
            raise ValueError(
                f"expected mu (d,) and sigma (d, d) in {path}, got {mean.shape} and "
                f"{covariance.shape}"
            )
        return cls(mean, covariance, fingerprint.get("count"), fingerprint)


def holds_statistics(path: Path) -> bool:
    """Whether an .npz is of statistics, and not of images.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no .npz at all, or torn.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {"mu.npy", "sigma.npy"} <= set(archive.namelist())
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"expected an .npz of statistics or of images in {path}, got a torn or foreign file "
            f"({error}); write it again"
        ) from error


def mismatches(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """The protocol fields in which two fingerprints differ, as far as both state them."""
    return [
        f"{field} {a[field]} against {b[field]}"
        for field in PROTOCOL_FIELDS
        if field in a and field in b and a[field] != b[field]
    ]


def statistics_of_batches(
    batches: Iterable[Num[Tensor, "_ 3 _ _"]], extractor: Extractor
) -> Statistics:
    """One pass over batches of pixels (uint8, or floats in 0..255) that need not fit in memory.

    Raises:
        ValueError: if there are fewer than two images, or a feature is not finite.
    """
    quantisation = set[str]()

    def noted() -> Iterator[Tensor]:
        for pixels in batches:
            quantisation.add("uint8" if pixels.dtype == torch.uint8 else "float")
            yield extractor(pixels).features

    moments = Moments.of_batches(noted(), extractor.dimension)
    if moments.count < 2:
        raise ValueError(f"statistics need at least 2 images, got {moments.count}")
    fingerprint = extractor.fingerprint() | {
        "metric": extractor.fd_name,
        "quantisation": "+".join(sorted(quantisation)),
        "count": moments.count,
        "ddof": 1,
        "dtype": "float64",
        "versions": {name: version(name) for name in ("ttur", "torch", "numpy")},
    }
    return Statistics(moments.mean, moments.covariance, moments.count, fingerprint)


def statistics(source: ImageSource, extractor: Extractor, *, batch_size: int = 50) -> Statistics:
    """One pass over the images of a source (`evaluation.sources`).

    The fingerprint's `data_sha256` is over the uint8 pixels, rows of RGB, in the order read: the
    same for a folder, its zip and the array of it.

    Raises:
        FileNotFoundError: if there is nothing at the path.
        ValueError: if it holds fewer than two images, or not images; a corrupt file is named.
    """
    digest = hashlib.sha256()

    def pixels() -> Iterator[Tensor]:
        for batch in image_batches(source, batch_size):
            for image in batch:
                digest.update(image.data)
            yield to_pixels(batch, extractor.size, extractor.protocol)

    try:
        made = statistics_of_batches(pixels(), extractor)
    except ValueError as error:
        raise ValueError(f"{name_of(source)}: {error}") from error
    read = {"quantisation": "uint8", "data_sha256": digest.hexdigest()}
    return replace(made, fingerprint=made.fingerprint | read)


def reference_statistics(
    data: DataSet,
    extractor: Extractor,
    *,
    say: Callable[[str], None] = lambda line: None,
    cache: Path | None = None,
    batch_size: int = 50,
) -> Statistics:
    """The statistics of a data set, computed once per pixels, extractor and version of ttur.

    `cache` is a folder, by default `statistics` in the package's. A damaged file in it is computed
    again and replaced; one that cannot be written costs the next run time, not this one its result.
    An extractor without weights is known by name alone, so its statistics are never kept.
    """
    if not extractor.weights_sha256:
        return statistics(data, extractor, batch_size=batch_size)
    made_of = [data.sha256, data.images.shape, extractor.fingerprint(), version("ttur")]
    key = json.dumps(made_of, sort_keys=True)
    folder = cache_directory() / "statistics" if cache is None else cache
    path = folder / f"{hashlib.sha256(key.encode()).hexdigest()}.npz"
    if path.exists():
        try:
            kept = Statistics.load(path)
            if not mismatches(kept.fingerprint, extractor.fingerprint()):
                return kept
            say(f"{path} is of another extractor; computing the reference again")
        except ValueError as error:
            say(f"{error}; computing the reference again")
    say(f"statistics of {len(data.images):,} images of {name_of(data)} by {extractor.name} …")
    made = statistics(data, extractor, batch_size=batch_size)
    try:
        made.save(path)
    except OSError as error:
        say(f"the reference statistics are not kept: {error}")
    return made
