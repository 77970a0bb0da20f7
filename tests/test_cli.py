import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from functools import reduce
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ttur.runtime.folding import folded
from ttur.training.events import Log
from ttur.training.record import read_events, read_run

TINY = (
    "--only ttur_1e-3_5e-4 --steps 6 --set width=2 --set batch_size=8 --samples 32 "
    "--evaluate-every 4 --set log_every_updates=2 --set checkpoint_every_updates=3 --device cpu"
)

ON_DIGITS = "--set data=digits --set image_size=16 --set width=4"  # of which nothing is missing


def test_help_answers_without_loading_torch():
    program = (
        "import sys; sys.argv = ['ttur', '--help']\n"
        "from ttur.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: code = end.code\n"
        "heavy = {'torch', 'scipy', 'matplotlib', 'pydantic', 'numpy'} & set(sys.modules)\n"
        "sys.exit(code or (f'loaded {heavy}' if heavy else 0))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for command in ("experiments", "prepare", "run", "sample", "fid", "statistics", "report"):
        assert command in done.stdout


def test_the_version_is_printed_without_loading_torch(ttur):
    assert ttur("--version") == (0, f"ttur {version('ttur')}\n", "")
    program = (
        "import sys, ttur.cli; sys.exit(bool({'torch', 'numpy', 'pydantic'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_cache_is_listed_and_cleared(ttur, tmp_path):
    (tmp_path / "cache" / "statistics").mkdir(parents=True)
    (tmp_path / "cache" / "statistics" / f"{'a' * 64}.npz").write_bytes(bytes(2500))
    (tmp_path / "cache" / "weights.pth").write_bytes(bytes(70))
    code, out, _ = ttur("cache")
    assert code == 0
    assert f"{tmp_path}/cache: statistics and ngrams up to 4.0 GB" in out
    rows = [line.split() for line in out.splitlines()]
    assert ["downloads", "1", "70", "bytes"] in rows
    assert ["statistics", "1", "2.5", "kB"] in rows
    assert "removed 1 file, 2.5 kB" in ttur("cache --clear")[1]
    document = json.loads(ttur("cache --clear --json")[1])
    assert document["removed"] == {"files": 0, "bytes": 0}
    assert document["kept"]["downloads"] == {"files": 1, "bytes": 70}
    assert document["kept"]["statistics"] == {"files": 0, "bytes": 0}


def test_an_experiment_is_shown_in_full(ttur):
    code, out, _ = ttur("experiments dcgan_cifar10 --json")
    assert code == 0
    document = json.loads(out)
    assert "Figure 5" in document["source"]
    assert document["parameters"] == {"generator": 4_514_819, "discriminator": 4_310_401}
    assert len(document["settings"]) == 4
    by_label = {setting["label"]: setting for setting in document["settings"]}
    rates = by_label["ttur_1e-4_5e-4"]["configuration"]["rates"]
    assert (rates["discriminator"]["value"], rates["generator"]["value"]) == (1e-4, 5e-4)
    configuration = by_label["ttur_1e-4_5e-4"]["configuration"]
    assert configuration["model"]["width"] == 64
    assert configuration["scoring"]["evaluation_samples"] == 50_000
    assert document["sample_shape"] == {"shape": [3, 32, 32], "assumed": True}
    code, out, _ = ttur("experiments demo")
    assert code == 0
    assert "for samples of 3 × 16 × 16\n" in out
    rows = [line.split() for line in out.splitlines()]
    assert ["model.width", "16"] in rows
    assert ["scoring.evaluation_samples", "2000"] in rows
    differing = rows.index(["setting", "rates.discriminator.value"])
    assert rows[differing + 1 : differing + 3] == [
        ["ttur_1e-3_5e-4", "0.001"],
        ["orig_5e-4", "0.0005"],
    ]


def test_run_prints_one_json_document_and_the_same_words_print_it_again(ttur):
    code, out, err = ttur(f"run demo --seeds 0-1 {TINY} --json")
    assert code == 0
    document = json.loads(out)
    assert document["experiment"] == "demo"
    assert [(r["label"], r["seed"]) for r in document["runs"]] == [
        ("ttur_1e-3_5e-4", 0),
        ("ttur_1e-3_5e-4", 1),
    ]
    for run in document["runs"]:
        assert (run["outcome"], run["updates"], run["discriminator_updates"]) == ("finished", 6, 6)
        assert run["final"]["metric"] == "fd_digits"
        assert run["final"]["update"] == 6
        assert run["best"]["value"] <= run["final"]["value"]
        assert all(len(sha) == 64 for sha in run["weights_sha256"].values())
        assert {p.name for p in Path(run["directory"]).iterdir()} == {
            *("config.json", "events.jsonl", "lock", "samples"),
            *("checkpoint.pt", "checkpoint.previous.pt", "best.pt"),
        }
    assert document["runs"][0]["weights_sha256"] != document["runs"][1]["weights_sha256"]
    assert "2 runs" in err
    assert ttur(f"run demo --seeds 0-1 {TINY} --json")[1] == out


def test_the_cadence_of_evaluation_does_not_change_the_weights(ttur):
    weights = []
    for every in ("2", "1000"):
        words = f"run demo --seed 0 {TINY} --out runs-{every} --json".replace(
            "--evaluate-every 4", f"--evaluate-every {every}"
        )
        weights.append(json.loads(ttur(words)[1])["runs"][0]["weights_sha256"])
    assert weights[0] == weights[1]


def test_a_run_goes_on_with_another_cadence(ttur):
    """It says when one looks; no weight depends on it."""
    ttur(f"run demo --seed 0 {TINY} --out cut")
    for steps, change in (
        ("7", "--set checkpoint_every_updates=2"),
        ("8", "--set log_every_updates=1"),
        ("9", "--evaluate-every 3 --set cadence.log_every_updates=5 --set reference_images=None"),
    ):
        words = f"{TINY.replace('--steps 6', f'--steps {steps}')} {change}"
        code, continued, err = ttur(f"run demo --seed 0 {words} --out cut --json")
        assert code == 0, err
    whole = ttur(f"run demo --seed 0 {TINY.replace('--steps 6', '--steps 9')} --out whole --json")
    runs = [json.loads(out)["runs"][0]["weights_sha256"] for out in (continued, whole[1])]
    assert runs[0] == runs[1]


@pytest.mark.parametrize(
    ("word", "path", "value"),
    [
        ("width=4", "model.width", 4),
        ("model.width=4", "model.width", 4),
        ("optimizer=sgd", "optimizer.kind", "sgd"),
        ("optimizer.beta1=0.9", "optimizer.beta1", 0.9),
        ("data=digits", "data.name", "digits"),
        ("split=test", "data.split", "test"),
        ("order=generator_twice", "order", "generator_twice"),
        ("reference_images=None", "scoring.reference_images", None),
        ("reference_images=null", "scoring.reference_images", None),
        ("patience=None", "cadence.patience", None),
        ("monitor=None", "monitor", None),
        ("tracking_gap_every_updates=7", "monitor.tracking_gap_every_updates", 7),
        ("rates.floor=1e-5", "rates.floor", 1e-5),
    ],
)
def test_fields_of_the_tree_are_set_by_their_names(ttur, word, path, value):
    monitor = "--monitor " if path.startswith("monitor.") else ""
    code, out, err = ttur(f"run demo {monitor}--set {word} --dry-run --json")
    assert code == 0, err
    for planned in json.loads(out)["plan"]:
        found = reduce(dict.__getitem__, path.split("."), planned["configuration"])
        assert found == value


def test_a_field_of_a_member_within_a_member_is_set_by_its_path(ttur):
    words = f"run began_cifar10_small {ON_DIGITS} --set losses.adversarial.k=0.1 --set k_rate=0"
    (planned, _) = json.loads(ttur(f"{words} --seed 0 --dry-run --json")[1])["plan"]
    adversarial = planned["configuration"]["losses"]["adversarial"]
    assert (adversarial["k"], adversarial["k_rate"]) == (0.1, 0.0)


@pytest.mark.long  # tests/training/media/test_images.py says it of an evaluation
def test_several_metrics_while_training_and_the_first_makes_the_best(ttur):
    words = TINY.replace("--samples 32", "--samples 1000")
    for names in (["fd_digits", "kid_digits"], ["is_digits", "fd_digits", "modes_digits"]):
        code, out, err = ttur(
            f"run demo --seed 0 {words} --metric {','.join(names)} --out {names[0]} --json"
        )
        assert code == 0, err
        (run,) = json.loads(out)["runs"]
        record = read_run(run["directory"])
        assert [list(evaluation.values) for evaluation in record.evaluations] == [names] * 3
        assert list(record.description.lower_is_better) == names
        choose = max if names[0] == "is_digits" else min
        scores = [evaluation.score for evaluation in record.evaluations]
        best = choose(scores, key=lambda score: score.value)
        assert run["best"] == {"metric": names[0], "value": best.value, "update": best.update}


def test_more_steps_continue_and_equal_the_whole(ttur):
    ttur(f"run demo --seed 0 {TINY} --out cut")
    continued, whole = (
        json.loads(ttur(f"run demo --seed 0 {TINY} --out {out} --json".replace("6", "9", 1))[1])
        for out in ("cut", "whole")
    )
    assert continued["runs"][0]["updates"] == 9
    assert continued["runs"][0]["weights_sha256"] == whole["runs"][0]["weights_sha256"]


def test_another_configuration_in_the_folder_is_refused_by_field(ttur):
    ttur(f"run demo --seed 0 {TINY}")
    code, _, err = ttur(f"run demo --seed 0 {TINY} --set batch_size=16 --set beta2=0.9")
    assert code == 2
    assert "batch_size was 8, is 16" in err
    assert "optimizer.beta2 was 0.999, is 0.9" in err
    assert "or another --out" in err
    assert "Traceback" not in err
    code, _, err = ttur(f"run demo --seed 0 {TINY}".replace("--steps 6", "--steps 5"))
    assert code == 2
    assert "updates was 6, is 5" in err


def test_other_weights_do_not_mix_two_metrics_in_one_run(ttur, tmp_path):
    import torch

    from ttur.features.compact import Compact

    for name in ("a", "b"):
        torch.save(Compact(16).state_dict(), tmp_path / f"{name}.pth")
    code, out, _ = ttur(f"run demo --seed 0 {TINY} --weights a.pth --json")
    assert code == 0
    assert json.loads(out)["runs"][0]["final"]["metric"].startswith("fd_digits[")
    more = TINY.replace("--steps 6", "--steps 9")
    code, _, err = ttur(f"run demo --seed 0 {more} --weights b.pth")
    assert code == 2
    assert "was scored by fd_digits[" in err


def test_a_run_whose_config_was_lost_is_not_continued_as_another(ttur, tmp_path):
    ttur(f"run demo --seed 0 {TINY}")
    run = tmp_path / "runs/demo/ttur_1e-3_5e-4/seed-0"
    (run / "config.json").unlink()
    code, _, err = ttur(f"run demo --seed 0 {TINY} --set latent=normal")
    assert code == 2
    assert "belongs to a run of another configuration" in err


@pytest.mark.parametrize("content", ["{}", "[]", "{torn", '{"configuration": {}}'])
def test_a_foreign_config_is_named(ttur, tmp_path, content):
    ttur(f"run demo --seed 0 {TINY}")
    path = tmp_path / "runs/demo/ttur_1e-3_5e-4/seed-0/config.json"
    path.write_text(content)
    for words in (f"run demo --seed 0 {TINY}", "report runs", f"sample {path.parent} --grid g.png"):
        code, _, err = ttur(words)
        assert code == 2, err
        assert "config.json" in err


def test_damaged_lines_of_events_are_passed_over(ttur, tmp_path):
    ttur(f"run demo --seed 0 {TINY}")
    path = tmp_path / "runs/demo/ttur_1e-3_5e-4/seed-0/events.jsonl"
    lines = path.read_text()
    path.write_text('{"update": 7}\n{"event": "evaluation", "update": 7}\n[7]\n{tor\n' + lines)
    assert [evaluation.update for evaluation in read_run(path.parent).evaluations] == [1, 4, 6]
    code, out, _ = ttur("report runs")
    assert code == 0
    assert "1/1" in out


def test_a_dry_run_prints_the_plan_and_the_time_and_leaves_nothing(ttur, tmp_path):
    code, out, err = ttur("run demo --dry-run --seeds 0,3")
    assert (code, err) == (0, "")
    assert "4 runs" in out
    assert re.search(
        r"takes about [0-9.]+ (s|min|h) on \d+ cores?; [0-9.]+ s on an H100 is a guess", out
    )
    assert "runs/demo/orig_5e-4/seed-3" in out
    assert not list(tmp_path.iterdir())


def test_a_dry_run_says_what_would_be_downloaded_and_downloads_nothing(ttur, tmp_path):
    assert "at least 10" in ttur("run demo --dry-run --metric is --samples 5")[2]
    code, _out, err = ttur("run demo --dry-run --metric fid")
    assert (code, err) == (
        0, "to be downloaded first: pt_inception-2015-12-05-6726825d.pth, 95.6 MB\n",
    )  # fmt: skip
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--metric fd_cifar", "got 'cifar'; did you mean cifar10"),
        ("--metric fd_nowhere.at:all", "No module named 'nowhere'"),
        ("--device warp", "--device cpu"),
        ("--set data=photoz", "run `ttur prepare images FOLDER --name photoz"),
        ("--set image_size=32", "--set image_size=... to 16"),
        ("--metric fid --weights nowhere.pth", "nowhere.pth"),
        ("--samples 5 --metric is_digits", "at least 10"),
        ("--metric is_digits --set kid_subset_size=3", "kid_subset_size"),
        ("--set batch_size=9999", "a batch of 9999 needs at least as many samples"),
        ("--out file", "seed-0: Not a directory"),
    ],
)
def test_a_dry_run_refuses_what_the_run_refuses_by_the_same_words(ttur, tmp_path, words, expected):
    Path("file").touch()
    refused = ttur(f"run demo {words} --dry-run")
    assert refused[:2] == (2, "")
    assert expected in refused[2]
    code, _, err = ttur(f"run demo {words}")
    assert (code, err.splitlines()[-1:]) == (2, refused[2].splitlines())


