import concurrent.futures
import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ttur.reports.theory import write_default_study
from ttur.theory import catalogue
from ttur.theory.study import Curve, Panel, Row, Study, StudyResult


def halving(steps: int = 4, rate: float = 0.5, starts: tuple[float, ...] = (1.0,)) -> StudyResult:
    if not 0 < rate < 1:
        raise ValueError(f"A2 fails: the rate should lie in (0, 1), got {rate}")
    times = np.arange(steps + 1)
    curves = tuple(Curve(f"from {x}", times, x * rate**times) for x in starts)
    rows = (
        Row("the end", rate**steps, 0.07, 0.005),
        Row("half-life", None, float("inf")),
    )
    return StudyResult(rows, (Panel("decay", "n", "x", curves),), f"x ends at {rate**steps}.")


def breaking(singular: float = 0.0) -> StudyResult:
    if singular:
        np.linalg.inv(np.zeros((2, 2)))
    raise ArithmeticError("the chain is reducible")


STUDIES = {
    name: Study(name, f"Theorem {number}", "Does x decay?", seconds, run)
    for number, (name, seconds, run) in enumerate(
        [("halving", 1.0, halving), ("breaking", 9.0, breaking), ("again", 5.0, halving)], start=1
    )
}


@pytest.fixture
def of_these(monkeypatch):
    """`ttur theory` with the three studies of this file; they run in threads of this process."""
    real = catalogue.study
    monkeypatch.setattr(catalogue, "STUDIES", tuple(STUDIES))
    monkeypatch.setattr(catalogue, "study", lambda n: STUDIES[n] if n in STUDIES else real(n))
    monkeypatch.setattr(
        concurrent.futures, "ProcessPoolExecutor", lambda workers, context: ThreadPoolExecutor(1)
    )


def test_every_study_answers_to_its_name_and_says_what_it_is_about():
    for name in catalogue.STUDIES:
        study = catalogue.study(name)
        assert (study.name, study.run.__name__) == (name, name)
        assert study.theorem
        assert study.question.endswith("?")
        assert 0 < study.seconds <= 15
        assert all(default is not None for default in study.defaults.values())


def test_the_list_has_theorem_question_and_time(ttur, of_these):
    code, out, _ = ttur("theory")
    assert code == 0
    assert "Theorem 2" in out
    assert "Does x decay?" in out
    assert "9 s" in out
    code, out, _ = ttur("theory --json")
    first = json.loads(out)["studies"][0]
    assert first["settings"] == {"steps": 4, "rate": 0.5, "starts": [1.0]}
    assert (first["name"], first["theorem"], first["seconds"]) == ("halving", "Theorem 1", 1.0)


def test_a_study_prints_its_table_and_draws_its_figure_twice(ttur, of_these, tmp_path):
    code, out, _ = ttur("theory halving --set steps=3 --set starts=1,-2e-1 --out pictures")
    assert code == 0
    assert "with steps=3 rate=0.5 starts=1.0,-0.2" in out
    assert "x ends at 0.125." in out
    (row,) = [line.split() for line in out.splitlines() if "the end" in line]
    assert row == ["the", "end", "0.125", "0.07", "0.005", "-11.0"]  # z = (0.07 - 0.125) / 0.005
    (row,) = [line.split() for line in out.splitlines() if "half-life" in line]
    assert row == ["half-life", "–", "–", "–", "–"]
    assert (tmp_path / "pictures/halving.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "pictures/halving.pdf").read_bytes().startswith(b"%PDF")
    assert out.endswith("pictures/halving.png\npictures/halving.pdf\n")


def test_a_study_as_json_has_all_settings_and_none_for_what_is_not_finite(ttur, of_these):
    code, out, _ = ttur("theory halving --set rate=0.25 --json")
    assert code == 0
    document = json.loads(out)
    assert document["settings"] == {"steps": 4, "rate": 0.25, "starts": [1.0]}
    assert [row["measured"] for row in document["rows"]] == [0.07, None]
    assert document["rows"][0]["z"] == pytest.approx((0.07 - 0.25**4) / 0.005)
    assert document["files"] == ["theory/halving.png", "theory/halving.pdf"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("halvin", "no study 'halvin'; did you mean halving"),
        ("halving --set stepz=3", "no field 'stepz' to set; did you mean steps"),
        ("halving --set steps", "expected --set as FIELD=VALUE, got 'steps'"),
        ("halving --set steps=many", "steps: expected a whole number, got 'many'"),
        ("halving --set rate=NaN", "rate: expected a finite number, got 'NaN'"),
        ("halving --set starts=1,x", "starts: expected a number"),
        (
            "breaking",
            "breaking cannot compute with its defaults: the chain is reducible; try values nearer",
        ),
        ("breaking --set singular=1", "breaking cannot compute with singular=1.0: Singular matrix"),
        ("halving --out afile", "afile: is a file; --out expects a folder"),
        ("halving --set rate=2", "A2 fails: the rate should lie in (0, 1), got 2.0"),
        ("--set steps=3", "expected one study with --set, got none; name it"),
        ("all --set steps=3", "expected one study with --set, got all; name it"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_figure(ttur, of_these, tmp_path, words, said):
    (tmp_path / "afile").touch()
    code, out, err = ttur(f"theory {words}")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert said in err
    assert err.count("\n") == 1
    assert not list(tmp_path.rglob("*.png"))


def test_all_begins_with_the_longest_and_one_failure_stops_no_other(ttur, of_these, tmp_path):
    code, out, err = ttur("theory all")
    assert code == 1
    assert "error: breaking: ValueError: breaking cannot compute with its defaults: the cha" in err
    rows = [line.split() for line in out.splitlines()]
    assert [row[:6] for row in rows[1:3]] == [  # as listed
        [name, "1", "of", "1", "0.0625", "0.07"] for name in ("halving", "again")
    ]
    assert err.index("breaking") < err.index("again") < err.index("halving")  # as ended
    assert "2 studies, 1 failed; figures in theory" in out
    assert {path.name for path in (tmp_path / "theory").glob("*.png")} == {
        "halving.png",
        "again.png",
    }
    code, out, _ = ttur("theory all --json")
    assert code == 1
    document = json.loads(out)
    assert [each["name"] for each in document["studies"]] == ["halving", "again"]
    assert list(document["failed"]) == ["breaking"]


def test_what_comes_back_from_a_process_is_light(of_these, tmp_path):
    """Only names and numbers travel between processes: the curves have been drawn."""
    report = write_default_study("halving", tmp_path)
    assert report.result.panels == ()
    assert report.result.rows[0].quantity == "the end"
    assert len(pickle.dumps((report.result, report.settings, report.files))) < 2000
