"""`ttur report` of runs that were written by hand: nothing is trained."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

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


def by_hand(folder: Path, label: str, b: float, a: float) -> None:
    """A run as its files have it: every kind of event, and what a resume took back."""
    config = {
        "layout": 2,
        "experiment": "mine",
        "label": label,
        "seed": 0,
        "data_sha256": "0" * 64,
        "rates": [b, a],
        "is_single_timescale": a == b,
        "configuration": {
            "data": {"name": "digits", "split": "train"},
            "model": {"kind": "dcgan", "width": 8},
            "n_critic": 1,
            "updates": 200,
            "seed": 0,
        },
        "environment": {"torch": "2.7.1"},
        "lower_is_better": {"fd_digits": True, "is_digits": False},
        "floor": {"fd_digits": 0.5},
        "published": {
            "best": {"fd_digits": {"value": 3.5, "at": "150 updates"}},
            "curves": {},
            "band": "std",
        },
    }
    events: list[dict[str, Any]] = [{"event": "started", "update": 0, "updates": 200}]
    for update in (100, 200):
        at = {"update": update, "discriminator_updates": update, "training_seconds": 0.6 * update}
        losses = {"discriminator_loss": 1.0, "generator_loss": None}
        values = {"fd_digits": 900.0 / update, "is_digits": 0.01 * update}
        score = {"metric": "fd_digits", "value": values["fd_digits"], "update": update}
        measured = {"metric": "fd_digits", "values": values, "best": score}
        probe = {"perturbation_ratio": 0.5, "tracking_gap": None}
        events += [
            {"event": "log", **at, "values": losses},
            {"event": "probe", **at, "probe_seconds": 0.1, "values": probe},
            {"event": "evaluation", **at, "evaluation_seconds": 3.0, **measured},
            {"event": "saved", "update": update, "training_seconds": 0.6 * update},
        ]
    resumed = {"event": "resumed", "update": 100, "updates": 200, "problems": []}
    best = {"metric": "fd_digits", "value": 4.5, "update": 200}
    end = {
        "event": "ended",
        "update": 200,
        "discriminator_updates": 200,
        "kind": "finished",
        "cause": None,
        "best": best,
        "final": best,
        "weights_sha256": None,
    }
    run = folder / label / "seed-0"
    (run / "samples").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(run / "samples" / "update-0000200.png")
    (run / "config.json").write_text(json.dumps(config))
    lines = [json.dumps(event) for event in (*events, resumed, *events[-4:], end)]
    (run / "events.jsonl").write_text("".join(f"{line}\n" for line in lines))


REPORT = """
import sys
from ttur.cli import main

sys.argv = ["ttur", "report", "runs", "--json"]
try:
    main()
finally:
    assert "torch" not in sys.modules
