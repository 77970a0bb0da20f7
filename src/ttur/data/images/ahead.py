"""Many images become pixels: in order, decoded by several threads ahead of their reader."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from queue import SimpleQueue
from threading import Thread
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np

from ttur.data.contents import Block, Blocks, Fit
from ttur.data.images.decode import Picture
from ttur.data.images.files import ImageEntry, ImageFiles

DECODING_THREADS = min(16, max(4, os.cpu_count() or 1))
"""Pillow decodes outside the interpreter's lock."""
GROUP_BYTES = 2**20
"""Of pixels in one task: small images are decoded 32 at a time."""
AHEAD_BYTES = 256 * 2**20
"""Of pixels in all tasks, if the next images are like the last."""
BLOCK_IMAGES = 256
"""Images of a block at most."""
_BLOCK_BYTES = 32 * 2**20

_Made = TypeVar("_Made")
_Job = Callable[[], tuple[_Made, int]]
"""What it makes, and how many bytes of pixels that is, 0 for none."""
Read = tuple[ImageEntry, Picture | ValueError]


@runtime_checkable
class Encoded(Protocol):
    """An image that is read and decoded when its turn comes, in any thread."""

    @property
    def where(self) -> str:
        """Its name in messages."""
        ...

    def pixels(self) -> np.ndarray: ...


Labelled = tuple[Encoded, int | None]


def read_pictures(files: ImageFiles, entries: list[ImageEntry]) -> Generator[Read, None, None]:
    """Each entry with its picture, or with the error that names it."""
    readers = files.readers(entries)
    return _ahead(partial(_read, *job) for job in zip(entries, readers, strict=True))


def fitted_blocks(
    labelled: Iterable[Labelled], fit: Fit, shape: tuple[int, int] | None = None
) -> Blocks:
    """Images in the order given, in blocks; while one is used, the next are decoded.

    Every fitted image must have the (height, width) `shape`, or that of the first one.

    Raises:
        ValueError: naming the first image that cannot be read or has another size.
    """
    samples, labels = [], []
    with closing(_ahead(partial(_fit_one, fit, *one) for one in labelled)) as ahead:
        for where, pixels, label in ahead:
            shape = shape or pixels.shape[:2]
            if pixels.shape[:2] != shape:
                raise ValueError(
                    f"expected {shape[1]}x{shape[0]} pixels in every image, got "
                    f"{pixels.shape[1]}x{pixels.shape[0]} in {where}; give the `size` you want"
                )
            samples.append(pixels)
            labels += [] if label is None else [label]
            if len(samples) == max(1, min(BLOCK_IMAGES, _BLOCK_BYTES // pixels.nbytes)):
                yield _block(samples, labels)
                samples, labels = [], []
    if samples:
        yield _block(samples, labels)


def _ahead(jobs: Iterator[_Job[_Made]]) -> Generator[_Made, None, None]:
    """What the jobs make, in their order; what one raises is raised in its turn.

    The jobs are taken from their iterator by the reader's thread. The threads that do them end with
    this generator.
    """
    group, ahead = 1, DECODING_THREADS
    pending = deque[_Task[_Made]]()
    # No executor: whoever abandons this generator leaves its end to the garbage collector, which
    # may come in any thread, while that very thread holds a lock an executor's end would wait for.
    tasks: SimpleQueue[_Task[_Made] | None] = SimpleQueue()
    for _ in range(DECODING_THREADS):
        Thread(target=_work, args=(tasks,), name="decode", daemon=True).start()
    try:
        while True:
            if some := list(islice(jobs, group)):
                pending.append(_Task(some))
                tasks.put(pending[-1])
            elif not pending:
                return
            if some and len(pending) <= ahead:
                continue
            for made, size in pending.popleft().results():
                if size:
                    group = max(1, min(32, GROUP_BYTES // size))
                    ahead = max(1, min(2 * DECODING_THREADS, AHEAD_BYTES // (group * size)))
                yield made
    finally:
        for task in pending:
            task.jobs.clear()  # nobody waits for it any more
        for _ in range(DECODING_THREADS):
            tasks.put(None)


class _Task(Generic[_Made]):
    """A few jobs for one thread, and the place where it leaves what came of them."""

    def __init__(self, jobs: list[_Job[_Made]]) -> None:
        self.jobs = jobs
        self._done: SimpleQueue[tuple[list[tuple[_Made, int]], BaseException | None]]
        self._done = SimpleQueue()

    def run(self) -> None:
        made = []
        try:
            for job in self.jobs:
                made.append(job())
        except BaseException as error:  # the reader's, not this thread's
            self._done.put((made, error))
        else:
            self._done.put((made, None))

    def results(self) -> Iterator[tuple[_Made, int]]:
        made, error = self._done.get()
        yield from made
        if error is not None:
            raise error


def _work(tasks: "SimpleQueue[_Task[Any] | None]") -> None:
    while (task := tasks.get()) is not None:
        task.run()


def _read(entry: ImageEntry, read: Callable[[], bytes]) -> tuple[Read, int]:
    try:
        picture = entry.picture(read)
    except ValueError as error:
        return (entry, error), 0
    return (entry, picture), picture.pixels.nbytes


def _fit_one(
    fit: Fit, image: Encoded, label: int | None
) -> tuple[tuple[str, np.ndarray, int | None], int]:
    pixels = image.pixels()
    try:
        fitted = fit(pixels)
    except ValueError as error:
        raise ValueError(f"{image.where}: {error}") from error
    return (image.where, fitted, label), fitted.nbytes


def _block(samples: list[np.ndarray], labels: list[int]) -> Block:
    return Block(np.stack(samples), np.array(labels, np.int64) if labels else None)
