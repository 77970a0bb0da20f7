import io
import os
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reference import archives
from ttur.data.images.archives import image_entries
from ttur.data.images.decode import decode, picture_of
from ttur.data.images.files import Folder
from ttur.data.images.framing import centre_crop_and_resize


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def constant(mode: str, colour) -> Image.Image:
    return Image.new(mode, (5, 3), colour)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (constant("RGB", (10, 20, 30)), (10, 20, 30)),
        (constant("L", 77), (77, 77, 77)),
        (constant("1", 1), (255, 255, 255)),
        (constant("RGBA", (200, 100, 50, 255)), (200, 100, 50)),
        (constant("RGBA", (200, 100, 50, 0)), (0, 0, 0)),  # on black
        (constant("LA", (100, 51)), (20, 20, 20)),  # a fifth of 100
        (constant("I;16", 0x1200), (0x12, 0x12, 0x12)),  # the high byte
        (constant("RGB", (9, 9, 9)).quantize(2), (9, 9, 9)),
    ],
    ids=["rgb", "grey", "bilevel", "opaque", "transparent", "grey with alpha", "16 bit", "palette"],
)
def test_every_mode_becomes_rgb_by_the_stated_policy(image, expected):
    pixels = decode(encoded(image), "here").pixels
    assert pixels.shape == (3, 5, 3)
    assert (pixels == expected).all()


def test_a_palette_is_looked_up():
    image = constant("RGB", (10, 200, 30)).quantize(4)
    assert (decode(encoded(image), "here").pixels == (10, 200, 30)).all()


def test_the_orientation_in_exif_is_applied():
    image = Image.fromarray(archives.pictures(1, side=8)[0][:5])
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    turned = decode(encoded(image, exif=exif.tobytes()), "here").pixels
    assert np.array_equal(turned, np.rot90(np.asarray(image), k=-1))


def facts(data: bytes) -> tuple:
    picture = decode(data, "here")
    return picture.format, picture.mode


def test_what_the_policy_did_is_reported():
    exif = Image.Exif()
    exif[0x0112] = 3
    turned = decode(encoded(constant("L", 7), "JPEG", exif=exif.tobytes()), "here")
    assert turned.rotated
    exif[0x0112] = 1
    assert not decode(encoded(constant("L", 7), "JPEG", exif=exif.tobytes()), "here").rotated
    assert decode(encoded(constant("RGBA", (1, 2, 3, 4))), "here").transparent
    assert not decode(encoded(constant("RGB", (1, 2, 3))), "here").transparent
    frames = [constant("RGB", (value, 0, 0)) for value in (10, 20)]
    for kind in ("PNG", "TIFF", "WEBP"):
        several = encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
        picture = decode(several, "here")
        assert picture.several_frames
        assert (picture.pixels == (10, 0, 0)).all()
    assert facts(encoded(constant("CMYK", (0, 0, 0, 9)), "JPEG")) == ("JPEG", "CMYK")
    assert facts(encoded(constant("RGB", (1, 2, 3)).quantize(4))) == ("PNG", "P")
    assert facts(encoded(constant("I;16", 5))) == ("PNG", "I;16 16-bit")


def test_colour_of_16_bits_keeps_its_high_byte_and_is_reported():
    """Pillow cannot write it: a PNG chunk by chunk."""
    row = b"\0" + bytes([0x12, 0xFF, 0x34, 0x00, 0x56, 0x80]) * 2
    picture = decode(archives.png(2, 2, row * 2, bits=16), "here")
    assert (picture.pixels == (0x12, 0x34, 0x56)).all()
    assert picture.mode == "RGB 16-bit"


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int16", "float32"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_pixels_of_no_agreed_range_are_refused_whatever_their_values(dtype, compression):
    image = Image.fromarray(np.arange(16).reshape(4, 4).astype(dtype))
    with pytest.raises(ValueError, match=r"wide\.tif: signed, 32-bit or floating-point pixels"):
        decode(encoded(image, "TIFF", compression=compression), "wide.tif")
    with pytest.raises(ValueError, match="no agreed range"):
        picture_of(image)


@pytest.mark.parametrize("bits", [8, 16])
def test_signed_samples_are_refused(bits):
    data = np.arange(4).astype(f"<i{bits // 8}").tobytes()
    with pytest.raises(ValueError, match="no agreed range"):
        decode(archives.tiff(bits, data, sample_format=2), "signed.tif")


