import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttur.analysis.bands import segments


def run(*values: float) -> dict[int, tuple[float, float]]:
    return {10 * (i + 1): (10.0 * (i + 1), value) for i, value in enumerate(values)}


def test_a_band_is_min_max_or_one_standard_deviation():
    """By hand: 1, 2, 6 have mean 3, and deviations −2, −1, 3 of variance 14 / 2."""
    runs = [run(1.0), run(2.0), run(6.0)]
    (whole,) = segments(runs, "min-max")
    assert (whole.runs, whole.at, whole.mean) == (3, (10,), (3,))
    assert (whole.low, whole.high) == ((1,), (6,))
    (whole,) = segments(runs, "std")
    assert whole.low + whole.high == pytest.approx((3 - 7**0.5, 3 + 7**0.5))
    (single,) = segments([run(4.0)], "std")
    assert single.low == single.mean == single.high == (4,)


def test_no_line_joins_means_over_different_runs():
    """A bad run of 90 ends: the mean falls from 50 to 9, which no run ever did."""
    parts = segments([run(10.0, 10.0, 9.0, 8.0), run(90.0, 90.0)], "min-max")
    assert [(part.runs, part.at, part.mean) for part in parts] == [
        (2, (10, 20), (50, 50)),
        (1, (30, 40), (9, 8)),
    ]


def test_an_update_that_not_all_runs_there_scored_is_passed_over():
    """The last update of a short run is evaluated, whatever the cadence."""
    long, short = run(5.0, 4.0, 3.0), run(7.0) | {15: (15.0, 1.0)}
    parts = segments([long, short], "min-max")
    assert [(part.runs, part.at, part.mean) for part in parts] == [
        (2, (10,), (6,)),
        (1, (20, 30), (4, 3)),
    ]


def test_x_is_the_mean_of_the_runs():
    (whole,) = segments([{5: (100.0, 1.0)}, {5: (300.0, 1.0)}], "min-max")
    assert whole.at == (200,)


def test_nothing_of_no_values_and_a_band_that_does_not_exist():
    assert segments([], "std") == segments([{}], "min-max") == []
    with pytest.raises(ValueError, match=r"no band 'minmax'; did you mean min-max"):
        segments([], "minmax")


LENGTHS = st.lists(st.lists(st.floats(-1e3, 1e3), max_size=6), max_size=5)


@settings(max_examples=50)
@given(LENGTHS, st.sampled_from(["min-max", "std"]), st.randoms())
def test_every_segment_has_its_band_about_it_in_any_order_of_runs(values, band, random):
    runs = [run(*some) for some in values]
    parts = segments(runs, band)
    counts = [part.runs for part in parts]
    assert counts == sorted(set(counts), reverse=True)  # runs end, none begins
    assert sum(len(part.at) for part in parts) == max(map(len, values), default=0)
    for part in parts:
        for low, mean, high in zip(part.low, part.mean, part.high, strict=True):
            assert low <= mean + 1e-9
            assert mean <= high + 1e-9
    random.shuffle(runs)
    for one, other in zip(parts, segments(runs, band), strict=True):
        assert one.mean == pytest.approx(other.mean, abs=1e-9)
        assert one.high == pytest.approx(other.high, abs=1e-9)
