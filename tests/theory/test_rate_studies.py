"""The studies of Theorems 1, 3 and 6 to 9, small: what they tell apart, what they refuse."""

import numpy as np
import pytest

from theory_rows import rows_of
from ttur.theory.studies.linear_rates import STUDY as LINEAR_RATES
from ttur.theory.studies.markov_critic import STUDY as MARKOV_CRITIC
from ttur.theory.studies.nonlinear_clt import STUDY as NONLINEAR_CLT
from ttur.theory.studies.time_scales import STUDY as TIME_SCALES


def test_time_scales_lag_is_of_first_order_and_only_a2_keeps_converging():
    result = TIME_SCALES(b=0.05, ratios=(1.0, 0.1, 0.05), steps=1_500, replicas=60)
    rows = rows_of(result)
    lags = [row for name, row in rows.items() if name.startswith("|w")]
    assert [row.measured > row.predicted for row in lags] == [True] * 3
    assert lags[-1].measured == pytest.approx(lags[-1].predicted, rel=0.05)
    assert rows["order in a/b of the error of the slow equation"].measured == pytest.approx(
        1, abs=0.02
    )
    assert all(abs(row.z) < 5 for row in result.rows if row.z is not None)
    # The error of an rms of R plane normal vectors: between 1/2 and 1/sqrt(2) of rms / sqrt(R),
    # itself known to a quarter from 60 replicas.
    relative = [
        row.standard_error / row.measured * np.sqrt(60)
        for name, row in rows.items()
        if name.startswith("rms") and "sum a finite" not in name  # where theta is not centred
    ]
    assert len(relative) == 4
    assert 0.35 < min(relative) < max(relative) < 0.95
    theta = {
        name.split(", ")[1]: row.measured for name, row in rows.items() if "rms |theta" in name
    }
    assert theta["A2 holds"] < 0.2 * theta["sum a finite"]
    assert len(result.panels) == 4


def test_linear_rates_two_time_scales_and_one_agree_with_the_exact_covariance():
    result = LINEAR_RATES(horizon=1_000, steps=300, replicas=400)
    assert len([row for row in result.rows if row.z is not None and abs(row.z) < 4.5]) == 6
    rows = rows_of(result)
    one = [
        rows[f"Sigma11[{entry}] at n = 300, one time scale (Thm 7)"]
        for entry in ("1,1", "1,2", "2,2")
    ]
    # Spec theory 3.2 and 3.4: 0.00105 from the limit at n = 1000, and like 1/n.
    limit = np.array([0.413950, 0.129033, 0.569307])
    np.testing.assert_allclose([row.predicted for row in one], limit, rtol=0.006)
    errors = np.sqrt(np.array([2, 1, 2]) * limit[[0, 0, 2]] * limit[[0, 2, 2]] / 400)
    errors[1] = np.sqrt((limit[0] * limit[2] + limit[1] ** 2) / 400)
    np.testing.assert_allclose([row.standard_error for row in one], errors, rtol=0.3)
    orders = [row.measured for row in rows.values() if row.quantity.startswith("order")]
    np.testing.assert_allclose(orders, 1, atol=0.01)
    to_limit, to_finite, slow_to_limit, slow_to_finite = [
        row.measured for row in rows.values() if row.quantity.startswith("distance")
    ]
    assert to_finite < 0.1 * to_limit
    assert slow_to_finite < 0.1 * slow_to_limit
    assert slow_to_limit > 3 * to_limit


def test_linear_rates_at_alpha_one_takes_the_limit_of_alpha_one():
    # abar = 1 of the slow pair: with 0 in its place the exact recursion would stay 20 % away.
    rows = rows_of(LINEAR_RATES(slow_alpha=1.0, horizon=2_000, steps=10, replicas=10))
    assert rows["distance of Sigma11 from its limit at n = 2000, a = 1/n^1"].measured < 0.02


def test_nonlinear_clt_settles_unless_a0_is_too_small():
    result = NONLINEAR_CLT(steps=2_000, replicas=300)
    rows = rows_of(result)
    settled = rows["var theta / a at n = 2000, a = 2/n"]
    assert abs(settled.z) < 4.5
    grown = rows["power of n that var theta / a grows with, a = 0.4/n"]
    assert grown.predicted == pytest.approx(1 - 2 * 0.4 * 0.8)
    assert grown.measured == pytest.approx(grown.predicted, abs=0.25)
    assert rows["p-value of theta being normal"].measured > 1e-3


