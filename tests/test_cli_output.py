"""What commands print fits its terminal: tables fold at words and lose the least important columns,
sentences fold at words; in a pipe and with --wide all is whole.
"""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from reports.records import RUNS, grid
from reports.test_disturbances import study as disturbances
from ttur.analysis.budget import equal_budgets
from ttur.analysis.groups import group_runs
from ttur.analysis.ranking import rankings
from ttur.cli.output import print_number, print_table, print_text, width_of
from ttur.evaluation.classes import ClassEvaluation
from ttur.evaluation.result import Evaluation, Measurement
from ttur.evaluation.selftest.run import CheckResult
from ttur.reports.disturbances import study_table
from ttur.reports.evaluations import checks_table, checks_text, classes_table, evaluation_table
from ttur.reports.table import Column, Table, number, without_empty
from ttur.reports.tables import (
    budget_table,
    groups_table,
    places_table,
    ranking_table,
    runs_table,
)
from ttur.reports.theory import StudyReport, reports_table, rows_table
from ttur.runtime.folding import folded
from ttur.theory.study import Row, Study, StudyResult

INTERVAL = {"low": 0.0, "high": 0.125805, "level": 0.95, "estimate": 0.0403, "covers": ("real",)}
MADE = (
    Measurement("fd_cifar10", 0.136652, {"interval": INTERVAL}),
    Measurement("kid_cifar10", 0.0021, {"standard_error": 0.0004, "subsets": 100}),
    Measurement("precision_k3_cifar10", 0.71, {"k": 3}),
)
EVALUATION = Evaluation(
    measurements=MADE,
    protocol="tf1",
    counts={"real": 400, "generated": 150},
    fingerprints={},
    audit={},
)
CLASSES = ClassEvaluation(
    classes=dict.fromkeys(("aeroplane", "a class of another name", "ship"), EVALUATION),
    lacking={},
    too_few={},
)
CHECKS = [
    CheckResult("features of inception twice, to the bit", "passed", 0, 0, 0, 1.69, ""),
    CheckResult("the distance of Gaussians", "failed", 1.234567891, 1.3, 1e-9, 0.02, ""),
    CheckResult(
        *("FID of 256 CIFAR-10 images (torch-fidelity)", "skipped", None, None, None, 0.0),
        "needs CIFAR-10: `ttur prepare cifar10 ARCHIVE --data data` with the archive",
    ),
]
ROWS = (
    Row("order of convergence, Adam, bias-corrected", 1.0, 1.121),
    Row(
        "Var theta_n / a(n), noisy heavy ball, n = 1000 (limit s2/(2 L) = 0.5)", 0.81, 0.8093, 0.01
    ),
    Row("x after 5000 updates, Adam, beta1 = 0.9", None, -2.768e-85),
)
STUDY = Study("adam_heavy_ball", "Theorem 2 = 12", "In which sense?", 3.0, StudyResult)
REPORTS = [StudyReport(STUDY, {}, StudyResult(ROWS, (), ""), [], 3.2)] * 2
GROUPS = group_runs(RUNS)
(RANKING,) = rankings(group_runs(grid()))
# No budget is compared where all settings cost the same.
DEARER = group_runs(
    [
        *RUNS[:2],
        replace(
            RUNS[3],
            evaluations=tuple(
                replace(e, discriminator_updates=5 * e.update) for e in RUNS[3].evaluations
            ),
            description=replace(
                RUNS[3].description, configuration=RUNS[3].configuration | {"n_critic": 5}
            ),
        ),
    ]
)
TABLES = {
    "settings": groups_table(GROUPS),
    "runs": runs_table(RUNS),
    "budgets": budget_table(equal_budgets(DEARER)[0]),
    "ranking": ranking_table(RANKING),
    "places": places_table(RANKING),
    "disturbances": study_table(disturbances("fd_cifar10")),
    "evaluation": evaluation_table(EVALUATION),
    "classes": classes_table(CLASSES),
    "checks": checks_table(CHECKS),
    "rows": rows_table(ROWS),
    "studies": reports_table(REPORTS),
}
WIDTHS = (60, 80, 120, 200)


def text_of(table: Table, width: int | None) -> list[str]:
    return ["".join(piece.text for piece in line) for line in table.lines(width)]


