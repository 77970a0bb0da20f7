"""The toy saddle of Figure 4: what each row does, exactly without noise and in law with it."""

import inspect
import re

import numpy as np
import pytest

from ttur.theory.iterate import simulate
from ttur.theory.studies.toy_saddle import STUDY
from ttur.theory.toy import (
    A2_SETTING,
    FIGURE4_SETTINGS,
    SaddleToy,
    hitting_time,
    mean_norm,
    norm,
    run_figure4,
    stationary_deviations,
)
from ttur.timescales import Halving, LearningRatePair, PowerLaw


@pytest.fixture(scope="module")
def noisy():
    return run_figure4()  # 400 replicas, 5000 steps, sigma 1, seed 0


def both(rate):
    return {"both": LearningRatePair(discriminator=rate, generator=rate)}


def test_toy_deterministic():
    # Exact trajectories of spec/theory.md 2.2.
    expected = {
        "orig fast": (0.57806, 0.46962, 0.46821, 0.46821, 0.46821),
        "orig slow": (0.39542, 0.32713, 0.14687, 0.053978, 1.7963e-5),
        "TTUR x": (0.51512, 0.081296, 2.513e-5, 1.0309e-9, 8.27e-45),
        "TTUR y": (0.62747, 0.53505, 0.37827, 0.32685, 0.14591),
    }
    runs = run_figure4(sigma=0.0, replicas=1, record=[10, 100, 500, 1000, 5000])
    for name, norms in expected.items():
        assert norm(runs[name])[:, 0] == pytest.approx(norms, rel=1e-4)


def test_gradients_are_those_of_f():
    x, y, shift = np.array([0.3, -2.0]), np.array([1.1, 0.4]), 1e-5
    toy = SaddleToy()
    along_x, along_y = toy.grad(x, y)
    assert along_x == pytest.approx(
        (toy.f(x + shift, y) - toy.f(x - shift, y)) / (2 * shift), rel=1e-8
    )
    assert along_y == pytest.approx(
        (toy.f(x, y + shift) - toy.f(x, y - shift)) / (2 * shift), rel=1e-8
    )


def test_toy_hitting_times(noisy):
    times = {name: hitting_time(run, 0.1) for name, run in noisy.items()}
    assert np.median(times["TTUR x"]) < 150
    assert 500 < np.median(times["orig slow"]) < 900
    assert (times["TTUR x"] > 0).all()
    assert (times["orig slow"] > 0).all()
    assert (times["TTUR y"] == -1).all()
    assert 0.5 < (times["orig fast"] > 0).mean() < 0.8


def test_hitting_time_is_the_first_recorded_time_inside(noisy):
    run = noisy["TTUR x"]
    first = hitting_time(run, 0.1)[7]  # everything is recorded: row n is time n
    distances = norm(run)[:, 7]
    assert distances[first] < 0.1 <= distances[:first].min()


def test_hitting_times_are_numbers_of_updates_not_of_records():
    run = run_figure4({"": FIGURE4_SETTINGS["TTUR x"]}, 300, replicas=1, record=10)[""]
    first = hitting_time(run, 0.1)[0]
    row, distances = first // 10, norm(run)[:, 0]
    assert run.n[row] == first
    assert distances[row] < 0.1 <= distances[:row].min()


def test_every_seed_has_its_own_noise_and_every_setting_the_same():
    ends = [run_figure4(n_steps=1, replicas=2, seed=seed)["orig slow"].theta[1] for seed in (0, 1)]
    assert (ends[0] != ends[1]).all()
    runs = run_figure4(n_steps=1, replicas=2, seed=1)
    # One step from the same start: the noise is what is left, scaled by the rate.
    fast, slow = ((runs[name].theta[1] - 0.5) / runs[name].a[1] for name in ("orig fast", "TTUR x"))
    np.testing.assert_allclose(fast, slow, rtol=1e-10)


def test_figure4_runs_at_the_floor_of_the_rates():
    pair = LearningRatePair(PowerLaw(0.01, 0.6), Halving(1e-3, 5), floor=2e-4)
    run = run_figure4({"": pair}, 30, replicas=1)[""]
    expected = [pair.at(n) for n in range(1, 31)]
    np.testing.assert_array_equal(np.stack([run.b, run.a], axis=1)[1:], expected)
    assert run.a[-1] == 2e-4 < run.b[-1]


