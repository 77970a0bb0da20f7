"""ADM's suite: a file of statistics and images, sFID, its Inception Score, its kind of reference.

The oracles are literal, in numpy and float64, by the description of `guided-diffusion`'s evaluator.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.linalg import sqrtm
from torch import Tensor

from ttur.evaluation.accumulator import Accumulator
from ttur.evaluation.evaluate import evaluate
from ttur.evaluation.metric_names import measures
from ttur.evaluation.reference import statistics, write_statistics
from ttur.evaluation.statistics import Statistics
from ttur.features.extractors import Extractor
from ttur.metrics.inception_score import inception_scores


def means_logits_places(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """12 features; they are the logits, too; 4 by 4 places of the first channel."""
    features = F.avg_pool2d(images, 4).flatten(1)
    return features, features, F.avg_pool2d(images[:, :1], 2).flatten(1)


@pytest.fixture
def spatial() -> Extractor:
    return Extractor.of(means_logits_places, name="places", dimension=12, size=8)


def images_of(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)


REAL, GENERATED = images_of(60, 0), images_of(50, 1) // 2


def places(images: np.ndarray) -> np.ndarray:
    scaled = (images[..., 0].astype(np.float64) - 128) / 128
    return scaled.reshape(-1, 4, 2, 4, 2).mean((2, 4)).reshape(-1, 16)


def distance(mu: np.ndarray, sigma: np.ndarray, x: np.ndarray) -> float:
    root = np.real(sqrtm(sigma @ np.cov(x, rowvar=False)))
    difference = mu - x.mean(0)
    return difference @ difference + np.trace(sigma + np.cov(x, rowvar=False) - 2 * root)


def test_the_spatial_distance_is_that_of_its_own_gaussians(spatial: Extractor):
    ours = evaluate(REAL, GENERATED, "sfid,fid", extractor=spatial)
    real = places(REAL)
    expected = distance(real.mean(0), np.cov(real, rowvar=False), places(GENERATED))
    assert ours["sfid_places"] == pytest.approx(expected, rel=1e-5)
    assert ours["fd_places"] == evaluate(REAL, GENERATED, "fid", extractor=spatial)["fd_places"]


def test_spatial_features_are_those_of_the_network(embedded: Extractor):
    with pytest.raises(ValueError, match=r"need spatial features.*take inception as `extractor`"):
        evaluate(REAL, GENERATED, "sfid", extractor=embedded)


def test_the_score_is_of_parts_of_a_size_the_last_of_the_rest():
    logits = np.random.default_rng(0).normal(size=(23, 5))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    scores = []
    for start in range(0, 23, 10):
        part = p[start : start + 10]
        kl = part * (np.log(part) - np.log(part.mean(0, keepdims=True)))
        scores.append(np.exp(kl.sum(1).mean()))
    made = inception_scores(logits, of=10)
    assert made.mean == pytest.approx(np.mean(scores), rel=1e-12)
    assert made.splits == 3
    assert inception_scores(logits[:20], of=2) == inception_scores(logits[:20], 10)


def test_statistics_for_the_distance_and_images_of_one_file_for_the_rest(
    spatial: Extractor, tmp_path: Path
):
    """The statistics are of other images than those beside them, as ADM's are."""
    path, whole = tmp_path / "reference.npz", statistics(images_of(200, 3), spatial)
    mu_s, sigma_s = np.full(16, 0.1), np.diag(np.linspace(0.1, 0.2, 16))
    np.savez(path, REAL, mu=whole.mean, sigma=whole.covariance, mu_s=mu_s, sigma_s=sigma_s)
    made = evaluate(path, GENERATED, "adm,kid", extractor=spatial, kid_subset_size=20)
    assert list(made) == [
        f"{number}_places"
        for number in ("fd", "sfid", "is_adm", "precision_k3", "recall_k3", "kid")
    ]
    by_images = evaluate(
        REAL, GENERATED, "is_adm,precision_recall,kid", extractor=spatial, kid_subset_size=20
    )
    assert {name: made[name] for name in by_images} == dict(by_images)
    assert made["fd_places"] == evaluate(whole, GENERATED, "fid", extractor=spatial)["fd_places"]
    assert made["sfid_places"] == pytest.approx(
        distance(mu_s, sigma_s, places(GENERATED)), rel=1e-5
    )
    # Nobody says of how many images the statistics are; 60 were read.
    assert made.counts == {"real": None, "generated": 50}
    assert made.audit["real"] is not None
    assert made.audit["real"]["read"] == 60
    assert any("do not say how they were made" in line for line in made.warnings)


def test_a_reference_is_written_that_others_read(spatial: Extractor, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("ttur.evaluation.reference.ADM_IMAGES", 25)
    np.save(tmp_path / "all.npy", REAL)
    path = tmp_path / "reference.npz"
    for out in (path, tmp_path / "again.npz"):
        write_statistics(tmp_path / "all.npy", out, adm=True, extractor=spatial)
    with np.load(path) as file, np.load(tmp_path / "again.npz") as again:
        assert {"arr_0", "mu", "sigma", "mu_s", "sigma_s"} <= set(file)
        assert (file["arr_0"] == again["arr_0"]).all()
        assert file["arr_0"].shape == (25, 8, 8, 3)
        chosen = [[(one == image).all() for image in REAL].index(True) for one in file["arr_0"]]
        assert file["mu_s"] == pytest.approx(places(REAL).mean(0), abs=1e-6)
        assert file["sigma_s"] == pytest.approx(np.cov(places(REAL), rowvar=False), abs=1e-6)
        kept = file["arr_0"]
    assert len(set(chosen)) == 25
    assert chosen != sorted(chosen)
    made = evaluate(path, GENERATED, "adm", extractor=spatial)
    direct = evaluate(REAL, GENERATED, "fid,sfid", extractor=spatial)
    assert (made["fd_places"], made["sfid_places"]) == tuple(direct.values())
    beside = evaluate(kept, GENERATED, "precision_recall", extractor=spatial)
    assert made["recall_k3_places"] == beside["recall_k3_places"]
    read = Statistics.load(path)
    assert read.count == 60
    assert read.spatial is not None


def test_a_reference_is_of_images_of_one_size(spatial: Extractor, tmp_path: Path):
    from PIL import Image

    for name, side in (("a", 8), ("b", 9)):
        Image.new("RGB", (side, side)).save(tmp_path / f"{name}.png")
    with pytest.raises(ValueError, match=r"images of one size, got 8x8 and 9x9.*`size`"):
        write_statistics(tmp_path, tmp_path / "out.npz", adm=True, extractor=spatial)
    assert not (tmp_path / "out.npz").exists()


def test_the_suite_in_parts_and_from_a_checkpoint(spatial: Extractor):
    whole = evaluate(REAL, GENERATED, "adm", extractor=spatial, interval=False)
    parts = [Accumulator(REAL, "adm", extractor=spatial, interval=False) for _ in range(3)]
    parts[0].update(GENERATED[:20])
    parts[1].update(torch.from_numpy(GENERATED[20:]).movedim(-1, 1))
    parts[2].load_state_dict(parts[0].state_dict())
    parts[2].merge(parts[1])
    assert dict(parts[2].compute()) == pytest.approx(dict(whole), rel=1e-9)


def test_the_suite_is_one_word():
    assert [m.name for m in measures("adm")] == ["fid", "sfid", "is_adm", "precision_recall"]
    assert [m.name for m in measures("adm,fid,kid")][-1] == "kid"
