"""Which part of an image is kept: of one's own images of any shape, as FFHQ-like folders have."""

import numpy as np
import pytest
from PIL import Image

from reference import archives
from ttur.data import catalogue
from ttur.data.images.framing import Framing, pad_to_square
from ttur.data.preparing.prepare import prepare

SIZES = {"00000/wide.png": (12, 6), "00000/tall.png": (5, 9), "01000/square.jpg": (8, 8)}


@pytest.fixture
def own(tmp_path) -> dict[str, np.ndarray]:
    """Images of several shapes, kinds and folders; the pixels they decode to, by path."""
    decoded = {}
    for seed, (name, (width, height)) in enumerate(SIZES.items()):
        path = tmp_path / "own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(seed)
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)
        decoded[name] = np.array(Image.open(path).convert("RGB"))
    grey = np.arange(24, dtype=np.uint8).reshape(4, 6)
    Image.fromarray(grey).save(tmp_path / "own/01000/grey.png")
    decoded["01000/grey.png"] = np.repeat(grey[..., None], 3, axis=2)
    half = np.full((6, 3, 4), 128, np.uint8)
    Image.fromarray(half, "RGBA").save(tmp_path / "own/01000/half.png")
    decoded["01000/half.png"] = np.full((6, 3, 3), 64, np.uint8)  # 128 · 128/255 on black
    return dict(sorted(decoded.items()))


def padded_by_hand(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    side = max(height, width)
    square = np.zeros((side, side, 3), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = pixels
    return square


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_padded_images_are_whole_on_a_black_square(tmp_path, own, form):
    source = tmp_path / "own"
    if form == "zip":
        source = archives.zipped(source, tmp_path / "own.zip")
    card = prepare("images", [source], tmp_path / "data", target_name="faces", size=8, pad=True)
    loaded = catalogue.load("faces", tmp_path / "data")
    bilinear = Image.Resampling.BILINEAR
    expected = [
        np.array(Image.fromarray(padded_by_hand(pixels)).resize((8, 8), bilinear))
        for pixels in own.values()
    ]
    assert np.array_equal(loaded.images, expected)
    made = {key: card.how_made[key] for key in ("size", "crop", "pad")}
    assert made == {"size": 8, "crop": None, "pad": "black"}


def test_without_padding_the_card_says_nothing_of_it(tmp_path, own):
    options = {"target_name": "faces", "size": 8}
    card = prepare("images", [tmp_path / "own"], tmp_path / "data", **options)
    assert "pad" not in card.how_made
    with pytest.raises(FileExistsError, match=r"pad None \(now black\)"):
        prepare("images", [tmp_path / "own"], tmp_path / "data", pad=True, **options)


def test_images_of_one_shape_are_padded_without_a_size(tmp_path):
    archives.celeba_folder(tmp_path / "faces", 2)
    card = prepare("images", [tmp_path / "faces"], tmp_path / "data", target_name="own", pad=True)
    assert catalogue.load("own", tmp_path / "data").images.shape == (2, 218, 218, 3)
    assert card.how_made["size"] is None


def test_published_images_that_are_not_square_can_be_padded(tmp_path, small_data_sets):
    faces = archives.celeba_folder(tmp_path / "faces", 12)
    card = prepare("celeba", [tmp_path / "faces"], tmp_path / "data", size=218, pad=True)
    loaded = catalogue.load("celeba", tmp_path / "data")
    assert np.array_equal(loaded.images[:, :, 20:198], faces)
    assert not loaded.images[:, :, :20].any()
    assert not loaded.images[:, :, 198:].any()
    assert card.how_made["crop"] is None


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("images", {"crop": 4}, "expected `crop` or `pad`, which keeps the whole image, got both"),
        ("cifar10", {}, "`pad` is for images that are not square, and those of cifar10 are"),
        ("text", {}, "so is `pad`; text is text"),
    ],
)
def test_padding_what_cannot_be_padded_is_refused(tmp_path, name, options, words):
    with pytest.raises(ValueError, match=words):
        prepare(name, [tmp_path], tmp_path / "data", target_name="own", pad=True, **options)


def test_the_command_line_pads(tmp_path, own, ttur, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = ttur("prepare images own --name faces --size 16 --pad")
    assert (code, out.splitlines()) == (
        0,
        [
            "made: data/faces: train 5 images of 16 × 16",
            "licence: that of the images' owners",
            "next: ttur run demo --set data=faces --metric fd_cifar10",
        ],
    )
    code, _, err = ttur("prepare images own --name others --size 16 --crop 4 --pad")
    assert code == 2
    assert "--crop or --pad" in err


@pytest.mark.parametrize(("height", "width"), [(5, 8), (8, 5), (4, 4), (7, 1)])
def test_an_odd_margin_has_its_extra_row_or_column_last(height, width):
    pixels = np.full((height, width, 3), 9, np.uint8)
    assert np.array_equal(pad_to_square(pixels), padded_by_hand(pixels))


def test_what_is_to_be_left_alone_is_the_same_array():
    pixels = np.zeros((3, 5, 3), np.uint8)
    assert Framing()(pixels) is pixels
    assert Framing(size=3)(pixels).shape == (3, 3, 3)
