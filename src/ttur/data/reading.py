"""Many image files become pictures: in order, decoded by several threads ahead of their reader."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from ttur.data.image_files import ImageEntry, ImageFiles
from ttur.data.images import Picture

_THREADS = 4  # Pillow decodes outside the interpreter's lock
_GROUP_BYTES = 2**20  # of pixels in one task: small images are decoded 32 at a time
_AHEAD_BYTES = 256 * 2**20  # of pixels in all tasks, if the next images are like the last


def read_pictures(
    files: ImageFiles, entries: list[ImageEntry]
) -> Iterator[tuple[ImageEntry, Picture | ValueError]]:
    """Each entry with its picture, or with the error that names it. The threads end with it."""
    jobs = zip(entries, files.readers(entries), strict=True)
    group, ahead = 1, _THREADS
    pending = deque()
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="decode")
    try:
        while True:
            if tasks := list(islice(jobs, group)):
                pending.append(pool.submit(_pictures, tasks))
            elif not pending:
                return
            if tasks and len(pending) <= ahead:
                continue
            for entry, picture in pending.popleft().result():
                if isinstance(picture, Picture):
                    size = picture.pixels.nbytes
                    group = max(1, min(32, _GROUP_BYTES // size))
                    ahead = max(1, min(2 * _THREADS, _AHEAD_BYTES // (group * size)))
                yield entry, picture
    finally:
        pool.shutdown(cancel_futures=True)


def _pictures(
    tasks: list[tuple[ImageEntry, Callable[[], bytes]]],
) -> list[tuple[ImageEntry, Picture | ValueError]]:
    pictures: list[tuple[ImageEntry, Picture | ValueError]] = []
    for entry, read in tasks:
        try:
            pictures.append((entry, entry.picture(read)))
        except ValueError as error:
            pictures.append((entry, error))
    return pictures
