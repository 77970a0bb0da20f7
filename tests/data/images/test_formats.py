"""What counts as an image: by the formats of Pillow, and of plug-ins beside it."""

import io
import sys
from types import ModuleType

import numpy as np
import pytest
from PIL import Image, ImageFile

from reference import archives
from ttur.data.images.decode import decode
from ttur.data.images.files import Folder
from ttur.data.images.formats import image_formats

WRITTEN = ("avif", "bmp", "dib", "gif", "jfif", "jp2", "j2k", "jpg", "pcx", "pbm", "png", "ppm")
WRITTEN = (*WRITTEN, "qoi", "sgi", "tga", "tiff", "webp")


@pytest.mark.parametrize("suffix", WRITTEN)
def test_what_pillow_writes_is_read(suffix, tmp_path):
    if suffix not in {each[1:] for each in image_formats().suffixes}:
        pytest.skip(f"this Pillow has no {suffix}")
    image = Image.fromarray(np.kron(archives.pictures(1, side=2)[0], np.ones((8, 8, 1), np.uint8)))
    (tmp_path / "folder").mkdir()
    try:
        image.save(tmp_path / "folder" / f"a.{suffix}")
    except OSError:
        pytest.skip(f"this Pillow does not write {suffix}")
    (entry,) = Folder(tmp_path / "folder").entries
    assert entry.pixels().shape == (16, 16, 3)


@pytest.mark.parametrize(
    "suffix", ["eps", "ps", "pdf", "wmf", "emf", "mpg", "h5", "fits", "ico", "icns", "pcd", "svg"]
)
def test_what_other_programs_draw_is_no_image(suffix, tmp_path):
    (tmp_path / f"a.{suffix}").touch()
    files = Folder(tmp_path)
    assert not files.entries
    assert files.ignored == {f".{suffix}": 1}


def test_only_formats_without_a_mark_go_by_their_extension():
    """Any bytes might be a Targa file: under another name they are damage."""
    stream = io.BytesIO()
    Image.new("RGB", (4, 4), (1, 2, 3)).save(stream, "TGA")
    assert (decode(stream.getvalue(), "a.TGA").pixels == (1, 2, 3)).all()
    with pytest.raises(ValueError, match=r"a\.png: it is none of"):
        decode(stream.getvalue(), "a.png")
    png = io.BytesIO()
    Image.new("RGB", (4, 4), (1, 2, 3)).save(png, "PNG")
    assert (decode(png.getvalue(), "a.tga").pixels == (1, 2, 3)).all()


def test_without_its_plug_in_an_image_is_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)  # not to be imported
    known_to_pillow(monkeypatch)
    (tmp_path / "a.JXL").touch()
    files = Folder(tmp_path)
    assert not files.ignored
    assert files.refused == [
        (
            f"{tmp_path}/a.JXL",
            "is an image that cannot be read here: pip install pillow-jxl-plugin, or convert it",
        )
    ]


def test_with_its_plug_in_it_is_read(tmp_path, monkeypatch):
    """A stand-in for the package, which registers itself when it is imported."""

    class Stored(ImageFile.ImageFile):
        format = "JXL"

        def _open(self) -> None:
            self._mode, self._size = "RGB", (2, 2)
            self.tile = [ImageFile._Tile("raw", (0, 0, 2, 2), 3, "RGB")]

    known_to_pillow(monkeypatch)
    monkeypatch.setitem(sys.modules, "pillow_jxl", ModuleType("pillow_jxl"))
    Image.register_open("JXL", Stored, lambda prefix: prefix.startswith(b"JXL"))
    Image.register_extension("JXL", ".jxl")
    Image.register_mime("JXL", "image/jxl")
    (tmp_path / "a.jxl").write_bytes(b"JXL" + bytes(range(12)))
    (entry,) = Folder(tmp_path).entries
    assert entry.pixels().ravel().tolist() == list(range(12))


@pytest.fixture(autouse=True)
def asked_anew():
    image_formats.cache_clear()
    yield
    image_formats.cache_clear()


def known_to_pillow(monkeypatch) -> None:
    """What a test registers, or another plug-in did, is forgotten at its end."""
    Image.init()
    for table in ("OPEN", "MIME", "EXTENSION"):
        held = {key: value for key, value in getattr(Image, table).items() if "JXL" not in key}
        monkeypatch.setattr(Image, table, {k: v for k, v in held.items() if v != "JXL"})
    monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name != "JXL"])
