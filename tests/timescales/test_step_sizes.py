"""Step-size sequences, the pair, and the table of spec theory 1.4."""

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from ttur.timescales import (
    Constant,
    Cosine,
    Halving,
    LearningRatePair,
    Linear,
    PowerLaw,
    WarmUp,
    check_step_sizes,
)

PAIRS = TypeAdapter(LearningRatePair)


def test_a_power_law_is_its_formula_on_numbers_and_arrays():
    sequence = PowerLaw(0.3, 0.6, offset=2, q=1.5)
    literal = [0.3 * (n + 2) ** -0.6 * math.log(n + 2) ** -1.5 for n in range(1, 6)]
    np.testing.assert_allclose(sequence(np.arange(1, 6)), literal, rtol=1e-15)
    assert [sequence(n) for n in range(1, 6)] == pytest.approx(literal, rel=1e-15)
    assert isinstance(sequence(3), float)


def test_halving_happens_after_exactly_every_updates():
    # BEGAN (spec D.3): updates 1 … 100,000 run at the initial rate, 100,001 is the first at half.
    sequence = Halving(1e-4, every=100_000)
    n = np.array([1, 100_000, 100_001, 200_000, 200_001])
    assert sequence(n).tolist() == [1e-4, 1e-4, 5e-5, 5e-5, 2.5e-5]
    assert [sequence(int(update)) for update in n] == sequence(n).tolist()


def test_ramps_are_their_formulas_and_stay_at_the_end():
    n = np.array([1, 2, 3, 4, 5, 6, 900])
    linear, cosine = Linear(1e-3, 2e-4, 5), Cosine(1e-3, 2e-4, 5)
    expected = [1e-3, 8e-4, 6e-4, 4e-4, 2e-4, 2e-4, 2e-4]
    np.testing.assert_allclose(linear(n), expected, rtol=1e-14)
    halves = [2e-4 + 8e-4 * math.cos(math.pi * k / 8) ** 2 for k in range(5)]  # cos² = (1 + cos)/2
    np.testing.assert_allclose(cosine(n), [*halves, 2e-4, 2e-4], rtol=1e-14)
    rising = Linear(1e-4, 1e-3, 10)
    assert rising(1) == 1e-4 < rising(4) < rising(10) == 1e-3


@pytest.mark.parametrize("of", [Constant(1e-3), Halving(1e-3, 3), Cosine(1e-3, 1e-5, 20)])
def test_a_warm_up_is_a_factor_and_keeps_the_name(of):
    warm, n = WarmUp(of, 5), np.arange(1, 12)
    np.testing.assert_allclose(warm(n), of(n) * np.minimum(n, 5) / 5, rtol=1e-15)
    pair = LearningRatePair(warm, 1e-4)
    assert (pair.nominal, pair.label) == ((1e-3, 1e-4), "ttur_1e-3_1e-4")
    assert pair.at(1) == (2e-4, 1e-4)
    assert pair.starting_at(2e-3, 1e-4).discriminator == WarmUp(of.starting_at(2e-3), 5)


def test_what_new_sequences_come_to_in_the_end():
    """A ramp is constant from its end on, or is over; a warm-up changes nothing but the start."""
    ramps = check_step_sizes(LearningRatePair(Cosine(1e-2, 1e-3, 9), Linear(1e-3, 1e-4, 9)))
    assert (ramps.regime, ramps.eps_limit, ramps.a2) == ("constant", 0.1, False)
    over = check_step_sizes(LearningRatePair(Linear(1e-2, 0, 9), Linear(1e-3, 0, 9)))
    assert (over.regime, over.sum_a_infinite, over.theorem_6_a2) == ("ending", False, False)
    slow, fast = PowerLaw(1e-2, 0.9), PowerLaw(1e-2, 0.6)
    warm = check_step_sizes(LearningRatePair(WarmUp(fast, 100), WarmUp(slow, 100)))
    assert warm.a2 is True
    assert warm.theorem_5_a4 is False  # it asks for rates that never rise
    assert check_step_sizes(LearningRatePair(fast, slow)).theorem_5_a4 is True