def test_toy_order_of_the_rows_at_500_steps(noisy):
    means = {name: norm(run)[500].mean() for name, run in noisy.items()}
    assert sorted(means, key=means.__getitem__) == ["TTUR x", "orig slow", "TTUR y", "orig fast"]


def test_toy_mean_norms(noisy):
    # Means and deviations over 5 seeds of spec/theory.md 2.2; four of those deviations.
    expected = {
        "orig fast": (0.4683, 0.4622, 0.4684, 4 * 0.005, 4 * 0.012, 4 * 0.013),
        "orig slow": (0.3272, 0.1468, 0.0538, 4 * 0.0003, 4 * 0.0006, 4 * 0.0009),
        "TTUR x": (0.0916, 0.0402, 0.0395, 4 * 0.0016, 4 * 0.0016, 4 * 0.0015),
        "TTUR y": (0.5378, 0.3972, 0.3553, 4 * 0.003, 4 * 0.002, 4 * 0.002),
    }
    for name, (*means, first, second, third) in expected.items():
        measured = norm(noisy[name])[[100, 500, 1000]].mean(axis=1)
        assert (np.abs(measured - means) < (first, second, third)).all(), (name, measured)
    # At n = 5000 of one run with its error, to be compared with another run's: sqrt(2) more.
    last = {
        "orig fast": (0.645, 0.024),
        "orig slow": (0.0130, 0.0004),
        "TTUR x": (0.0416, 0.0015),
        "TTUR y": (0.314, 0.009),
    }
    for name, (mean, error) in last.items():
        measured = norm(noisy[name])[5000].mean()
        assert measured == pytest.approx(mean, abs=4 * error * np.sqrt(2)), name


def test_toy_noise_floor(noisy):
    floors = {name: norm(run)[2501:].mean() for name, run in noisy.items()}
    assert floors["TTUR x"] / floors["orig slow"] == pytest.approx(3.1, abs=0.15)
    assert floors["orig fast"] == pytest.approx(0.566, abs=4 * 0.019 * np.sqrt(2))
    assert floors["TTUR y"] == pytest.approx(0.296, abs=4 * 0.004 * np.sqrt(2))
    assert norm(noisy["TTUR x"])[5000].mean() > norm(noisy["orig slow"])[5000].mean()
    for name in ("orig slow", "TTUR x"):
        pair = FIGURE4_SETTINGS[name]
        b, a = pair.at(1)
        # 2500 dependent steps of 400 replicas leave about 1 % in the slowest coordinate.
        assert floors[name] == pytest.approx(mean_norm(stationary_deviations(a, b)), rel=0.04)


def test_the_objective_fluctuates_in_the_first_row_only(noisy):
    deviations = {name: SaddleToy.f(run.theta[-1], run.w[-1]).std() for name, run in noisy.items()}
    assert deviations["orig fast"] > 20
    assert deviations["orig slow"] == pytest.approx(0.001, rel=0.5)  # one digit is given
    assert deviations["TTUR x"] == pytest.approx(0.003, rel=0.3)
    # Of a variable with heavy tails, sampled twice.
    assert deviations["TTUR y"] == pytest.approx(16, rel=0.3)


def test_toy_critical_lr():
    beyond = run_figure4(both(0.011), n_steps=500, record=[20, 50, 200, 500])["both"]
    assert (beyond.diverged_at > 0).all()
    finite = np.isfinite(beyond.theta).mean(axis=(1, 2))
    # Shares of 400 replicas twice: sqrt(p (1 - p) / 200) each.
    assert finite[0] == 1
    assert finite[1] == pytest.approx(0.11, abs=4 * 0.022)
    assert finite[2] == pytest.approx(0.005, abs=4 * 0.005)
    assert finite[3] == 0
    below = run_figure4(both(0.0095), record=[5000], replicas=200)["both"]
    assert norm(below).mean() == pytest.approx(0.0475, abs=0.008)
    walk = run_figure4(both(0.01), n_steps=2000, record=[100, 500, 2000], start=(0.0, 0.0))["both"]
    rms = np.sqrt((walk.theta**2).mean(axis=(1, 2)))
    # A mean square of 400 normals errs by sqrt(2 / 400) = 7 %, its root by half of that.
    assert rms == pytest.approx(0.01 * np.sqrt([100, 500, 2000]), rel=0.14)


