"""Our numbers beside those of pytorch-fid 0.3.0, clean-fid 0.1.35 and torch-fidelity 0.4.0.

Same images, same weights; tests/golden/peers.json is written by tools/make_golden.py.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from golden import inputs
from ttur.evaluation.evaluate import fid
from ttur.features.extractors import Extractor, Features, load_extractor
from ttur.features.resize import PROTOCOL_OF, resize
from ttur.metrics.frechet import frechet_distance
from ttur.metrics.inception_score import inception_scores
from ttur.metrics.kernel import kernel_distance
from ttur.metrics.manifold import precision_recall
from ttur.metrics.moments import Moments

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "golden" / "peers.json").read_text("utf-8")
)
PROTOCOLS = {peer: PROTOCOL_OF[peer] for peer in GOLDEN["images"]}
FIDELITY = GOLDEN["images"]["torch-fidelity"]
COUNT = 8
SHAPES = {"up": (32, 32), "odd": (40, 57), "down": (331, 420), "mixed": (417, 101)}
FEATURES = inputs.features(5, 397, 16), inputs.features(6, 397, 16)
each_peer = pytest.mark.parametrize("peer", PROTOCOLS)


@pytest.fixture(scope="module")
def extractors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Extractor]:
    weights = inputs.inception_weights()
    assert inputs.digest(weights.values()) == GOLDEN["inputs"]["weights_sha256"]
    file = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save({name: torch.from_numpy(array) for name, array in weights.items()}, file)
    made = load_extractor("inception", weights=file)
    return {name: replace(made, protocol=name) for name in set(PROTOCOLS.values())}


@pytest.fixture(scope="module")
def sides(extractors: dict[str, Extractor]) -> dict[str, tuple[Features, Features]]:
    """Both sides' features under each protocol: 48 images through the network, once."""
    real, generated = inputs.real_images(COUNT), inputs.generated_images(COUNT)
    assert inputs.digest([real]) == GOLDEN["inputs"]["real_sha256"]
    assert inputs.digest([generated]) == GOLDEN["inputs"]["generated_sha256"]
    return {
        name: (made(channels_first(real)), made(channels_first(generated)))
        for name, made in extractors.items()
    }


@pytest.mark.parametrize("case", GOLDEN["resize"])
def test_resizes_are_those_of_the_peers(case: str):
    """tf1 of torch-fidelity and clean of clean-fid to the bit; torch to the rounding of a kernel
    that torch picks by the CPU: 255 · 2⁻²⁴ · a few."""
    protocol, shape = case.split()
    golden = GOLDEN["resize"][case]
    image = inputs.images(3, 1, *SHAPES[shape])
    ours = resize(channels_first(image), 299, protocol)[0].movedim(0, -1).numpy()
    np.testing.assert_allclose(ours[::43, ::43], golden["pixels"], rtol=0, atol=1e-4)
    assert abs(ours.mean(dtype=np.float64) - golden["mean"]) <= 1e-5
    if protocol != "torch":
        assert inputs.digest([ours]) == golden["sha256"]


@each_peer
def test_features_are_those_of_the_peers(peer: str, sides):
    """float32 through 94 layers, summed in another order: 4e-7 here, 1e-5 promised."""
    golden = GOLDEN["images"][peer]
    for side, norms, kept in zip(
        sides[PROTOCOLS[peer]], golden["norms"], golden["features"], strict=True
    ):
        features = side.features.double().numpy()
        assert relative_error(features[:, ::32], np.array(kept)) <= 1e-5
        np.testing.assert_allclose(np.linalg.norm(features, axis=1), norms, rtol=1e-5)


@pytest.fixture(scope="module")
def distances(extractors, sides) -> dict[str, float]:
    """Of all features; for `tf1` by the whole way, from images to the result."""
    result = fid(
        inputs.real_images(COUNT),
        inputs.generated_images(COUNT),
        extractor=extractors["tf1"],
        interval=False,
        cache=False,
    )
    assert result.protocol == "tf1"
    return {"tf1": result.value} | {name: distance(sides[name]) for name in ("torch", "clean")}


