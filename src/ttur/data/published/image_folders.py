"""Folders and archives of images, class folders or not, as the splits of a data set."""

from itertools import islice
from pathlib import Path, PurePosixPath

from ttur.data.contents import Blocks, Contents, Fit
from ttur.data.images.ahead import fitted_blocks
from ttur.data.images.files import ImageEntry


def class_folders(
    entries: list[ImageEntry], source: Path, classes: tuple[str, ...], size: int | None, fit: Fit
) -> Contents:
    """A published data set as `train/<class>/*` and `test/<class>/*`, in the order of the entries:
    by path, hence by class, then file name.

    A folder above `train` and `test` is allowed. With `size`, every fitted image must have it.
    """
    splits: dict[str, list[tuple[ImageEntry, int]]] = {"train": [], "test": []}
    tops = set[PurePosixPath]()
    for entry in entries:
        *top, split, folder, _ = ("", "", *PurePosixPath(entry.path).parts)
        tops.add(PurePosixPath(*top))
        if split not in splits or folder not in classes or len(tops) > 1:
            raise ValueError(
                f"expected train/<class>/* and test/<class>/* with the classes "
                f"{', '.join(classes)} in {source}, got {entry.path}"
            )
        splits[split].append((entry, classes.index(folder)))
    shape = None if size is None else (size, size)
    return Contents(
        kind="images in class folders",
        classes=classes,
        counts={split: len(labelled) for split, labelled in splits.items()},
        blocks=lambda split, first: fitted_blocks(splits[split][first:], fit, shape),
    )


def unlabelled_images(
    entries: list[ImageEntry], fit: Fit, files: tuple[Path, ...] = ()
) -> Contents:
    """Images as the single split `train`, by path, whatever folders they lie in; of `files`."""

    def blocks(split: str, first: int) -> Blocks:
        return fitted_blocks(((entry, None) for entry in islice(entries, first, None)), fit)

    return Contents("images", None, {"train": len(entries)}, blocks, files)