def test_a_grey_netpbm_file_of_more_than_8_bits_spans_its_range():
    """Pillow holds it in 32 bits; its largest value, stated in the header, is white."""
    pixels = decode(b"P5 2 2 4095\n" + bytes([15, 255, 0, 0, 8, 0, 0, 255]), "a.pgm").pixels
    assert pixels[..., 0].tolist() == [[255, 0], [128, 15]]


TIFF_ROWS = {  # bits: two rows of two pixels, and their levels
    1: (bytes([0b01000000, 0b10000000]), [0, 255, 255, 0]),
    2: (bytes([0b00010000, 0b10110000]), [0, 85, 170, 255]),
    4: (bytes([0x0F, 0x3C]), [0, 255, 51, 204]),
    8: (bytes([0, 255, 18, 99]), [0, 255, 18, 99]),
    16: (np.array([0, 65535, 0x1234, 0x80FF], "<u2").tobytes(), [0, 255, 0x12, 0x80]),
}


@pytest.mark.parametrize("bits", TIFF_ROWS)
def test_white_is_zero_in_every_bit_depth(bits):
    data, levels = TIFF_ROWS[bits]
    black_is_zero = decode(archives.tiff(bits, data, photometric=1), "a.tif").pixels
    assert black_is_zero[..., 0].ravel().tolist() == levels
    white_is_zero = decode(archives.tiff(bits, data, photometric=0), "a.tif").pixels
    assert np.array_equal(white_is_zero, 255 - black_is_zero)


def test_a_tiff_of_12_bits_keeps_its_high_eight():
    pixels = decode(archives.tiff(12, bytes([0x00, 0x0F, 0xFF, 0x12, 0x38, 0x00])), "a.tif").pixels
    assert pixels[..., 0].ravel().tolist() == [0x00, 0xFF, 0x12, 0x80]


@pytest.mark.parametrize(
    ("bits", "row", "key", "levels"),
    [
        (1, b"\x80", b"\0\1", [0, 0]),
        (1, b"\x80", b"\0\0", [255, 0]),
        (2, b"\xd0", b"\0\3", [0, 85]),
        (4, b"\xf3", b"\0\x0f", [0, 51]),
        (4, b"\xf3", b"\0\3", [255, 0]),
        (8, b"\xff\x33", b"\0\xff", [0, 51]),
        (16, b"\x33\x10\x33\x11", b"\x33\x10", [0, 51]),
    ],
)
def test_a_transparent_grey_becomes_black_in_every_bit_depth(bits, row, key, levels):
    """tRNS states it in the units of the file (PNG, section 11.3.2.1)."""
    data = archives.png(2, 2, (b"\0" + row) * 2, bits=bits, colour=0, key=key)
    picture = decode(data, "grey.png")
    assert picture.transparent
    assert picture.pixels[0, :, 0].tolist() == levels


def test_a_transparent_colour_becomes_black_or_is_refused():
    rows = (b"\0" + bytes([1, 2, 3, 9, 9, 9])) * 2
    picture = decode(archives.png(2, 2, rows, key=bytes([0, 1, 0, 2, 0, 3])), "key.png")
    assert picture.pixels[0].tolist() == [[0, 0, 0], [9, 9, 9]]
    wide = archives.png(2, 2, (b"\0" + bytes(12)) * 2, bits=16, key=bytes(6))
    with pytest.raises(ValueError, match=r"key\.png: its transparent colour has 16 bits"):
        decode(wide, "key.png")


def test_transparency_is_composited_alike_in_every_mode():
    straight = Image.new("RGBA", (3, 3), (200, 100, 50, 51))
    expected = picture_of(straight.copy()).pixels
    assert (expected == (40, 20, 10)).all()  # a fifth
    assert np.array_equal(picture_of(straight.convert("RGBa")).pixels, expected)
    grey = Image.new("LA", (3, 3), (100, 51))
    palette = Image.new("P", (3, 3), 0)
    palette.putpalette([100] * 3)
    palette.info["transparency"] = bytes([51])
    both = Image.new("PA", (3, 3), (0, 51))
    both.putpalette([100] * 3)
    for image in (grey, grey.convert("La"), palette, both):
        picture = picture_of(image)
        assert picture.transparent
        assert (picture.pixels == 20).all(), image.mode


