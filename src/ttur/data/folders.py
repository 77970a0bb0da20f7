"""Folders and zip archives of images, class folders or not, become labelled blocks."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import numpy as np

from ttur.data.contents import Block, Contents, Fit
from ttur.data.image_files import ImageEntry

_BLOCK = 256  # images decoded at a time
_THREADS = 4  # Pillow decodes outside the interpreter's lock


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
        *top, split, folder, _ = PurePosixPath("/", entry.path).parts
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
        blocks=lambda split: _decoded(splits[split], shape, fit),
    )


def own_images(entries: list[ImageEntry], fit: Fit) -> Contents:
    """One's own images as the single split `train`, by path.

    When all of them lie exactly one folder deep, in at least two folders, these are the classes.
    """
    parents = [PurePosixPath(entry.path).parts[:-1] for entry in entries]
    folders = sorted({parent[0] for parent in parents if parent})
    labelled: list[tuple[ImageEntry, int | None]] = [(entry, None) for entry in entries]
    classes = None
    if all(len(parent) == 1 for parent in parents) and len(folders) > 1:
        classes = tuple(folders)
        labelled = [
            (entry, classes.index(folder))
            for entry, (folder,) in zip(entries, parents, strict=True)
        ]
        # Not the order of the paths, where "a-b/1.png" stands before "a/1.png".
        labelled.sort(key=lambda pair: (pair[1], pair[0].path))
    return Contents(
        kind="images" if classes is None else "images in class folders",
        classes=classes,
        counts={"train": len(labelled)},
        blocks=lambda split: _decoded(labelled, None, fit),
    )


def _decoded(
    labelled: list[tuple[ImageEntry, int]] | list[tuple[ImageEntry, int | None]],
    shape: tuple[int, int] | None,
    fit: Fit,
) -> Iterator[Block]:
    def fitted(entry: ImageEntry) -> np.ndarray:
        pixels = entry.pixels()
        try:
            return fit(pixels)
        except ValueError as error:
            raise ValueError(f"{entry.where}: {error}") from error

    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, len(labelled), _BLOCK):
            block = labelled[start : start + _BLOCK]
            images = list(pool.map(fitted, [entry for entry, _ in block]))
            shape = shape or images[0].shape[:2]
            for (entry, _), image in zip(block, images, strict=True):
                if image.shape[:2] != shape:
                    raise ValueError(
                        f"expected {shape[1]}x{shape[0]} pixels in every image, got "
                        f"{image.shape[1]}x{image.shape[0]} in {entry.where}; "
                        "give the size you want with --size"
                    )
            labels = [label for _, label in block if label is not None]
            yield Block(np.stack(images), np.array(labels, np.int64) if labels else None)