def test_markov_critic_tells_the_chain_from_independent_draws():
    rows = rows_of(MARKOV_CRITIC(steps=200, replicas=2))
    for entry, naive, limit in (
        ("11", 0.6983, 1.036577), ("12", 0.2015, 0.256252), ("22", 0.3035, 0.445255),
    ):  # fmt: skip
        independent = rows[f"E[e e^T]_{entry} / b, if the chain were independent draws"]
        poisson = rows[f"E[e e^T]_{entry} / b at n = 200, exact recursion"]
        assert independent.predicted == pytest.approx(naive, abs=5e-5)
        assert poisson.predicted == pytest.approx(limit, abs=1e-6)


@pytest.mark.parametrize(
    ("study", "settings", "message"),
    [
        (TIME_SCALES, {"beta": 0.95}, r"beta < alpha <= 1 \(A2\), got 0\.9 and 0\.95$"),
        (TIME_SCALES, {"alpha": 0.5}, r"beta < alpha <= 1 \(A2\), got 0\.5 and 0\.6$"),
        (TIME_SCALES, {"beta": 0.5}, r"1/2 < beta .*, got 0\.9 and 0\.5$"),
        (TIME_SCALES, {"b": -1.0}, r"^b should lie in \(0, 0\.5\]"),
        (TIME_SCALES, {"summable_alpha": 0.9}, r"summable_alpha should lie in \(1, 10\], got 0\.9"),
        (TIME_SCALES, {"summable_alpha": 500.0}, "summable_alpha should lie in"),
        (TIME_SCALES, {"ratios": (1.0, 1e-9)}, "ratios and b should take at most 1,000,000 up"),
        (TIME_SCALES, {"ratios": (0.1, 30.0)}, "a/b > 0 with a <= 0.5"),
        (TIME_SCALES, {"ratios": (0.1,)}, "two or more"),
        (TIME_SCALES, {"replicas": 1}, "replicas should be at least 2, got 1"),
        (LINEAR_RATES, {"slow_alpha": 1.3}, r"slow_alpha and slow_beta .*, got 1\.3 and 0\.55$"),
        (LINEAR_RATES, {"slow_alpha": 0.0}, r"<= 1 \(Theorem 6 .*, got 0 and 0\.55$"),
        (LINEAR_RATES, {"beta": 1.0}, "^alpha = 1 and beta should .* < alpha .*, got 1 and 1$"),
        (LINEAR_RATES, {"beta": 0.0}, "0 < beta .*, got 1 and 0$"),
        (LINEAR_RATES, {"a0": 0.0}, "^a0 should be finite and > 0, got 0$"),
        (LINEAR_RATES, {"a0": 0.3}, r"A4\(c\) fails: .* its largest is 0\.48"),
        (LINEAR_RATES, {"a0": 1e6}, r"with a = 1e\+06 n\^-1, .* not stable, .* a smaller a0"),
        (LINEAR_RATES, {"horizon": 10}, "horizon should be at least 1000, got 10"),
        (MARKOV_CRITIC, {"alpha": 0.4}, r"alpha should lie in \(0\.5, 1\], got 0\.4"),
        (MARKOV_CRITIC, {"steps": 50}, "steps should be at least 200, got 50"),
        (NONLINEAR_CLT, {"a0": 0.5}, r"a0 should exceed 1 / \(2 e_min\) = 0\.625, got 0\.5"),
        (NONLINEAR_CLT, {"a0": 1e6}, r"overshoot fails: a0 should lie in \(0, 50\]"),
        (NONLINEAR_CLT, {"small_a0": 0.7}, r"small_a0 should lie in \(0, 0\.625\)"),
        (NONLINEAR_CLT, {"beta": 0.4}, "1/2 < beta < slow_alpha < 1 is needed, got beta = 0.4"),
        (NONLINEAR_CLT, {"steps": 10}, "steps should be at least 1000, got 10"),
    ],
)
def test_settings_outside_the_theorem_are_refused_before_anything_runs(study, settings, message):
    with pytest.raises(ValueError, match=message):
        study(**settings)
