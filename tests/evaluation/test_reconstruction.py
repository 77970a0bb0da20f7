"""Reconstructions beside their originals: who belongs to whom, which part, what is counted."""

import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ttur.evaluation.evaluate import fid
from ttur.evaluation.reconstruction import reconstruction
from ttur.metrics.pairs import psnr, ssim


def sides(count: int = 30, side: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    originals = rng.integers(0, 256, (count, side, side, 3), np.uint8)
    moved = originals.astype(int) + rng.integers(-20, 21, originals.shape)
    return originals, moved.clip(0, 255).astype(np.uint8)


def write(folder, images, suffix: str, names=None):
    names = names or [f"{index:03}" for index in range(len(images))]
    for name, image in zip(names, images, strict=True):
        path = folder / f"{name}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return folder


def values(made) -> dict[str, float]:
    return dict(made)


def test_three_numbers_of_the_same_pairs(tiny):
    originals, others = sides()
    made = reconstruction(originals, others, extractor=tiny, batch_size=7)
    assert tuple(made) == ("rfd_patches", "psnr", "ssim")
    plain = fid(originals, others, extractor=tiny, cache=False, interval=False)
    assert made["rfd_patches"] == plain.value
    ratios = [psnr(a, b) for a, b in zip(originals, others, strict=True)]
    assert made["psnr"] == pytest.approx(np.mean(ratios), rel=1e-13)
    similarities = [ssim(a, b) for a, b in zip(originals, others, strict=True)]
    assert made["ssim"] == pytest.approx(np.mean(similarities), rel=1e-13)
    assert made.counts == {"real": 30, "generated": 30}
    distance, ratio, _ = made.measurements
    assert ratio.details["interval"]["low"] < ratio.value < ratio.details["interval"]["high"]
    assert (ratio.details["pairs"], ratio.details["crop"]) == (30, None)
    assert distance.details["interval"] is None
    assert "pairs" in distance.details["no_interval"]
    without = reconstruction(originals, others, extractor=tiny, interval=False)
    assert values(without) == values(made)
    assert [m.details["interval"] for m in without.measurements] == [None] * 3
    assert "no_interval" not in without.measurements[0].details
    json.dumps(made.to_json(), allow_nan=False)


def test_files_are_paired_by_path_without_extension(tiny, tmp_path):
    """In another order than their names have with extensions, and in folders."""
    originals, others = sides()
    names = [f"{index % 3}/{'ab'[index % 2]}{index}" for index in range(30)]
    a = write(tmp_path / "a", originals, "png", names)
    b = write(tmp_path / "b", others[::-1], "bmp", names[::-1])
    (b / "remarks.txt").write_text("no image")
    made = reconstruction(a, b, extractor=tiny, batch_size=4)
    assert made["psnr"] == pytest.approx(reconstruction(originals, others, extractor=tiny)["psnr"])
    audit: dict[str, Any] = made.audit
    assert audit["generated"]["ignored"] == {".txt": 1}
    assert audit["real"]["formats"] == {"PNG": 30}


def test_the_centre_of_larger_originals_is_taken_and_said(tiny):
    originals, others = sides()
    larger = np.pad(originals, ((0, 0), (2, 3), (1, 1), (0, 0)), constant_values=7)
    made = reconstruction(larger, others, extractor=tiny)
    assert values(made) == values(reconstruction(originals, others, extractor=tiny))
    assert made.measurements[0].details["crop"] == "centre"
    assert made.measurements[1].details["cropped"] == 30
    (warning,) = [line for line in made.warnings if "cropped" in line]
    assert "30 of 30 originals cropped at the centre, 14x17 to 12x12" in warning
    with pytest.raises(ValueError, match="at least as large as their reconstructions, got 12x12"):
        reconstruction(originals, larger, extractor=tiny)


def test_identical_pairs_are_counted_and_no_infinity_is_written(tiny):
    originals, others = sides()
    some = np.concatenate([originals[:4], others[4:]])
    made = reconstruction(originals, some, extractor=tiny)
    assert made["psnr"] == reconstruction(originals[4:], others[4:], extractor=tiny)["psnr"]
    assert made.measurements[1].details["identical"] == 4
    assert any("4 of 30 pairs are identical" in line for line in made.warnings)
    same = reconstruction(originals, originals, extractor=tiny)
    assert tuple(same) == ("rfd_patches", "ssim")
    assert same["rfd_patches"] == pytest.approx(0, abs=1e-9)
    assert any("all 30 pairs are identical" in line for line in same.warnings)
    json.dumps(same.to_json(), allow_nan=False)


def test_what_has_no_partner_is_refused_or_skipped_by_name(tiny, tmp_path):
    originals, others = sides()
    a = write(tmp_path / "a", originals, "png")
    b = write(tmp_path / "b", others, "png")
    (a / "007.png").unlink()
    (b / "twice.png").write_bytes((b / "008.png").read_bytes())
    (b / "009.bmp").write_bytes((b / "009.png").read_bytes())
    (b / "011.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"partner for each image, got 5 without") as caught:
        reconstruction(a, b, extractor=tiny)
    assert "009.png: several files" in str(caught.value)
    made = reconstruction(a, b, extractor=tiny, on_error="skip", batch_size=3)
    kept = [index for index in range(30) if index not in (7, 9, 11)]
    assert values(made) == pytest.approx(
        values(reconstruction(originals[kept], others[kept], extractor=tiny)), rel=1e-12
    )
    audit: dict[str, Any] = made.audit
    names = {
        side: {each["file"].rpartition("/")[2] for each in audit[side]["skipped_files"]}
        for side in ("real", "generated")
    }
    assert names["real"] == {"009.png", "011.png"}
    assert names["generated"] == {"007.png", "twice.png", "009.png", "009.bmp", "011.png"}


def test_arrays_must_be_as_many_and_of_one_kind(tiny, tmp_path):
    originals, others = sides()
    with pytest.raises(ValueError, match="as many reconstructions as originals"):
        reconstruction(originals, others[:-1], extractor=tiny)
    with pytest.raises(ValueError, match="got more than 29 in"):
        reconstruction(iter(originals), iter(others[:-1]), extractor=tiny)
    folder = write(tmp_path / "b", others, "png")
    with pytest.raises(ValueError, match="two sides of files, paired by name, or none"):
        reconstruction(originals, folder, extractor=tiny)
    with pytest.raises(ValueError, match="at least 11x11 pixels"):
        reconstruction(originals[:, :10], others[:, :10], extractor=tiny)