"""


def test_a_report_needs_no_torch(tmp_path):
    """Not to read runs, not to draw them. What is read is what the files say."""
    by_hand(tmp_path / "runs", "ttur_1e-4_5e-4", 1e-4, 5e-4)
    by_hand(tmp_path / "runs", "orig_5e-4", 5e-4, 5e-4)
    words = [sys.executable, "-c", REPORT]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert {kind: len(files) for kind, files in document["files"].items()} == {
        "figure": 1,
        "losses": 1,
        "monitor": 1,
        "ranking": 0,
        "samples": 2,
    }
    rows = [
        (s["method"], s["rates"], s["data"], s["metric"], s["best_of_all"], s["at_update"])
        for s in document["settings"]
    ]
    assert rows == [
        ("orig", "5e-4", "digits", "fd_digits", 4.5, 200),
        ("orig", "5e-4", "digits", "is_digits", 2.0, 200),
        ("TTUR", "1e-4, 5e-4", "digits", "fd_digits", 4.5, 200),
        ("TTUR", "1e-4, 5e-4", "digits", "is_digits", 2.0, 200),
    ]
    assert document["settings"][0]["published"] == {"value": 3.5, "at": "150 updates"}
    assert document["settings"][0]["floor"] == 0.5


def test_curves_and_table_as_csv_are_what_the_runs_recorded(ttur, tmp_path):
    by_hand(tmp_path / "runs", "ttur_1e-4_5e-4", 1e-4, 5e-4)
    by_hand(tmp_path / "runs", "orig_5e-4", 5e-4, 5e-4)
    code, out, err = ttur("report runs --csv --labels orig_5e-4=one,rate --size column")
    assert code == 0, err
    assert "csv     runs/report-curves.csv\ncsv     runs/report-table.csv\n" in out
    curves = list(csv.DictReader(Path("runs/report-curves.csv").read_text().splitlines()))
    assert [(row["name"], row["metric"], row["update"], row["value"]) for row in curves[:4]] == [
        ("one,rate", "fd_digits", "100", "9.0"),
        ("one,rate", "fd_digits", "200", "4.5"),
        ("one,rate", "is_digits", "100", "1.0"),
        ("one,rate", "is_digits", "200", "2.0"),
    ]
    assert (curves[1]["training_seconds"], curves[1]["evaluation_seconds"]) == ("120.0", "6.0")
    table = list(csv.DictReader(Path("runs/report-table.csv").read_text().splitlines()))
    assert len(table) == 4
    assert (table[2]["setting"], table[2]["discriminator_rate"]) == ("ttur_1e-4_5e-4", "0.0001")
    assert (table[2]["best_of_all"], table[2]["published"]) == ("4.5", "3.5")
    assert table[3]["best_std"] == ""


def test_the_table_for_latex_is_booktabs_with_nothing_left_to_escape(ttur, tmp_path):
    by_hand(tmp_path / "runs", "ttur_1e-4_5e-4", 1e-4, 5e-4)
    by_hand(tmp_path / "runs", "orig_5e-4", 5e-4, 5e-4)
    ttur("report runs --latex --labels orig_5e-4=50%_of&all{$}")
    lines = Path("runs/report-table.tex").read_text().splitlines()
    assert lines[1:3] == [r"\begin{tabular}{llllrrrrr}", r"\toprule"]
    assert lines[-2:] == [r"\bottomrule", r"\end{tabular}"]
    rows = [line for line in lines if line.startswith("UCI digits")]
    assert rows[0] == (
        r"UCI digits & 50\%\_of\&all\{\$\} & $5 \cdot 10^{-4}$ & $5 \cdot 10^{-4}$ & 200 & "
        r"\textbf{4.5} & 4.5 & 4.5 & 1 \\"
    )
    assert rows[1].split(" & ")[1:4] == ["TTUR", "$10^{-4}$", r"$5 \cdot 10^{-4}$"]
    assert {line.count(" & ") for line in rows} == {8}


def test_letters_of_a_pdf_are_truetype(ttur, tmp_path):
    """Type 3 is refused by IEEE and ACM."""
    written(RUNS[0], tmp_path / "runs")
    ttur("report runs --out fig.pdf")
    data = Path("fig.pdf").read_bytes()
    assert b"/Subtype /Type0" in data or b"/Subtype /TrueType" in data
    assert b"/FontFile2" in data
    assert b"/Type3" not in data


def test_a_picture_has_300_dots_in_an_inch(ttur, tmp_path):
    written(RUNS[0], tmp_path / "runs")
    ttur("report runs --size column --out fig.png")
    with Image.open("fig.png") as image:
        assert image.width == 1020
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--size poster", "no size 'poster'"),
        ("--ylim 5", "--ylim expects LOW,HIGH as 0,50, got '5'"),
        ("--ylim 5,1", "expected --ylim as LOW,HIGH, got 5,1"),
        ("--labels orig_5e-4", "--labels expects SETTING=TEXT"),
        ("--labels orig_5e-5=x", "no setting 'orig_5e-5' for --labels; did you mean orig_5e-4"),
    ],
)
def test_options_of_figures_are_refused_by_their_flags(ttur, tmp_path, words, said):
    written(RUNS[0], tmp_path / "runs")
    code, out, err = ttur(f"report runs --json {words}")
    assert (code, out) == (2, "")
    assert said in err
