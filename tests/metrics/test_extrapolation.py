"""FID∞: nearer to the truth, the intercept of a line, at the sizes of the paper."""

import numpy as np
import pytest
import torch

from populations import DECAY, D, near
from ttur.metrics.extrapolation import fid_infinity
from ttur.metrics.frechet import frechet_distance
from ttur.metrics.moments import Moments


class TestInfinity:
    REAL = Moments(2, np.zeros(D), np.diag(DECAY**2))

    def test_is_nearer_to_the_truth_than_the_fid_of_all_samples(self):
        """Over 12 samples of 50 per dimension; the bias left is of second order in d / n."""
        rng, limits, plain = np.random.default_rng(11), [], []
        for seed in range(12):
            made = fid_infinity(self.REAL, near(50 * D, rng), seed=seed)
            limits.append(made.value)
            plain.append(made.distances[-1])
            assert made.slope > 0
        # Each limit has a deviation of 0.005, their mean 0.0015.
        assert np.mean(plain) > 0.015
        assert abs(np.mean(limits)) < 0.004

    def test_is_the_intercept_of_a_line_in_one_over_n(self):
        rows = near(1000, np.random.default_rng(12))
        made = fid_infinity(self.REAL, rows, points=5)
        inverse = 1 / np.array(made.sizes)
        (slope, value), covariance = np.polyfit(inverse, made.distances, 1, cov=True)
        assert made.value == pytest.approx(value, rel=1e-9)
        assert made.slope == pytest.approx(slope, rel=1e-9)
        assert made.standard_error == pytest.approx(np.sqrt(covariance[1, 1]), rel=1e-6)

    def test_ends_at_the_fid_of_all_samples(self):
        rows = near(1000, np.random.default_rng(13))
        moments = Moments.of(rows)
        expected = frechet_distance(
            self.REAL.mean, self.REAL.covariance, moments.mean, moments.covariance
        )
        assert fid_infinity(self.REAL, rows).distances[-1] == pytest.approx(expected, rel=1e-10)

    def test_takes_the_sizes_of_the_paper(self):
        """15 from 5,000 to 50,000; twice the dimension where that is more than a tenth."""
        flat = Moments(2, np.zeros(1), np.eye(1))
        sizes = fid_infinity(flat, np.random.default_rng(0).normal(size=(50_000, 1))).sizes
        assert len(sizes) == 15
        assert (sizes[0], sizes[7], sizes[-1]) == (5_000, 27_500, 50_000)
        sizes = fid_infinity(self.REAL, near(10 * D, np.random.default_rng(0)), points=3).sizes
        assert sizes == (2 * D, 6 * D, 10 * D)

    def test_is_a_function_of_its_seed(self):
        rows = near(200, np.random.default_rng(14))
        once, again, other = (fid_infinity(self.REAL, rows, seed=seed) for seed in (1, 1, 2))
        assert once == again
        assert once.value != other.value
        assert fid_infinity(self.REAL, torch.from_numpy(rows), seed=1) == once

    def test_refuses_what_makes_no_line(self):
        rows = near(200, np.random.default_rng(15))
        with pytest.raises(ValueError, match=r"at least 48 generated samples .*, got 47"):
            fid_infinity(self.REAL, rows[:47])
        with pytest.raises(ValueError, match="got 12 and 5"):
            fid_infinity(self.REAL, rows[:, :5])
        with pytest.raises(ValueError, match="at least 3 points"):
            fid_infinity(self.REAL, rows, points=2)
        with pytest.raises(ValueError, match="NaN or infinity"):
            fid_infinity(self.REAL, np.full((200, D), np.nan))