@pytest.mark.parametrize(
    "sequence",
    [
        *(Constant(0.2), PowerLaw(2.0, 0.6, offset=1.0), Halving(1.0, 3)),
        *(Linear(1.0, 0.1, 5), Cosine(1.0, 0.1, 5)),
    ],
)
def test_another_first_rate_scales_the_whole_sequence(sequence):
    n = np.arange(1, 9)
    scaled = sequence.starting_at(5e-4)
    np.testing.assert_allclose(scaled(n), sequence(n) * (5e-4 / sequence(1)), rtol=1e-14)
    pair = LearningRatePair(sequence, Constant(0.1)).starting_at(5e-4, 1e-4)
    assert pair == LearningRatePair(scaled, Constant(1e-4))


def test_first_rates_of_round_numbers_stay_round():
    """The name of a run's folder is made of them."""
    pair = LearningRatePair(Constant(1e-4), Halving(3e-5, 10)).starting_at(5e-4, 7e-4)
    assert pair.at(1) == (5e-4, 7e-4)
    assert pair.label == "ttur_5e-4_7e-4"


def test_no_rate_falls_below_the_floor():
    """J.16: the program that BEGAN descends from stops halving at 2e-5."""
    pair = LearningRatePair(Halving(1e-4, 10), Halving(5e-5, 10), floor=2e-5)
    at = [pair.at(n) for n in (10, 11, 21, 31, 1000)]
    assert at == [(1e-4, 5e-5), (5e-5, 2.5e-5), (2.5e-5, 2e-5), (2e-5, 2e-5), (2e-5, 2e-5)]
    assert pair.starting_at(2e-4, 1e-4).floor == 2e-5


@pytest.mark.parametrize("sequence", [Constant(0.2), PowerLaw(2.0, 1.0), Halving(1.0, 3)])
def test_cumsum_and_inverse_rate_follow_from_the_values(sequence):
    values = [sequence(n) for n in range(1, 8)]
    np.testing.assert_allclose(sequence.cumsum(7), np.add.accumulate(values), rtol=1e-14)
    assert sequence.inverse_rate(3) == pytest.approx(1 / values[3] - 1 / values[2], abs=1e-14)


def test_inverse_rate_of_one_over_n_is_constant():
    n = np.arange(1, 100)
    np.testing.assert_allclose(PowerLaw(2.0, 1.0).inverse_rate(n), 0.5, rtol=1e-12)


@pytest.mark.parametrize("rate", [0, 0.0, -1e-4, math.nan, math.inf, True])
def test_a_rate_that_is_not_finite_and_positive_is_refused_by_name(rate):
    with pytest.raises(ValidationError, match=r"value should be a finite step size > 0, got"):
        Constant(rate)
    with pytest.raises(ValidationError, match="generator should be a finite step size > 0, got"):
        LearningRatePair(1e-4, rate)
    with pytest.raises(ValidationError, match="c0 should be a finite step size > 0, got"):
        PowerLaw(rate, 0.6)
    with pytest.raises(ValidationError, match="initial should be a finite step size > 0, got"):
        Halving(rate, 100)


@pytest.mark.parametrize(
    "make",
    [
        lambda: PowerLaw(1.0, math.nan),
        lambda: PowerLaw(1.0, 0.6, offset=-1.0),
        lambda: Halving(1e-4, every=0),
        lambda: PAIRS.validate_python({"discriminator": 1e-4, "generator": 1e-4, "critic": 1}),
        lambda: PAIRS.validate_python(
            {"discriminator": {"kind": "warming", "value": 1e-4}, "generator": 1e-4}
        ),
    ],
)
def test_other_bad_fields_are_refused(make):
    with pytest.raises(ValidationError):
        make()


def test_a_log_factor_that_does_not_exist_at_the_first_update_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"n \+ offset > 1, got 1; take offset = 1"):
        PowerLaw(1.0, 1.0, q=1.0)(1)
    with pytest.raises(ValueError, match="take offset = 1"):
        LearningRatePair(1e-4, PowerLaw(1.0, 1.0, q=1.0))
    assert PowerLaw(1.0, 1.0, offset=1, q=1.0)(1) == 1 / (2 * math.log(2))


