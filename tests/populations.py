"""Feature vectors of known populations, for tests of distances, and their moments."""

from collections.abc import Callable

import numpy as np

from ttur.metrics.grouped_moments import GroupedMoments
from ttur.metrics.moments import Moments

D = 12
DECAY = np.arange(1.0, D + 1) ** -0.5
BASIS = np.linalg.qr(np.random.default_rng(0).normal(size=(D, D)))[0]

Draw = Callable[[int, np.random.Generator], np.ndarray]


def grouped(rows: np.ndarray, seed: int = 0) -> GroupedMoments:
    made = GroupedMoments(rows.shape[1], seed)
    made.update(rows)
    return made


def assert_same_bits(a: Moments, b: Moments) -> None:
    assert a.count == b.count
    assert (a.mean == b.mean).all()
    assert (a.scatter == b.scatter).all()


def assert_close(a: Moments, b: Moments) -> None:
    assert a.count == b.count
    np.testing.assert_allclose(a.mean, b.mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(a.scatter, b.scatter, rtol=0, atol=1e-11 * np.trace(b.scatter))


def near(n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(n, D)) * DECAY


def far(n: int, rng: np.random.Generator) -> np.ndarray:
    """Shifted, rotated, twice the variance."""
    return (1.4 * rng.normal(size=(n, D)) * DECAY) @ BASIS.T + DECAY


def rectified(n: int, rng: np.random.Generator) -> np.ndarray:
    return np.maximum(rng.normal(size=(n, D)), 0) * DECAY @ BASIS.T


def rectified_scaled(n: int, rng: np.random.Generator) -> np.ndarray:
    return 1.5 * rectified(n, rng)
