"""The self-test passes here, and each thing that may be wrong fails the check that is about it."""

import dataclasses
import itertools
import json
from collections.abc import Callable
from functools import partial
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from torch import Tensor

from onlooking import Recorder
from reference import archives
from reference.compact import features_and_logits
from reference.frechet import naive_distance_of_samples
from reference.weights import SHAPES
from ttur.data import catalogue
from ttur.data.preparing.prepare import prepare
from ttur.evaluation.selftest import closed_forms, published_values
from ttur.evaluation.selftest.check import Check, Fact, Installation, Skipped
from ttur.evaluation.selftest.golden_activations import (
    golden_activations,
    golden_images,
    golden_weights,
)
from ttur.evaluation.selftest.run import CheckResult, checks, selftest
from ttur.features import extractors, inception
from ttur.features.compact import Compact
from ttur.features.designs import DESIGNS
from ttur.features.extractors import Extractor
from ttur.features.published import PublishedWeights
from ttur.features.resize import PROTOCOLS
from ttur.metrics.inception_score import inception_score
from ttur.metrics.kernel import KernelDistance
from ttur.metrics.manifold import density_coverage, precision_recall
from ttur.metrics.moments import Moments
from ttur.runtime.progress import shown_to


def run(name: str) -> CheckResult:
    (chosen,) = (check for check in checks() if check.name == name)
    (result,) = selftest(only=[chosen])
    return result


def wrong_number(name: str) -> float:
    """What a check got that failed by its number, and not by an error."""
    result = run(name)
    assert result.outcome == "failed"
    assert result.got is not None, result.remark
    return result.got


def test_every_check_passes_or_says_what_it_needs(tmp_path: Path):
    recorder = Recorder()
    with shown_to(recorder):
        results = selftest(data_directory=tmp_path)
    assert recorder.tasks[0].total == recorder.tasks[0].done == len(results)
    begun = [task.title for task in recorder.tasks]
    assert [title for title in begun if title in {result.name for result in results}] == [
        result.name for result in results
    ]
    outcomes = {result.name: result.outcome for result in results}
    assert len(outcomes) == len(checks()), "two checks of one name"
    published = {check.name for check in published_values.CHECKS}
    assert {name for name in outcomes if outcomes[name] == "skipped"} == published
    assert {result.name: result for result in results if result.outcome == "failed"} == {}
    document = json.loads(json.dumps([result.to_json() for result in results]))
    assert document[0].keys() == {field.name for field in dataclasses.fields(CheckResult)}


def test_every_protocol_has_its_recorded_values():
    assert tuple(closed_forms.RESIZED) == tuple(PROTOCOLS)


# What is broken, and a check that must see it.


def test_a_covariance_over_n_is_seen(monkeypatch: pytest.MonkeyPatch):
    over_n = property(lambda moments: moments.scatter / moments.count)
    monkeypatch.setattr(Moments, "covariance", over_n)
    assert wrong_number("covariance of merged batches, however cut") == pytest.approx(1e-3, rel=0.1)
    got = wrong_number("fd_digits of train against test, in fifties")
    assert got == pytest.approx(golden_activations()["fd_digits"], rel=1e-2)  # by little


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_resize_of_another_protocol_is_seen(monkeypatch: pytest.MonkeyPatch, protocol: str):
    right = closed_forms.resize
    recorded = closed_forms.RESIZED
    for other in PROTOCOLS:
        if recorded[other] != recorded[protocol]:  # those of one filter differ where it overshoots
            mistaken = lambda pixels, size, _, other=other: right(pixels, size, other)  # noqa: E731
            monkeypatch.setattr(closed_forms, "resize", mistaken)
            assert wrong_number(f"resize {protocol}, smaller and larger") > 1


def test_an_average_pool_for_the_last_maximum_is_seen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(inception, "max_pool", inception.average_pool)
    assert wrong_number("features of inception on two known images") > 1e-3