@pytest.mark.parametrize(
    ("pair", "label"),
    [
        (LearningRatePair(1e-4, 5e-4), "ttur_1e-4_5e-4"),
        (LearningRatePair(5e-4, 5e-4), "orig_5e-4"),
        (LearningRatePair(1.5e-4, 1e-3), "ttur_1.5e-4_1e-3"),
        (LearningRatePair(3e-5, 1e-10), "ttur_3e-5_1e-10"),
        (LearningRatePair(Halving(1e-4, 100), Halving(1e-4, 100)), "orig_1e-4"),
        (LearningRatePair(Constant(1e-4), Halving(1e-4, 100)), "ttur_1e-4_1e-4"),
    ],
)
def test_labels_are_short_and_name_b_before_a(pair, label):
    assert pair.label == label
    assert pair.is_single_timescale == label.startswith("orig")


def test_the_pair_at_an_update_is_discriminator_then_generator():
    pair = LearningRatePair(Halving(4e-4, every=10), 1e-4)
    assert pair.at(10) == (4e-4, 1e-4)
    assert pair.at(11) == (2e-4, 1e-4)


@pytest.mark.parametrize(
    "sequence",
    [1e-4, PowerLaw(0.3, 0.6, 1.0, 0.5), Halving(1e-4, 7), WarmUp(Cosine(1e-4, 0.0, 7), 3)],
)
def test_pairs_survive_json_to_the_bit(sequence):
    pair = LearningRatePair(0.1 + 0.2, sequence)
    assert PAIRS.validate_json(PAIRS.dump_json(pair)) == pair


# Expected columns: sum a, sum b, sum a², sum b², o(), A2, Thm 4, Thm 6 A2, Thm 6 A4, Thm 8.
# From the exact conditions of spec theory 1.4, worked by hand.
Y, N = True, False
TABLE = {
    "0.9, 0.6": (PowerLaw(1, 0.9), PowerLaw(1, 0.6), Y, Y, Y, Y, Y, Y, Y, Y, Y, Y),
    "0.6, 0.9": (PowerLaw(1, 0.6), PowerLaw(1, 0.9), Y, Y, Y, Y, N, N, N, N, Y, N),
    "1.0, 0.5": (PowerLaw(1, 1.0), PowerLaw(1, 0.5), Y, Y, Y, N, Y, N, Y, Y, Y, N),
    "1.1, 0.8": (PowerLaw(1, 1.1), PowerLaw(1, 0.8), N, Y, Y, Y, Y, N, Y, N, N, N),
    "1.0, 1.0": (PowerLaw(1, 1.0), PowerLaw(1, 1.0), Y, Y, Y, Y, N, N, N, Y, Y, N),
    "log separated": (PowerLaw(1, 1, 1, 1), PowerLaw(1, 1), Y, Y, Y, Y, Y, Y, N, Y, N, N),
    "root with log": (PowerLaw(1, 0.9), PowerLaw(1, 0.5, 1, 0.6), Y, Y, Y, Y, Y, Y, Y, Y, Y, N),
    "too small log": (PowerLaw(1, 0.9), PowerLaw(1, 0.5, 1, 0.5), Y, Y, Y, N, Y, N, Y, Y, Y, N),
    "n log² n": (PowerLaw(1, 1, 1, 2), PowerLaw(1, 0.6), N, Y, Y, Y, Y, N, Y, N, N, N),
    "constants": (Constant(1e-4), Constant(5e-4), Y, Y, N, N, N, N, N, N, Y, N),
    "halved": (Halving(1e-4, 100), Halving(1e-4, 200), N, N, Y, Y, Y, N, Y, N, N, N),
    "power, constant": (PowerLaw(1, 0.9), Constant(0.1), Y, Y, Y, N, Y, N, Y, N, Y, N),
    "halved, power": (PowerLaw(1, 0.9), Halving(1e-4, 9), Y, N, Y, Y, N, N, N, N, Y, N),
}


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE.keys())
def test_assumptions_are_decided_exactly(row):
    a, b, *expected = row
    report = check_step_sizes(a, b, e_min=1.0)
    assert [
        report.sum_a_infinite,
        report.sum_b_infinite,
        report.sum_a_squared_finite,
        report.sum_b_squared_finite,
        report.a_is_o_of_b,
        report.a2,
        report.theorem_4,
        report.theorem_6_a2,
        report.theorem_6_a4,
        report.theorem_8_a3,
    ] == expected


