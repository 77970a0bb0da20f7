"""Every experiment runs by its name, on data sets that are its own but for their size."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from ttur.data.preparing.prepare import prepare
from ttur.experiments.registry import EXPERIMENTS

SIZES = {"cifar10": 32, "svhn": 32, "celeba": 64, "lsun_bedroom": 64}


@pytest.fixture(scope="module")
def tiny_data(tmp_path_factory):
    """A folder of data sets: 80 noisy images each, 400 sentences."""
    folder = tmp_path_factory.mktemp("tiny")
    noise = np.random.default_rng(0)
    (folder / "images").mkdir()
    for index in range(80):
        pixels = noise.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"images/{index}.png")
    for size in (32, 64):
        prepare("images", [folder / "images"], folder, size=size, target_name=f"of_{size}")
    for name, size in SIZES.items():
        shutil.copytree(folder / f"of_{size}", folder / name)
    words = ["one", "two", "three", "four", "five"]
    lines = [" ".join(noise.choice(words, 6)) for _ in range(400)]
    (folder / "lines.txt").write_text("\n".join(lines))
    prepare("text", [folder / "lines.txt"], folder, target_name="sentences")
    (folder / "sentences").rename(folder / "billion_word")
    return folder


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_two_steps_of_every_experiment(ttur, tiny_data, name):
    """Of its last setting, which is one of those that differ most from the first."""
    is_text = name.startswith("language")
    label = list(EXPERIMENTS[name]().settings)[-1]
    metric = "jsd --set fine_evaluation_samples=80" if is_text else "fd_digits"
    code, out, err = ttur(
        f"run {name} --seed 0 --steps 2 --data {tiny_data} --metric {metric} --samples 64 --json "
        f"--set width=2 --set batch_size=16 --only {label}"
    )
    assert code == 0, err
    (run,) = json.loads(out)["runs"]
    assert (run["label"], run["outcome"], run["updates"]) == (label, "finished", 2)
    assert run["final"]["update"] == 2


def test_the_list_has_the_place_in_the_paper_what_was_published_and_the_cost(ttur):
    """It needs neither data nor extras."""
    code, out, _ = ttur("experiments --json")
    assert code == 0
    listed = {entry["name"]: entry for entry in json.loads(out)["experiments"]}
    assert list(listed) == list(EXPERIMENTS)
    lsun = listed["wgan_gp_lsun"]
    assert lsun["source"] == "Figure 6 (right), Table 1 row WGAN-GP LSUN"
    assert lsun["published_best"]["ttur_3e-4_1e-4"]["fid"]["value"] == 9.5
    assert lsun["updates"] == 100_000 + 3 * 25_009
    assert lsun["real_samples"] == 64 * (100_000 + 3 * 5 * 25_009)
    code, out, _ = ttur("experiments")
    assert code == 0
    assert all(name in out for name in listed)
    assert "fid 9.5 TTUR, 20.5 orig" in out