def test_norm_keeps_shrinking_under_a2():
    n = [10, 100, 500, 1000, 5000, 20000]
    run = run_figure4({"a2": A2_SETTING}, 20000, replicas=100, record=n)["a2"]
    means = norm(run).mean(axis=1)
    assert (np.diff(means) < 0).all()
    assert means[-1] < 0.015
    # A normal length errs by 0.76 of its mean: 7.6 % of 100 replicas, 3.8 % of the 400 given.
    expected = [0.1324, 0.0587, 0.0361, 0.0285, 0.0177, 0.0110]
    np.testing.assert_allclose(means, expected, rtol=4 * 0.085)
    assert np.sqrt((run.w[-1] ** 2).mean()) == pytest.approx(np.sqrt(run.b[-1] / 4), rel=0.28)
    assert np.sqrt((run.theta[-1] ** 2).mean()) == pytest.approx(np.sqrt(run.a[-1] / 400), rel=0.4)


def test_toy_under_ten_times_the_noise():
    names = ("orig fast", "TTUR x")
    runs = run_figure4(
        {name: FIGURE4_SETTINGS[name] for name in names}, sigma=10.0, replicas=100, record=[5000]
    )
    # Errors 0.11 and 0.02 of 400 replicas; of 100 the double, together sqrt(5).
    for name, mean, error in zip(names, (2.55, 0.40), (0.11, 0.02), strict=True):
        assert norm(runs[name]).mean() == pytest.approx(mean, abs=4 * error * np.sqrt(5))


def test_simultaneous_order_ends_nearly_the_same():
    pair = FIGURE4_SETTINGS["orig slow"]
    run = simulate(
        SaddleToy().problem(0.0), pair.generator, pair.discriminator, [0.5], [-0.4], 500, record=500
    )
    assert norm(run)[-1, 0] == pytest.approx(0.14687, abs=1e-3)


def test_mean_norm_of_equal_and_of_degenerate_deviations():
    assert mean_norm((2.0, 2.0)) == pytest.approx(2 * np.sqrt(np.pi / 2), rel=1e-14)
    assert mean_norm((0.0, 3.0)) == pytest.approx(3 * np.sqrt(2 / np.pi), rel=1e-14)
    assert mean_norm(stationary_deviations(1e-3, 1e-3)) == pytest.approx(0.01283, rel=2e-3)
    assert mean_norm(stationary_deviations(1e-4, 1e-2)) == pytest.approx(0.04008, rel=2e-3)


def test_no_stationary_law_from_the_stability_limit_on():
    assert stationary_deviations(1e-2, 1e-2).x == np.inf
    assert stationary_deviations(2e-2, 1e-2).x == np.inf
    assert stationary_deviations(1e-3, 1e-3) == pytest.approx((0.001667, 0.015819), rel=1e-3)
    assert stationary_deviations(1e-3, 1e-3, 10.0) == pytest.approx((0.01667, 0.15819), rel=1e-3)


def test_stationary_deviations_of_tiny_rates_are_those_of_first_order():
    tiny = stationary_deviations(1e-16, 1e-13)
    assert tiny == pytest.approx((np.sqrt(1e-16 / 400), np.sqrt(1e-13 / 4)), rel=1e-12)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="sigma"):
        SaddleToy().problem(-1.0)
    with pytest.raises(ValueError, match="radius"):
        hitting_time(run_figure4(both(0.001), 1, replicas=1)["both"], 0.0)
    with pytest.raises(ValueError, match="learning rate"):
        stationary_deviations(0.0, 0.1)
    with pytest.raises(ValueError, match="sigma should be a finite standard deviation >= 0"):
        stationary_deviations(0.1, 0.1, -1.0)
    with pytest.raises(ValueError, match=r"b should be a LearningRatePair\(.*, got \(0.01, 0.01\)"):
        inspect.unwrap(run_figure4)({"a": FIGURE4_SETTINGS["TTUR x"], "b": (1e-2, 1e-2)})


@pytest.mark.parametrize(
    ("settings", "said", "unsaid"),
    [
        ({"radius": 1e-4}, r"^None of .* within 0\.0001 .* n = 200\. .* x walks at random", "sign"),
        ({"radius": 1.0}, r"^The paper says that orig fast diverges; it does not: ", "within"),
        ({"sigma": 0.0}, "limit itself, and x keeps changing its sign", "random"),
        ({"sigma": 1e-12}, "limit itself, and x keeps changing its sign", "random"),
    ],
)
def test_the_sentence_of_the_study_holds_at_every_setting(settings, said, unsaid):
    sentence = STUDY(**{"steps": 200, "replicas": 2} | settings).sentence
    assert re.search(said, sentence), sentence
    assert unsaid not in sentence