def test_failed_conditions_are_explained():
    reasons = " ".join(check_step_sizes(PowerLaw(1, 1.0), PowerLaw(1, 0.5)).reasons)
    assert "sum b(n)^2 is infinite" in reasons
    assert "sum a(n)" not in reasons
    assert any(
        "sum a(n) is finite" in reason and "halving" in reason
        for reason in check_step_sizes(Halving(1e-4, 10), Constant(1e-4)).reasons
    )


@pytest.mark.parametrize(
    ("sequence", "limit"),
    [
        (PowerLaw(2.0, 0.9), 0.0),
        (PowerLaw(2.0, 1.0), 0.5),
        (PowerLaw(2.0, 1.0, offset=1, q=-1.0), 0.0),
        (PowerLaw(2.0, 1.0, offset=1, q=1.0), math.inf),
        (PowerLaw(2.0, 1.1), math.inf),
        (Constant(2.0), 0.0),
    ],
)
def test_abar_is_the_limit_of_the_inverse_rate(sequence, limit):
    report = check_step_sizes(sequence, sequence)
    assert report.abar == report.bbar == limit
    n = np.array([10.0**4, 10.0**8, 10.0**12]).astype(int)
    path = sequence.inverse_rate(n)
    if limit == math.inf:
        assert path[2] > path[1] > path[0] > 0
    else:  # n^-0.1 / 2 and 1 / log n are slow; the last of three is still the closest
        errors = np.abs(path - limit)
        assert errors[2] <= errors[1] <= errors[0] < 0.4 or errors.max() < 1e-3


@pytest.mark.parametrize(
    ("a", "b", "limit"),
    [
        (PowerLaw(1, 0.9), PowerLaw(1, 0.6), 0.0),
        (PowerLaw(1, 0.6), PowerLaw(1, 0.9), math.inf),
        (PowerLaw(3, 0.6, offset=5), PowerLaw(2, 0.6), 1.5),
        (Constant(1e-4), Constant(4e-4), 0.25),
        (Halving(1e-4, 10), Halving(4e-4, 10), 0.25),
    ],
)
def test_the_limit_of_the_ratio(a, b, limit):
    assert check_step_sizes(a, b).eps_limit == pytest.approx(limit, rel=1e-15)


def test_constants_are_a_regime_of_their_own_with_the_weaker_guarantee():
    report = check_step_sizes(LearningRatePair(discriminator=1e-4, generator=5e-4))
    assert report.regime == "constant"
    assert report.a2 is False
    assert report.eps_limit == pytest.approx(5)  # a / b: the generator is `a`
    assert any("sqrt(b)" in reason and "O(eps + b)" in reason for reason in report.reasons)


def test_theorem_8_at_alpha_one_needs_the_slow_eigenvalue():
    a, b = PowerLaw(0.5, 1.0), PowerLaw(1, 0.6)
    assert check_step_sizes(a, b).theorem_8_a3 is None
    assert check_step_sizes(a, b, e_min=1.01).theorem_8_a3 is True
    assert check_step_sizes(a, b, e_min=1.0).theorem_8_a3 is False  # strictly greater


def test_theorem_10_wants_one_sequence():
    assert check_step_sizes(PowerLaw(1, 0.8), PowerLaw(3, 0.8)).theorem_10 is True
    assert check_step_sizes(PowerLaw(1, 0.8), PowerLaw(3, 0.8, offset=1)).theorem_10 is False
    assert check_step_sizes(PowerLaw(1, 0.5), PowerLaw(3, 0.5)).theorem_10 is False
    assert check_step_sizes(Constant(1e-4), Constant(1e-4)).theorem_10 is False


