"""Checks whose right answer is known on paper: no network, no file."""

from functools import partial, reduce

import numpy as np
import torch

from ttur.evaluation.selftest.check import Check, Fact, Installation
from ttur.features.resize import PROTOCOLS, resize
from ttur.metrics.frechet import TOLERANCE, frechet_distance
from ttur.metrics.inception_score import inception_score
from ttur.metrics.kernel import kernel_distance
from ttur.metrics.manifold import density_coverage, precision_recall
from ttur.metrics.moments import Moments

# One image, 11 rows to 4 and 3 columns to 4: smaller and larger at once. A pixel is the sum of an
# entry of each list, and so is what any filter makes of it, whose weights sum to one.
PICTURE_ROWS = (0, 20, 40, 10, 90, 50, 30, 70, 20, 60, 5)
PICTURE_COLUMNS = (10, 60, 30)
KEYS = (
    (16.189267, 49.773226, 48.713569, 33.669905),
    (7.38806, 43.44247, 52.310571, 28.432836),
)
# By the formulas on paper: for tf1 the rows lie at 0, 2.75, 5.5, 8.25, for torch at 0.875, 3.625,
# 6.375, 9.125; the others weigh all rows in reach by a triangle or by Keys' cubic, a = -1/2.
RESIZED = {
    "tf1": ((0, 17.5, 40, 30), (10, 47.5, 45, 30)),
    "torch": ((17.5, 60, 45, 53.125), (10, 41.25, 48.75, 30)),
    "clean": KEYS,
    "torch_antialias": ((18.333333, 48.333333, 47, 36.018519), (10, 41.25, 48.75, 30)),
    "dinov2": KEYS,
    "dinov2_pil": KEYS,
    "clip": ((92.089552, 66.333022, 39.728718, 28.955224), KEYS[1]),  # of the rows 90, 50, 30
}


def common_eigenvectors(_: Installation) -> Fact:
    """Σ (√a_i - √b_i)² + |δ|² where both covariances have the same eigenvectors."""
    d = 2048
    return _distance(np.linspace(0.5, 2, d), np.linspace(3, 0.25, d), shift=3.0)


def singular_covariances(_: Installation) -> Fact:
    """As few images as 256 for 512 features leave: eigenvalues of exactly zero on both sides."""
    i = np.arange(512)
    return _distance(np.where(i < 256, 1 + i / 256, 0), np.where(i % 2, 2 - i / 512, 0), shift=0.0)


def identical_gaussians(_: Installation) -> Fact:
    variances = np.linspace(0.1, 5, 256)
    return _distance(variances, variances, shift=0.0)


def merged_moments(_: Installation) -> Fact:
    """The covariance of shuffled integers is exact in integers; 1e8 beside them is no loss.

    Features near 1e8 are float64 to 1e-8, so a covariance of 8e4 to some 1e-10 of itself. Division
    by n for n - 1 misses by 1e-3.
    """
    count = 1000
    shuffles = [np.random.RandomState(seed).permutation(count) for seed in range(8)]
    integers = np.stack(shuffles, axis=1).astype(np.int64)
    doubled = 2 * integers - (count - 1)  # twice the distance from the mean
    exact = (doubled.T @ doubled) / 4 / (count - 1)
    features = integers + 1e8
    pieces = np.split(features, [1, 8, 60, 300, 301])
    covariances = [
        reduce(Moments.merge, order).covariance
        for order in ([*map(Moments.of, pieces)], [*map(Moments.of, pieces[::-1])])
    ]
    covariances.append(Moments.of_batches(pieces, 8).covariance)
    error = max(float(np.abs(covariance - exact).max()) for covariance in covariances)
    return Fact(0, error / exact[0, 0], tolerance=1e-9)


def resize_of_a_picture(protocol: str, installation: Installation) -> Fact:
    """The largest error, in grey levels, of a picture, its negative and a plain grey.

    Values of 255 are float32 to 1.5e-5, and two passes of sums keep that to a few 1e-5. Those of
    protocols on bytes are rounded after either pass, by 1/2 each, and the second weighs the errors
    of the first by at most 1.15.
    """
    rows, columns = (np.array(values, np.float64) for values in RESIZED[protocol])
    picture = 60 + np.add.outer(PICTURE_ROWS, PICTURE_COLUMNS)
    pixels = np.stack([picture, 255 - picture, np.full_like(picture, 128)]).astype(np.uint8)
    small = 60 + np.add.outer(rows, columns)
    expected = np.stack([small, 255 - small, np.full_like(small, 128)])
    got = resize(torch.from_numpy(pixels)[None].to(installation.device), 4, protocol)[0]
    tolerance = 1.08 if PROTOCOLS[protocol].whole else 1e-3
    return Fact(0, float(np.abs(got.cpu().numpy() - expected).max()), tolerance)


