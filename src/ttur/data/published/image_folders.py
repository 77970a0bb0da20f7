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


def unlabelled_images(
    entries: list[ImageEntry], fit: Fit, files: tuple[Path, ...] = ()
) -> Contents:
    """Images as the single split `train`, by path, whatever folders they lie in; of `files`."""

    def blocks(split: str, first: int) -> Blocks:
        return fitted_blocks(((entry, None) for entry in islice(entries, first, None)), fit)

    return Contents("images", None, {"train": len(entries)}, blocks, files)
