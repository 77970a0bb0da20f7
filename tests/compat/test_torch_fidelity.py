"""`ttur.compat.torch_fidelity`: keys, seeds, inputs; for extras, beside torch-fidelity."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from compat.conftest import of_layer, random_images, write_images
from ttur.compat import torch_fidelity
from ttur.compat.torch_fidelity import calculate_metrics
from ttur.compat.torch_fidelity.metrics import DEFAULTS, FIXED, WITHOUT_EFFECT
from ttur.metrics.frechet import frechet_distance_of_samples
from ttur.metrics.inception_score import inception_scores
from ttur.metrics.manifold import precision_recall

OPTIONS = {
    **dict.fromkeys(("isc", "fid", "kid", "prc"), True),
    "feature_extractor": "inception-v3-compat",
    "feature_layer_fid": "64",
    "kid_subset_size": 9,
    "kid_subsets": 7,
    "verbose": False,
    "cuda": False,
}


def features(images: np.ndarray, layer: str = "inception") -> np.ndarray:
    return of_layer(layer, "tf1")(torch.from_numpy(images).movedim(-1, 1)).features.numpy()


def logits(images: np.ndarray) -> np.ndarray:
    return of_layer("inception", "tf1")(torch.from_numpy(images).movedim(-1, 1)).logits.numpy()


class Uint8(nn.Module):
    """8 numbers a sample → flat images."""

    def forward(self, noise: Tensor) -> Tensor:
        levels = (noise[:, :3, None, None] * 50 + 128).clamp(0, 255)
        return levels.to(torch.uint8).expand(-1, 3, 9, 9)


SIDES = random_images(20, seed=0), random_images(15, seed=1) // 2


@pytest.mark.usefixtures("cheap_inception", "folders")
def test_all_metrics_under_their_keys():
    real, fake = SIDES
    made = calculate_metrics(input1="samples", input2="photos", **OPTIONS)
    assert list(made) == [
        *("inception_score_mean", "inception_score_std", "frechet_inception_distance"),
        *("kernel_inception_distance_mean", "kernel_inception_distance_std"),
        *("precision", "recall", "f_score"),
    ]
    shuffled = logits(fake)[np.random.RandomState(2020).permutation(15)]
    score = inception_scores(shuffled)
    assert made["inception_score_mean"] == pytest.approx(score.mean, rel=1e-12)
    assert made["inception_score_std"] == pytest.approx(score.standard_deviation, rel=1e-12)
    assert score.mean != inception_scores(logits(fake)).mean  # another order, another score
    distance = frechet_distance_of_samples(
        features(real, "inception_64").astype(float), features(fake, "inception_64").astype(float)
    )
    assert made["frechet_inception_distance"] == pytest.approx(distance, rel=1e-9)
    manifold = precision_recall(features(real), features(fake))
    assert (made["precision"], made["recall"]) == (manifold.precision, manifold.recall)
    ordered = calculate_metrics(
        input1="samples", isc=True, samples_shuffle=False, cuda=False, verbose=False
    )
    assert ordered["inception_score_mean"] == inception_scores(logits(fake)).mean


@pytest.mark.usefixtures("cheap_inception")
def test_inputs_are_folders_data_sets_and_generators(folders: Path):
    write_images(folders / "samples" / "below", random_images(3, seed=5))
    asked = {"fid": True, "feature_layer_fid": "64", "cuda": False, "verbose": False}
    by_folder = calculate_metrics(input1="samples", input2="photos", **asked)
    tensors = [torch.from_numpy(side).movedim(-1, 1) for side in SIDES]
    data_set = [tensors[1][index] for index in range(15)]
    assert calculate_metrics(input1=data_set, input2="photos", **asked) == by_folder
    deep = calculate_metrics(input1="samples", input2="photos", samples_find_deep=True, **asked)
    assert deep != by_folder
    model = torch_fidelity.GenerativeModelModuleWrapper(Uint8(), 8, "normal", 0)
    drawn = calculate_metrics(
        input1=model, input1_model_num_samples=10, input2="photos", batch_size=4, **asked
    )
    noise = np.random.RandomState(2020).randn(10, 8)
    images = Uint8()(torch.from_numpy(noise).float()).movedim(1, -1).numpy()
    expected = frechet_distance_of_samples(
        features(SIDES[0], "inception_64").astype(float),
        features(np.ascontiguousarray(images), "inception_64").astype(float),
    )
    assert drawn["frechet_inception_distance"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input1": "a"}, "expected a metric out of isc, fid, kid, prc, got none"),
        ({"input1": "a", "fid": True}, "expected `input2`, got None"),
        ({"input1": "a", "input2": "b", "prc": True}, "by VGG-16 there, .* not part of ttur"),
        ({"input1": "a", "input2": "b", "ppl": True}, "expected `ppl` False"),
        ({"kid": True, "kid_kernel": "rbf"}, "expected `kid_kernel` 'poly'"),
        ({"fid": True, "feature_extractor": "vgg16"}, "`feature_extractor` 'inception-v3-compat'"),
        ({"input1": "a", "isc": True, "isc_split": 3}, "no argument 'isc_split'.*isc_splits"),
        ({"input1": "cifar10-train", "isc": True}, "ttur prepare cifar10"),
        ({"input1": Uint8(), "isc": True}, "wrap it by GenerativeModelModuleWrapper"),
        ({"input1": "a", "isc": True, "feature_layer_isc": "logits"}, "out of 64, 192"),
    ],
)
@pytest.mark.usefixtures("cheap_inception")
def test_what_there_is_not_is_refused(arguments: dict, message: str):
    with pytest.raises(ValueError, match=message):
        calculate_metrics(cuda=False, **arguments)


@pytest.mark.usefixtures("cheap_inception", "folders")
def test_the_command_prints_json_and_lines(monkeypatch, capsys):
    def call(words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["fidelity", *words.split()])
        runpy.run_module("ttur.compat.torch_fidelity", run_name="__main__")
        return capsys.readouterr().out

    words = "--isc --kid --kid-subset-size 9 --kid-subsets 3 --cpu --silent"
    words += " --input1 samples --input2 photos"
    made = json.loads(call(f"{words} --json"))
    asked = {"isc": True, "kid": True, "kid_subset_size": 9, "kid_subsets": 3, "cuda": False}
    assert made == calculate_metrics(input1="samples", input2="photos", **asked)
    assert call(words).splitlines() == [f"{name}: {value:.7g}" for name, value in made.items()]
    with pytest.raises(SystemExit) as ended:
        call("--prc --input1 samples --input2 photos")
    assert ended.value.code == 2
    assert "VGG-16" in capsys.readouterr().err


@pytest.mark.extras
def test_every_argument_of_torch_fidelity_is_known_with_its_default(peers):
    theirs = peers.torch_fidelity.defaults.DEFAULTS
    known = DEFAULTS | WITHOUT_EFFECT | FIXED
    assert {name for name in theirs if not name.startswith(("ppl_", "kid_kernel_rbf"))} == {*known}
    assert {name: theirs[name] for name in known} == known


@pytest.mark.extras
@pytest.mark.usefixtures("cheap_inception", "folders")
def test_numbers_are_those_of_torch_fidelity_of_the_same_features(peers):
    theirs = peers.torch_fidelity
    made = calculate_metrics(input1="samples", input2="photos", **OPTIONS)
    real, fake = (torch.from_numpy(features(side)) for side in SIDES)
    expected = theirs.metric_isc.isc_features_to_metric(torch.from_numpy(logits(SIDES[1])))
    expected |= theirs.metric_kid.kid_features_to_metric(fake.double(), real.double(), **OPTIONS)
    expected |= theirs.metric_prc.prc_features_to_metric(fake, real, **OPTIONS)
    moments = [
        theirs.metric_fid.fid_features_to_statistics(
            torch.from_numpy(features(side, "inception_64")).double()
        )
        for side in SIDES
    ]
    expected |= theirs.metric_fid.fid_statistics_to_metric(*moments, verbose=False)
    for name, value in expected.items():
        assert made[name] == pytest.approx(value, rel=1e-6), name