def kernel_of_four_points(_: Installation) -> Fact:
    """k(x, y) = (x·y / d + 1)³ by hand. Four points at 0 against 1, 1, 1 and 2, pairs of different
    points: 1 + (6 · 8 + 6 · 27) / 12 - 2 · 1. With the diagonal it would be 21.4; in two equal
    coordinates it stays, if the product is divided by 2.
    """
    points = np.array([[0, 0, 0, 0], [1, 1, 1, 2]], np.float64)
    real, generated = np.repeat(points[:, :, None], 2, axis=2)
    got = kernel_distance(real, generated, subsets=3, subset_size=4).mean
    return Fact(16.5, got, tolerance=1e-9)


# On a line, with the nearest neighbour as reach: of the real points 1, 1, 1 and 5, of the generated
# ones 1.1, 1.1, 1, 1 and 30.5. Exchanged sides give other numbers.
REAL = np.array([[0.0], [1], [2], [7]])
GENERATED = np.array([[1.6], [2.7], [8.5], [9.5], [40]])


def precision_on_a_line(_: Installation) -> Fact:
    """All generated points but 40 lie in reach of a real one."""
    return Fact(0.8, precision_recall(REAL, GENERATED, k=1).precision, tolerance=1e-12)


def recall_on_a_line(_: Installation) -> Fact:
    """1 and 2 lie in reach of a generated point, 0 and 7 of none."""
    return Fact(0.5, precision_recall(REAL, GENERATED, k=1).recall, tolerance=1e-12)


def density_on_a_line(_: Installation) -> Fact:
    """In reach of two real points: 1.6 and 2.7; of one: 8.5 and 9.5; of none: 40."""
    return Fact(1.2, density_coverage(REAL, GENERATED, k=1).density, tolerance=1e-12)


def coverage_on_a_line(_: Installation) -> Fact:
    """1, 2 and 7 have a generated point in reach, 0 has none."""
    return Fact(0.75, density_coverage(REAL, GENERATED, k=1).coverage, tolerance=1e-12)


def score_of_certain_classes(_: Installation) -> Fact:
    """Two classes in the first half and four in the second, each certain: (2 + 4) / 2."""
    classes = np.array([0, 1] * 8 + [0, 1, 2, 3] * 4)
    logits = 1000 * np.eye(10)[classes]
    return Fact(3.0, inception_score(logits, splits=2), tolerance=1e-9)


def _distance(a: np.ndarray, b: np.ndarray, shift: float) -> Fact:
    """Variances a and b along eigenvectors that no axis is one of, means `shift` apart."""
    direction = np.cos(np.arange(len(a), dtype=np.float64))
    direction /= np.linalg.norm(direction)
    origin = np.zeros(len(a))
    got = frechet_distance(
        origin, _reflection(a, direction), shift * direction, _reflection(b, direction)
    )
    expected = float(((np.sqrt(a) - np.sqrt(b)) ** 2).sum() + shift**2)
    # The error that the fast way may have before it gives way to the exact one.
    return Fact(expected, got, tolerance=TOLERANCE * float(a.sum() + b.sum()))


def _reflection(variances: np.ndarray, v: np.ndarray) -> np.ndarray:
    """H diag(variances) H with the reflection H = 1 - 2vvᵀ, its own inverse."""
    scaled = variances * v
    mixed = np.outer(v, scaled)
    return np.diag(variances) - 2 * (mixed + mixed.T) + 4 * (v @ scaled) * np.outer(v, v)


CHECKS = (
    Check("Fréchet distance of two Gaussians in 2048 dimensions", common_eigenvectors),
    Check("Fréchet distance of singular covariances", singular_covariances),
    Check("Fréchet distance of a Gaussian to itself", identical_gaussians),
    Check("covariance of merged batches, however cut", merged_moments),
    *(
        Check(f"resize {name}, smaller and larger", partial(resize_of_a_picture, name))
        for name in RESIZED
    ),
    Check("KID of four points against four", kernel_of_four_points),
    Check("precision of points on a line", precision_on_a_line),
    Check("recall of points on a line", recall_on_a_line),
    Check("density of points on a line", density_on_a_line),
    Check("coverage of points on a line", coverage_on_a_line),
    Check("Inception Score of certain classes", score_of_certain_classes),
)
