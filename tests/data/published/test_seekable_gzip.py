import gzip
import io

import numpy as np
import pytest

from ttur.data.published import seekable_gzip
from ttur.data.published.seekable_gzip import SeekableGzip


@pytest.fixture
def content() -> bytes:
    return np.random.default_rng(0).integers(0, 9, 100_000, np.uint8).tobytes() + bytes(50_000)


@pytest.mark.parametrize("marks", [1, 1_000, 2**25])
def test_any_place_is_read_in_any_order(tmp_path, monkeypatch, content, marks):
    monkeypatch.setattr(seekable_gzip, "BETWEEN_MARKS", marks)
    monkeypatch.setattr(seekable_gzip, "READ_BYTES", 97)  # the packed bytes come in pieces, too
    # Two members and the zeros some tools write behind them, as `cat a.gz b.gz` makes.
    packed = gzip.compress(content[:70_000]) + gzip.compress(content[70_000:])
    (tmp_path / "a.gz").write_bytes(packed)
    rng = np.random.default_rng(1)
    with SeekableGzip(tmp_path / "a.gz") as raw, io.BufferedReader(raw, 64) as file:
        for place in [0, 149_999, 70_000, 69_999, *rng.integers(0, 150_000, 60).tolist()]:
            file.seek(place)
            assert file.read(500) == content[place : place + 500]
        file.seek(0)
        assert file.read() == content


def test_going_back_does_not_unpack_from_the_beginning(tmp_path, monkeypatch, content):
    monkeypatch.setattr(seekable_gzip, "BETWEEN_MARKS", 10_000)
    (tmp_path / "a.gz").write_bytes(gzip.compress(content))
    unpacked = []

    class Watched(SeekableGzip):
        def readinto(self, buffer, /):  # what is passed over, too
            unpacked.append(super().readinto(buffer))
            return unpacked[-1]

    with Watched(tmp_path / "a.gz") as file:
        while file.read(1_000):
            pass
        assert sum(unpacked) == len(content)
        unpacked.clear()
        file.seek(95_000)
        assert file.read(10) == content[95_000:95_010]
        assert sum(unpacked) <= 10_000 + 10


@pytest.mark.parametrize("damage", ["cut off", "checksum"])
def test_damage_is_named(tmp_path, content, damage):
    packed = gzip.compress(content)
    cut = packed[:-100] if damage == "cut off" else packed[:-8] + bytes(8)
    (tmp_path / "a.gz").write_bytes(cut)
    with SeekableGzip(tmp_path / "a.gz") as file, pytest.raises(ValueError, match=r"a\.gz is "):
        file.read()
