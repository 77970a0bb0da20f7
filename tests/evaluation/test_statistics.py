"""Statistics files: what they hold, whose they read, what happens to damaged ones; the cache."""

import json
import re
import resource
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ttur.data.dataset import DataSet
from ttur.data.images.decode import Picture
from ttur.evaluation import reference as module
from ttur.evaluation.audit import Audit
from ttur.evaluation.collector import side_of_images
from ttur.evaluation.openers import open_images
from ttur.evaluation.reference import reference_statistics, statistics
from ttur.evaluation.sources import ImageSet
from ttur.evaluation.statistics import Statistics, members, mismatches
from ttur.features.extractors import Extractor
from ttur.metrics.moments import Moments
from ttur.metrics.uncertainty import fid_interval


@pytest.fixture
def made(images: np.ndarray, tiny: Extractor) -> Statistics:
    return statistics(images, tiny)


def assert_same(a: Statistics, b: Statistics) -> None:
    assert (a.mean == b.mean).all()
    assert (a.covariance == b.covariance).all()
    assert (a.count, a.fingerprint) == (b.count, b.fingerprint)


def test_a_file_gives_back_what_was_saved(made: Statistics, tmp_path: Path):
    made.save(str(tmp_path / "deep" / "reference.npz"))  # a name is as good as a Path
    assert_same(Statistics.load(str(tmp_path / "deep" / "reference.npz")), made)
    assert_same(Statistics.load(tmp_path / "deep" / "reference.npz"), made)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["reference.npz"]


def test_the_file_is_read_without_us_and_without_pickle(made: Statistics, tmp_path: Path):
    made.save(tmp_path / "reference.npz")
    with np.load(tmp_path / "reference.npz", allow_pickle=False) as file:
        assert sorted(file) == ["audit", "fingerprint", "image_digests", "mu", "sigma"]
        assert (file["mu"] == made.mean).all()
        assert (file["sigma"] == made.covariance).all()
        assert json.loads(str(file["fingerprint"])) == made.fingerprint


def test_the_fingerprint_says_how_it_was_made(made: Statistics):
    stated = dict(made.fingerprint)
    assert set(stated.pop("versions")) == {"ttur", "torch", "numpy", "pillow"}
    assert len(stated.pop("data_sha256")) == 64
    assert stated == {
        "extractor": "patches",
        "weights_sha256": "",
        "protocol": "tf1",
        "scaling": "(x-128)/128",
        "size": 8,
        "metric": "fd_patches",
        "quantisation": "uint8",
        "count": 30,
        "ddof": 1,
        "dtype": "float64",
        "precision": "float32",
        "seed": 0,
    }


def test_files_of_other_programs_are_read(tmp_path: Path):
    np.savez(tmp_path / "other.npz", mu=np.ones(3, np.float32), sigma=np.eye(3, dtype=np.float32))
    loaded = Statistics.load(tmp_path / "other.npz")
    assert loaded.count is None
    assert loaded.fingerprint == {"source": "unknown"}
    assert loaded.covariance.dtype == np.float64


def test_mismatches_are_of_the_protocol_and_not_of_the_images(made: Statistics):
    mine = made.fingerprint
    assert mismatches(mine, mine | {"quantisation": "float", "count": 7, "data_sha256": ""}) == []
    assert mismatches(mine, mine | {"protocol": "torch", "weights_sha256": "ab"}) == [
        "weights_sha256  against ab",
        "protocol tf1 against torch",
    ]
    assert mismatches(mine, {"source": "unknown"}) == []


@pytest.mark.parametrize("kept", [0, 10, 500, -1])
def test_a_torn_file_is_named(made: Statistics, tmp_path: Path, kept: int):
    path = tmp_path / "torn.npz"
    made.save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"torn\.npz, got a torn or foreign file"):
        Statistics.load(path)


@pytest.mark.parametrize("of", ["mean", "covariance"])
def test_a_flipped_bit_is_noticed(made: Statistics, tmp_path: Path, of: str):
    path = tmp_path / "flipped.npz"
    made.save(path)
    content = bytearray(path.read_bytes())
    content[content.index(getattr(made, of).tobytes()) + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"flipped\.npz"):
        Statistics.load(path)


