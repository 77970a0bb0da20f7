import dataclasses

import pytest

from ttur.data import catalogue

SMALL = {"train": 40, "test": 20}


@pytest.fixture
def small_data_sets(monkeypatch):
    """The published counts are tens of thousands; everything else of the formats stays true."""
    for name in ("cifar10", "mnist"):
        entry = dataclasses.replace(catalogue.KNOWN[name], counts=SMALL)
        monkeypatch.setitem(catalogue.KNOWN, name, entry)
