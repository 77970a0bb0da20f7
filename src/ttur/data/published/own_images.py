"""One's own images: any folder or archive of them, in whatever sizes and folders."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ttur.data.contents import Contents
from ttur.data.images.archives import image_entries
from ttur.data.images.framing import Framing
from ttur.data.published.description import PublishedImages
from ttur.data.published.image_folders import images_by_folder


@contextmanager
def _read(published: PublishedImages, sources: list[Path], framing: Framing) -> Iterator[Contents]:
    """A folder with its folders, a zip or a tar; where all of them lie one folder deep, these are
    the classes.
    """
    with image_entries(sources[0]) as entries:
        yield images_by_folder(entries, framing)


OWN_IMAGES = PublishedImages(
    name="images",
    title="your own images: their folder, zip or tar",
    licence="that of the images' owners",
    usage="ttur prepare images FOLDER --name {name} --size 64",
    reader=_read,
)