def test_a_dry_run_knows_what_was_run_before(ttur):
    ttur(f"run demo --seed 0 {TINY}")
    for change, expected in (
        ("--set batch_size=16", "batch_size was 8, is 16"),
        ("--metric kid_digits --samples 1000", "scoring.metric was 'fd_digits', is 'kid_digits'"),
    ):
        code, out, err = ttur(f"run demo --seed 0 {TINY} {change} --dry-run")
        assert (code, out) == (2, "")
        assert expected in err
    code, out, _ = ttur(f"run demo --seeds 0-1 {TINY} --dry-run")
    assert code == 0
    assert "as earlier runs here took (1 of 2 runs are done)" in out


def test_after_ctrl_c_the_command_that_goes_on_is_said_word_by_word(ttur, monkeypatch):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ttur.experiments.running.run", interrupt)
    monkeypatch.setattr("ttur.data.preparing.prepare.prepare", interrupt)
    for words in ("run demo --seed 0 --metric none --out it's", "prepare images * --name a;b"):
        code, _, err = ttur(words)
        assert code == 130
        said = err.splitlines()[-1].strip()
        assert shlex.split(said) == ["ttur", *words.split()]
        assert "'" in said


def test_a_plan_says_when_a_run_is_too_short_for_its_probes(ttur):
    _, out, _ = ttur("run demo --dry-run --monitor --steps 300")
    assert "monitored: a probe every 200 updates; a tracking gap every 4,000 updates, which" in out
    assert "is never in 300: lower --set tracking_gap_every_updates=..." in out
    _, out, _ = ttur("run demo --dry-run --monitor --steps 4000")
    assert "never" not in out
    _, out, _ = ttur("run demo --dry-run --steps 4100 --set monitor_every_updates=300")
    assert "a tracking gap every 4,200 updates, which is never in 4,100" in out
    _, out, _ = ttur(f"run wgan_gp_cifar10_small {ON_DIGITS} --dry-run --monitor")
    assert "a tracking gap every 4,000 updates, which is never in 1,000" in out
    _, out, _ = ttur(f"run began_cifar10_small {ON_DIGITS} --dry-run --monitor")
    assert "tracking gap" not in out
    _, out, _ = ttur("run demo --dry-run")
    assert "monitored" not in out


