"""The commands that look at pairs of images: what they print, write and answer to mistakes."""

import json

import numpy as np
import pytest
from PIL import Image

from ttur.data.published.digits import digits


@pytest.fixture
def sides(tmp_path) -> None:
    """`a.npy` of 40 digits, and `b.npy`: the first three of them and 20 others."""
    pixels = digits().images
    np.save(tmp_path / "a.npy", pixels[:40])
    np.save(tmp_path / "b.npy", np.concatenate([pixels[:3], pixels[700:720]]))


@pytest.mark.usefixtures("sides")
def test_nearest_prints_authenticity_and_draws_pairs(ttur, tmp_path):
    words = "nearest a.npy b.npy --extractor digits --device cpu --count 4"
    code, out, err = ttur(words)
    assert code == 0, err
    assert out.splitlines()[1].startswith("authenticity_digits  0.")
    assert "copies 3" in out
    with Image.open(tmp_path / "nearest.png") as image:
        assert image.format == "PNG"
    code, out, err = ttur(f"{words} --out pairs/four.pdf --json")
    assert code == 0, err
    document = json.loads(out)
    assert [pair["distance"] for pair in document["pairs"]][:3] == [0, 0, 0]
    assert len(document["pairs"]) == 4
    assert (tmp_path / document["figure"]).read_bytes().startswith(b"%PDF")
    code, _, err = ttur(f"{words} --out nearest.txt")
    assert (code, "no figure" in err) == (2, True)


@pytest.mark.usefixtures("sides")
def test_reconstruction_prints_three_numbers(ttur, tmp_path):
    pixels = np.load(tmp_path / "a.npy")
    np.save(tmp_path / "c.npy", np.where(pixels < 250, pixels + 5, pixels))
    words = "reconstruction a.npy c.npy --extractor digits --device cpu"
    code, out, err = ttur(words)
    assert code == 0, err
    _, first, second, third, last = out.splitlines()
    assert first.startswith("rfd_digits ")
    assert "no interval: its sides are pairs" in first
    assert second.startswith("psnr ")
    assert "95% interval" in second
    assert third.startswith("ssim ")
    assert last == "(protocol tf1; real 40, generated 40)"
    code, out, err = ttur(f"{words} --json")
    assert [made["metric"] for made in json.loads(out)["metrics"]] == ["rfd_digits", "psnr", "ssim"]
    code, _, err = ttur("reconstruction a.npy b.npy --extractor digits")
    assert (code, "got 40 in a.npy (real) and 23 in b.npy (generated)" in err) == (2, True)
