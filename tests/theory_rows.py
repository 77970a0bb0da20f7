"""The rows of a study's table by what they measure."""

from ttur.theory.study import Row, StudyResult


def rows_of(result: StudyResult) -> dict[str, Row]:
    return {row.quantity: row for row in result.rows}