def test_one_pair_of_rates_replaces_the_settings(ttur):
    rates = "--d-lr 3e-4 --g-lr 1e-4 --n-critic 5"
    _, out, _ = ttur(f"run dcgan_cifar10 {ON_DIGITS} --metric none {rates} --dry-run --json")
    (planned,) = json.loads(out)["plan"]
    assert planned["label"] == "ttur_3e-4_1e-4_critic5"
    assert planned["configuration"]["n_critic"] == 5
    assert planned["configuration"]["rates"]["generator"]["value"] == 1e-4


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("run dcgan_cifar", "no experiment 'dcgan_cifar'; did you mean dcgan_cifar10"),
        ("run demo --only ttur", "no setting 'ttur'"),
        ("run demo --seeds 0-99999999999", "--seeds expects"),
        ("run demo --d-lr 0 --g-lr 1e-4", "discriminator"),
        ("run demo --d-lr 1e-4 --g-lr -1", "generator"),
        ("run demo --d-lr 1e-4", "both rates"),
        ("run demo --d-lr nan --g-lr 1", "discriminator"),
        ("run demo --set widht=3", "did you mean width"),
        ("run demo --set width=99999999", "width"),
        ("run wgan_gp_cifar10_small --set batch_size=30 --set images_per_score=4", "multiple"),
        ("run demo --set patience=3 --metric none", "patience"),
        ("run demo --set rates.generator.value=3e-4", "--g-lr"),
        ("run demo --set seed=3", "--seed"),
        ("run demo --set rates=1e-4", "--d-lr"),
        ("run demo --steps 5 --set updates=3", "--steps"),
        ("run demo --samples 5 --metric is_digits", "at least 10"),
        ("run demo --set order=simultaneous --n-critic 2", "n_critic 1"),
        ("run demo --set width", "FIELD=VALUE"),
        ("run demo --seeds 3-1", "--seeds expects"),
        ("run demo --seed 1 --seeds 1", "got both"),
        ("run demo --metric fd_faces", "digits"),
        ("run demo --metric fidd", "no metric 'fidd'"),
        ("run demo --device warp", "--device cpu"),
        ("run demo --set image_size=32", "--set image_size=... to 16"),
        ("run demo --set model.widht=3", "did you mean model.width"),
        ("run demo --set kind=began", "no field 'kind'"),
        ("run demo --set model=dcgann", "no kind 'dcgann'; did you mean dcgan"),
        ("run demo --set losses=began", "change both"),
        ("run dcgan_cifar10_small", "ttur prepare cifar10"),
        ("report nowhere", "no runs in nowhere"),
        ("sample nowhere --grid x.png", "nowhere"),
        ("run demo --set d_lr=1", "use --d-lr"),
        ("run DEMO", "did you mean demo?"),
        ("prepare images .", "got none; give one by --name"),
        ("fid a", "expected B (generated: the same kinds), got nothing; see"),
        ("fid a b c", "expected no more words, got c"),
        ("fid a b --seed x", "expected --seed: a whole number, got 'x'"),
        ("fid a b --batch-size 0", "expected --batch-size: at least 1, got '0'"),
        ("fid a b --extracter x", "did you mean --extractor?"),
        ("fdi", "no command 'fdi'; did you mean fid"),
        ("fid nowhere elsewhere --extractor digits", "nowhere"),
        ("selftest --device meta", "--device cpu"),
        ("run demo --monitor --set monitor=None", "'monitor' is set as a whole and within"),
        ("evaluate nowhere elsewhere --metrics fidd", "did you mean fid"),
        ("selftest --weights nowhere.pth", "nowhere.pth"),
        ("prepare cifar10 nowhere", "nowhere"),
        ("experiments dmeo", "did you mean demo"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(ttur, tmp_path, words, expected):
    code, out, err = ttur(words)
    assert code == 2, err
    assert expected in err
    assert [line[:7] == "error: " for line in err.splitlines()].index(True) == err.count("\n") - 1
    assert not out
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").rglob("*.pt"))


def test_inception_weights_that_are_not_there_stop_before_training(ttur, tmp_path, monkeypatch):
    """Offline: a proxy on a closed port of this machine refuses every connection."""
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    code, _, err = ttur(f"run demo --seed 0 {TINY} --metric fid")
    assert code == 2
    assert all(remedy in err for remedy in ("--weights", "--metric fd_cifar10", "--metric none"))
    np.save(tmp_path / "a.npy", np.zeros((20, 16, 16, 3), np.uint8))
    code, _, err = ttur("fid a.npy a.npy --device cpu")
    assert code == 2
    assert err.endswith("or name it by --weights, or take --extractor cifar10 (not a FID)\n")
    at_home = err.strip().replace(str(tmp_path / "cache"), "~/.cache/ttur")
    assert len(folded(at_home, 80, "  ")) == 4
    assert not list(tmp_path.rglob("checkpoint.pt"))


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)]
)
def test_a_signal_saves_the_run_and_starts_no_other(tmp_path, number):
    words = f"run demo --seeds 0-1 {TINY} --metric none --out {tmp_path} --json"
    words = words.replace("--steps 6", "--steps 100000")
    program = [sys.executable, "-m", "ttur", *words.split()]
    process = subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    first = tmp_path / "demo/ttur_1e-3_5e-4/seed-0"
    end = time.monotonic() + 120
    while not any(isinstance(event, Log) for event in read_events(first)):
        assert time.monotonic() < end, "waited in vain for an update"
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    (run,) = json.loads(out)["runs"]
    assert (run["directory"], run["outcome"]) == (str(first), "interrupted")
    assert (first / "checkpoint.pt").exists()
    assert not (tmp_path / "demo/ttur_1e-3_5e-4/seed-1").exists()


