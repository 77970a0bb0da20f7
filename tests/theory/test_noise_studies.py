"""The studies of Figure 4 and Theorems 4 and 5: what they claim follows from what they measured."""

import pytest

from theory_rows import rows_of
from ttur.theory.studies.adam_heavy_ball import adam_heavy_ball
from ttur.theory.studies.controlled_noise import controlled_noise
from ttur.theory.studies.markov_critic import markov_critic
from ttur.theory.studies.toy_saddle import toy_saddle
from ttur.theory.study import Row


def z_of(row):
    assert row.z is not None, row.quantity
    return row.z


def test_toy_saddle_claims_only_what_it_saw():
    short = toy_saddle(steps=200, replicas=20)
    assert "is first within 0.1 of the saddle at n = 88 (TTUR x); half" in short.sentence
    assert "in 200 steps (orig fast, orig slow, TTUR y)." in short.sentence
    objective, distance, path = short.panels
    labels = [curve.label for curve in objective.curves]
    assert labels[2] == "TTUR x: lr_x = 0.0001, lr_y = 0.01"
    # A setting has one colour in all three.
    assert {curve.colour for curve in distance.curves if curve.label == "TTUR x"} == {2}
    assert [curve.colour for curve in path.curves][:5] == [0, 1, 2, 3, 4]
    for never in ("median first n with norm < 0.1", "first n with norm < 0.1 without noise"):
        row = rows_of(short)[f"TTUR y: {never}"]
        assert (row.predicted, row.measured, row.standard_error) == (None, None, None)


def test_toy_saddle_a_start_within_the_radius_is_there():
    wide = toy_saddle(radius=1.0, steps=100, replicas=4)
    assert "is first within" not in wide.sentence
    assert rows_of(wide)["TTUR y: share of runs that get there"].measured == 1


def test_a_row_has_no_numbers_that_are_not_finite():
    row = Row("q", float("nan"), float("inf"), float("nan"))
    assert (row.predicted, row.measured, row.standard_error, row.z) == (None, None, None, None)


def test_toy_saddle_under_strong_noise_says_what_stays_finite():
    loud = toy_saddle(sigma=400.0, steps=200, replicas=20)
    assert "orig fast stays finite in 0% of the runs" in loud.sentence
    assert "does not diverge" not in loud.sentence


def test_markov_critic_measures_what_it_predicts():
    result = markov_critic(steps=400, replicas=200)
    for name, row in rows_of(result).items():
        if "simulated" in name or "mean w" in name:
            assert abs(z_of(row)) < 4.5, name
    assert "+ G w, E13" in result.sentence


def test_markov_critic_says_when_a_run_is_too_short_for_the_covariance():
    early = markov_critic(alpha=1.0, beta=0.98, steps=200, replicas=2)
    assert "so early a run does not tell them apart" in early.sentence


def test_controlled_noise_tells_the_two_limits_apart():
    result = controlled_noise(steps=2000, replicas=200)
    rows = rows_of(result)
    assert abs(z_of(rows["mean theta at n = 2000"])) < 4
    assert z_of(rows["mean theta, if steering is ignored (occupation as at (0, 0))"]) > 5
    assert "not at 0 (E8)" in result.sentence
    first_order = rows["Adam, skewed noise: zero of hhat, first order"].predicted
    assert first_order == pytest.approx(0.05 / 0.55)


@pytest.mark.parametrize(
    ("study", "settings", "assumption"),
    [
        (toy_saddle, {"steps": 10}, "steps should be at least 100, got 10"),
        (markov_critic, {"beta": 0.5}, "Theorem 4"),
        (markov_critic, {"alpha": 0.6, "beta": 0.6}, "Eq. 32"),
        (controlled_noise, {"steps": 199}, "steps should be at least 200, got 199"),
        (controlled_noise, {"alpha": 1.2}, "Theorem 5"),
        (controlled_noise, {"alpha": 0.0}, r"alpha should lie in \(0.5, 1\], got 0"),
        (controlled_noise, {"beta": 0.9}, r"a = o\(b\)\) fails: beta should lie in \(0.5, 0.9\)"),
        (controlled_noise, {"beta2": 1.0}, r"beta2 should lie in \[0, 0.9999\], got 1"),
        (controlled_noise, {"beta1": -1.0}, r"beta1 should lie in \[0, 0.9999\], got -1"),
        (adam_heavy_ball, {"time": 1e12}, r"time should be .* a million of the last, got 1e\+12"),
        (adam_heavy_ball, {"alpha": 1e-6}, r"alpha should lie in \(0.01, 1\], got 1e-06"),
        (controlled_noise, {"replicas": 1}, "replicas should be at least 2, got 1"),
    ],
)
def test_settings_outside_the_theorems_are_refused(study, settings, assumption):
    with pytest.raises(ValueError, match=assumption):
        study(**settings)
