import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.theory_network import primal_dual
from theory_rows import rows_of
from ttur.theory.biased_runs import biased_runs
from ttur.theory.iterate import simulate
from ttur.theory.network import LINE_ROUTES, NumNetwork, four_node_line
from ttur.theory.saddle import in_contraction_region, recurrence_stats
from ttur.theory.studies.network_flow import LINKS, START, network_flow
from ttur.timescales import PowerLaw

FIGURE_1 = four_node_line()
UNIT = four_node_line((1, 1, 1), box=(0.01, 5.0))
UNIT_STEPS = PowerLaw(0.3, 0.6, offset=9)
REPLICAS = 20


@pytest.mark.parametrize(
    ("network", "flows", "prices"),
    [
        (FIGURE_1, (1, 2, 3, 6), (1 / 2, 1 / 3, 1 / 6)),
        (UNIT, (0.25, 0.75, 0.75, 0.75), (4 / 3, 4 / 3, 4 / 3)),
        (
            four_node_line((1, 2, 1.5), box=(0.01, 5.0)),
            (0.336827, 0.663173, 1.663173, 1.163173),
            (1.507903, 0.601260, 0.859718),
        ),
    ],
)
def test_num_optimum(network, flows, prices):
    optimum = network.optimum()
    np.testing.assert_allclose(optimum.flows, flows, atol=1e-6)
    np.testing.assert_allclose(optimum.prices, prices, atol=1e-6)


def test_linearisation_of_figure_1_is_a_stable_spiral():
    x, routes = FIGURE_1.optimum().flows, FIGURE_1.R
    jacobian = np.block([[np.zeros((3, 3)), routes], [-routes.T, -np.diag(1 / x**2)]])
    expected = [-0.385 + 1.924j, -0.363, -0.096 + 0.994j, -0.032 + 0.999j]
    values = np.linalg.eigvals(jacobian)
    np.testing.assert_allclose(
        np.sort_complex(values[values.imag >= -1e-9]), np.sort_complex(expected), atol=6e-4
    )


@given(
    capacities=st.lists(st.floats(0.5, 9), min_size=3, max_size=3),
    weights=st.lists(st.floats(0.2, 5), min_size=4, max_size=4),
    alpha=st.floats(-0.5, 0.5),
    share=st.floats(-0.5, 0.7),
)
@settings(deadline=None, max_examples=30)
def test_num_biased_equilibrium_satisfies_the_optimality_conditions(
    capacities, weights, alpha, share
):
    network = NumNetwork(LINE_ROUTES, capacities, weights)
    beta = share * np.array(capacities)
    prices, flows = network.biased_equilibrium(alpha, beta)
    h, g = network.fields(prices, flows)
    low, high = network.box
    assert (prices >= 0).all()
    assert (h + beta).max() < 1e-6
    assert np.abs(prices * (h + beta)).max() < 1e-6
    interior = (low < flows) & (flows < high)
    assert np.abs((g + alpha)[interior]).max(initial=0) < 1e-6
    assert ((g + alpha)[flows == low] <= 1e-6).all()
    assert ((g + alpha)[flows == high] >= -1e-6).all()


@pytest.mark.parametrize(
    ("alpha", "beta", "flows", "distance"),
    [
        (0.05, 0.05, (0.919, 2.031, 3.031, 6.031), 0.126),
        (0.1, 0.5, (0.761, 1.739, 2.739, 5.739), 0.566),
        (0.1, 2.0, (0.378, 0.622, 1.622, 4.622), 2.778),
    ],
)
def test_num_biased_equilibrium_of_figure_1(alpha, beta, flows, distance):
    biased = FIGURE_1.biased_equilibrium(alpha, beta)
    np.testing.assert_allclose(biased.flows, flows, atol=6e-4)
    assert FIGURE_1.optimum().distance(*biased) == pytest.approx(distance, abs=6e-4)


@pytest.mark.parametrize(
    ("alpha", "beta", "distance"),
    [
        (0.1, 0.1, 0.225199),
        (0.3, 0.3, 0.734543),
        (0.5, 0.5, 1.352844),
        (1, 1, 3.959271),
        (0.5, 1.5, 15.3328),
    ],
)
def test_num_biased_equilibrium_of_unit_capacities(alpha, beta, distance):
    biased = UNIT.biased_equilibrium(alpha / 2, beta / 3**0.5)
    assert UNIT.optimum().distance(*biased) == pytest.approx(distance, rel=4e-6)


def test_num_biased_equilibrium_ends_where_the_bias_takes_the_capacity():
    FIGURE_1.biased_equilibrium(0.1, 2.89)  # capacity 3, two flows of at least .05
    with pytest.raises(ValueError, match=r"link 0 has capacity 3, a bias of 2\.95 .* 0\.05 too mu"):
        FIGURE_1.biased_equilibrium(0.1, 2.95)
    np.testing.assert_allclose(FIGURE_1.overload(5.0), [2.1, 1.1, -1.9])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (([[1, 2]], [1]), "matrix of 0 and 1"),
        (([[1, 0]], [1]), "each flow on some link"),
        (([[1, 1]], [1, 1]), "c should have the shape"),
        (([[1, 1]], [1], [1, 0]), "weights should be > 0"),
        (([[1, 1]], [0.1]), "link 0 has capacity 0.1"),
    ],
)
def test_network_refuses(arguments, says):
    with pytest.raises(ValueError, match=says):
        NumNetwork(*arguments)


