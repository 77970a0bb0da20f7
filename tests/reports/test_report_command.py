"""`ttur report` of runs that were written by hand: nothing is trained."""

import json
from pathlib import Path

import pytest

from reports.records import RUNS, record, with_logs, written

UNSCORED = record("orig_5e-4", 0, {}, name="dcgan_celeba_losses")
LOSSES = {"discriminator_loss": [1.0, 0.5], "generator_loss": [2.0, None]}


def test_figure_a51_of_runs_that_no_metric_scored(ttur, tmp_path):
    written(with_logs(UNSCORED, **LOSSES), tmp_path / "runs")
    code, out, err = ttur("report runs --out a51.pdf")
    assert code == 0, err
    assert out.split("\n")[-2:] == ["losses  a51-losses.pdf", ""]
    assert Path("a51-losses.pdf").stat().st_size > 5000
    assert not Path("a51.pdf").exists()


def test_a_report_of_nothing_is_refused(ttur, tmp_path):
    written(UNSCORED, tmp_path / "runs")
    code, out, err = ttur("report runs --json")
    assert (code, out) == (2, "")
    assert "no run has an evaluation, a log or samples yet" in err
    assert not list(tmp_path.rglob("*.png"))


def test_the_name_that_is_printed_is_that_of_the_file(ttur, tmp_path):
    written(RUNS[0], tmp_path / "runs")
    code, out, err = ttur("report runs --out fig")
    assert code == 0, err
    assert out.split("\n")[-2:] == ["figure  fig.png", ""]
    assert Path("fig.png").is_file()


@pytest.mark.parametrize("folder", ["runs", "nowhere"])
def test_what_is_no_figure_is_refused_before_runs_are_read(ttur, tmp_path, folder):
    written(RUNS[0], tmp_path / "runs")
    code, out, err = ttur(f"report {folder} --out x.txt")
    assert (code, out) == (2, "")
    assert err == "error: x.txt is no figure; expected a name in .png, .pdf, .svg, or none\n"


def test_json_has_no_number_that_json_does_not_have(ttur, tmp_path):
    """Runs that diverged at once, of unequal length, alone, unscored: none has a mean or spread
    that is not a number."""
    diverged = record("ttur_1e-4_5e-4", 0, {}, outcome="diverged@1")
    for run in (*RUNS[:3], with_logs(diverged, discriminator_loss=[None], generator_loss=[None])):
        written(run, tmp_path / "runs")
    code, out, err = ttur("report runs --json")
    assert code == 0, err

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    document = json.loads(out, parse_constant=refuse)
    assert [setting["updates"] for setting in document["settings"]] == [[10000], [10000] * 2, []]
    assert document["settings"][2]["best"] == {"mean": None, "std": None, "n": 0}