def test_pickled_content_is_refused(tmp_path: Path):
    path = tmp_path / "pickled.npz"
    np.savez(path, mu=np.array([{}], dtype=object), sigma=np.eye(1))
    with pytest.raises(ValueError, match=r"pickled\.npz"):
        Statistics.load(path)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        Statistics.load(tmp_path / "none.npz")


@pytest.mark.parametrize(
    "fingerprint",
    [
        *("[1]", "not json", '{"metric": ["fid"]}', '{"protocol": 1}', '{"seed": NaN}'),
        *(f'{{"count": {count}}}' for count in ('"30"', "-5", "1", "2.5", "true", "9" * 30)),
        '{"metric": null}',
    ],
)
def test_a_foreign_fingerprint_is_refused(tmp_path: Path, fingerprint: str):
    path = tmp_path / "foreign.npz"
    np.savez(path, mu=np.zeros(2), sigma=np.eye(2), fingerprint=np.array(fingerprint))
    with pytest.raises(ValueError, match=r"foreign\.npz"):
        Statistics.load(path)


def test_the_field_that_is_wrong_is_named(tmp_path: Path):
    path = tmp_path / "foreign.npz"
    text = json.dumps({"protocol": 1, "count": "30"})
    np.savez(path, mu=np.zeros(2), sigma=np.eye(2), fingerprint=np.array(text))
    with pytest.raises(ValueError, match=r"in the fingerprint protocol: .*, got 1; count: .*'30'"):
        Statistics.load(path)


def test_an_array_is_not_statistics(tmp_path: Path):
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(ValueError, match=r"array\.npy"):
        Statistics.load(tmp_path / "array.npy")


@pytest.mark.parametrize(
    ("mu", "sigma"),
    [
        (np.array([0, np.nan]), np.eye(2)),
        (np.zeros(2), np.diag([1, np.inf])),
        (np.zeros(2), np.eye(2) + 1j),
        (np.zeros(2, bool), np.eye(2)),
        (np.array(["a", "b"]), np.eye(2)),
    ],
)
def test_what_is_no_finite_real_number_is_refused(tmp_path: Path, mu, sigma):
    np.savez(tmp_path / "odd.npz", mu=mu, sigma=sigma)
    with pytest.raises(ValueError, match=r"odd\.npz.*expected finite real numbers"):
        Statistics.load(tmp_path / "odd.npz")


@pytest.mark.parametrize(
    "damage",
    [
        {"group_means": np.zeros((10, 5))},
        {"group_means": np.full((10, 12), np.nan)},
        {"group_means": np.zeros((9, 12))},
        {"group_scatters": np.zeros((10, 5))},
        {"group_counts": np.full(10, -3)},
        {"group_counts": np.array(["3"] * 10)},
        {"group_counts": np.array(3)},
    ],
)
def test_damaged_groups_are_refused(made: Statistics, tmp_path: Path, damage):
    path = tmp_path / "groups.npz"
    made.save(path, with_groups=True)
    assert len(Statistics.load(path).groups) == 10
    with np.load(path) as file:
        arrays = dict(file) | damage
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=r"groups\.npz"):
        Statistics.load(path)


@pytest.mark.parametrize(
    "new",
    [
        pytest.param(lambda byte: 255, id="all", marks=pytest.mark.long),
        pytest.param(lambda byte: byte ^ 1, id="last"),
    ],
)
def test_no_damaged_byte_is_believed(tmp_path: Path, new: Callable[[int], int]):
    """Refused, or without effect (times, permissions). Among them zips of an unknown version or
    method, encrypted ones, and directories that lose a part: the fingerprint, the groups.
    """
    audit = Audit()
    audit.add(Picture(np.zeros((2, 2, 3), np.uint8)))
    groups = tuple(Moments(2, np.full(1, float(place)), np.eye(1)) for place in range(2))
    whole = Statistics(np.zeros(1), np.eye(1), 4, {"count": 4, "metric": "fid"}, audit, groups)
    path = tmp_path / "any.npz"
    whole.save(path, with_groups=True)
    content, refused = path.read_bytes(), 0
    directory = content.index(b"PK\x01\x02")  # of the zip, at its end: there parts get lost
    places = [*range(0, directory, 11), *range(directory, len(content), 2)]
    for place in places:
        changed = bytes([new(content[place])])
        path.write_bytes(content[:place] + changed + content[place + 1 :])
        with suppress(ValueError):  # any other error would be a failure
            members(path)
        try:
            read = Statistics.load(path)
        except ValueError:
            refused += 1
            continue
        assert_same(read, whole)
        assert read.audit == audit
        for group, expected in zip(read.groups, groups, strict=True):
            assert (group.count, group.mean, group.scatter) == (2, expected.mean, 1)
    assert refused > len(places) / 2


