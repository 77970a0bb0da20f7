"""Mean and covariance of the features of a set of images, with the protocol they were made by.

In a file: `mu` and `sigma`, as in the paper's code and pytorch-fid; `mu_s` and `sigma_s` of spatial
features and images in `arr_0`, as ADM's; `fingerprint` and `audit`, both JSON; `image_digests`, by
which copies are found on the other side.
"""

import json
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, BinaryIO, TypeVar

import numpy as np
from jaxtyping import Float, UInt8
from pydantic import Field, TypeAdapter, ValidationError

from ttur.evaluation.audit import Audit
from ttur.evaluation.findings import contradictions, findings
from ttur.metrics.moments import Moments
from ttur.runtime.files import replacement
from ttur.runtime.settings import reasons

T = TypeVar("T")
UNKNOWN_SOURCE = {"source": "unknown"}
# What may be known of a side: moments in O(d²) memory, arrays with a row for each image.
MOMENTS, ARRAYS = ("moments", "spatial"), ("features", "logits")
KINDS = (*MOMENTS, *ARRAYS)


@dataclass(frozen=True)
class SharedFields:
    """What two fingerprints must share; not the quantisation, which belongs to the images."""

    extractor: str = ""
    weights_sha256: str = ""
    protocol: str = ""
    scaling: str = ""
    precision: str = ""
    positions: str = ""  # of patches, where a transformer's are interpolated


@dataclass(frozen=True)
class Fingerprint(SharedFields):
    """What a fingerprint says in words and numbers of ours, if it says it; what else, is free."""

    metric: str = ""
    count: Annotated[int, Field(strict=True, ge=2, lt=2**63)] | None = None


_FINGERPRINT = TypeAdapter(Fingerprint)
PROTOCOL_FIELDS = tuple(each.name for each in fields(SharedFields))


@dataclass(frozen=True, eq=False)
class Statistics:
    """All that a Fréchet distance needs to know of one side.

    `count` is None where a file of another program does not say it; its fingerprint is then
    `{"source": "unknown"}`. `groups` are the moments of random parts of the images: from them
    comes the interval of the FID (`metrics.uncertainty`). They stay in the package's own cache.
    `spatial` is of an earlier layer of the same images, with its positions (sFID).
    """

    mean: Float[np.ndarray, " d"]
    covariance: Float[np.ndarray, "d d"]
    count: int | None
    fingerprint: dict[str, Any]
    audit: Audit | None = None
    groups: tuple[Moments, ...] = ()
    spatial: "Statistics | None" = None

    @property
    def moments(self) -> Moments:
        """As moments; an unknown count as the least that has a covariance."""
        count = self.count or 2
        return Moments(count, self.mean, self.covariance * (count - 1))

    @property
    def doubts(self) -> list[str]:
        """Sentences on what is odd about the images, as far as it is known."""
        return [*contradictions(self.audit, None), *findings(self.audit, None)]

    def save(
        self,
        path: Path | str,
        *,
        with_groups: bool = False,
        images: UInt8[np.ndarray, "_ _ _ 3"] | None = None,
    ) -> None:
        """Written beside, flushed, then renamed: never half a file under that name.

        With the groups the file is some six times as large. `images` stand beside as `arr_0`.
        """
        arrays = {} if images is None else {"arr_0": images}
        arrays |= {"mu": self.mean, "sigma": self.covariance} | self.description()
        if with_groups and self.groups:
            triangle = np.triu_indices(len(self.mean))
            arrays["group_counts"] = np.array([group.count for group in self.groups])
            arrays["group_means"] = np.stack([group.mean for group in self.groups])
            arrays["group_scatters"] = np.stack([group.scatter[triangle] for group in self.groups])
        write_archive(path, arrays)

    def description(self) -> dict[str, np.ndarray]:
        """What stands beside moments, or the features that they are of, in a file."""
        arrays = {"fingerprint": np.array(json.dumps(self.fingerprint, sort_keys=True))}
        if self.spatial is not None:
            arrays |= {"mu_s": self.spatial.mean, "sigma_s": self.spatial.covariance}
        if self.audit is not None:
            arrays["audit"] = np.array(json.dumps(self.audit.to_json(), sort_keys=True))
            arrays["image_digests"] = self.audit.image_digests
        return arrays

    @classmethod
    def of_arrays(cls, file: Mapping[str, np.ndarray]) -> "Statistics":
        """Of what `save` writes, and of other programs' `mu` and `sigma`.

        Raises:
            ValueError: if they are not what they should be; KeyError, if they are not there.
        """
        mean, covariance = _gaussian(file, "mu", "sigma")
        return cls.described(file, mean, covariance, UNKNOWN_SOURCE, _groups(file, len(mean)))

    @classmethod
    def described(
        cls,
        file: Mapping[str, np.ndarray],
        mean: np.ndarray,
        covariance: np.ndarray,
        otherwise: dict[str, Any],
        groups: tuple[Moments, ...],
    ) -> "Statistics":
        """With what the `description` in a file says; `otherwise` is a fingerprint without one."""
        known = "fingerprint" in file
        fingerprint = _fingerprint(file) if known else dict(otherwise)
        count, spatial = fingerprint.get("count"), None
        if "mu_s" in file and "sigma_s" in file:
            spatial = cls(*_gaussian(file, "mu_s", "sigma_s"), count, fingerprint)
        audit = _audit(file) if known and "audit" in file else None
        return cls(mean, covariance, count, fingerprint, audit, groups if known else (), spatial)

    @classmethod
    def load(cls, path: Path | str) -> "Statistics":
        """Our files, and those of other programs with just `mu` and `sigma`.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is torn, or holds something else.
        """
        return read_archive(path, "statistics (mu, sigma)", "statistics", cls.of_arrays)


