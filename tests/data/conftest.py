import dataclasses

import pytest

from ttur.data import catalogue
from ttur.data.published.description import PublishedImages

SMALL = {
    "cifar10": {"train": 40, "test": 20},
    "mnist": {"train": 40, "test": 20},
    "svhn": {"train": 40, "test": 20, "extra": 30},
    "celeba": {"train": 12},
    "lsun_bedroom": {"train": 30, "val": 5},
}


@pytest.fixture
def small_data_sets(monkeypatch):
    """The published counts are thousands to millions, and the digests those of large files; all
    else of the formats stays true.
    """
    for name, counts in SMALL.items():
        entry = catalogue.KNOWN[name]
        assert isinstance(entry, PublishedImages)
        entry = dataclasses.replace(entry, counts=counts, sha256={})
        monkeypatch.setitem(catalogue.KNOWN, name, entry)
