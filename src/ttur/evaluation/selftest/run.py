"""Is this installation right? Facts that must hold, measured here and now, one beside the other."""

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ttur.evaluation.selftest import closed_forms, networks, published_values
from ttur.evaluation.selftest.check import Check, Installation, Skipped
from ttur.runtime.progress import counted, task


@dataclass(frozen=True)
class CheckResult:
    """What became of a check. The numbers are None where none was measured.

    `remark` says why a check was skipped and the remedy, or the error that ended it.
    """

    name: str
    outcome: Literal["passed", "failed", "skipped"]
    expected: float | int | None
    got: float | int | None
    tolerance: float | int | None
    seconds: float
    remark: str

    def to_json(self) -> dict[str, Any]:
        """Numbers unrounded; the same names as the fields."""
        return asdict(self)


def checks() -> tuple[Check, ...]:
    """All there are, in the order they are made: the quick and basic ones first."""
    return (*closed_forms.CHECKS, *networks.CHECKS, *published_values.CHECKS)


def selftest(
    device: str = "cpu",
    weights: Path | None = None,
    data_directory: Path = Path("data"),
    full: bool = False,
    only: Iterable[Check] | None = None,
) -> list[CheckResult]:
    """Make the checks, `only` some or all: under two minutes on two cores, without downloads.

    `weights` are the published ones of Inception; without, they are taken from the cache, where an
    earlier command may have left them. `full` adds the published values that take longer. An error
    in a check is its failure and no other's; nothing is raised for it.

    Raises:
        FileNotFoundError: if there are no such weights.
    """
    if weights is not None and not weights.is_file():
        raise FileNotFoundError(f"expected a file of Inception weights, got {weights}, not a file")
    installation = Installation(device, weights, data_directory, full)
    results = []
    chosen = checks() if only is None else tuple(only)
    for check in counted(chosen, "checks", "checks"):
        with task(check.name):
            results.append(_result(check, installation))
    return results


def _result(check: Check, installation: Installation) -> CheckResult:
    start = time.perf_counter()
    try:
        measured = check.measure(installation)
    except Skipped as reason:
        return _without_number(check, "skipped", start, str(reason))
    except Exception as error:  # whatever a broken installation raises
        return _without_number(check, "failed", start, f"{type(error).__name__}: {error}")
    return CheckResult(
        check.name,
        "passed" if measured.holds else "failed",
        measured.expected,
        measured.got,
        measured.tolerance,
        time.perf_counter() - start,
        measured.remark,
    )


def _without_number(
    check: Check, outcome: Literal["failed", "skipped"], start: float, remark: str
) -> CheckResult:
    return CheckResult(check.name, outcome, None, None, None, time.perf_counter() - start, remark)
