"""The real samples that a run was trained on, if they are at hand."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ttur.data import catalogue
from ttur.data.dataset import DataSet
from ttur.data.vocabulary import Sentences
from ttur.training.record import RunRecord


def real_images(
    run: RunRecord, data_directory: Path | str | None, count: int
) -> UInt8[np.ndarray, "_ height width 3"] | None:
    """At most `count` images, evenly from the data set; None if it is not there, or another.

    It is looked for in `data_directory` and in the package, and known by its digest.
    """
    data = _data_of(run, data_directory)
    return data.images[_evenly(len(data.images), count)] if isinstance(data, DataSet) else None


def real_sentences(run: RunRecord, data_directory: Path, count: int) -> list[str] | None:
    """At most `count` sentences, evenly from the text; None if it is not there, or another."""
    data = _data_of(run, data_directory)
    if not isinstance(data, Sentences):
        return None
    return data.strings(np.asarray(data.codes[_evenly(len(data), count)]))


def _data_of(run: RunRecord, data_directory: Path | str | None) -> DataSet | Sentences | None:
    named = run.configuration.get("data", {})
    load = catalogue.load_text if run.vocabulary else catalogue.load
    try:
        data = load(named["name"], data_directory, named["split"])
    except (KeyError, OSError, ValueError):  # of one's own arrays, never prepared, or gone
        return None
    return data if data.sha256 == run.description.data_sha256 else None


def _evenly(there: int, count: int) -> np.ndarray:
    return np.unique(np.linspace(0, there - 1, min(count, there)).astype(int))
