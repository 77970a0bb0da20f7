"""Features in a file: what one pass over images saw, for any metric at any later time.

`features` and, of a network with classes, `logits`, float32, a row for each image; beside them what
stands in a file of statistics: fingerprint, audit, digests, spatial moments.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ttur.evaluation.statistics import (
    ARRAYS,
    Side,
    Statistics,
    read_archive,
    write_archive,
)
from ttur.metrics.grouped_moments import GroupedMoments

MEMBERS = {"features", "fingerprint"}  # by which such a file is known


def save_side(side: Side, path: Path) -> None:
    """A side that kept its features; never half a file under that name.

    Raises:
        ValueError: if it kept none.
    """
    arrays = {name: getattr(side, name) for name in ARRAYS if side.holds(name)}
    if "features" not in arrays:
        raise ValueError("expected a side with features, got statistics alone; look at its images")
    write_archive(path, arrays | side.statistics.description())


def load_side(path: Path, seed: int = 0) -> Side:
    """To the bit what the pass over the images gave; the groups of an interval are those of `seed`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is torn, or holds something else.
    """

    def side(file: Mapping[str, np.ndarray]) -> Side:
        arrays = {name: _rows(file, name) for name in ARRAYS if name in file}
        features = arrays["features"]
        moments = GroupedMoments(features.shape[1], seed)
        moments.update(features)
        total = moments.total
        read = Statistics.described(file, total.mean, total.covariance, {}, moments.groups)
        if {len(rows) for rows in arrays.values()} != {read.count}:
            raise ValueError(f"expected {read.count} rows, got {len(features)}")
        made = Statistics(
            read.mean,
            read.covariance,
            read.count,
            read.fingerprint | {"seed": seed},
            read.audit,
            read.groups,
            read.spatial,
        )
        return Side(made, **arrays)

    return read_archive(path, "features of images", "features", side)


def _rows(file: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    rows = file[name]
    if rows.ndim != 2 or rows.dtype != np.float32 or len(rows) < 2:
        raise ValueError(
            f"expected {name} as float32 (images, dimension), got {rows.dtype} {rows.shape}"
        )
    return rows
