"""Which files are images: what this Pillow decodes, and the plug-ins installed beside it."""

from dataclasses import dataclass
from functools import cache
from importlib import import_module

from PIL import Image

# Pillow states a type of each format, and none of what other programs draw or handlers must read
# (WMF, HDF5, GRIB), of measurements, textures and brushes; those of PostScript and video are no
# images. It forgot one.
_FORGOTTEN = {"QOI": "image/qoi"}
_ICONS = {"ICNS", "ICO"}  # one picture in several sizes: none of them is the image


@dataclass(frozen=True)
class PlugIn:
    """A package that teaches Pillow a format, on import or by a function of its module."""

    package: str
    module: str
    suffixes: tuple[str, ...]
    registers: str | None = None

    @property
    def is_installed(self) -> bool:
        """Whether it is, and Pillow now knows its formats."""
        try:
            module = import_module(self.module)
        except (ImportError, OSError):  # not there, or its library is not
            return False
        if self.registers:
            getattr(module, self.registers)()
        return True


PLUG_INS = (
    PlugIn("pillow-heif", "pillow_heif", (".heic", ".heif", ".hif"), "register_heif_opener"),
    PlugIn("pillow-jxl-plugin", "pillow_jxl", (".jxl",)),
)


@dataclass(frozen=True)
class Formats:
    """What is read, by Pillow's names of formats.

    `suffixes` have the format behind each extension; `recognised` formats say in their first bytes
    that they are it; `unread` extensions are of images, but the package that reads them is missing.
    """

    suffixes: dict[str, str]
    recognised: tuple[str, ...]
    unread: dict[str, str]

    def of(self, suffix: str) -> tuple[str, ...]:
        """What a file of that extension may be: what counts is the content, but a format without a
        mark, which any bytes might be, needs its own extension.
        """
        own = self.suffixes.get(suffix.lower())
        if own is None or own in self.recognised:
            return self.recognised
        return (*self.recognised, own)


@cache
def image_formats() -> Formats:
    """Of raster images that Pillow decodes itself or by an installed plug-in.

    Those are the formats it can open, knows an extension of and states an image type of. So a
    renamed EPS file never reaches Ghostscript.
    """
    unread = {
        suffix: plug_in.package
        for plug_in in PLUG_INS
        if not plug_in.is_installed
        for suffix in plug_in.suffixes
    }
    Image.init()
    types = Image.MIME | _FORGOTTEN
    suffixes = {
        suffix: name
        for suffix, name in Image.EXTENSION.items()
        if name in Image.OPEN and name not in _ICONS and types.get(name, "").startswith("image/")
    }
    named = sorted(set(suffixes.values()))
    marked = tuple(name for name in named if Image.OPEN[name][1] is not None)
    return Formats(suffixes, marked, {s: p for s, p in unread.items() if s not in suffixes})
