"""One's own images: any folder or archive of them, in whatever sizes and folders."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from ttur.data.contents import Blocks, Contents, Fit
from ttur.data.images.ahead import fitted_blocks
from ttur.data.images.archives import image_entries
from ttur.data.images.files import ImageEntry
from ttur.data.images.framing import Framing
from ttur.data.published.description import PublishedImages
from ttur.data.published.image_folders import unlabelled_images


@contextmanager
def _read(published: PublishedImages, sources: list[Path], framing: Framing) -> Iterator[Contents]:
    """A folder with its folders, a zip or a tar; where all of them lie one folder deep, these are
    the classes.
    """
    with image_entries(sources[0]) as entries:
        yield images_by_folder(entries, framing)


def images_by_folder(entries: list[ImageEntry], fit: Fit) -> Contents:
    """Images as the single split `train`, by path.

    When all of them lie exactly one folder deep, in at least two folders, these are the classes.
    """
    folders = sorted({entry.path.rpartition("/")[0] for entry in entries})
    if len(folders) < 2 or any(not folder or "/" in folder for folder in folders):
        return unlabelled_images(entries, fit)
    label = {folder: index for index, folder in enumerate(folders)}
    # Not the order of the paths, where "a-b/1.png" stands before "a/1.png".
    entries = sorted(entries, key=lambda entry: entry.path.partition("/"))

    def blocks(split: str, first: int) -> Blocks:
        rest = islice(entries, first, None)
        return fitted_blocks(((entry, label[entry.path.partition("/")[0]]) for entry in rest), fit)

    return Contents("images in class folders", tuple(folders), {"train": len(entries)}, blocks)


OWN_IMAGES = PublishedImages(
    name="images",
    title="your own images: their folder, zip or tar",
    licence="that of the images' owners",
    usage="ttur prepare images FOLDER --name {name} --size 64",
    reader=_read,
)
