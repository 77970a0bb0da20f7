"""`ttur theory`: the theorems as studies that run."""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from errno import EACCES, ENOTDIR
from inspect import signature
from math import prod
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ttur.cli.exits import FAILED
from ttur.cli.options import Json
from ttur.cli.output import console, print_json, print_table

if TYPE_CHECKING:
    from ttur.theory.study import Study, StudyResult

ALL = "all"
MOST = 1000  # times the default's work, which may be asked of a study: hours


def theory(
    name: Annotated[str | None, typer.Argument(help="A study, or all; none lists them.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="A setting of the study, repeatable; `ttur theory NAME` prints all it has.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the figures.")] = Path("theory"),
    as_json: Json = False,
) -> None:
    """Run a theorem as a study: a figure, predicted beside measured, and what it shows."""
    if name in (None, ALL) and settings:
        raise ValueError("--set is for one study; name it")
    if name is None:
        _list(as_json)
    elif name == ALL:
        _run_all(out, as_json)
    else:
        from ttur.runtime.settings import arguments, assignments
        from ttur.theory.catalogue import study

        chosen = study(name)
        chosen_settings = arguments(chosen.run, assignments(settings or ()))
        _check_size(chosen, chosen_settings)
        report = _write(chosen, chosen_settings, out)
        print_json(report.to_json()) if as_json else report.print()


@dataclass(frozen=True)
class _Report:
    """A study that has run, with all its settings, its figures, and the seconds it took."""

    study: "Study"
    settings: dict[str, Any]
    result: "StudyResult"
    files: list[Path]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        from ttur.reports.theory import row_to_json

        return _describe(self.study) | {
            "settings": self.settings,
            "rows": [row_to_json(row) for row in self.result.rows],
            "sentence": self.result.sentence,
            "files": [str(path) for path in self.files],
            "seconds": self.seconds,
        }

    def print(self) -> None:
        from ttur.reports.theory import rows_table

        settings = ", ".join(f"{name}={value}" for name, value in self.settings.items())
        print(f"{self.study.name}: {self.study.theorem}\n{self.study.question}\nwith {settings}\n")
        console().print(rows_table(self.result.rows))
        print(f"\n{fill(self.result.sentence, 100)}\n")
        for path in self.files:
            print(path)


def _describe(study: "Study") -> dict[str, Any]:
    return {
        "name": study.name,
        "theorem": study.theorem,
        "question": study.question,
        "settings": _defaults(study),
        "seconds": study.seconds,
    }


def _defaults(study: "Study") -> dict[str, Any]:
    return {name: argument.default for name, argument in signature(study.run).parameters.items()}


def _list(as_json: bool) -> None:
    from ttur.theory.catalogue import STUDIES, study

    studies = [study(name) for name in STUDIES]
    if as_json:
        print_json({"studies": [_describe(each) for each in studies]})
        return
    print_table(
        ["study", "theorem", "question", "takes"],
        [[e.name, e.theorem, e.question, f"{e.seconds:.0f} s"] for e in studies],
    )


def _check_size(study: "Study", settings: dict[str, Any]) -> None:
    """Refuse counts that would take days, or all memory.

    Raises:
        ValueError: if a seed is below 0, or the others together are `MOST` times their defaults.
    """
    if settings.get("seed", 0) < 0:
        raise ValueError(f"seed: expected at least 0, got {settings['seed']}")
    counts = {name: n for name, n in settings.items() if isinstance(n, int) and name != "seed"}
    defaults = _defaults(study)
    work = prod(max(n, 1) / defaults[name] for name, n in counts.items())
    if work > MOST:
        asked = ", ".join(f"{name}={n}" for name, n in counts.items())
        raise ValueError(
            f"{asked} is {work:.2g} times the work of {study.name} with its defaults; expected at "
            f"most {MOST:,} times"
        )


def _make_folder(out: Path) -> None:
    """Raises: NotADirectoryError, PermissionError: if no figure can be written there."""
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(ENOTDIR, "is a file; --out expects a folder", str(out))
    out.mkdir(parents=True, exist_ok=True)
    if not os.access(out, os.W_OK):
        raise PermissionError(EACCES, "cannot be written to", str(out))


def _write(study: "Study", settings: dict[str, Any], out: Path) -> _Report:
    """Run `study` and draw what came out."""
    from ttur.reports.theory import draw_study, figure_files

    figure = out / f"{study.name}.png"
    _make_folder(out)  # rather refused now than after the study
    figure_files(figure)
    start = time.perf_counter()
    result = _answer(study, settings)
    files = draw_study(result, figure, f"{study.theorem}\n{study.question}")
    seconds = round(time.perf_counter() - start, 1)
    return _Report(study, _defaults(study) | settings, result, files, seconds)


def _answer(study: "Study", settings: dict[str, Any]) -> "StudyResult":
    """Raises: ValueError: if a setting is too large or too small to compute with."""
    from numpy.linalg import LinAlgError

    try:
        return study(**settings)
    except (ArithmeticError, LinAlgError) as error:
        asked = ", ".join(f"{name}={value}" for name, value in settings.items())
        raise ValueError(
            f"{study.name} cannot compute with {asked or 'its defaults'}: {error}; try values "
            "nearer to the defaults"
        ) from error


def _write_by_name(name: str, out: Path) -> _Report:
    """`_write` in a process of its own; the curves stay there."""
    from ttur.theory.catalogue import study

    report = _write(study(name), {}, out)
    return replace(report, result=replace(report.result, panels=()))


def _run_all(out: Path, as_json: bool) -> None:
    """Every study; one that fails does not stop the others, but sets the exit code."""
    from ttur.theory.catalogue import STUDIES

    _make_folder(out)
    reports: dict[str, _Report] = {}
    failures: dict[str, str] = {}
    try:
        for name, outcome in _side_by_side(out):
            if isinstance(outcome, _Report):
                reports[name] = outcome
                print(f"{name}: {outcome.seconds} s", file=sys.stderr)
            else:
                failures[name] = f"{type(outcome).__name__}: {outcome}"
                print(f"error: {name}: {failures[name]}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"interrupted; {len(reports)} figures are in {out}", file=sys.stderr)
        raise
    ordered = [reports[name] for name in STUDIES if name in reports]
    if as_json:
        print_json({"studies": [each.to_json() for each in ordered], "failed": failures})
    else:
        for report in ordered:
            report.print()
            print()
        print(f"{len(ordered)} studies, {len(failures)} failed")
    if failures:
        raise typer.Exit(FAILED)


def _side_by_side(out: Path) -> Iterator[tuple[str, _Report | BaseException]]:
    """Each study's report, or what it raised, as they end; a process per core, long ones first."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed

    from ttur.runtime.files import remove_unfinished
    from ttur.theory.catalogue import STUDIES, study

    os.environ.setdefault("OMP_NUM_THREADS", "1")  # a core each
    names = sorted(STUDIES, key=lambda name: -study(name).seconds)
    pool = ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn"))
    try:
        futures = {pool.submit(_write_by_name, name, out): name for name in names}
        for future in as_completed(futures):
            yield futures[future], future.exception() or future.result()
    except BaseException:  # interrupted: what runs would go on to its end, and queued work too
        for worker in multiprocessing.active_children():
            worker.terminate()
            worker.join()
            remove_unfinished(out, worker.pid or 0)
        raise
    finally:
        pool.shutdown(cancel_futures=True)
