"""`ttur.compat.pytorch_fid` beside closed forms and, for extras, beside pytorch-fid itself."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from compat.conftest import of_layer, random_images, write_images
from ttur.compat import pytorch_fid
from ttur.compat.pytorch_fid import fid_score
from ttur.metrics.frechet import frechet_distance_of_samples


class Maps(nn.Module):
    """A model as its users hand it over: a list of feature maps, of images in 0..1."""

    def forward(self, images: Tensor) -> list[Tensor]:
        return [nn.functional.avg_pool2d(images, 8)]


def features(images: np.ndarray) -> np.ndarray:
    made = of_layer("inception_64", "torch")(torch.from_numpy(images).movedim(-1, 1))
    return made.features.double().numpy()


def call(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["pytorch_fid", *words.split()])
    runpy.run_module("ttur.compat.pytorch_fid", run_name="__main__")


@pytest.fixture
def expected() -> float:
    """Of the two folders."""
    real, fake = random_images(20, seed=0), random_images(15, seed=1) // 2
    return frechet_distance_of_samples(features(real), features(fake))


@pytest.mark.usefixtures("cheap_inception", "folders")
def test_the_command_prints_the_distance(expected: float, monkeypatch, capsys):
    words = "photos samples --dims 64 --device cpu --batch-size 4 --num-workers 2"
    call(monkeypatch, words)
    label, value = capsys.readouterr().out.rsplit(maxsplit=1)
    assert label == "FID:"
    assert float(value) == pytest.approx(expected, rel=1e-9)


@pytest.mark.usefixtures("cheap_inception", "folders")
def test_statistics_are_written_as_there_and_stand_for_the_images(
    expected: float, monkeypatch, capsys
):
    call(monkeypatch, "--save-stats photos photos.npz --dims 64")
    with np.load("photos.npz") as file:
        np.testing.assert_allclose(file["mu"], features(random_images(20, seed=0)).mean(0))
        assert file["sigma"].shape == (64, 64)
    call(monkeypatch, "photos.npz samples --dims 64")
    assert float(capsys.readouterr().out.split()[-1]) == pytest.approx(expected, rel=1e-9)
    with pytest.raises(SystemExit) as ended:
        call(monkeypatch, "--save-stats photos photos.npz --dims 64")
    assert ended.value.code == 2
    assert "Existing output file: photos.npz" in capsys.readouterr().err


@pytest.mark.usefixtures("cheap_inception")
def test_images_are_those_at_the_top_with_extensions_in_lower_case(folders: Path, expected: float):
    write_images(folders / "photos" / "below", random_images(3, seed=5))
    write_images(folders / "photos", random_images(3, seed=6), suffix=".PNG")
    paths = ["photos", "samples"]
    made = pytorch_fid.calculate_fid_given_paths(paths, 50, torch.device("cpu"), 64)
    assert made == pytest.approx(expected, rel=1e-9)


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(RuntimeError, match="Invalid path: nowhere"):
        pytorch_fid.calculate_fid_given_paths(["nowhere", str(tmp_path)], 50, "cpu", 2048)
    with pytest.raises(ValueError, match="out of 64, 192, 768, 2048, got 100"):
        pytorch_fid.calculate_fid_given_paths([str(tmp_path)] * 2, 50, "cpu", 100)


def test_files_are_read_as_there(tmp_path, capsys):
    """Transparency dropped, nothing turned; both are said. 16 bits, cut there, are refused."""
    red = np.full((12, 9, 4), (255, 0, 0, 0), np.uint8)
    Image.fromarray(red).save(tmp_path / "a.png")
    turned = Image.fromarray(random_images(1, seed=2)[0, :12, :9])
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "b.png", exif=exif)
    files = [str(tmp_path / name) for name in ("a.png", "b.png")]
    made = fid_score.get_activations(files, Maps(), 1, 3)
    assert made.shape == (2, 3)
    np.testing.assert_allclose(made[0], [1, 0, 0])
    said = capsys.readouterr().err
    assert "1 images of the files are transparent" in said
    assert "1 images of the files are turned by EXIF" in said
    Image.fromarray(np.full((8, 8), 4095, np.uint16)).save(tmp_path / "c.png")
    with pytest.raises(ValueError, match=r"c\.png: pixels of mode I;16 would be cut to 8 bits"):
        fid_score.get_activations([str(tmp_path / "c.png")], Maps(), 1, 3)


@pytest.mark.extras
@pytest.mark.filterwarnings("ignore:The `disp` argument is deprecated")
def test_functions_give_what_pytorch_fid_gives(folders: Path, peers):
    """With a model of the user's, and moments."""
    theirs = peers.pytorch_fid.fid_score
    files = sorted((folders / "samples").glob("*.png"))
    np.testing.assert_allclose(
        pytorch_fid.get_activations(files, Maps(), 4, 3),
        theirs.get_activations(files, Maps(), 4, 3, num_workers=0),
        rtol=1e-6,
    )
    sides = [
        module.compute_statistics_of_path(name, Maps(), 50, 3, "cpu", num_workers=0)
        for module in (theirs, pytorch_fid)
        for name in ("photos", "samples")
    ]
    distance = theirs.calculate_frechet_distance(*sides[0], *sides[1])
    assert pytorch_fid.calculate_frechet_distance(*sides[2], *sides[3]) == pytest.approx(
        distance, rel=1e-6
    )
