"""The rows of a study's table by what they measure."""

from typing import Any

from ttur.theory.study import StudyResult


def rows_of(result: StudyResult) -> dict[str, Any]:
    return {row.quantity: row for row in result.rows}
