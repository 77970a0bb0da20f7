"""Statistics by name, as clean-fid keeps them, in ttur's own cache: `$TTUR_CACHE/cleanfid`.

Two files a name: mean and covariance for the FID, all features for KID.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ttur.evaluation.statistics import Side, Statistics
from ttur.runtime.artifacts import cache_directory
from ttur.runtime.files import replacement

CUSTOM = "custom"


@dataclass(frozen=True)
class Named:
    """The statistics of a data set in a mode; the names of the files are clean-fid's.

    Raises:
        ValueError: if the name is not made of letters, digits, `.`, `_` and `-`.
    """

    name: str
    mode: str
    split: str = CUSTOM
    resolution: int | str = "na"

    def __post_init__(self) -> None:
        for part in (self.name, self.split, str(self.resolution)):
            if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}", part):
                raise ValueError(
                    "expected a name of letters, digits, `.`, `_` and `-`, not beginning with `.`, "
                    f"got {part!r}; choose another"
                )

    @property
    def statistics_file(self) -> Path:
        return self._file("")

    @property
    def features_file(self) -> Path:
        return self._file("_kid")

    def statistics(self) -> Statistics:
        """Raises FileNotFoundError, saying what to do, if there are none."""
        return Statistics.load(self._found(self.statistics_file))

    def features(self) -> np.ndarray:
        """float32 (images, features); raises FileNotFoundError as `statistics`."""
        with np.load(self._found(self.features_file), allow_pickle=False) as file:
            return file["feats"]

    def save(self, side: Side) -> None:
        """Both files, the features first: where there are statistics, there are features."""
        assert side.features is not None
        self.features_file.parent.mkdir(parents=True, exist_ok=True)
        with replacement(self.features_file) as file:
            np.savez(file, feats=side.features)  # pyright: ignore[reportArgumentType]
        side.statistics.save(self.statistics_file)

    def remove(self) -> None:
        """Raises FileNotFoundError if there are none."""
        self._found(self.statistics_file).unlink()
        self.features_file.unlink(missing_ok=True)

    def _file(self, kind: str) -> Path:
        resolution = "na" if self.split == CUSTOM else self.resolution
        name = f"{self.name}_{self.mode}_{self.split}_{resolution}{kind}.npz"
        return cache_directory() / "cleanfid" / name.lower()

    def _found(self, file: Path) -> Path:
        if file.is_file():
            return file
        if self.split == CUSTOM:
            remedy = f"make them by make_custom_stats({self.name!r}, FOLDER, mode={self.mode!r})"
        else:
            remedy = (
                "clean-fid's published statistics are not part of ttur: copy that file from the "
                "folder `stats` of clean-fid, or make your own of the images by make_custom_stats "
                'and ask for dataset_split="custom"'
            )
        raise FileNotFoundError(f"expected statistics of {self.name} at {file}, got none; {remedy}")
