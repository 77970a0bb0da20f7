"""The studies of section 9 at small settings: the table holds, the sentence follows the numbers."""

import pytest

from theory_rows import rows_of
from ttur.theory.studies.adam_heavy_ball import adam_heavy_ball
from ttur.theory.studies.flat_minimum import flat_minimum
from ttur.theory.studies.momentum_games import momentum_games


def test_adam_heavy_ball():
    result = adam_heavy_ball(
        steps=(0.05, 0.025), memories=(0.25, 1.0), weights=(0.1,), replicas=1000
    )
    rows = rows_of(result)
    assert len(result.panels) == 6
    assert rows["largest moment of a constant gradient 1, as printed"].measured == pytest.approx(
        3945, rel=1e-3
    )
    assert all(abs(row.z) < 4.5 for row in result.rows if row.z is not None)
    assert all(
        row.measured == pytest.approx(row.predicted, abs=0.01)
        for row in result.rows
        if row.quantity.startswith("energy of memory")
    )
    assert "r = 0.25: r > 1/2 is needed (E3)" in result.sentence
    assert "(E5)" not in result.sentence  # one weight shows no growth


def test_flat_minimum():
    result = flat_minimum(learning_rates=(0.05, 0.025), adam_rate=0.01, adam_steps=1500)
    rows = rows_of(result)
    extrapolated = rows["the same, extrapolated to a = 0"]
    assert extrapolated.measured == pytest.approx(extrapolated.predicted, abs=2e-3)
    assert "Past the sharp minimum: none. Caught: Adam, beta1 = 0.9" in result.sentence
    assert "Momentum is what overshoots" not in result.sentence


def test_momentum_games():
    result = momentum_games(updates=1000)
    assert all(row.measured == pytest.approx(row.predicted, abs=2e-3) for row in result.rows)
    assert "is false in general (E7)" in result.sentence
    harmless = momentum_games(coupling=0.5, ratios=(1.0,), updates=200)
    assert "(E7)" not in harmless.sentence
    assert "every a/b up to 1 is stable" in harmless.sentence


def test_flat_minimum_says_what_step_sizes_did():
    coarse = {"learning_rates": (0.1, 0.05), "adam_steps": 1}
    early = flat_minimum(**coarse)
    assert "Caught: none. Neither, at the end: Adam, beta1 = 0.9; Adam" in early.sentence
    jumps = flat_minimum(**(coarse | {"adam_rate": 20.0, "adam_steps": 1500}))
    assert "Momentum is what overshoots" not in jumps.sentence
    assert [result.panels[-1].y_limits for result in (early, jumps)] == [None, (-60.0, 60.0)]


def test_momentum_games_says_where_the_step_is_too_large():
    result = momentum_games(mu=50.0, b=0.1, ratios=(1.0,), updates=100)
    assert "b = 0.1 is too large for gradient steps, momentum: the updates" in result.sentence
    assert "(E7)" not in result.sentence
    tiny = momentum_games(ratios=(1.0,), b=1e-308, updates=100).sentence
    assert not [said for said in ("too large", "(E7)") if said in tiny]


def test_momentum_that_would_do_is_not_blamed_for_a_step_that_is_too_large():
    result = momentum_games(mu=0.1, coupling=1.0, r=11.0, b=0.08, ratios=(1.0,), updates=1000)
    assert "b = 0.08 is too large for momentum: the updates" in result.sentence
    assert "(E7)" not in result.sentence


def test_momentum_games_of_a_strong_coupling():
    result = momentum_games(coupling=100.0, updates=1000)
    rows = rows_of(result)
    assert rows["critical memory r at a = b"].measured == pytest.approx(1e4, rel=1e-3)
    assert "nan" not in result.sentence


@pytest.mark.parametrize(
    ("study", "settings", "message"),
    [
        (adam_heavy_ball, {"steps": (0.1, 0.2)}, "each below the last"),
        (adam_heavy_ball, {"r": 20.0}, r"r should lie in \(0, 9.9\], got 20, .* beta1 = 1 - a r"),
        (adam_heavy_ball, {"weights": (1.5,)}, "weights in"),
        (adam_heavy_ball, {"theta0": 100.0}, r"a theta0\^2 at most 1, got 1000"),
        (adam_heavy_ball, {"replicas": 99}, "replicas should be at least 100, got 99"),
        (flat_minimum, {"adam_steps": 0}, "adam_steps should be at least 1, got 0"),
        (flat_minimum, {"depth": 0.05}, "deeper or narrower dip"),
        (flat_minimum, {"learning_rates": (0.01,)}, "two or more that fall"),
        (flat_minimum, {"learning_rates": (0.1, 1e-9)}, "fall from at most 0.1 to at least 1e-05"),
        (
            flat_minimum,
            {"depth": 5.0, "width": 0.02},
            r"sqrt\(depth\) / width should be at most 50, got 11",
        ),
        (momentum_games, {"ratios": (2.0,)}, r"should lie in \[0\.001, 1\]"),
        (momentum_games, {"updates": 99}, "updates should be at least 100, got 99"),
        (momentum_games, {"mu": 0.0}, r"mu should lie in \(0.01, 100\], got 0, .*: there rounding"),
        (momentum_games, {"mu": 1e12, "r": 1e12}, "mu should lie in"),
        (momentum_games, {"coupling": 1e-9}, r"coupling should lie in \(0.001, 100\]"),
        (momentum_games, {"r": 1e4}, r"r should lie in \(0.001, 1000\]"),
        (momentum_games, {"r": 300.0}, r"b should lie in \(0, 0.0033\], got 0.01"),
        (flat_minimum, {"width": 0.0}, "width should be > 0, got 0"),
        (flat_minimum, {"adam_rate": -1.0}, r"adam_rate should lie in \(0, inf\), got -1"),
    ],
)
def test_settings_are_checked_first(study, settings, message):
    with pytest.raises(ValueError, match=message):
        study(**settings)