def test_a_sample_says_which_weights_it_is_of(ttur, tmp_path):
    ttur(f"run demo --seed 0 {TINY}")
    run = tmp_path / "runs/demo/ttur_1e-3_5e-4/seed-0"
    best = read_run(run).best
    assert best is not None
    for words, said in (
        ("", "weights: checkpoint.pt, update 6\n"),
        ("--best", f"weights: best.pt, update {best.update}\n"),
    ):
        code, out, err = ttur(f"sample {run} --count 1 --grid {len(said)}.png {words}")
        assert (code, out, err) == (0, f"1 image in {len(said)}.png\n", said)
    with (run / "checkpoint.pt").open("r+b") as file:
        file.seek(2000)
        file.write(b"garbage")
    code, _, err = ttur(f"sample {run} --count 1 --grid older.png")
    assert code == 0
    assert f"{run / 'checkpoint.pt'} is torn or " in err
    assert err.endswith("; checkpoint.previous.pt, update 3\n")


def test_samples_and_report_of_a_run(ttur, tmp_path):
    ttur(f"run demo --seeds 0-1 {TINY}")
    run = "runs/demo/ttur_1e-3_5e-4/seed-0"
    code, out, _ = ttur(f"sample {run} --count 9 --grid grid.png")
    assert (code, out) == (0, "9 images in grid.png\n")
    with Image.open("grid.png") as grid:
        assert grid.size == (416, 416)  # three of 16 px, eight times as large, and gaps of 8
    assert ttur(f"sample {run} --count 5 --out five --seed 1")[1] == "5 images in five/\n"
    ttur(f"sample {run} --count 3 --out three --seed 1 --best")
    assert len(list(Path("five").glob("*.png"))) == 5
    code, out, _ = ttur("report runs --out figures/curves.png")
    assert code == 0
    assert "2/2" in out
    for line in ("figure  figures/curves.png", "samples figures/curves-samples.png"):
        assert line in out
        with Image.open(line.split()[1]) as figure:
            assert min(figure.size) > 400


