"""Studies asked with settings of one's own, and many of them in processes side by side."""

import concurrent.futures
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, TypeVar

from numpy.linalg import LinAlgError

from ttur.runtime.files import remove_unfinished
from ttur.runtime.progress import counted, task
from ttur.theory import catalogue
from ttur.theory.study import Study, StudyResult

MOST = 1000  # times the default's work, which may be asked of a study: hours

T = TypeVar("T")


def answer(study: Study, settings: Mapping[str, Any]) -> StudyResult:
    """What comes out of `study` with these settings, all else as by default.

    Raises:
        ValueError: if a setting is too large or too small to compute with.
    """
    try:
        with task(f"study {study.name}"):
            return study(**settings)
    except (ArithmeticError, LinAlgError) as error:
        asked = ", ".join(f"{name}={value}" for name, value in settings.items())
        raise ValueError(
            f"{study.name} cannot compute with {asked or 'its defaults'}: {error}; try values "
            "nearer to the defaults"
        ) from error


def check_size(study: Study, settings: Mapping[str, Any]) -> None:
    """Refuse counts that would take days, or all memory.

    Raises:
        ValueError: if a seed is below 0, or the others together are `MOST` times their defaults.
    """
    if settings.get("seed", 0) < 0:
        raise ValueError(f"seed: expected at least 0, got {settings['seed']}")
    counts = {name: n for name, n in settings.items() if isinstance(n, int) and name != "seed"}
    work = prod(max(n, 1) / study.defaults[name] for name, n in counts.items())
    if work > MOST:
        asked = ", ".join(f"{name}={n}" for name, n in counts.items())
        raise ValueError(
            f"{asked} is {work:.2g} times the work of {study.name} with its defaults; expected at "
            f"most {MOST:,} times"
        )


def side_by_side(
    work: Callable[[str, Path], T], folder: Path
) -> Iterator[tuple[str, T | BaseException]]:
    """(name, work(name, folder), or what that raised) of each study, in the order they end.

    A process per core, the longest study first; `work` is a function of a module, since processes
    find it by its name. Closed early, it ends them, and clears away what they were writing.
    """
    names = sorted(catalogue.STUDIES, key=lambda name: -catalogue.study(name).seconds)
    threads = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = threads or "1"  # a core each; processes inherit it
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(os.cpu_count(), context)
    try:
        futures = {pool.submit(work, name, folder): name for name in names}
        ended = concurrent.futures.as_completed(futures)
        for future in counted(ended, "studies", "studies", len(futures)):
            yield futures[future], future.exception() or future.result()
    except BaseException:  # interrupted: what runs would go on to its end, and queued work too
        for worker in multiprocessing.active_children():
            worker.terminate()
            worker.join()
            remove_unfinished(folder, worker.pid or 0)
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        if threads is None:
            del os.environ["OMP_NUM_THREADS"]
