"""The interval of the FID holds the true distance as often as it says; FID∞; grouped moments."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.fid import (
    jackknife_of_groups,
    percentile_bootstrap,
    root_trace_by_s_transform,
)
from ttur.metrics.debiased import debiased_distance, root_trace
from ttur.metrics.fid import Interval, fid_infinity, fid_interval
from ttur.metrics.frechet import frechet_distance
from ttur.metrics.grouped_moments import GROUPS, ROWS, GroupedMoments
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


# -- the interval -----------------------------------------------------------------------------


def near(n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(n, D)) * DECAY


def far(n: int, rng: np.random.Generator) -> np.ndarray:
    """Shifted, rotated, twice the variance."""
    return (1.4 * rng.normal(size=(n, D)) * DECAY) @ BASIS.T + DECAY


def rectified(n: int, rng: np.random.Generator) -> np.ndarray:
    return np.maximum(rng.normal(size=(n, D)), 0) * DECAY @ BASIS.T


def rectified_scaled(n: int, rng: np.random.Generator) -> np.ndarray:
    return 1.5 * rectified(n, rng)


FAR = frechet_distance(np.zeros(D), np.diag(DECAY**2), DECAY, 1.96 * (BASIS * DECAY**2) @ BASIS.T)
# max(0, z) has mean 1 / √2π and variance 1/2 - 1/2π, and roots of covariances scale as 1 : 1.5.
RECTIFIED = 0.5**2 * (DECAY @ DECAY) * 0.5


def intervals(real: Draw, generated: Draw, ratio: int, simulations: int) -> list[Interval]:
    rng = np.random.default_rng(ratio)
    made = []
    for i in range(simulations):
        x, y = real(ratio * D, rng), generated(ratio * D, rng)
        made.append(fid_interval(grouped(x, 2 * i).groups, grouped(y, 2 * i + 1).groups))
    return made


def coverage(made: list[Interval], true: float) -> float:
    return float(np.mean([interval.low <= true <= interval.high for interval in made]))


@pytest.mark.parametrize(
    ("real", "generated", "true", "ratio"),
    [
        (near, far, FAR, 5),
        (near, far, FAR, 30),
        (near, far, FAR, 100),
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
        y.append(fid_interval(a.groups, b.groups).estimate)
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
    made = fid_interval(exact, [Moments.of(part) for part in parts])
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
    assert both.estimate == pytest.approx(swapped.estimate, rel=1e-9)
    assert both.standard_error == pytest.approx(swapped.standard_error, rel=1e-9)
    wider = fid_interval(x.groups, y.groups, level=0.99)
    assert wider.low < both.low < both.estimate < both.high < wider.high


def test_the_interval_turns_and_scales_with_the_features():
    """Unmoved by rotation and shift, quadratic in scale."""
    rng = np.random.default_rng(5)
    x, y = near(100, rng), far(100, rng)
    before = fid_interval(grouped(x).groups, grouped(y).groups)
    x, y = (10 * side @ BASIS + 3 for side in (x, y))
    after = fid_interval(grouped(x).groups, grouped(y).groups)
    for name in ("low", "high", "estimate", "standard_error"):
        assert getattr(after, name) == pytest.approx(100 * getattr(before, name), rel=1e-8)


class TestNoInterval:
    ROWS = np.random.default_rng(6).normal(size=(80, 4))

    def test_with_two_exact_sides(self):
        exact = Moments.of(self.ROWS)
        with pytest.raises(ValueError, match="two exact sides; an interval needs images"):
            fid_interval(exact, exact)

    @pytest.mark.parametrize("count", [0, 1, 8])
    def test_with_too_few_samples(self, count: int):
        with pytest.raises(ValueError, match=r"generated samples.*; add images"):
            fid_interval(grouped(self.ROWS).groups, grouped(self.ROWS[:count]).groups)

    def test_of_different_dimensions(self):
        with pytest.raises(ValueError, match="got 4 and 3"):
            fid_interval(grouped(self.ROWS).groups, grouped(self.ROWS[:, :3]).groups)

    def test_of_constant_features(self):
        constant = grouped(np.ones((80, 4))).groups
        with pytest.raises(ValueError, match="expected features that vary"):
            fid_interval(constant, constant)

    @pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
    def test_at_a_level_that_is_none(self, level: float):
        groups = grouped(self.ROWS).groups
        with pytest.raises(ValueError, match="level between 0 and 1"):
            fid_interval(groups, groups, level=level)


# -- without bias -----------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m"), [(30.0, 60.0), (21.0, np.inf)])
def test_the_root_without_noise_is_that_of_the_s_transform(n: float, m: float):
    eigenvalues = np.geomspace(1e-3, 5, 20)
    expected = root_trace_by_s_transform(eigenvalues, n, m)
    assert root_trace(eigenvalues, n, m) == pytest.approx(expected, rel=1e-7)


def test_moments_that_are_exact_stay_as_they_are():
    rng = np.random.default_rng(7)
    x, y = Moments.of(near(50, rng)), Moments.of(far(50, rng))
    plain = frechet_distance(x.mean, x.covariance, y.mean, y.covariance)
    assert debiased_distance(x, y) == pytest.approx(plain, rel=1e-10)


def test_the_bias_that_grows_with_the_dimension_is_gone():
    """Flat and identical, five samples a dimension: at d = 256 the plain distance is d²/2n = 26.

    That of the means alone is 2 d/n = 0.4; the debiased distance has a deviation of 0.1.
    """
    rng, n, d = np.random.default_rng(8), 5 * 256, 256
    debiased = []
    for _ in range(4):
        x, y = (Moments.of(rng.normal(size=(n, d))) for _ in range(2))
        plain = frechet_distance(x.mean, x.covariance, y.mean, y.covariance)
        assert plain == pytest.approx(d**2 / (2 * n), rel=0.2)
        debiased.append(debiased_distance(x, y, float(n), float(n)))
    assert abs(np.mean(debiased)) < 0.2


def test_dimensions_that_do_not_vary_or_repeat_others_change_nothing():
    """A singular covariance: no Cholesky factor."""
    rng = np.random.default_rng(9)
    x, y = near(100, rng), far(100, rng)
    expected = debiased_distance(Moments.of(x), Moments.of(y), 100.0, 100.0)
    constant = [np.c_[side, np.ones((100, 3))] for side in (x, y)]
    turn = np.linalg.qr(rng.normal(size=(D + 3, D + 3)))[0]
    for wide in (constant, [side @ turn for side in constant]):
        a, b = map(Moments.of, wide)
        made = debiased_distance(a, b, 100.0, 100.0)
        # Roots of zeros that are only rounded: √(1e-16 · |C_x| |C_y|), three of them.
        assert made == pytest.approx(expected, abs=3e-7)


def test_a_covariance_of_zeros_has_no_spectrum():
    constant, other = Moments.of(np.ones((30, 3))), Moments.of(FEATURES[:30])
    squared = ((other.mean - 1) ** 2).sum()
    expected = squared + np.trace(other.covariance)
    assert debiased_distance(constant, other) == pytest.approx(expected, rel=1e-14)


# -- groups -----------------------------------------------------------------------------------

FEATURES = np.random.default_rng(10).normal(size=(2 * ROWS + 1500, 3)) + np.array([0, 5, 100])


@settings(deadline=None, max_examples=10)
@given(cuts=st.lists(st.integers(0, len(FEATURES)), max_size=6))
def test_the_total_is_to_the_bit_that_of_plain_moments(cuts: list[int]):
    made = GroupedMoments(3)
    for batch in np.split(FEATURES, sorted(cuts)):
        made.update(batch)
    once = grouped(FEATURES)
    assert_same_bits(made.total, Moments.of(FEATURES))
    for group, other in zip(made.groups, once.groups, strict=True):
        assert_same_bits(group, other)


def test_looking_does_not_disturb_the_stream():
    made = GroupedMoments(3)
    for batch in np.array_split(FEATURES, 7):
        made.update(batch)
        _ = made.total, made.groups
    assert_same_bits(made.total, Moments.of(FEATURES))
    assert_same_bits(made.groups[3], grouped(FEATURES).groups[3])


def test_the_groups_are_a_random_partition():
    groups = grouped(FEATURES).groups
    assert len(groups) == GROUPS
    whole = groups[0]
    for group in groups[1:]:
        whole = whole.merge(group)
    assert_close(whole, Moments.of(FEATURES))
    # Binomial with mean 969: 5 standard deviations are 148.
    assert all(abs(group.count - len(FEATURES) / GROUPS) < 148 for group in groups)


def test_an_order_by_class_does_not_show_in_the_groups():
    """Ten classes in turn: every tenth sample would make every group one class."""
    classes = np.tile(np.arange(10.0), 1000)[:, None]
    means = [float(group.mean[0]) for group in grouped(classes).groups]
    # Mean 4.5, standard deviation 2.87 / √1000 = 0.09.
    assert max(abs(mean - 4.5) for mean in means) < 0.45


def test_the_seed_alone_chooses_the_groups():
    assert_same_bits(grouped(FEATURES, 1).groups[0], grouped(FEATURES, 1).groups[0])
    # Drawn anew for every block of the stream: the same rows again fall otherwise.
    once, twice = (grouped(np.tile(FEATURES[:ROWS], (times, 1))).groups for times in (1, 2))
    assert [2 * group.count for group in once] != [group.count for group in twice]
    assert grouped(FEATURES, 1).groups[0].count != grouped(FEATURES, 2).groups[0].count


def test_merging_is_group_by_group_in_any_tree():
    a, b, c = (grouped(part, seed) for seed, part in enumerate(np.split(FEATURES, [700, 5000])))
    expected = [x.merge(y).merge(z) for x, y, z in zip(a.groups, b.groups, c.groups, strict=True)]
    total = a.total.merge(b.total).merge(c.total)
    b.merge(c)
    a.merge(b)
    assert_close(a.total, total)
    for group, other in zip(a.groups, expected, strict=True):
        assert_close(group, other)
    a.update(FEATURES[:50])
    assert_close(a.total, total.merge(Moments.of(FEATURES[:50])))


def test_a_merged_stream_goes_on_as_plain_moments_do():
    a, b = grouped(FEATURES[:700]), grouped(FEATURES[700:2000])
    a.merge(b)
    expected = Moments.of(FEATURES[:700]).merge(Moments.of(FEATURES[700:2000]))
    assert_same_bits(a.total, expected)


@pytest.mark.parametrize("at", [0, 10, ROWS, ROWS + 10])
def test_a_saved_stream_goes_on_to_the_bit(at: int):
    before = grouped(FEATURES[:at], seed=7)
    state = before.state_dict()
    after = GroupedMoments(3)
    after.load_state_dict(state)
    before.update(FEATURES[:500])  # does not reach the copy
    after.update(FEATURES[at:])
    expected = grouped(FEATURES, seed=7)
    assert_same_bits(after.total, expected.total)
    for group, other in zip(after.groups, expected.groups, strict=True):
        assert_same_bits(group, other)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_tensors_are_taken_by_their_values(dtype: torch.dtype):
    tensor = torch.from_numpy(FEATURES[:200]).to(dtype)
    made = GroupedMoments(3)
    made.update(tensor)
    assert_same_bits(made.total, Moments.of(tensor))


class TestRefusedByGroups:
    def test_another_dimension(self):
        with pytest.raises(ValueError, match="dimension 3, got 1"):
            GroupedMoments(3).update(np.ones((5, 1)))
        with pytest.raises(ValueError, match="dimension 3, got 2"):
            GroupedMoments(3).load_state_dict(GroupedMoments(2).state_dict())
        with pytest.raises(ValueError, match="got 3 and 2"):
            grouped(FEATURES).merge(grouped(FEATURES[:, :2]))

    def test_features_that_are_not_finite(self):
        made = grouped(np.full((4, 3), np.nan))
        with pytest.raises(ValueError, match="NaN or infinity in 4 of 4"):
            _ = made.total


# -- FID∞ -------------------------------------------------------------------------------------


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
