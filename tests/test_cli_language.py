"""Experiments of sentences from the command line: run, resume, sample, report."""

import json
from pathlib import Path

import pytest
from PIL import Image

from ttur.training.record import read_run

TINY = (
    "--only ttur_3e-3_1e-3 --seed 0 --steps 6 --set width=2 --set batch_size=8 --samples 32 "
    "--evaluate-every 4 --set log_every_updates=2 --set checkpoint_every_updates=3 "
    "--set fine_evaluation_samples=64 --device cpu"
)
RUN = "runs/language_demo/ttur_3e-3_1e-3/seed-0"


def weights(out: str) -> list[dict[str, str]]:
    return [run["weights_sha256"] for run in json.loads(out)["runs"]]


def test_both_settings_run_and_differ_in_critic_updates(ttur):
    words = "run language_demo --seed 0 --steps 2 --samples 64 --metric jsd --set width=2"
    code, out, err = ttur(f"{words} --set batch_size=8 --device cpu --json")
    assert code == 0
    runs = {run["label"]: run for run in json.loads(out)["runs"]}
    assert {k: r["discriminator_updates"] for k, r in runs.items()} == {
        "ttur_3e-3_1e-3": 2,
        "orig_1e-3": 20,
    }
    for run in runs.values():
        assert (run["outcome"], run["final"]["metric"]) == ("finished", "jsd_4")
        assert 0 < run["final"]["value"] <= 1
    assert "scored by jsd 2 times on 64 sentences" in err


def test_events_and_config_say_what_reports_and_samples_need(ttur):
    ttur(f"run language_demo {TINY}")
    run = Path(RUN)
    events = read_run(run).evaluations
    assert [e.update for e in events] == [1, 4, 6]
    assert all(e.metric == "jsd_4" and 0 < e.values["jsd_6"] <= 1 for e in events)
    assert ["jsd_4_fine" in e.values for e in events] == [False, False, True]
    document = json.loads((run / "config.json").read_text())
    names = ["jsd_4", "jsd_6", "jsd_4_fine", "jsd_6_fine"]
    assert document["lower_is_better"] == dict.fromkeys(names, True)
    assert list(document["floor"]) == names
    assert all(0 < floor < 1 for floor in document["floor"].values())
    assert (document["vocabulary"][0], len(document["vocabulary"])) == ("unk", 81)
    assert document["configuration"]["model"]["length"] == 32
    assert "image_size" not in document["configuration"]["model"]
    names = sorted(path.name for path in (run / "samples").iterdir())
    assert names == [f"update-000000{n}.txt" for n in (1, 4, 6)]
    sentences = (run / "samples" / names[0]).read_text("utf-8").split("\n")
    assert len(sentences) == 33
    assert max(map(len, sentences)) <= 32


@pytest.mark.parametrize(
    "label", ["ttur_3e-3_1e-3", pytest.param("orig_1e-3", marks=pytest.mark.long)]
)
def test_more_steps_continue_and_equal_the_whole(ttur, label):
    tiny = TINY.replace("ttur_3e-3_1e-3", label)
    ttur(f"run language_demo {tiny} --out cut")
    continued, whole = (
        ttur(f"run language_demo {tiny.replace('6', '9', 1)} --out {out} --json")[1]
        for out in ("cut", "whole")
    )
    assert weights(continued) == weights(whole)
    assert json.loads(continued)["runs"][0]["final"] == json.loads(whole)["runs"][0]["final"]


def test_the_cadence_of_evaluation_does_not_change_the_weights(ttur):
    changes = ("--evaluate-every 1", "--evaluate-every 1000", "--evaluate-every 4 --metric none")
    found = [
        weights(
            ttur(
                f"run language_demo {TINY.replace('--evaluate-every 4', change)} "
                f"--out runs-{index} --json"
            )[1]
        )
        for index, change in enumerate(changes)
    ]
    assert found[0] == found[1] == found[2]
    assert list(Path("runs-2").rglob("update-*.txt"))


def test_a_divergence_is_said(ttur):
    words = TINY.replace("--only ttur_3e-3_1e-3", "--only ttur_3e-3_1e-3 --d-lr 1e30 --g-lr 1e30")
    code, out, _ = ttur(f"run language_demo {words} --json")
    assert code == 3
    (run,) = json.loads(out)["runs"]
    assert run["outcome"].startswith("diverged@")
    assert "non-finite" in run["cause"]
    assert run["weights_sha256"] is None