def assert_is_whole(lines: list[str], table: Table, width: int):
    """No line is too wide, no word of what is shown is broken, all columns are shown or named."""
    assert max(map(len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)
    words = set(" ".join(lines).replace(",", " ").split())
    for column, *cells in zip([c.heading for c in table.columns], *table.rows, strict=True):
        assert set(column.replace(",", " ").split()) <= words
        note = " ".join(line.strip() for line in lines if line)
        if f"not shown: {column}" in note or f", {column}" in note.partition("not shown: ")[2]:
            continue
        for cell in cells:
            assert set(cell.replace(",", " ").split()) <= words, (column, cell)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", TABLES)
def test_a_table_fits_its_terminal_and_breaks_no_word(name: str, width: int):
    assert_is_whole(text_of(TABLES[name], width), TABLES[name], width)


@pytest.mark.parametrize("name", TABLES)
def test_in_a_pipe_a_row_is_a_line_and_all_columns_are_there(name: str):
    heading, *rows = text_of(TABLES[name], None)
    assert len(rows) == len(TABLES[name].rows)
    assert heading.split() == " ".join(c.heading for c in TABLES[name].columns).split()
    for line, cells in zip(rows, TABLES[name].rows, strict=True):
        assert line.split() == " ".join(cells).split()


TABLE = Table(
    [Column("setting"), number("best", bold=True), Column("data", 2), Column("folder", 3)],
    [
        ["orig_5e-4", "2.0", "digits", "runs/demo/orig_5e-4/seed-0"],
        ["ttur_1e-3_5e-4", "12.5", "digits", "runs/demo/ttur_1e-3_5e-4/seed-0"],
    ],
)


def test_columns_that_are_the_same_in_all_rows_go_first_then_the_least_important():
    assert text_of(TABLE, 60) == [
        "setting         best  folder",
        "orig_5e-4        2.0  runs/demo/orig_5e-4/seed-0",
        "ttur_1e-3_5e-4  12.5  runs/demo/ttur_1e-3_5e-4/seed-0",
        "in all rows: data digits",
    ]
    assert text_of(TABLE, 50) == [
        "setting         best",
        "orig_5e-4        2.0",
        "ttur_1e-3_5e-4  12.5",
        "in all rows: data digits",
        "not shown: folder",
    ]


def test_what_cannot_be_missed_folds_and_at_last_breaks_after_a_sign():
    assert text_of(TABLE, 16)[:5] == [
        *("setting     best", "orig_5e-4    2.0"),
        *("ttur_1e-3_  12.5", "5e-4", "in all rows:"),
    ]


def test_columns_that_no_row_fills_are_left_out_but_for_those_that_stay():
    table = Table([Column("a"), Column("z", 1), Column("b", 1)], [["–", "", "1"], ["–", "–", "2"]])
    assert [column.heading for column in without_empty(table).columns] == ["a", "b"]


@pytest.mark.parametrize("width", [10, 23, 60])
def test_sentences_fold_at_words(width: int):
    text = "  at a quarter of the width 10,000 updates are made\n\nhttps://example.org/a/long/name"
    lines = folded(text, width, "> ")
    assert max(map(len, lines)) <= width
    assert "".join(lines).replace(" ", "").replace(">", "") == text.replace(" ", "").replace(
        "\n", ""
    )
    assert all(not line.endswith(" ") for line in lines)
    assert folded("source    none", 8) == ["source", "none"]
    assert folded("one two", 7) == ["one two"]


@pytest.fixture
def terminal(monkeypatch):
    """Standard output is a terminal of so many columns."""

    def of(columns: int) -> None:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "xterm")
        for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
            monkeypatch.delenv(name, raising=False)

    return of


def test_a_terminal_has_bold_numbers_and_colours_unless_no_color_is_set(
    terminal, capsys, monkeypatch
):
    terminal(80)
    print_table(TABLES["checks"])
    print_number("fid", "12.5", "  (protocol tf1)")
    out = capsys.readouterr().out
    assert "\x1b[32mpassed\x1b[0m" in out
    assert "\x1b[1mfid 12.5\x1b[0m  (protocol tf1)\n" in out
    monkeypatch.setenv("NO_COLOR", "1")
    print_table(TABLES["checks"])
    assert "\x1b[32m" not in capsys.readouterr().out


def test_wide_is_as_wide_as_a_pipe_and_a_pipe_has_no_styles(terminal, capsys):
    print_table(TABLES["runs"])
    whole = capsys.readouterr().out
    assert "\x1b" not in whole
    assert whole.splitlines() == text_of(TABLES["runs"], None)
    terminal(60)
    print_table(TABLES["runs"])
    assert "--wide shows all" in " ".join(capsys.readouterr().out.split())
    with width_of(is_wide=True):
        print_table(TABLES["runs"])
        print_text("word " * 40)
    wide = capsys.readouterr().out.splitlines()
    assert len(wide) == len(text_of(TABLES["runs"], None)) + 1


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("words", ["experiments", "experiments demo", "theory", "cache"])
def test_what_a_command_prints_fits(ttur, terminal, words: str, width: int):
    terminal(width)
    code, out, _ = ttur(words)
    assert code == 0
    plain = "".join(part.partition("m")[2] for part in f"m{out}".split("\x1b["))
    lines = plain.splitlines()
    assert max(len(line) for line in lines if str(Path.cwd()) not in line) <= width
    assert ttur(f"{words} --wide")[1].count("\n") <= out.count("\n")


def test_the_checks_that_were_not_made_are_named():
    assert checks_text(CHECKS) == (
        "3 checks: 1 passed, 1 skipped, 1 failed\n"
        "not made: FID of 256 CIFAR-10 images (torch-fidelity): no published number of real images "
        "was reproduced by these; the remarks say what they need"
    )
