"""Moments of random parts of a stream, and to the bit those of the whole."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from populations import assert_close, assert_same_bits, grouped
from ttur.metrics.grouped_moments import GROUPS, VECTORS_PENDING, GroupedMoments
from ttur.metrics.moments import Moments

FEATURES = np.random.default_rng(10).normal(size=(2 * VECTORS_PENDING + 1500, 3)) + np.array(
    [0, 5, 100]
)


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
    once, twice = (
        grouped(np.tile(FEATURES[:VECTORS_PENDING], (times, 1))).groups for times in (1, 2)
    )
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


@pytest.mark.parametrize("at", [0, 10, VECTORS_PENDING, VECTORS_PENDING + 10])
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


class TestRefusals:
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
