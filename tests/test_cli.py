import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

TINY = (
    "--only ttur_1e-3_5e-4 --steps 6 --set width=2 --set batch_size=8 --samples 32 "
    "--evaluate-every 4 --set log_every_updates=2 --set checkpoint_every_updates=3 --device cpu"
)


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
    code, out, _ = ttur("experiments demo")
    assert code == 0
    assert "evaluation_samples" in out


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
    code, _, err = ttur(f"run demo --seed 0 {TINY} --set batch_size=16")
    assert code == 2
    assert "batch_size was 8, is 16" in err
    assert "Traceback" not in err
    code, _, err = ttur(f"run demo --seed 0 {TINY}".replace("--steps 6", "--steps 5"))
    assert code == 2
    assert "updates was 6, is 5" in err


def test_other_weights_do_not_mix_two_metrics_in_one_run(ttur, tmp_path):
    import torch

    from ttur.metrics.compact import Compact

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
    path.write_text('{"update": 7}\n{"event": "evaluation", "update": 7}\n' + lines)
    code, out, _ = ttur("report runs")
    assert code == 0
    assert "1/1" in out


def test_a_dry_run_prints_the_plan_and_leaves_nothing(ttur, tmp_path):
    code, out, _ = ttur("run demo --dry-run --seeds 0,3")
    assert code == 0
    assert "4 runs" in out
    assert "runs/demo/orig_5e-4/seed-3" in out
    assert not list(tmp_path.iterdir())


def test_a_plan_says_when_a_run_is_too_short_for_its_probes(ttur):
    _, out, _ = ttur("run demo --dry-run --monitor --steps 300")
    assert "monitored: a probe every 200 updates; a tracking gap every 4,000 updates, which" in out
    assert "is never in 300: --set tracking_gap_every_updates=..." in out
    _, out, _ = ttur("run demo --dry-run --monitor --steps 4000")
    assert "never" not in out
    _, out, _ = ttur("run demo --dry-run --steps 4100 --set monitor_every_updates=300")
    assert "a tracking gap every 4,200 updates, which is never in 4,100" in out
    _, out, _ = ttur("run wgan_gp_cifar10_small --dry-run --monitor")
    assert "a tracking gap every 4,000 updates, which is never in 1,000" in out
    _, out, _ = ttur("run began_cifar10_small --dry-run --monitor")
    assert "tracking gap" not in out
    _, out, _ = ttur("run demo --dry-run")
    assert "monitored" not in out


def test_one_pair_of_rates_replaces_the_settings(ttur):
    _, out, _ = ttur("run dcgan_cifar10 --d-lr 3e-4 --g-lr 1e-4 --n-critic 5 --dry-run --json")
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
        ("run demo --set image_size=32", "image_size=16"),
        ("run dcgan_cifar10_small", "ttur prepare cifar10"),
        ("report nowhere", "no runs in nowhere"),
        ("sample nowhere --grid x.png", "nowhere"),
        ("fid nowhere elsewhere --extractor digits", "nowhere"),
        ("fid nowhere elsewhere --device meta", "--device cpu"),
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
    assert all(remedy in err for remedy in ("--weights", "fd_cifar10", "none"))
    assert not list(tmp_path.rglob("checkpoint.pt"))


def test_samples_and_report_of_a_run(ttur, tmp_path):
    ttur(f"run demo --seeds 0-1 {TINY}")
    run = "runs/demo/ttur_1e-3_5e-4/seed-0"
    code, out, _ = ttur(f"sample {run} --count 9 --grid grid.png")
    assert (code, out.strip()) == (0, "grid.png")
    with Image.open("grid.png") as grid:
        assert grid.size == (48, 48)
    ttur(f"sample {run} --count 5 --out five --seed 1")
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
