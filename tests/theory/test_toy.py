"""The toy saddle of Figure 4: what each row does, exactly without noise and in law with it."""

import numpy as np
import pytest

from ttur.theory.iterate import simulate
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
from ttur.timescales import LearningRatePair


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


def test_toy_noise_floor(noisy):
    floors = {name: norm(run)[2501:].mean() for name, run in noisy.items()}
    assert floors["TTUR x"] / floors["orig slow"] == pytest.approx(3.1, abs=0.15)
    assert norm(noisy["TTUR x"])[5000].mean() > norm(noisy["orig slow"])[5000].mean()
    for name in ("orig slow", "TTUR x"):
        pair = FIGURE4_SETTINGS[name]
        b, a = pair.at(1)
        # 2500 dependent steps of 400 replicas leave about 1 % in the slowest coordinate.
        assert floors[name] == pytest.approx(mean_norm(stationary_deviations(a, b)), rel=0.04)


def test_the_objective_fluctuates_in_the_first_row_only(noisy):
    deviations = {name: SaddleToy.f(run.theta[-1], run.w[-1]).std() for name, run in noisy.items()}
    assert deviations["orig fast"] > 20
    assert deviations["orig slow"] < 0.02
    assert deviations["TTUR x"] < 0.02


def test_toy_critical_lr():
    beyond = run_figure4(both(0.011), n_steps=500, record=[20, 500])["both"]
    assert (beyond.diverged_at > 0).all()
    assert np.isfinite(beyond.theta[0]).all()
    below = run_figure4(both(0.0095), record=[5000], replicas=200)["both"]
    assert norm(below).mean() == pytest.approx(0.0475, abs=0.008)
    walk = run_figure4(both(0.01), n_steps=2000, record=[100, 500, 2000], start=(0.0, 0.0))["both"]
    rms = np.sqrt((walk.theta**2).mean(axis=(1, 2)))
    # A mean square of 400 normals errs by sqrt(2 / 400) = 7 %, its root by half of that.
    assert rms == pytest.approx(0.01 * np.sqrt([100, 500, 2000]), rel=0.14)


def test_norm_keeps_shrinking_under_a2():
    run = run_figure4({"a2": A2_SETTING}, 20000, replicas=100, record=[100, 1000, 20000])["a2"]
    means = norm(run).mean(axis=1)
    assert means[0] > means[1] > means[2] < 0.015
    assert np.sqrt((run.w[-1] ** 2).mean()) == pytest.approx(np.sqrt(run.b[-1] / 4), rel=0.28)
    assert np.sqrt((run.theta[-1] ** 2).mean()) == pytest.approx(np.sqrt(run.a[-1] / 400), rel=0.4)


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


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="sigma"):
        SaddleToy().problem(-1.0)
    with pytest.raises(ValueError, match="radius"):
        hitting_time(run_figure4(both(0.001), 1, replicas=1)["both"], 0.0)
    with pytest.raises(ValueError, match="learning rate"):
        stationary_deviations(0.0, 0.1)