def test_problem_refuses_a_bias_of_another_size():
    with pytest.raises(ValueError, match=r"beta should have 3 or 1 columns, got \(4,\)"):
        FIGURE_1.problem(beta=np.ones(4))
    with pytest.raises(ValueError, match=r"alpha should have the shape \(4,\), got \(3,\)"):
        FIGURE_1.biased_equilibrium(np.ones(3), 0.0)
    with pytest.raises(ValueError, match="alpha should be finite, got nan"):
        FIGURE_1.problem(alpha=np.nan)


def test_iterate_is_the_written_out_one():
    steps = PowerLaw(1, 0.6, offset=49)
    path = simulate(
        FIGURE_1.problem(0.1, 3.5, noise=0.5), steps, steps, np.ones(3), [2, 1, 1, 1], 300, seed=3
    )
    sizes = [(n + 49) ** -0.6 for n in range(1, 301)]
    start = (1, 1, 1), (2, 1, 1, 1)
    prices, flows = primal_dual((3, 4, 7), 0.1, 3.5, 0.5, sizes, *start, 0.05, 20, seed=3)
    np.testing.assert_allclose(path.theta[-1, 0], prices, rtol=1e-9)
    np.testing.assert_allclose(path.w[-1, 0], flows, rtol=1e-9)


def run(biases, n_steps, bias):
    """Distances (n, bias, replica) of the unit network, and the path."""
    alpha, beta = np.repeat(np.array(biases) / (2, 3**0.5), REPLICAS, axis=0).T[:, :, None]
    path = simulate(
        UNIT.problem(alpha, beta, 0.2, bias),
        UNIT_STEPS,
        UNIT_STEPS,
        np.full(3, 0.5),
        np.full(4, 0.5),
        n_steps,
        replicas=len(alpha),
    )
    distance = UNIT.optimum().distance(path.theta, path.w)
    return distance.reshape(n_steps + 1, len(biases), REPLICAS), path


@pytest.fixture(scope="module")
def constant():
    return run([(0.1, 0.1), (0.5, 0.5), (0.5, 2), (0.5, 3), (0, 0)], 8000, "constant")


def test_num_without_bias_converges(constant):
    # 0.112, 0.033 and (n = 10,000) 0.016 from 40 other replicas, each of which varies by a third.
    unbiased = constant[0][[100, 1000, 8000], 4].mean(axis=1)
    np.testing.assert_allclose(unbiased, [0.112, 0.033, 0.017], rtol=0.25)


def test_num_recurrence_small_bias_stays_at_the_biased_equilibrium(constant):
    distance, path = constant
    np.testing.assert_allclose(distance[-1, :2].mean(-1), [0.225199, 1.352844], rtol=0.03)
    h, g = UNIT.fields(path.theta[4000:, :REPLICAS], path.w[4000:, :REPLICAS])
    assert in_contraction_region(h, g, 0.1, 0.1, 0.5).mean() > 0.99


def test_num_recurrence_wave_returns_again_and_again():
    distance, _ = run([(0.3, 0.3), (0.5, 0.5), (0.5, 3)], 8000, "wave")
    assert (distance[4000:, 0] < 0.5).mean() > 0.99
    half, all_of_it = (recurrence_stats(distance[:, 1], 0.5, n) for n in (4000, 100))
    assert (half.entries >= 2).all()
    assert all_of_it.entries.mean() == pytest.approx(7, abs=0.5)
    assert 0.3 < half.fraction_inside.mean() < 0.6
    # More than the capacities, but of mean zero: 1.71 and 1.89 from other replicas.
    np.testing.assert_allclose(distance[[100, 1000], 2].mean(-1), [1.71, 1.89], atol=0.03)
    half, all_of_it = (recurrence_stats(distance[:, 2], 0.5, n) for n in (4000, 100))
    assert (half.entries == 1).all()
    assert (all_of_it.entries == 3).all()
    assert half.fraction_inside.mean() == pytest.approx(0.024, abs=0.002)


def test_num_divergence(constant):
    distance, path = constant
    growth = distance[8000, 2:4] / distance[2000, 2:4]
    np.testing.assert_allclose(growth.mean(-1), [1.53, 1.635], atol=0.02)
    assert (growth > 1.35).all()
    assert (recurrence_stats(distance[:, 2:4].reshape(8001, -1), 0.5, 100).last_visit == -1).all()
    prices = path.theta.mean(axis=2).reshape(8001, 5, REPLICAS)[:, 2:4].mean(-1)
    slope = (prices[8000] - prices[2000]) / (path.t_a[8000] - path.t_a[2000])
    least = UNIT.overload(np.array(2) / 3**0.5)[0], UNIT.overload(np.array(3) / 3**0.5)[0]
    # Noise lifts the clipped flows above their smallest value: more than the bound, not much.
    assert least[0] < slope[0] < least[0] + 0.15
    assert least[1] < slope[1] < least[1] + 0.15


