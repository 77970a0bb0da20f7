"""Every loss and penalty that a configuration can name plays, and resumes to the bit."""

import copy
from typing import get_args

import pytest
import torch

from ttur.losses import R1, R2, GradientPenalty, Hinge, LeCam, Relativistic, Term, Wasserstein
from ttur.losses.description import Adversarial, Penalty

SUMS: list[Term] = [
    *(kind() for kind in get_args(get_args(Adversarial)[0]) if kind().needs == "scores"),
    Wasserstein() + GradientPenalty(1.0, one_sided=True),
    Hinge() + R1(1.0, every=4),
    Relativistic() + R1(0.1) + R2(0.1),
    Hinge() + LeCam(0.3, decay=0.8, start=2),
]


def test_every_penalty_is_in_the_list():
    listed = {type(each) for term in SUMS for each in getattr(term, "penalties", ())}
    assert listed == set(get_args(get_args(Penalty)[0]))


@pytest.mark.parametrize("order", ["discriminator_first", "generator_first"])
@pytest.mark.parametrize("term", SUMS, ids=repr)
def test_a_resumed_game_is_the_uninterrupted_one(tiny_game, term: Term, order: str):
    whole, first = tiny_game(term.build(), order, 2), tiny_game(term.build(), order, 2)
    for _ in range(7):
        whole.play()
    for _ in range(3):
        first.play()
    second = tiny_game(term.build(), order, 2)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for _ in range(4):
        second.play()
    for one, other in (
        (whole.generator, second.generator),
        (whole.discriminator, second.discriminator),
    ):
        for parameter, resumed in zip(one.parameters(), other.parameters(), strict=True):
            assert torch.equal(parameter, resumed)
    assert whole.diagnosis() is None
    assert not torch.equal(whole.generator.slope, tiny_game(term.build()).generator.slope)
