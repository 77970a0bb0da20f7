"""Many image files become pictures: in order, decoded by several threads ahead of their reader."""

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from queue import SimpleQueue
from threading import Thread

from ttur.data.image_files import ImageEntry, ImageFiles
from ttur.data.images import Picture

_THREADS = 4  # Pillow decodes outside the interpreter's lock
_GROUP_BYTES = 2**20  # of pixels in one task: small images are decoded 32 at a time
_AHEAD_BYTES = 256 * 2**20  # of pixels in all tasks, if the next images are like the last

Job = tuple[ImageEntry, Callable[[], bytes]]
Read = tuple[ImageEntry, Picture | ValueError]


def read_pictures(files: ImageFiles, entries: list[ImageEntry]) -> Iterator[Read]:
    """Each entry with its picture, or with the error that names it. The threads end with it."""
    jobs = zip(entries, files.readers(entries), strict=True)
    group, ahead = 1, _THREADS
    pending = deque[_Task]()
    # No executor: whoever abandons this generator leaves its end to the garbage collector, which
    # may come in any thread, while that very thread holds a lock an executor's end would wait for.
    tasks: SimpleQueue[_Task | None] = SimpleQueue()
    for _ in range(_THREADS):
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
            for entry, picture in pending.popleft().result():
                if isinstance(picture, Picture):
                    size = picture.pixels.nbytes
                    group = max(1, min(32, _GROUP_BYTES // size))
                    ahead = max(1, min(2 * _THREADS, _AHEAD_BYTES // (group * size)))
                yield entry, picture
    finally:
        for task in pending:
            task.jobs.clear()  # nobody waits for it any more
        for _ in range(_THREADS):
            tasks.put(None)


class _Task:
    """A few jobs for one thread, and the place where it leaves what came of them."""

    def __init__(self, jobs: list[Job]) -> None:
        self.jobs = jobs
        self._done: SimpleQueue[list[Read] | BaseException] = SimpleQueue()

    def run(self) -> None:
        try:
            self._done.put([(entry, _picture(entry, read)) for entry, read in self.jobs])
        except BaseException as error:  # the reader's, not this thread's
            self._done.put(error)

    def result(self) -> list[Read]:
        made = self._done.get()
        if isinstance(made, BaseException):
            raise made
        return made


def _work(tasks: "SimpleQueue[_Task | None]") -> None:
    while (task := tasks.get()) is not None:
        task.run()


def _picture(entry: ImageEntry, read: Callable[[], bytes]) -> Picture | ValueError:
    try:
        return entry.picture(read)
    except ValueError as error:
        return error
