"""Precision, recall, density, coverage: the definitions exactly, closed forms, ties."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import manifold as literal
from ttur.metrics import neighbours
from ttur.metrics.manifold import density_coverage, precision_recall


def assert_literal(real: np.ndarray, generated: np.ndarray, k: int) -> None:
    """Equal to the bit: shares are counts, and a count is right or wrong."""
    pair = precision_recall(real, generated, k)
    assert pair.precision == literal.precision(real, generated, k)
    assert pair.recall == literal.recall(real, generated, k)
    other = density_coverage(real, generated, k)
    assert other.density == literal.density(real, generated, k)
    assert other.coverage == literal.coverage(real, generated, k)
    assert (pair.k, other.k) == (k, k)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    counts=st.tuples(st.integers(6, 20), st.integers(6, 20)),
    dimension=st.integers(1, 8),
    k=st.integers(1, 5),
    digits=st.sampled_from([0, 1, 15]),  # 0: a grid with many ties and duplicates
    offset=st.sampled_from([0.0, 1e4, 1e12]),
    scale=st.sampled_from([1e-20, 1.0, 1e20]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_every_comparison_is_that_of_the_definition(
    seed, counts, dimension, k, digits, offset, scale, dtype
):
    rng = np.random.default_rng(seed)
    real, generated = (
        ((rng.normal(size=(count, dimension)).round(digits) + offset) * scale).astype(dtype)
        for count in counts
    )
    assert_literal(real, generated, k)


@pytest.mark.parametrize("block", [1, 37, 1000])
def test_blocks_of_any_size_change_nothing(monkeypatch, block: int):
    rng = np.random.default_rng(0)
    real, generated = rng.normal(size=(30, 4)), rng.normal(size=(25, 4))
    monkeypatch.setattr(neighbours, "DISTANCES_AT_ONCE", block)
    monkeypatch.setattr(neighbours, "NUMBERS_AT_ONCE", block)
    assert_literal(real, generated, 3)


def test_many_dimensions_are_as_exact():
    """k-th neighbours of one set lie on the very spheres of its copy; 1e-7 moves them off."""
    rng = np.random.default_rng(1)
    real = rng.normal(size=(30, 2048)).astype(np.float32) * 0.01 + 100
    for generated in (real, real[:20] * np.float32(1 + 1e-7), real + np.float32(1e-5)):
        assert_literal(real, generated, 3)


def test_products_in_single_precision_alone_would_err():
    """What is tested here: without the second look, these boundary cases come out differently."""
    real = np.random.default_rng(2).normal(size=(200, 64))
    assert density_coverage(real, real).density == 1
    squares = (real.astype(np.float32) ** 2).sum(axis=1)
    products = real.astype(np.float32) @ real.astype(np.float32).T
    quick = squares[:, None] + squares - 2 * products
    exact = ((real[:, None] - real) ** 2).sum(axis=2)
    radii = np.sort(exact, axis=1)[:, 5]
    assert (quick < radii[:, None]).sum() != (exact < radii[:, None]).sum()


@pytest.mark.parametrize("k", [1, 3, 5])
def test_identical_sets(k: int):
    """An open ball holds its centre and the k - 1 nearest, so density is exactly 1."""
    samples = np.random.default_rng(3).normal(size=(50, 6))
    pair, other = precision_recall(samples, samples, k), density_coverage(samples, samples, k)
    assert (pair.precision, pair.recall, other.density, other.coverage) == (1, 1, 1, 1)


def test_sets_far_apart():
    rng = np.random.default_rng(4)
    real, generated = rng.normal(size=(50, 6)), rng.normal(size=(40, 6)) + 100
    pair, other = precision_recall(real, generated), density_coverage(real, generated)
    assert (pair.precision, pair.recall, other.density, other.coverage) == (0, 0, 0, 0)


def test_one_mode_out_of_two_is_precise_and_forgets_half():
    rng = np.random.default_rng(5)
    mode = rng.normal(size=(200, 2))
    both = np.concatenate([mode, mode + 1000])
    one = precision_recall(both, mode)
    assert (one.precision, one.recall) == (1, 0.5)
    assert density_coverage(both, mode).coverage == 0.5


def test_the_line_by_hand():
    """Real 0, 1, 3 have radii 1, 1, 2 to the nearest; generated 2, 5, 9 have 3, 3, 4."""
    real, generated = np.array([[0.0], [1], [3]]), np.array([[2.0], [5], [9]])
    pair = precision_recall(real, generated, k=1)
    # 2 is at 1 from 1 and 3, 5 at 2 from 3, on the sphere; 0, 1, 3 are within 3 of 2.
    assert (pair.precision, pair.recall) == (2 / 3, 1)
    other = density_coverage(real, generated, k=1)
    # Spheres do not count: only 2 in the ball of 3.
    assert (other.density, other.coverage) == (1 / 3, 1 / 3)


def test_duplicates_leave_balls_of_radius_zero():
    """Closed, such a ball holds the duplicates; open, nothing."""
    same = np.full((10, 3), 0.1)
    pair, other = precision_recall(same, same), density_coverage(same, same)
    assert (pair.precision, pair.recall, other.density, other.coverage) == (1, 1, 0, 0)
    rng = np.random.default_rng(6)
    twins = np.repeat(rng.normal(size=(20, 3)), 4, axis=0)
    assert_literal(twins, twins + 0.0, 3)
    assert_literal(twins, rng.normal(size=(20, 3)), 5)


def test_a_collapsed_generator_is_measured_without_comparing_all_its_copies():
    """Ten images, 200 of each: 200 ties for every radius, yet about as many distances as images."""
    rng = np.random.default_rng(7)
    real, modes = rng.normal(size=(300, 64)), rng.normal(size=(10, 64))
    computed = 0
    original = np.square

    def counted(values, **options):
        nonlocal computed
        computed += len(values)
        return original(values, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours.np, "square", counted)
        pair = precision_recall(real, np.repeat(modes, 200, axis=0))
    assert pair.precision == literal.precision(real, modes, 3)
    assert pair.recall == 0
    assert computed < 5_000


def test_equal_distributions_have_the_expected_density_and_coverage():
    """Of the n - 1 + m other samples the k nearest are all real with probability
    C(n - 1, k)/C(n - 1 + m, k), whatever the distribution; else the ball holds a generated one."""
    n, m, k = 60, 40, 5
    rng = np.random.default_rng(8)
    found = [
        density_coverage(rng.gamma(1, size=(n, 3)), rng.gamma(1, size=(m, 3)), k)
        for _ in range(300)
    ]
    expected = 1 - math.comb(n - 1, k) / math.comb(n - 1 + m, k)
    product = 1 - math.prod((n - i) / (n + m - i) for i in range(1, k + 1))
    assert product == pytest.approx(expected, rel=1e-12)
    coverages = [one.coverage for one in found]
    error = np.std(coverages) / math.sqrt(len(found))
    assert abs(np.mean(coverages) - expected) < 4 * error  # p = 6e-5
    assert error < 0.01
    # One generated sample is before the k-th of n - 1 real ones in a ball: k/n, times n/k balls.
    densities = [one.density for one in found]
    assert abs(np.mean(densities) - 1) < 4 * np.std(densities) / math.sqrt(len(found))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 4), shift=st.floats(-2, 2))
def test_symmetries_and_ranges(seed: int, k: int, shift: float):
    rng = np.random.default_rng(seed)
    real, generated = rng.normal(size=(15, 3)), rng.normal(size=(12, 3)) + shift
    pair, swapped = precision_recall(real, generated, k), precision_recall(generated, real, k)
    assert (pair.precision, pair.recall) == (swapped.recall, swapped.precision)
    other = density_coverage(real, generated, k)
    assert 0 <= pair.precision <= 1
    assert 0 <= other.coverage <= 1
    assert 0 <= other.density <= len(real) / k
    shuffled = rng.permutation(real), rng.permutation(generated)
    assert precision_recall(*shuffled, k) == pair
    assert density_coverage(*shuffled, k) == other
    # A rotation by a quarter turn and a power of two round nothing.
    turn = 4 * np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    assert precision_recall(real @ turn, generated @ turn, k) == pair


def test_tensors_and_integers_are_taken():
    counts = np.random.default_rng(9).integers(0, 9, size=(30, 3))
    expected = precision_recall(counts[:15].astype(float), counts[15:].astype(float))
    assert precision_recall(counts[:15], counts[15:]) == expected
    tensors = torch.from_numpy(counts).to(torch.bfloat16).requires_grad_()
    assert precision_recall(tensors[:15], tensors[15:]) == expected


@pytest.mark.parametrize("metric", [precision_recall, density_coverage])
def test_what_cannot_be_measured_is_refused(metric):
    good, few = np.random.default_rng(10).normal(size=(10, 3)), np.zeros((4, 3))
    for sides, name in (((few, good), "real"), ((good, few), "generated")):
        with pytest.raises(ValueError, match=f"at least 5 samples on each side, got 4 {name}"):
            metric(*sides, k=4)
    with pytest.raises(ValueError, match=r"one dimension, got 3 \(real\) and 2 \(generated\)"):
        metric(good, good[:, :2])
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="finite features, got NaN or infinity among the gene"):
            metric(good, np.where(good == good[7, 1], bad, good))
    with pytest.raises(ValueError, match="k of at least 1, got 0"):
        metric(good, good, k=0)