@dataclass(frozen=True, eq=False)
class Side:
    """One side of a comparison. Features and logits, float32 in the order read, if they were kept.

    They take 4 bytes each: 0.4 GB for the features of 50,000 images by Inception.
    """

    statistics: Statistics
    features: Float[np.ndarray, "count dimension"] | None = None
    logits: Float[np.ndarray, "count classes"] | None = None

    def joined(self, seen: "Side") -> "Side":
        """With what a pass over images saw besides; what is known already stays."""
        known = self.statistics
        statistics = replace(
            known,
            audit=known.audit or seen.statistics.audit,
            spatial=known.spatial or seen.statistics.spatial,
        )
        arrays = {name: getattr(self if self.holds(name) else seen, name) for name in ARRAYS}
        return Side(statistics, **arrays)

    def holds(self, kind: str) -> bool:
        """Whether it has what a metric keeps by that name."""
        held = {"moments": self.statistics, "spatial": self.statistics.spatial}
        return (held.get(kind) if kind in held else getattr(self, kind)) is not None


def members(path: Path) -> set[str]:
    """The names of the arrays in an .npz.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no .npz at all, or torn.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(
            f"expected an .npz of statistics, features or images in {path}, got a torn or foreign "
            f"file ({error}); write it again"
        ) from error


def write_archive(path: Path | str, arrays: dict[str, np.ndarray]) -> None:
    """An .npz, written beside, flushed, then renamed; its folder is made."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacement(path) as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]


def read_archive(
    path: Path | str, expected: str, command: str, read: Callable[[Mapping[str, np.ndarray]], T]
) -> T:
    """What `read` makes of the arrays of an .npz; nothing is unpickled.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is torn, or not what was expected.
    """
    path = Path(path)
    try:
        # Opened here: np.load leaves a torn file open.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            _check_directory(opened, file.zip)
            return read(file)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except Exception as error:  # a damaged archive raises a dozen kinds
        raise ValueError(
            f"expected {expected} in {path}, got a torn or foreign file "
            f"({error or type(error).__name__}); write it again with "
            f"`ttur {command} IMAGES {path.name}`"
        ) from error


def mismatches(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """The protocol fields in which two fingerprints differ, as far as both state them."""
    return [
        f"{field} {a[field]} against {b[field]}"
        for field in PROTOCOL_FIELDS
        if field in a and field in b and a[field] != b[field]
    ]


def _check_directory(file: BinaryIO, archive: zipfile.ZipFile) -> None:
    """That no part is lost: a damaged name or length would make our file that of another program.

    zipfile compares a name with that beside the part when it opens it, and counts nothing.
    """
    for name in archive.namelist():
        archive.open(name).close()
    file.seek(-22, os.SEEK_END)  # the end of a zip without a comment
    end = file.read()
    if end.startswith(b"PK\5\6") and int.from_bytes(end[10:12], "little") != len(archive.filelist):
        raise ValueError("its directory lists other parts than it has")


def _gaussian(
    file: Mapping[str, np.ndarray], of_mean: str, of_covariance: str
) -> tuple[np.ndarray, np.ndarray]:
    mean, covariance = file[of_mean], file[of_covariance]
    if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)):
        raise ValueError(
            f"expected {of_mean} (d,) and {of_covariance} (d, d), got {mean.shape} and "
            f"{covariance.shape}"
        )
    for name, values in ((of_mean, mean), (of_covariance, covariance)):
        if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
            raise ValueError(f"expected finite real numbers in {name}, got NaN, infinity or others")
    return mean.astype(np.float64), covariance.astype(np.float64)


def _fingerprint(file: Mapping[str, np.ndarray]) -> dict[str, Any]:
    # Not by pydantic, for whom half a surrogate pair, which a name may hold, is no JSON.
    made = json.loads(str(file["fingerprint"]), parse_constant=_not_finite)
    if not isinstance(made, dict):
        raise ValueError(f"expected a JSON object as fingerprint, got {made}")
    try:
        _FINGERPRINT.validate_python(made)
    except ValidationError as error:
        raise ValueError(f"in the fingerprint {reasons(error)}") from error
    return made


def _not_finite(number: str) -> None:
    raise ValueError(f"expected finite numbers in the fingerprint, got {number}")


def _audit(file: Mapping[str, np.ndarray]) -> Audit:
    return Audit.from_json(json.loads(str(file["audit"])), file["image_digests"])


def _groups(file: Mapping[str, np.ndarray], dimension: int) -> tuple[Moments, ...]:
    """Moments from upper triangles, row by row, if there are any."""
    if "group_counts" not in file:
        return ()
    triangle = np.triu_indices(dimension)
    parts = [file[f"group_{name}"] for name in ("counts", "means", "scatters")]
    if parts[0].dtype.kind != "i" or (parts[0] < 0).any():
        raise ValueError("expected counts of groups, got other numbers")
    if parts[1].shape != (len(parts[0]), dimension):
        raise ValueError(f"expected means of groups (groups, {dimension}), got {parts[1].shape}")
    if not all(np.isfinite(part).all() for part in parts):
        raise ValueError("expected finite moments of groups, got NaN or infinity")
    groups = []
    for count, mean, upper in zip(*parts, strict=True):
        scatter = np.empty((dimension, dimension))
        scatter[triangle] = upper
        scatter.T[triangle] = upper
        groups.append(Moments(int(count), mean, scatter))
    return tuple(groups)