def test_figure_1_small_bounds_return_large_diverge():
    biases = [(0.05, 0.05), (0.1, 0.5), (0.1, 2.0), (0.1, 3.5), (0.1, 5.0), (0.1, 7.5), (0, 0)]
    alpha, beta = np.repeat(biases, 8, axis=0).T[:, :, None]
    steps = PowerLaw(1, 0.6, offset=49)
    path = simulate(
        FIGURE_1.problem(alpha, beta, 0.5),
        *(steps, steps, np.ones(3), [2, 1, 1, 1], 5000),
        replicas=56,
        record=[0, 100, 1000, 5000],
    )
    distance = FIGURE_1.optimum().distance(path.theta, path.w).reshape(4, 7, 8).mean(-1)
    np.testing.assert_allclose(distance[0], 5.69, atol=0.01)
    np.testing.assert_allclose(distance[2, 2:6], [2.77, 23.9, 73.0, 171], rtol=0.04)
    np.testing.assert_allclose(distance[3, :3], [0.29, 0.60, 2.78], atol=0.08)
    np.testing.assert_allclose(distance[3, 3:6], [44.8, 157, 379], rtol=0.02)
    # Without bias: 2.35, 0.35 and 0.22 elsewhere; eight replicas deviate by about 5 %.
    np.testing.assert_allclose(distance[1:, 6], [2.35, 0.33, 0.24], rtol=0.2)


def test_the_region_asks_for_the_norm_of_a_bias_on_every_component():
    runs = biased_runs(FIGURE_1, START, [(0.1, 0.5)], 4, 400, 0, 0.5, 0.9)
    h, g = FIGURE_1.fields(runs.prices, runs.flows)
    by_h, by_g = (0.9 * np.linalg.norm(field, axis=-1) for field in (h, g))
    expected = (by_h <= 3**0.5 * 0.5) | (by_g <= 2 * 0.1)
    np.testing.assert_array_equal(runs.inside, expected)
    assert 0 < expected.mean() < 1


def test_study_says_what_its_numbers_bear_out():
    result = network_flow(replicas=4, steps=1200, sweep=6)
    rows = rows_of(result)
    far = rows["(0.1, 2): distance of the 2nd half's mean to the optimum"]
    assert far.predicted == pytest.approx(2.77813, abs=1e-5)
    assert far.measured == pytest.approx(2.778, abs=0.06)
    grows = rows["(0.1, 5): growth of the prices per unit of sum a"]
    assert grows.predicted == pytest.approx(np.hypot(2.1, 1.1))  # AB and BC: 5 - capacity + 2 * .05
    assert grows.measured == pytest.approx(grows.predicted, rel=0.03)
    thresholds = [rows[f"beta above which the price of {link} grows"] for link in LINKS]
    assert [row.predicted for row in thresholds] == pytest.approx([2.9, 3.9, 6.9])
    assert thresholds[0].measured == pytest.approx(2.9, abs=0.05)
    assert "grow for ever" in result.sentence
    assert "unlike the game with antisymmetric couplings" in result.sentence
    assert [curve.label for curve in result.panels[3].curves if curve.label] == [
        "(2, 2), same signs",
        "(-2, 2), opposite signs",
    ]
    lost = network_flow(replicas=2, steps=200, sweep=2, alphas=(0.1,), betas=(5.0,))
    assert lost.sentence.startswith("Where a bias takes all capacity of a link")
    mild = network_flow(replicas=4, steps=20, sweep=2, alphas=(0.1,), betas=(0.5,))
    assert "grow for ever" not in mild.sentence


def test_study_measures_no_threshold_outside_its_sweep():
    result = network_flow(replicas=2, steps=500, sweep=3, noise=20.0)  # by the line: CD at -2.1
    thresholds = [row.measured for row in result.rows if row.quantity.startswith("beta above")]
    assert thresholds == [None] * 3


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"alphas": (0.1,)}, "should pair up"),
        ({"replicas": 1}, "replicas should be at least 2, got 1"),
        ({"capacities": (3.0, 4.0)}, "capacities should be three, of AB, BC, CD, got"),
        ({"eta": 1.0}, "0 < eta < 1"),
        ({"noise": -1.0}, r"noise, a standard deviation, should lie in \[0, 100\], got -1"),
        ({"noise": 1e300}, "noise, a standard deviation, should lie in"),
        ({"alphas": (0.0,), "betas": (1e9,)}, r"at most 1000, got 1e\+09"),
    ],
)
def test_study_refuses(settings, says):
    with pytest.raises(ValueError, match=says):
        network_flow(**settings)
