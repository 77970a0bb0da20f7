"""The interval of the FID holds the true distance as often as it says."""

import numpy as np
import pytest

from populations import BASIS, DECAY, D, Draw, far, grouped, near, rectified, rectified_scaled
from reference.fid import jackknife_of_groups, percentile_bootstrap
from ttur.metrics.debiased import debiased_distance
from ttur.metrics.frechet import frechet_distance
from ttur.metrics.moments import Moments
from ttur.metrics.pencil import Pencil
from ttur.metrics.uncertainty import FidInterval, fid_interval

FAR = frechet_distance(np.zeros(D), np.diag(DECAY**2), DECAY, 1.96 * (BASIS * DECAY**2) @ BASIS.T)
# max(0, z) has mean 1 / √2π and variance 1/2 - 1/2π, and roots of covariances scale as 1 : 1.5.
RECTIFIED = 0.5**2 * (DECAY @ DECAY) * 0.5


def intervals(real: Draw, generated: Draw, ratio: int, simulations: int) -> list[FidInterval]:
    rng = np.random.default_rng(ratio)
    made = []
    for i in range(simulations):
        x, y = real(ratio * D, rng), generated(ratio * D, rng)
        made.append(fid_interval(grouped(x, 2 * i).groups, grouped(y, 2 * i + 1).groups))
    return made


def coverage(made: list[FidInterval], true: float) -> float:
    return float(np.mean([interval.low <= true <= interval.high for interval in made]))


@pytest.mark.parametrize(
    ("real", "generated", "true", "ratio"),
    [
        (near, far, FAR, 5),
        pytest.param(near, far, FAR, 30, marks=pytest.mark.long),
        pytest.param(near, far, FAR, 100, marks=pytest.mark.long),
        (rectified, rectified_scaled, RECTIFIED, 5),
    ],
)
def test_the_interval_holds_the_true_distance_as_often_as_it_says(
    real: Draw, generated: Draw, true: float, ratio: int
):
    """300 simulations: of a coverage of 95 %, 90 and 99 % are 4 and 3 standard deviations away."""
    made = intervals(real, generated, ratio, 300)
    assert 0.90 <= coverage(made, true) <= 0.99
    estimates = np.array([interval.estimate for interval in made])
    # The mean of 300 has an error of 0.06 standard deviations.
    assert abs(estimates.mean() - true) < 0.25 * estimates.std()


def test_a_percentile_bootstrap_does_not():
    """Its resamples are biased twice: as the sample is, and as a sample of the sample is."""
    rng, inside = np.random.default_rng(5), 0
    for _ in range(30):
        x, y = rectified(5 * D, rng), rectified_scaled(5 * D, rng)
        low, high = percentile_bootstrap(x, y, 50, rng)
        inside += low <= RECTIFIED <= high
    assert inside < 15


def test_against_an_exact_side():
    """Only the sampling of the other one counts."""
    exact, rng = Moments(2, np.zeros(D), np.diag(DECAY**2)), np.random.default_rng(1)
    made = [fid_interval(exact, grouped(far(5 * D, rng), i).groups) for i in range(200)]
    assert 0.89 <= coverage(made, FAR) <= 0.99
    assert made[0].covers == ("generated",)
    assert fid_interval(grouped(far(60, rng)).groups, exact).covers == ("real",)


def test_without_a_distance_the_interval_begins_at_zero():
    """As both bounds stop at 0, only the lower one can miss: nominally in 2.5 % of the cases."""
    made = intervals(near, near, 10, 100)
    assert 0.95 <= coverage(made, 0) <= 1
    estimates = np.array([interval.estimate for interval in made])
    assert abs(estimates.mean()) < 0.25 * estimates.std()
    assert estimates.min() < 0
    assert min(interval.low for interval in made) == 0


def test_samples_of_varying_norm_need_the_jackknife():
    """Random matrix theory alone expects independent coordinates and leaves a bias here."""
    rng, x, y = np.random.default_rng(2), [], []

    def draw(n: int, scale: float) -> np.ndarray:
        return scale * np.exp(0.5 * rng.normal(size=(n, 1))) * rng.normal(size=(n, D))

    for i in range(100):
        a, b = grouped(draw(10 * D, 1), 2 * i), grouped(draw(10 * D, 1.2), 2 * i + 1)
        x.append(debiased_distance(a.total, b.total, 10.0 * D, 10.0 * D))
        y.append(fid_interval(a.groups, b.groups, method="jackknife").estimate)
    true = 0.2**2 * D * np.exp(0.5)
    assert np.mean(x) - true > 10 * np.std(x) / np.sqrt(100)
    # What is left is of second order, (d / n)².
    assert abs(np.mean(y) - true) < 0.25 * (np.mean(x) - true)