def test_damaged_metadata_changes_neither_pixels_nor_warnings():
    """Pillow warns of an EXIF block that ends too early; here warnings are errors."""
    image = constant("RGB", (1, 2, 3))
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0" + b"\x0e\x01\x02\0\xff\0\0\0\xff\xff\0\0"
    before = list(warnings.filters)
    pixels = decode(encoded(image, "JPEG", exif=exif), "here").pixels
    assert np.array_equal(pixels, decode(encoded(image, "JPEG"), "here").pixels)
    assert list(warnings.filters) == before


@pytest.mark.parametrize("size", [(1, 5), (5, 1)])
def test_an_image_smaller_than_two_pixels_is_refused(size):
    with pytest.raises(ValueError, match=f"at least 2x2 pixels, got {size[0]}x{size[1]} in tiny"):
        decode(encoded(Image.new("RGB", size)), "tiny.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP", "TIFF"])
def test_damaged_files_are_named(kind):
    data = encoded(Image.fromarray(archives.pictures(1)[0]), kind)
    for damaged in (data[: len(data) // 2], b"", b"\0" * 100, data[:3]):
        with pytest.raises(ValueError, match=r"cannot read the image folder/bad"):
            decode(damaged, "folder/bad")


def test_a_decompression_bomb_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    with pytest.raises(ValueError, match=r"bomb\.png.*limit of 50 pixels"):
        decode(encoded(Image.new("RGB", (8, 8))), "bomb.png")


def saved(folder: Path, names: list[str]) -> np.ndarray:
    images = archives.pictures(len(names), side=6)
    for name, image in zip(names, images, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / name, "PNG")
    return images


def read_pixels(path: Path) -> Iterator[np.ndarray]:
    with image_entries(path) as entries:
        for entry in entries:
            yield entry.pixels()


def test_folder_and_zip_give_the_same_images_by_path(tmp_path):
    names = ["b/2.png", "a.PNG", "b/10.png", "c.Jpg", "Z.png"]
    images = saved(tmp_path / "folder", names)
    (tmp_path / "folder" / "notes.txt").write_text("not an image")
    (tmp_path / "folder" / ".hidden.png").write_text("not an image")
    archive = archives.zipped(tmp_path / "folder", tmp_path / "folder.zip")
    expected = images[np.argsort(names)]
    for source in (tmp_path / "folder", archive):
        assert np.array_equal(np.stack(list(read_pixels(source))), expected)


def test_links_out_of_the_folder_are_refused(tmp_path):
    saved(tmp_path / "elsewhere", ["secret.png"])
    saved(tmp_path / "folder", ["a.png"])
    os.symlink(tmp_path / "elsewhere" / "secret.png", tmp_path / "folder" / "link.png")
    with pytest.raises(ValueError, match=r"link\.png links to a file outside"):
        list(read_pixels(tmp_path / "folder"))


@pytest.mark.parametrize(
    "name", ["../a.png", "/a.png", "a/../../b.png", "..\\a.png", "C:\\a.png", "\\a.png"]
)
def test_zip_members_outside_the_archive_are_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr(name, b"")
    with pytest.raises(ValueError, match=r"evil\.zip!.*outside the archive"):
        list(read_pixels(tmp_path / "evil.zip"))


def test_a_member_that_occurs_twice_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        archive.writestr("a.png", b"")
        archive.writestr("./a.png", b"")
    with pytest.raises(ValueError, match=r"twice\.zip!a\.png occurs twice"):
        list(read_pixels(tmp_path / "twice.zip"))


def test_a_zip_member_with_a_wrong_checksum_is_named(tmp_path):
    saved(tmp_path / "folder", ["a.png", "b.png"])
    archive = archives.zipped(tmp_path / "folder", tmp_path / "folder.zip")
    content = (tmp_path / "folder" / "b.png").read_bytes()
    damaged = content[:40] + bytes([content[40] ^ 1]) + content[41:]
    archive.write_bytes(archive.read_bytes().replace(content, damaged))
    with pytest.raises(ValueError, match=r"folder\.zip!b\.png.*CRC"):
        list(read_pixels(archive))


def paths(folder: Path, **options) -> list[str]:
    return [entry.path for entry in Folder(folder, **options).entries]


def test_links_within_a_folder_are_followed_and_each_folder_read_once(tmp_path):
    saved(tmp_path / "folder", ["b/1.png", ".hidden/2.png"])
    for target, link in (("b", "again"), (".", "self"), (".hidden", "shown"), ("..", "b/out")):
        os.symlink(target, tmp_path / "folder" / link, target_is_directory=True)
    os.symlink("1.png", tmp_path / "folder" / "b" / "3.png")
    assert paths(tmp_path / "folder") == ["b/1.png", "b/3.png", "shown/2.png"]


def test_links_to_the_outside_are_followed_only_if_asked_for(tmp_path):
    saved(tmp_path / "elsewhere", ["deep/1.png", "2.png"])
    saved(tmp_path / "folder", ["a.png"])
    os.symlink(tmp_path / "elsewhere", tmp_path / "folder" / "more")
    os.symlink(tmp_path / "folder", tmp_path / "elsewhere" / "deep" / "loop")
    with pytest.raises(ValueError, match=r"more links to a folder outside .*`follow_links`"):
        list(read_pixels(tmp_path / "folder"))
    closed = Folder(tmp_path / "folder")
    assert [entry.path for entry in closed.entries] == ["a.png"]
    assert closed.ignored == {"linked folder": 1}
    assert not closed.refused
    followed = paths(tmp_path / "folder", follow_links=True)
    assert followed == ["a.png", "more/2.png", "more/deep/1.png"]


def test_a_cache_of_links_into_blobs_is_read_by_the_option(tmp_path):
    """As Hugging Face, git-annex and DVC lay out what they fetch."""
    (tmp_path / "blobs").mkdir()
    images = saved(tmp_path / "blobs", ["0.png", "1.png"])
    (tmp_path / "snapshots" / "abc").mkdir(parents=True)
    for i in range(2):
        os.rename(tmp_path / "blobs" / f"{i}.png", tmp_path / "blobs" / f"{i:064}")
        os.symlink(f"../../blobs/{i:064}", tmp_path / "snapshots" / "abc" / f"{i}.png")
    assert paths(tmp_path) == ["snapshots/abc/0.png", "snapshots/abc/1.png"]
    snapshot = Folder(tmp_path / "snapshots" / "abc", follow_links=True)
    assert np.array_equal([entry.pixels() for entry in snapshot.entries], images)


def test_archives_with_back_slashes_are_read_as_folders(tmp_path):
    saved(tmp_path / "folder", ["a.png"])
    content = (tmp_path / "folder" / "a.png").read_bytes()
    with zipfile.ZipFile(tmp_path / "windows.zip", "w") as archive:
        archive.writestr("cats\\", b"")
        archive.writestr("cats\\1.png", content)
        archive.writestr("dogs\\.thumbs\\2.png", content)
    with image_entries(tmp_path / "windows.zip") as entries:
        assert [(entry.path, entry.label) for entry in entries] == [("cats/1.png", "cats")]


def test_a_postscript_file_called_jpg_is_refused(tmp_path):
    """Pillow would hand it to Ghostscript, a program of its own."""
    with pytest.raises(ValueError, match=r"program\.jpg: it is none of"):
        decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "program.jpg")


def triangle_weights(source: int, target: int) -> np.ndarray:
    """(target, source): a triangle of half width source/target around each output pixel centre."""
    scale = source / target
    centres = (np.arange(target)[:, None] + 0.5) * scale
    distance = abs(np.arange(source)[None] + 0.5 - centres) / scale
    weights = np.maximum(0, 1 - distance)
    return weights / weights.sum(1, keepdims=True)


def test_shrinking_averages_as_for_the_faces_of_the_paper():
    """Crop 108 of a 178x218 picture, size 64: against the filter written out in float64."""
    pixels = np.random.default_rng(1).integers(0, 256, (218, 178, 3), dtype=np.uint8)
    square = pixels[55:163, 35:143].astype(float)
    weights = triangle_weights(108, 64)
    expected = np.einsum("iy,jx,yxc->ijc", weights, weights, square)
    result = centre_crop_and_resize(pixels, crop=108, size=64)
    # Two roundings to whole levels, half a level each; without averaging it would err by 100.
    assert abs(result - expected).max() <= 1.01