def test_half_precision_is_seen(monkeypatch: pytest.MonkeyPatch):
    """As a GPU's TF32 would be, which has a digit more."""
    body = Compact.forward

    def rounded(network: Compact, images: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = body(network, images.bfloat16().float())
        return features.bfloat16().float(), logits

    monkeypatch.setattr(Compact, "forward", rounded)
    assert wrong_number("features of digits on two known images") > 1e-3


def test_features_that_depend_on_the_batch_are_seen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Compact, "eval", lambda network: network)  # batch norm trains
    assert wrong_number("features of digits alone, in sevens, in fifties") > 1e-3


def test_a_wrong_scaling_is_seen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(extractors.resize, "scale", lambda pixels, protocol: pixels / 255)
    assert wrong_number("features of cifar10 on two known images") > 1e-3
    assert wrong_number("embedded digits told apart") < 358


def test_noise_is_seen(monkeypatch: pytest.MonkeyPatch):
    steady, calls = Compact.forward, itertools.count()

    def noisy(network: Compact, images: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = steady(network, images)
        return features * (1 + 1e-6 * next(calls)), logits

    monkeypatch.setattr(Compact, "forward", noisy)
    assert wrong_number("features of digits twice, to the bit") > 0


def without_root(mean_x, covariance_x, mean_y, covariance_y) -> float:
    return float(((mean_x - mean_y) ** 2).sum() + np.trace(covariance_x + covariance_y))


def sides_exchanged(metric: Callable) -> Callable:
    return lambda real, generated, k: metric(generated, real, k)


def with_the_diagonal(real, generated, subsets: int, subset_size: int) -> KernelDistance:
    x, y = (((a @ b.T / 2 + 1) ** 3).mean() for a, b in ((real, real), (generated, generated)))
    mixed = ((real @ generated.T / 2 + 1) ** 3).mean()
    return KernelDistance(float(x + y - 2 * mixed), 0.0, 0.0, subsets, subset_size)


@pytest.mark.parametrize(
    ("name", "wrong", "check"),
    [
        ("frechet_distance", without_root, "Fréchet distance of a Gaussian to itself"),
        ("frechet_distance", without_root, "Fréchet distance of singular covariances"),
        ("kernel_distance", with_the_diagonal, "KID of four points against four"),
        ("precision_recall", sides_exchanged(precision_recall), "precision of points on a line"),
        ("precision_recall", sides_exchanged(precision_recall), "recall of points on a line"),
        ("density_coverage", sides_exchanged(density_coverage), "density of points on a line"),
        ("density_coverage", sides_exchanged(density_coverage), "coverage of points on a line"),
        (
            "inception_score",
            lambda logits, splits: inception_score(logits, splits=1),
            "Inception Score of certain classes",
        ),
    ],
)
def test_a_wrong_metric_is_seen(
    monkeypatch: pytest.MonkeyPatch, name: str, wrong: Callable, check: str
):
    monkeypatch.setattr(closed_forms, name, wrong)
    wrong_number(check)


# Checks are isolated from each other.


def unfit(_: Installation) -> Fact:
    raise RuntimeError("no kernel image is available")


def impossible(_: Installation) -> Fact:
    raise Skipped("needs a second moon: wait")


def test_an_error_fails_its_check_and_no_other():
    made = selftest(
        only=[
            Check("unfit", unfit),
            Check("impossible", impossible),
            Check("right", lambda _: Fact(1, 1.05, tolerance=0.1)),
            Check("NaN", lambda _: Fact(1, float("nan"), tolerance=0.1)),
        ]
    )
    assert [result.outcome for result in made] == ["failed", "skipped", "passed", "failed"]
    assert made[0].remark == "RuntimeError: no kernel image is available"
    assert made[1].remark == "needs a second moon: wait"
    assert (made[0].got, made[2].got) == (None, 1.05)


def test_a_device_that_is_not_there_is_failed_checks():
    of_cifar10 = [check for check in checks() if check.name.startswith("features of cifar10")]
    assert {result.outcome for result in selftest("nowhere", only=of_cifar10)} == {"failed"}


# The golden activations.


def test_golden_weights_are_those_of_the_published_names_to_the_bit():
    """PCG64's raw stream is promised by numpy, and everything after it is exact in float32."""
    first = {name: tuple(SHAPES[name]) for name in list(SHAPES)[:6]}
    weights = golden_weights(first)
    assert {name: tuple(tensor.shape) for name, tensor in weights.items()} == first
    raw = np.random.PCG64(20170626).random_raw(2)
    exact = [(int(bits) // 2**40 / 2**23 - 1) * (6 / 27) ** 0.5 for bits in raw]
    assert weights["Conv2d_1a_3x3.conv.weight"].flatten()[:2].tolist() == pytest.approx(exact)
    variances = weights["Conv2d_1a_3x3.bn.running_var"]
    assert 0.8 <= variances.min() < variances.max() <= 1.2


@pytest.mark.parametrize(("name", "size"), [("digits", 16), ("cifar10", 32)])
def test_the_golden_activations_are_those_of_the_transcription(name: str, size: int):
    file = resources.files("ttur.features") / "weights" / f"{name}.safetensors"
    state = {
        key: tensor.astype(np.float64)
        for key, tensor in safetensors.numpy.load(file.read_bytes()).items()
    }
    images = (golden_images(2, size).transpose(0, 3, 1, 2) - 128.0) / 128
    features, logits = features_and_logits(images, state)
    golden = golden_activations()[name]
    assert np.array(golden["features"]) == pytest.approx(features, rel=1e-7, abs=1e-12)
    assert np.array(golden["logits"]) == pytest.approx(logits, rel=1e-7, abs=1e-12)


# The published values, on data and weights that are not the published ones.


@pytest.fixture
def official(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """A small CIFAR-10 in the official format, which passes for the published archive."""
    splits = {
        split: (archives.pictures(count, seed=count), np.arange(count) % 10)
        for split, count in (("train", 40), ("test", 30))
    }
    archive = archives.cifar10_archive(tmp_path / "cifar.tar.gz", "binary", splits)
    known = catalogue.KNOWN["cifar10"]
    counted = dataclasses.replace(known, counts={"train": 40, "test": 30})
    monkeypatch.setitem(catalogue.KNOWN, "cifar10", counted)
    card = prepare("cifar10", [archive], tmp_path / "data")
    passing = dataclasses.replace(counted, sha256={"cifar-10.tar.gz": card.source_sha256[0]})
    monkeypatch.setitem(catalogue.KNOWN, "cifar10", passing)
    return {split: images for split, (images, _) in splits.items()}


@pytest.fixture
def patches(tiny: Extractor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve features that pass for verified Inception; the features serve as logits, too."""

    def loaded(name: str, *, weights: Path, device: str) -> Extractor:
        def network(images: Tensor) -> tuple[Tensor, Tensor]:
            features = tiny.network(images)[0]
            return features, features

        made = Extractor.of(network, name="patches", dimension=12, size=8)
        return dataclasses.replace(made, verified=True)

    monkeypatch.setattr(published_values, "load_extractor", loaded)
    file = tmp_path / "weights.pth"
    file.touch()
    return file


def part(images: np.ndarray, count: int) -> np.ndarray:
    """torch-fidelity's draw."""
    return images[np.random.RandomState(2020).choice(len(images), count, replace=False)]


def seen_by(tiny: Extractor, images: np.ndarray) -> np.ndarray:
    pixels = torch.from_numpy(images.copy()).movedim(-1, 1)
    return tiny(pixels).features.double().numpy()


@pytest.mark.parametrize("count", [5, 20])  # fewer and more than features
def test_the_fid_of_a_part_is_that_of_the_images_drawn(
    official, patches: Path, tmp_path: Path, tiny: Extractor, count: int
):
    x, y = (seen_by(tiny, part(official[split], count)) for split in ("train", "test"))
    expected = naive_distance_of_samples(x, y)
    right, wrong = selftest(
        weights=patches,
        data_directory=tmp_path / "data",
        only=[
            Check("right", partial(published_values.fid_of_part, count, expected, 1e-6)),
            Check("wrong", partial(published_values.fid_of_part, count, expected + 1, 1e-6)),
        ],
    )
    assert (right.outcome, wrong.outcome) == ("passed", "failed")
    assert wrong.got == right.got


def test_the_score_of_a_part_is_of_the_shuffled_training_images(
    official, patches: Path, tmp_path: Path, tiny: Extractor
):
    logits = seen_by(tiny, part(official["train"], 20))
    expected = inception_score(logits[np.random.RandomState(2020).permutation(20)])
    assert abs(expected - inception_score(logits)) > 1e-6
    check = Check("score", partial(published_values.score_of_part, 20, expected, 1e-9))
    (result,) = selftest(weights=patches, data_directory=tmp_path / "data", only=[check])
    assert result.outcome == "passed"


def test_all_images_are_compared_only_when_asked(
    official, patches: Path, tmp_path: Path, tiny: Extractor
):
    expected = naive_distance_of_samples(*(seen_by(tiny, official[s]) for s in ("train", "test")))
    check = Check("all", partial(published_values.fid_of_all, expected, 1e-6))
    where = {"weights": patches, "data_directory": tmp_path / "data", "only": [check]}
    (hasty,), (patient,) = selftest(**where), selftest(**where, full=True)
    assert (hasty.outcome, patient.outcome) == ("skipped", "passed")
    assert "`full`" in hasty.remark


def test_other_weights_fail_and_are_named(official, tmp_path: Path):
    file = tmp_path / "random.safetensors"
    shapes = {name: tuple(shape) for name, shape in SHAPES.items()}
    safetensors.torch.save_file(golden_weights(shapes), file)
    check = Check("FID", partial(published_values.fid_of_part, 2, 110.28082617, 1e-2))
    where = {"weights": file, "data_directory": tmp_path / "data", "only": [check]}
    (refused,) = selftest(**where)
    assert refused.outcome == "failed"
    assert str(file) in refused.remark
    # Were they the published ones, the whole way would be gone: here to another number.
    with pytest.MonkeyPatch.context() as patch:
        digest = refused.remark.split("got ")[1].split(";")[0]
        design = DESIGNS["inception"]
        assert isinstance(design.weights, PublishedWeights)
        design = dataclasses.replace(
            design, weights=dataclasses.replace(design.weights, sha256=digest)
        )
        patch.setitem(DESIGNS, "inception", design)
        (mismatch,) = selftest(**where)
    assert mismatch.outcome == "failed"
    assert mismatch.got is not None
    assert np.isfinite(mismatch.got)


def test_weights_that_are_not_there_are_refused_whatever_else_is_missing(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"none\.pth"):
        selftest(weights=tmp_path / "none.pth", data_directory=tmp_path / "data")


def test_copies_of_cifar10_are_not_taken_for_it(patches: Path, tmp_path: Path, monkeypatch):
    counts = {"train": 40, "test": 30}
    known = dataclasses.replace(catalogue.KNOWN["cifar10"], counts=counts)
    monkeypatch.setitem(catalogue.KNOWN, "cifar10", known)
    splits = {
        split: (archives.pictures(count), np.arange(count) % 10) for split, count in counts.items()
    }
    folder = archives.class_folders(tmp_path / "copies", splits)
    prepare("cifar10", [folder], tmp_path / "data")
    results = selftest(
        weights=patches, data_directory=tmp_path / "data", only=published_values.CHECKS
    )
    for result in results:
        assert result.outcome == "skipped"
        assert "made from copies" in result.remark
        assert "ttur prepare cifar10" in result.remark