def test_samples_are_sentences_and_follow_from_the_seed(ttur, tmp_path):
    ttur(f"run language_demo {TINY}")
    code, ten, _ = ttur(f"sample {RUN} --count 10")
    assert code == 0
    assert len(ten.split("\n")) == 11
    assert ttur(f"sample {RUN} --count 4")[1].split("\n")[:4] == ten.split("\n")[:4]
    assert ttur(f"sample {RUN} --count 10 --seed 1")[1] != ten
    code, out, _ = ttur(f"sample {RUN} --count 10 --out drawn/ten.txt")
    assert (code, out) == (0, "10 sentences in drawn/ten.txt\n")
    assert Path("drawn/ten.txt").read_text("utf-8") == ten
    assert ttur(f"sample {RUN} --count 10 --out drawn/ten.txt")[0] == 2
    code, _, err = ttur(f"sample {RUN} --grid x.png")
    assert code == 2
    assert "sentences" in err


def test_the_report_has_figures_a_table_with_floors_and_the_sentences(ttur):
    ttur(f"run language_demo {TINY.replace('--seed 0', '--seeds 0-1')}")
    ttur(f"run language_demo {TINY.replace('ttur_3e-3_1e-3', 'orig_1e-3')}")
    code, out, _ = ttur("report runs --out figures/curves.png")
    assert code == 0
    for part in ("floor", "jsd_6_fine", "at equal training time: "):
        assert part in out
    for name in ("curves.png", "curves-fine.png"):
        assert f"figure  figures/{name}" in out
        with Image.open(f"figures/{name}") as figure:
            assert min(figure.size) > 900  # two rows of two panels
    assert "samples figures/curves-samples.txt" in out
    heading = Path("figures/curves-samples.txt").read_text("utf-8").split("\n")[0]
    assert heading.split("  ")[0] == "orig 1e-3, 6 updates"
    assert "TTUR, D 3e-3, G 1e-3, 6 updates" in heading
    code, _, _ = ttur("report runs --out one.png --against both_players")
    assert code == 0
    with Image.open("one.png") as figure:
        assert figure.size[0] > 1.6 * figure.size[1]  # one row


def test_experiments_are_listed_and_counted_without_data(ttur):
    names = [e["name"] for e in json.loads(ttur("experiments --json")[1])["experiments"]]
    assert {"language_demo", "language_billion_word"} <= set(names)
    document = json.loads(ttur("experiments language_billion_word --json")[1])
    assert document["parameters"] == {"generator": 15_277_156, "discriminator": 13_180_417}
    assert document["sample_shape"] == {"shape": [32, 100], "assumed": True}
    _, out, _ = ttur("experiments language_billion_word")
    assert "for samples of 32 × 100 (assumed: the data are not in data)" in out
    assert json.loads(ttur("experiments language_demo --json")[1])["sample_shape"] == {
        "shape": [32, 81],
        "assumed": False,
    }


def test_a_text_of_ones_own_is_trained_on(ttur):
    lines = [f"{a} {b}" for a in ("one", "two", "red") for b in ("fish", "hat", "box", "fox")] * 60
    Path("mine.txt").write_text("\n".join(lines) + "\n")
    code, _, err = ttur("prepare text mine.txt --name mine")
    assert code == 0, err
    words = TINY.replace("--samples 32", "--samples 8") + " --set data=mine"
    code, out, err = ttur(f"run language_demo {words} --json")
    assert code == 0, err
    assert json.loads(out)["runs"][0]["final"]["metric"] == "jsd_4"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("run language_billion_word --metric none", "ttur prepare billion_word"),
        ("run language_demo --metric fid", "metric: expected 'jsd' or 'none', got 'fid'"),
        ("run demo --metric jsd", "no metric 'jsd'"),
        ("run language_demo --set length=16", "--set length=... to 32"),
        ("run language_demo --set image_size=16", "no field 'image_size'"),
        ("run language_demo --d-lr 2e-3 --g-lr 1e-3", "--only"),
        ("run language_demo --set data=digits --data nowhere", "digits"),
        ("report nowhere --against weeks", "no axis 'weeks'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(ttur, tmp_path, words, expected):
    code, out, err = ttur(words)
    assert code == 2, err
    assert expected in err
    assert err.splitlines()[-1].startswith("error: ")
    assert not out
    assert not list(tmp_path.rglob("*.pt"))


def test_a_folder_of_another_version_is_refused_with_its_reason(ttur):
    """And of a version that had no layouts."""
    ttur(f"run language_demo {TINY}")
    path = Path(RUN, "config.json")
    document = json.loads(path.read_text())
    for layout, change in ((1, {}), (3, {"layout": 3})):
        changed = {k: v for k, v in document.items() if k != "layout"} | change
        path.write_text(json.dumps(changed))
        for words in (f"run language_demo {TINY}", f"sample {RUN}", "report runs"):
            code, out, err = ttur(words)
            assert (code, out) == (2, "")
            assert f"config.json has the layout {layout} of another version of ttur" in err
            assert "read it with that version, or name another folder" in err
