"""Metrics class by class are those of the classes alone."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ttur
from ttur.data.dataset import DataSet
from ttur.evaluation.classes import evaluate_classes
from ttur.evaluation.evaluate import evaluate
from ttur.features.extractors import Extractor


def write(root: Path, counts: dict[str, int], seed: int) -> Path:
    random = np.random.default_rng(seed)
    for name, count in counts.items():
        for index in range(count):
            path = root / name / "deeper" / f"{index:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)
    return root


@pytest.fixture
def real(tmp_path: Path) -> Path:
    return write(tmp_path / "real", {"cat": 50, "dog": 40, "owl": 3, "elk": 1}, 0)


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    return write(tmp_path / "generated", {"cat": 45, "dog": 44, "elk": 9, "yak": 7}, 1)


def test_each_class_is_the_evaluation_of_its_folders(
    real: Path, generated: Path, tiny_classes: Extractor
):
    assert ttur.evaluate_classes is evaluate_classes
    names = "fid,is,precision_recall"
    made = evaluate_classes(real, generated, names, extractor=tiny_classes)
    assert list(made.classes) == ["cat", "dog"]
    for name, of_class in made.classes.items():
        alone = evaluate(real / name, generated / name, names, extractor=tiny_classes)
        assert of_class == alone
    cat, dog = made.classes.values()
    assert cat.counts == {"real": 50, "generated": 45}
    assert made.mean == {metric: (cat[metric] + dog[metric]) / 2 for metric in cat}
    assert made.lacking == {"real": ("yak",), "generated": ("owl",)}
    assert "real/elk: fid needs at least 2 images, got 1" in made.too_few["elk"]
    document = made.to_json()
    assert document["classes"]["dog"]["counts"] == {"real": 40, "generated": 44}
    assert document["lacking"] == {"real": ["yak"], "generated": ["owl"]}


def test_a_class_has_its_interval_where_there_are_images_enough(
    real: Path, generated: Path, tiny: Extractor
):
    few = evaluate_classes(real, generated, "fid", extractor=tiny).classes["cat"].first
    alone = evaluate(real / "cat", generated / "cat", "fid", extractor=tiny).first
    assert few.details == alone.details


def test_an_archive_of_both_kinds_and_of_one_side(
    generated: Path, tmp_path: Path, tiny_classes: Extractor
):
    archive = shutil.make_archive(str(tmp_path / "a"), "zip", generated)
    made = evaluate_classes(None, archive, "is", extractor=tiny_classes)
    assert list(made.classes) == ["cat", "dog"]
    assert made.lacking == {"generated": ()}
    assert set(made.too_few) == {"elk", "yak"}


def test_the_classes_of_a_data_set_are_its_labels(generated: Path, tiny: Extractor):
    pixels = np.random.default_rng(3).integers(0, 256, (60, 8, 8, 3), np.uint8)
    labels = np.arange(60) % 3
    named = {"splits": {"train": {"sha256": "0" * 64}}, "classes": ["dog", "cat", "emu"]}
    made = evaluate_classes(DataSet("a", "train", pixels, labels, named), generated, extractor=tiny)
    assert list(made.classes) == ["cat", "dog"]
    assert made.lacking == {"real": ("elk", "yak"), "generated": ("emu",)}
    for name, label in (("dog", 0), ("cat", 1)):
        alone = evaluate(pixels[labels == label], generated / name, "fid", extractor=tiny)
        assert made.classes[name]["fd_patches"] == alone["fd_patches"]
        assert made.classes[name].fingerprints == alone.fingerprints
    plain = DataSet("a", "train", pixels, None, named)
    with pytest.raises(ValueError, match="or a data set with labels, got a"):
        evaluate_classes(plain, generated, extractor=tiny)


def test_what_has_no_classes_is_refused(
    real: Path, generated: Path, tmp_path: Path, tiny: Extractor
):
    flat = tmp_path / "flat"
    shutil.copytree(real / "cat" / "deeper", flat)
    np.save(tmp_path / "a.npy", np.zeros((9, 8, 8, 3), np.uint8))
    for side in (flat, tmp_path / "a.npy"):
        with pytest.raises(
            ValueError, match=r"expected generated images of classes, a folder or archive with"
        ):
            evaluate_classes(real, side, extractor=tiny)
    with pytest.raises(ValueError, match="expected classes that both sides have"):
        evaluate_classes(real, write(tmp_path / "other", {"Cat": 5}, 2), extractor=tiny)
