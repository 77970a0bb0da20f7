"""Features in a file stand for the images they are of, under every metric and to the bit."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ttur
from ttur.data.images.decode import Picture
from ttur.evaluation.audit import Audit
from ttur.evaluation.evaluate import evaluate
from ttur.evaluation.measures import MEASURES
from ttur.evaluation.reference import save_features
from ttur.evaluation.saved_features import load_side, save_side
from ttur.evaluation.statistics import Side, Statistics, members
from ttur.features.extractors import Extractor

OF_ALL = [name for name in MEASURES if name not in ("sfid", "fid_infinity")]
OPTIONS: dict[str, Any] = {"kid_subset_size": 20, "seed": 3}


def test_a_number_from_files_is_that_of_the_images(
    images, other_images, tiny_classes: Extractor, tmp_path: Path
):
    direct = evaluate(images, other_images, OF_ALL, extractor=tiny_classes, **OPTIONS)
    for name, side in (("a", images), ("b", other_images)):
        save_features(side, tmp_path / f"{name}.npz", extractor=tiny_classes)
    a, b = tmp_path / "a.npz", tmp_path / "b.npz"
    for sides in ((a, b), (a, other_images), (images, b), (load_side(a, 3), str(b))):
        made = evaluate(*sides, OF_ALL, extractor=tiny_classes, **OPTIONS)
        assert made == direct
    # Both are known: no network is loaded, so there need be none of that name.
    assert evaluate(a, b, OF_ALL, **OPTIONS) == direct


def test_features_alone_are_saved_without_logits(images, tiny: Extractor, tmp_path: Path):
    assert ttur.save_features is save_features
    save_features(images, tmp_path / "a.npz", extractor=tiny)
    assert members(tmp_path / "a.npz") == {"features", "fingerprint", "audit", "image_digests"}
    with pytest.raises(ValueError, match="need the logits of the generated images, got their feat"):
        evaluate(None, tmp_path / "a.npz", "is")
    with np.load(tmp_path / "a.npz") as file:
        assert file["features"].dtype == np.float32


def test_another_extractor_is_refused(images, tiny: Extractor, tiny_torch, tmp_path: Path):
    save_features(images, tmp_path / "a.npz", extractor=tiny)
    with pytest.raises(ValueError, match="protocol tf1 against torch"):
        evaluate(tmp_path / "a.npz", images, extractor=tiny_torch)


def test_where_it_is_to_be_written_is_looked_at_first(images, tiny: Extractor, tmp_path: Path):
    with pytest.raises(ValueError, match=r"features are written as \.npz, got .*out; name it"):
        save_features(images, tmp_path / "out", extractor=tiny)
    np.savez(tmp_path / "images.npz", images)
    with pytest.raises(ValueError, match="would overwrite the images"):
        save_features(tmp_path / "images.npz", tmp_path / "images.npz", extractor=tiny)


def a_side() -> Side:
    audit = Audit()
    for value in range(2):
        audit.add(Picture(np.full((2, 2, 3), value, np.uint8)))
    features = np.arange(2, dtype=np.float32)[:, None]
    made = Statistics(np.array([0.5]), np.array([[0.5]]), 2, {"count": 2, "metric": "fid"}, audit)
    return Side(made, features, features)


def test_too_few_saved_are_refused_by_the_metric(tmp_path: Path):
    save_side(a_side(), tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"a\.npz: kid needs at least 1000 images, got 2"):
        evaluate(tmp_path / "a.npz", tmp_path / "a.npz", "kid")


@pytest.mark.parametrize(
    "damage",
    [
        {"features": np.zeros((3, 1), np.float32)},
        {"features": np.zeros((2, 1))},
        {"features": np.full((2, 1), np.nan, np.float32)},
        {"features": np.zeros(2, np.float32)},
        {"features": np.array([object()])},
        {"logits": np.zeros((3, 2), np.float32)},
        {"fingerprint": np.array("{}")},
        {"fingerprint": np.array("no JSON")},
    ],
)
def test_what_is_foreign_is_refused_by_its_name(tmp_path: Path, damage):
    path = tmp_path / "a.npz"
    save_side(a_side(), path)
    with np.load(path) as file:
        arrays = dict(file) | damage
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=r"expected features of images in .*a\.npz"):
        load_side(path)


def test_no_damaged_byte_is_believed(tmp_path: Path):
    """Refused, or without effect (times, permissions)."""
    path, whole = tmp_path / "a.npz", a_side()
    save_side(whole, path)
    content, refused = path.read_bytes(), 0
    places = range(0, len(content), 17)
    for place in places:
        path.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
        with suppress(ValueError):  # any other error would be a failure
            members(path)
        try:
            read = load_side(path)
        except ValueError:
            refused += 1
            continue
        assert (read.features == whole.features).all()
        assert (read.statistics.mean, read.statistics.count) == (0.5, 2)
    assert refused > len(places) / 2


def test_statistics_alone_are_no_features(tmp_path: Path):
    with pytest.raises(ValueError, match="expected a side with features"):
        save_side(Side(a_side().statistics), tmp_path / "a.npz")
