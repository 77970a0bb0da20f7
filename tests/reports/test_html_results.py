"""Pages of evaluations, disturbances and the theory: every number of the result is in them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reports.test_disturbances import study as disturbance_study
from ttur.evaluation.nearest import NearestPair, Shown
from ttur.evaluation.result import Evaluation, Measurement
from ttur.reports.html.blocks import Chart, Facts, Figure, Gallery, Page, Table, Text
from ttur.reports.html.disturbances import disturbance_page
from ttur.reports.html.document import document
from ttur.reports.html.evaluation import evaluation_page
from ttur.reports.html.pictures import beside
from ttur.reports.html.theory import theory_page
from ttur.reports.theory import StudyReport
from ttur.theory.study import Row, Study, StudyResult

HOSTILE = "</script><script>alert(1)</script>"
INTERVAL = {"low": 1.25, "high": 2.5, "level": 0.95, "covers": ["real"]}
AUDIT = {"read": 7, "skipped": 1, "duplicates": 2, "formats": {"PNG": 6, "JPEG": 1}}
EVALUATION = Evaluation(
    measurements=(
        Measurement("fid", 2.0, {"interval": INTERVAL}),
        Measurement("kid", 0.5, {"standard_error": 0.125, "interval": None}),
    ),
    protocol="tf1",
    counts={"real": None, "generated": 7},
    fingerprints={"generated": {"versions": {"torch": "2.6"}}},
    audit={
        "real": None,
        "generated": AUDIT | {"skipped_files": [{"file": HOSTILE, "reason": "torn"}]},
    },
    warnings=("few images",),
)


def tables_of(page: Page) -> dict[str, list[tuple[str, ...]]]:
    return {b.title: [tuple(row) for row in b.rows] for b in page.blocks if isinstance(b, Table)}


def test_an_evaluation_has_its_numbers_intervals_doubts_and_what_was_read():
    page = evaluation_page(EVALUATION, "b against a")
    tables = tables_of(page)
    assert page.subtitle == "protocol tf1; generated 7"
    of = "95%, without the bias of so few images"
    assert tables["Measured"] == [
        ("fid", "2", "1.25 to 2.5", of, ""),
        ("kid", "0.5", "–", "–", "standard error 0.125"),
    ]
    rows = dict(tables["Images of each side"])  # pyright: ignore[reportArgumentType, reportCallIssue]
    assert rows == {"read": "7", "skipped": "1", "duplicates": "2", "formats": "PNG 6, JPEG 1"}
    assert tables["generated: files that could not be read"] == [(HOSTILE, "torn")]
    assert tables["Fingerprints"] == [("versions.torch", "2.6")]
    assert [b.text for b in page.blocks if isinstance(b, Text) and b.doubt] == ["few images"]
    assert HOSTILE not in document(page)


def test_one_number_and_statistics_alone_have_a_page():
    alone = replace(EVALUATION, audit={"real": None, "generated": None}, warnings=())
    page = evaluation_page(alone.first, "b")
    assert [row[0] for row in tables_of(page)["Measured"]] == ["fid"]
    assert "no images were read" in next(b.text for b in page.blocks if isinstance(b, Text))


def test_nearest_pairs_stand_beside_each_other_and_copies_are_called_so():
    small, large = (np.full((side, side, 3), side, np.uint8) for side in (4, 8))
    pairs = [
        NearestPair(Shown(0, HOSTILE, small), Shown(3, None, large), distance, 1.0)
        for distance in (0.5, 2.0)
    ]
    page = evaluation_page(EVALUATION, "b", pairs)
    (gallery,) = [block for block in page.blocks if isinstance(block, Gallery)]
    assert [strip.frames[0].caption for strip in gallery.strips] == [
        f"0.5, its own 1, a copy: {HOSTILE} beside image 3",
        f"2, its own 1: {HOSTILE} beside image 3",
    ]
    both = beside(small, large)
    assert np.array_equal(both[:4, :4], small)
    assert np.array_equal(both[:, -8:], large)
    assert (both[4:, :4] == 255).all()


@pytest.mark.parametrize(("name", "lines"), [("fid", 2), ("fd_digits", 1)])
def test_disturbances_have_published_values_where_the_metric_is_theirs(name, lines):
    study = disturbance_study(name)
    page = disturbance_page(study, "photos disturbed")
    charts = [block for block in page.blocks if isinstance(block, Chart)]
    assert len(charts) == 12
    assert {len(chart.series) for chart in charts if name in chart.title} == {lines}
    (measured, *_) = charts[0].series
    assert (*measured.lines[0].values,) == tuple(row.distance for row in study.of("gaussian_noise"))
    ((table, rows),) = tables_of(page).items()
    assert table == "At the four levels"
    assert len(rows) == 18
    rising = {True: "yes", False: "no"}
    for each, row in zip(study.disturbances, rows[::3], strict=True):
        assert row[-1] == rising[study.is_monotone(each, "distance")]


def test_a_study_has_its_question_figure_claim_and_rows(tmp_path: Path):
    file = tmp_path / "halving.png"
    Image.new("RGB", (3, 2)).save(file)
    study = Study("halving", "Theorem 0", "Does it halve?", 1.0, lambda rate=0.5: None)  # pyright: ignore
    result = StudyResult((Row("x after [one] step", 0.5, 0.25),), (), f"It quarters. {HOSTILE}")
    report = StudyReport(study, {"rate": 0.5}, result, [file, file.with_suffix(".pdf")], 0.1)
    page = theory_page([report], {"other": "ValueError: no"})
    assert page.subtitle == "1 study, 1 failed"
    (figure,) = [block for block in page.blocks if isinstance(block, Figure)]
    assert figure.described == result.sentence
    assert figure.image.startswith("data:image/png;base64,")
    texts = [block.text for block in page.blocks if isinstance(block, Text)]
    assert texts == ["other failed: ValueError: no", "Does it halve?"]
    (facts,) = [block for block in page.blocks if isinstance(block, Facts)]
    assert list(facts.rows) == [("Theorem", "Theorem 0"), ("Settings", "rate = 0.5")]
    ((_, rows),) = tables_of(page).items()
    assert rows == [("x after [one] step", "0.5", "0.25")]
    assert HOSTILE not in document(page)


def test_commands_write_pages(ttur, tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    np.save(tmp_path / "a.npy", pixels)
    words = "a.npy a.npy --extractor digits --device cpu --html"
    code, _, err = ttur(f"evaluate {words} e.html --metrics precision_recall")
    assert (code, "e.html" in err) == (0, True)
    assert "precision_k3_digits" in (tmp_path / "e.html").read_text()
    code, _, err = ttur(f"nearest {words} n.html --count 1")
    assert code == 0, err
    assert "data:image/png" in (tmp_path / "n.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("theory --html t.html", "--html is of studies that run; name one, or all"),
        ("evaluate a b --per-class --html t.html", "--html is of all images together"),
        ("run demo --html .", ".: is a folder; name the file of the page"),
    ],
)
def test_a_page_that_cannot_be_is_refused_first(ttur, tmp_path: Path, words, said):
    code, out, err = ttur(words)
    assert (code, out) == (2, "")
    assert said in err
    assert not list(tmp_path.iterdir())