@each_peer
def test_frechet_distances_are_those_of_the_peers(peer: str, sides, distances):
    """Of all 2048 features of eight images; of 64 of them; and of four, where nothing is singular.

    The tools' own roots of singular matrices err by 2e-6 of the first number (`fid_of_features` is
    of the same features, without that root), and a root doubles the error of what it is taken of.
    """
    golden, protocol = GOLDEN["images"][peer], PROTOCOLS[peer]
    assert distances[protocol] == pytest.approx(golden["fid_of_features"], rel=1e-5)
    if "fid" in golden:
        assert distances[protocol] == pytest.approx(golden["fid"], rel=1e-5)
    else:
        kept = distance(sides[protocol], slice(None, None, 32))
        assert kept == pytest.approx(golden["fid_of_kept"], rel=2e-5)
    four = distance(sides[protocol], golden["four"])
    assert four == pytest.approx(golden["fid_of_four"], rel=2e-5)


def test_the_protocols_differ_by_far_more_than_the_tolerances():
    values = [GOLDEN["images"][peer]["fid_of_features"] for peer in list(PROTOCOLS)[:3]]
    gaps = np.diff(sorted(values)) / values[0]
    assert (gaps > 0.01).all()


def test_inception_score_kid_precision_and_recall_are_those_of_torch_fidelity(sides):
    real, generated = sides["tf1"]
    logits = generated.logits.numpy()
    assert relative_error(logits[:, ::32], np.array(FIDELITY["logits"])) <= 1e-5
    score = inception_scores(logits, splits=2)
    # Random weights tell images apart so little that what counts is the distance from 1.
    assert score.mean - 1 == pytest.approx(FIDELITY["inception_score"] - 1, rel=1e-5)
    deviation = FIDELITY["inception_score_standard_deviation"]
    assert score.standard_deviation == pytest.approx(deviation, rel=1e-5)
    kid = kernel_distance(real.features, generated.features, subsets=1, subset_size=COUNT)
    # Theirs is in float32: differences of kernels of about 5, rounded at 6e-8 of that.
    assert kid.mean == pytest.approx(FIDELITY["kid"], abs=3e-6)
    manifold = precision_recall(real.features, generated.features, k=1)
    assert manifold.precision == FIDELITY["precision"]
    assert manifold.recall == FIDELITY["recall"]


def test_formulas_are_those_of_the_peers_on_features_given_in_float64():
    real, generated = FEATURES
    assert inputs.digest(FEATURES) == GOLDEN["inputs"]["features_sha256"]
    golden = GOLDEN["features"]
    real, generated = real.astype(np.float64), generated.astype(np.float64)
    x, y = (Moments.of_batches([side], 16) for side in (real, generated))
    for peer in golden["frechet"].values():
        ours = frechet_distance(x.mean, x.covariance, y.mean, y.covariance)
        assert ours == pytest.approx(peer, rel=1e-10)
    for peer in golden["kernel"].values():
        ours = kernel_distance(real, generated, subsets=1, subset_size=len(real))
        assert ours.mean == pytest.approx(peer, rel=1e-10)
    score = inception_scores(4 * generated)
    assert score.mean == pytest.approx(golden["inception_score_of_4x"]["mean"], rel=1e-12)
    deviation = golden["inception_score_of_4x"]["standard_deviation"]
    assert score.standard_deviation == pytest.approx(deviation, rel=1e-10)
    manifold = precision_recall(real, generated, k=3)
    # They report a float32 mean of counts.
    assert manifold.precision == pytest.approx(golden["precision"], rel=1e-7)
    assert manifold.recall == pytest.approx(golden["recall"], rel=1e-7)


def channels_first(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images).movedim(-1, 1)


def relative_error(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


def distance(sides: tuple[Features, Features], features: Any = slice(None)) -> float:
    kept = [side.features[:, features] for side in sides]
    x, y = (Moments.of_batches([side], side.shape[1]) for side in kept)
    return frechet_distance(x.mean, x.covariance, y.mean, y.covariance)