def test_the_estimate_and_its_error_are_those_of_the_jackknife():
    rng = np.random.default_rng(3)
    exact = Moments(2, np.zeros(D), np.diag(DECAY**2))
    parts = [far(n, rng) for n in (9, 14, 4, 23, 11)]

    def statistic(rows: np.ndarray) -> float:
        return debiased_distance(exact, Moments.of(rows), m=float(len(rows)))

    estimate, error = jackknife_of_groups(statistic, parts)
    made = fid_interval(exact, [Moments.of(part) for part in parts], method="jackknife")
    assert made.estimate == pytest.approx(estimate, rel=1e-9)
    assert made.standard_error == pytest.approx(error, rel=1e-9)
    # scipy 1.17.1 scipy.stats.t.ppf(0.975, 4)
    assert made.high == pytest.approx(estimate + 2.7764451051977987 * error, rel=1e-9)


def test_errors_of_both_sides_add_up():
    rng = np.random.default_rng(4)
    x, y = grouped(near(100, rng)), grouped(far(200, rng))
    both = fid_interval(x.groups, y.groups)
    assert both.covers == ("real", "generated")
    swapped = fid_interval(y.groups, x.groups)
    assert both.estimate == pytest.approx(swapped.estimate, rel=1e-6)
    assert both.standard_error == pytest.approx(swapped.standard_error, rel=1e-6)
    wider = fid_interval(x.groups, y.groups, level=0.99)
    assert wider.low < both.low < both.estimate < both.high < wider.high


def test_the_interval_turns_and_scales_with_the_features():
    """Unmoved by rotation and shift, quadratic in scale."""
    rng = np.random.default_rng(5)
    x, y = near(100, rng), far(100, rng)
    before = fid_interval(grouped(x).groups, grouped(y).groups)
    x, y = (10 * side @ BASIS + 3 for side in (x, y))
    after = fid_interval(grouped(x).groups, grouped(y).groups)
    # Errors come from vectors in float32.
    for name in ("low", "high", "estimate", "standard_error"):
        assert getattr(after, name) == pytest.approx(100 * getattr(before, name), rel=1e-5)


@pytest.mark.parametrize("one_exact", [True, False])
def test_both_methods_agree_where_samples_are_many(one_exact: bool):
    rng = np.random.default_rng(14)
    x, y = grouped(near(300 * D, rng)), grouped(far(200 * D, rng))
    real = x.total if one_exact else x.groups
    ours, theirs = (
        fid_interval(real, y.groups, method=method) for method in ("influence", "jackknife")
    )
    assert ours.standard_error == pytest.approx(theirs.standard_error, rel=0.02)
    assert abs(ours.estimate - theirs.estimate) < 0.02 * theirs.standard_error


def test_the_pencil_at_hand_changes_nothing():
    rng = np.random.default_rng(15)
    x, y = grouped(near(100, rng)), grouped(far(100, rng))
    pencil = Pencil.of(x.total.covariance, y.total.covariance)
    ours = fid_interval(x.groups, y.groups, pencil=pencil)
    alone = fid_interval(x.groups, y.groups)
    assert ours.standard_error == pytest.approx(alone.standard_error, rel=1e-5)


def test_features_that_never_vary_or_repeat_others_change_nothing():
    """No Cholesky factor: the way by the range of the covariance."""
    rng = np.random.default_rng(16)
    x, y = near(100, rng), far(100, rng)
    before = fid_interval(grouped(x).groups, grouped(y).groups)
    x, y = (np.c_[side, np.ones((100, 2))] for side in (x, y))
    after = fid_interval(grouped(x).groups, grouped(y).groups)
    assert after.estimate == pytest.approx(before.estimate, rel=1e-6)
    assert after.standard_error == pytest.approx(before.standard_error, rel=1e-5)


class TestNoInterval:
    ROWS = np.random.default_rng(6).normal(size=(80, 4))

    def test_with_two_exact_sides(self):
        exact = Moments.of(self.ROWS)
        with pytest.raises(ValueError, match="two exact sides; an interval needs images"):
            fid_interval(exact, exact)

    @pytest.mark.parametrize("count", [0, 1, 8])
    def test_with_too_few_samples(self, count: int):
        with pytest.raises(ValueError, match=r"of generated samples|generated images"):
            fid_interval(grouped(self.ROWS).groups, grouped(self.ROWS[:count]).groups)

    def test_of_different_dimensions(self):
        with pytest.raises(ValueError, match="got 4 and 3"):
            fid_interval(grouped(self.ROWS).groups, grouped(self.ROWS[:, :3]).groups)

    def test_of_constant_features(self):
        constant = grouped(np.ones((80, 4))).groups
        with pytest.raises(ValueError, match="expected features that vary"):
            fid_interval(constant, constant)

    def test_by_a_method_that_is_none(self):
        groups = grouped(self.ROWS).groups
        with pytest.raises(ValueError, match="influence or jackknife, got 'bootstrap'"):
            fid_interval(groups, groups, method="bootstrap")

    @pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
    def test_at_a_level_that_is_none(self, level: float):
        groups = grouped(self.ROWS).groups
        with pytest.raises(ValueError, match="level between 0 and 1"):
            fid_interval(groups, groups, level=level)