def test_fid_of_folders_names_metric_protocol_and_counts(ttur, tmp_path):
    noise = np.random.default_rng(0)
    for side, level in (("a", 0), ("b", 120)):
        (tmp_path / side).mkdir()
        for index in range(6):
            pixels = noise.integers(level, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / side / f"{index}.png")
    code, out, _ = ttur("fid a b --extractor digits --json --device cpu")
    assert code == 0
    result = json.loads(out)
    assert result["metric"] == "fd_digits"
    assert result["protocol"] == "tf1"
    assert result["counts"] == {"real": 6, "generated": 6}
    assert result["value"] > 0
    code, out, _ = ttur("statistics a a.npz --extractor digits --device cpu")
    assert code == 0
    again = json.loads(ttur("fid a.npz b --extractor digits --json --device cpu")[1])
    assert again["value"] == pytest.approx(result["value"], rel=1e-12)
    code, _, err = ttur("fid a.npz b --extractor digits --protocol torch --device cpu")
    assert code == 2
    assert "tf1" in err
    assert "torch" in err


def test_a_report_as_one_json_document(ttur, tmp_path):
    ttur(f"run demo --seeds 0-1 {TINY}")
    code, out, _ = ttur("report runs --json --band std --against minutes --against both_players")
    assert code == 0
    document = json.loads(out)
    assert all(Path(name).is_file() for names in document["files"].values() for name in names)
    assert {setting["rates"] for setting in document["settings"]} == {"1e-3, 5e-4"}
    assert document["equal_budgets"] == []  # n_critic is the same in all settings
    code, _, err = ttur("report runs --band quartiles")
    assert code == 2
    assert "std" in err