def test_theorem_5_refuses_a_rate_that_first_rises():
    rising = PowerLaw(1.0, 0.9, offset=1, q=-3.0)  # log³(n+1) wins up to n = e^(3/0.9) - 1
    assert rising(2) > rising(1)
    report = check_step_sizes(rising, PowerLaw(1, 0.6))
    assert (report.a2, report.theorem_5_a4) == (True, False)
    assert report.theorem_6_a2 is False  # E17: it asks for non-increasing steps as well
    report = check_step_sizes(PowerLaw(1, 0.9), replace(rising, p=0.6))
    assert (report.a2, report.theorem_5_a4, report.theorem_6_a2) == (True, False, False)
    late = PowerLaw(1.0, 0.9, offset=40, q=-3.0)  # starts past its maximum
    report = check_step_sizes(late, PowerLaw(1, 0.6))
    assert (report.theorem_5_a4, report.theorem_6_a2) == (True, True)


def test_a_floor_makes_constants_of_rates_that_fall():
    powers = PowerLaw(1, 0.6), PowerLaw(1, 0.9)
    assert check_step_sizes(LearningRatePair(*powers)).a2 is True
    report = check_step_sizes(LearningRatePair(*powers, floor=1e-4))
    assert (report.a2, report.regime, report.eps_limit) == (False, "constant", 1.0)
    pair = LearningRatePair(Halving(1e-3, 10), Constant(2e-5), floor=1e-4)
    assert check_step_sizes(pair).sum_b_infinite is True
    pair = LearningRatePair(Constant(4e-4), Constant(2e-5), floor=1e-4)
    assert check_step_sizes(pair).eps_limit == pytest.approx(0.25)  # the floor over b
    grown = check_step_sizes(LearningRatePair(PowerLaw(1e-3, -0.1), 1e-5, floor=1e-4))
    assert (grown.eps_limit, grown.regime) == (0.0, "power_law")


def test_callables_are_estimated_and_clear_cases_decided():
    report = check_step_sizes(lambda n: n**-0.9, lambda n: 3 * n**-0.6)
    assert report.regime == "estimated"
    assert (report.a2, report.theorem_4, report.eps_limit, report.abar) == (True, True, 0.0, 0.0)
    assert report.theorem_5_a4 is True
    report = check_step_sizes(lambda n: n**-0.9 * (1 + n % 2 / 5), lambda n: 3 * n**-0.6)
    assert report.theorem_5_a4 is False  # it rises at every odd n
    report = check_step_sizes(lambda n: n**-0.6, lambda n: n**-0.9)
    assert (report.a_is_o_of_b, report.a2, report.eps_limit) == (False, False, math.inf)


@pytest.mark.parametrize(
    ("a", "b", "undecided"),
    [
        (lambda n: 1 / n, lambda n: n**-0.6, "sum_a_infinite"),
        (lambda n: n**-0.99, lambda n: n**-0.6, "sum_a_infinite"),
        (lambda n: 1 / (n * math.log(n)), lambda n: n**-0.6, "sum_a_infinite"),
        (lambda n: n**-0.9, lambda n: n**-0.5, "sum_b_squared_finite"),
        (lambda n: n**-0.9, lambda n: n**-0.51, "sum_b_squared_finite"),
        (lambda n: n**-0.8, PowerLaw(1, 0.79), "a_is_o_of_b"),
        (lambda n: 1e-4, lambda n: 1e-4, "a_is_o_of_b"),
    ],
)
def test_callables_near_a_boundary_are_undetermined(a, b, undecided):
    report = check_step_sizes(a, b)
    assert getattr(report, undecided) is None
    assert report.a2 is not True
    assert any(undecided in reason and "estimated" in reason for reason in report.reasons)


def test_callables_that_are_no_step_sizes_are_refused():
    with pytest.raises(ValueError, match="finite and > 0"):
        check_step_sizes(lambda n: max(0.0, 1 - n / 5000), PowerLaw(1, 0.6))
    with pytest.raises(ValueError, match="two sequences, got one"):
        check_step_sizes(PowerLaw(1, 0.6))


def test_learning_rates_do_not_import_torch():
    code = "import sys, ttur.timescales; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