def test_shapes_that_do_not_fit_are_refused(tmp_path: Path):
    np.savez(tmp_path / "odd.npz", mu=np.zeros(3), sigma=np.eye(2))
    with pytest.raises(ValueError, match=r"odd\.npz.*got \(3,\) and \(2, 2\)"):
        Statistics.load(tmp_path / "odd.npz")


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Files of this process may not grow beyond 1000 bytes; writing on is an OSError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_old_file(made: Statistics, tmp_path: Path, request):
    path = tmp_path / "reference.npz"
    made.save(path)
    before = path.read_bytes()
    request.getfixturevalue("full_disk")
    with pytest.raises(OSError, match="File too large"):
        made.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


class TestCache:
    @pytest.fixture
    def passes(self, monkeypatch) -> list[int]:
        """One entry for each pass over images."""
        entries: list[int] = []

        def counted(*arguments, **options):
            entries.append(1)
            return side_of_images(*arguments, **options)

        monkeypatch.setattr(module, "side_of_images", counted)
        return entries

    @staticmethod
    def data_set(images: np.ndarray, sha256: str = "11") -> ImageSet:
        card = {"splits": {"train": {"sha256": sha256}}}
        return open_images(DataSet("made_up", "train", images, None, card))

    def test_one_pass_for_the_same_pixels_and_extractor(self, images, embedded, tmp_path, passes):
        data, said = self.data_set(images), []
        first = reference_statistics(data, embedded, cache=tmp_path, say=said.append)
        second = reference_statistics(data, embedded, cache=tmp_path, say=said.append)
        assert_same(first, second)
        assert len(passes) == 1
        assert len(said) == 1
        assert "30 images of made_up (train) by digits" in said[0]

    def test_other_pixels_or_another_protocol_are_not_the_same(
        self, images, embedded, embedded_torch, tmp_path, passes
    ):
        reference_statistics(self.data_set(images), embedded, cache=tmp_path)
        other = reference_statistics(self.data_set(images), embedded_torch, cache=tmp_path)
        assert other.fingerprint["protocol"] == "torch"
        changed = self.data_set(255 - images, sha256="22")
        assert reference_statistics(changed, embedded, cache=tmp_path).mean[0] != other.mean[0]
        assert len(passes) == 3

    def test_a_damaged_file_is_computed_again_and_said(self, images, embedded, tmp_path, passes):
        data, said = self.data_set(images), []
        expected = reference_statistics(data, embedded, cache=tmp_path)
        (kept,) = tmp_path.iterdir()
        kept.write_bytes(kept.read_bytes()[:-100])
        assert_same(reference_statistics(data, embedded, cache=tmp_path, say=said.append), expected)
        assert kept.name in said[0]
        assert_same(Statistics.load(kept), expected)
        assert len(passes) == 2

    def test_a_file_of_another_extractor_under_that_name_is_not_used(
        self, images, embedded, embedded_torch, tmp_path, passes
    ):
        data = self.data_set(images)
        reference_statistics(data, embedded, cache=tmp_path)
        (kept,) = tmp_path.iterdir()
        statistics(images, embedded_torch).save(kept)
        again = reference_statistics(data, embedded, cache=tmp_path)
        assert again.fingerprint["protocol"] == "tf1"

    def test_a_cache_that_cannot_be_written_costs_no_result(self, images, embedded, tmp_path):
        (tmp_path / "file").write_text("in the way")
        said: list[str] = []
        made = reference_statistics(
            self.data_set(images), embedded, cache=tmp_path / "file" / "cache", say=said.append
        )
        assert made.count == 30
        assert "not kept" in said[-1]

    def test_an_extractor_of_ones_own_is_not_cached(self, images, tiny, tmp_path, passes):
        """A key cannot tell another network of the same weights, or another function."""

        class Weighted(nn.Module):
            def __init__(self, power: int) -> None:
                super().__init__()
                self.gain, self.power = nn.Parameter(torch.ones(1)), power

            def forward(self, images: Tensor) -> Tensor:
                return self.gain * images.mean((2, 3)) ** self.power

        linear, squared = (
            Extractor.of(Weighted(power), name="mine", dimension=3) for power in (1, 2)
        )
        assert linear.fingerprint() == squared.fingerprint()
        a, b = (
            reference_statistics(self.data_set(images), each, cache=tmp_path)
            for each in (linear, squared)
        )
        assert (b.mean > 100 * a.mean).all()
        for _ in range(2):
            reference_statistics(self.data_set(images), tiny, cache=tmp_path)
        assert len(passes) == 4
        assert list(tmp_path.iterdir()) == []

    def test_the_default_place_is_the_cache_of_the_package(
        self, images, embedded, tmp_path, monkeypatch
    ):
        monkeypatch.setenv("TTUR_CACHE", str(tmp_path))
        reference_statistics(self.data_set(images), embedded)
        assert len(list((tmp_path / "statistics").glob("*.npz"))) == 1

    def test_groups_are_kept_where_an_interval_can_come_of_them(
        self, images, embedded, tmp_path, passes
    ):
        """Made without, found without; wanted, computed again, and found from then on."""
        many = self.data_set(np.concatenate([images] * 5))  # 150 of 64 features

        def groups(**options) -> int:
            made = reference_statistics(many, embedded, cache=tmp_path, **options)
            return len(made.groups)

        (wanted, size), (none, small) = (
            (groups(interval=interval), next(iter(tmp_path.iterdir())).stat().st_size)
            for interval in (True, False)
        )
        assert (wanted, none, len(passes)) == (10, 0, 1)
        assert small == size  # those that are there stay
        next(iter(tmp_path.iterdir())).unlink()
        assert (groups(interval=False), groups(interval=False), len(passes)) == (0, 0, 2)
        (kept,) = tmp_path.iterdir()
        assert kept.stat().st_size < size / 3
        said: list[str] = []
        assert groups(say=said.append) == 10
        assert "has no groups, which the interval needs" in said[0]
        assert (groups(), groups(interval=False), len(passes)) == (10, 0, 3)

    def test_few_images_are_kept_without_groups_and_do_not_count_as_exact(
        self, images, embedded, tmp_path, passes
    ):
        few, results = self.data_set(images), []
        generated = statistics(images, embedded)
        for _ in range(2):
            made = reference_statistics(few, embedded, cache=tmp_path)
            with np.load(next(iter(tmp_path.iterdir()))) as file:
                assert "group_counts" not in file
            with pytest.raises(ValueError, match=r"needs 128 real images .*, there are 30"):
                fid_interval(made.groups, generated.moments)
            results.append(made)
        assert len(passes) == 2  # of each side one
        assert_same(*results)

    def test_processes_that_want_the_same_compute_it_once(self, images, embedded, tmp_path, passes):
        with ThreadPoolExecutor(3) as pool:
            wanted = [
                pool.submit(reference_statistics, self.data_set(images), embedded, cache=tmp_path)
                for _ in range(3)
            ]
        first, *others = (each.result() for each in wanted)
        assert len(passes) == 1
        for other in others:
            assert_same(other, first)
        assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]

    def test_where_and_how_much_is_said_and_a_limit_holds(
        self, images, embedded, tmp_path, monkeypatch, passes
    ):
        monkeypatch.setenv("TTUR_CACHE", str(tmp_path))
        said: list[str] = []
        reference_statistics(self.data_set(images), embedded, say=said.append)
        assert re.search(rf"are kept .*: [0-9.]+ kB in {tmp_path}/statistics", said.pop())
        monkeypatch.setenv("TTUR_CACHE_LIMIT", "1K")
        reference_statistics(self.data_set(255 - images, "22"), embedded, say=said.append)
        assert "are more than TTUR_CACHE_LIMIT" in said.pop()
        assert list((tmp_path / "statistics").iterdir()) == []
        monkeypatch.setenv("TTUR_CACHE_LIMIT", "much")
        with pytest.raises(ValueError, match="TTUR_CACHE_LIMIT"):
            reference_statistics(self.data_set(images), embedded)
        assert len(passes) == 2
