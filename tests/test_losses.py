import math

import pytest
import torch
from torch import nn

from ttur import losses
from ttur.losses import Round


def constant_scores(real: float, fake: float):
    """A discriminator that knows: positive samples are real."""
    return lambda samples: torch.where(samples[:, 0] > 0, real, fake)


REAL, FAKE = torch.ones(4, 2), -torch.ones(4, 2)
ROUND = Round(REAL, FAKE, rng=torch.Generator().manual_seed(0))


def test_logistic_is_cross_entropy_without_a_factor():
    # D(x) = sigmoid(2), D(G(z)) = sigmoid(-1): -log(.8808) - log(1 - .2689), by hand.
    loss = losses.logistic(constant_scores(2.0, -1.0), ROUND)
    expected = -math.log(1 / (1 + math.exp(-2))) - math.log(1 - 1 / (1 + math.exp(1)))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_logistic_of_an_undecided_discriminator_is_two_log_two():
    loss = losses.logistic(constant_scores(0.0, 0.0), ROUND)
    assert loss.item() == pytest.approx(2 * math.log(2), rel=1e-6)


def test_non_saturating_has_gradient_one_while_the_generator_loses():
    """The saturating loss would have gradient sigmoid(-20) = 2e-9 there."""
    logit = torch.tensor([-20.0], requires_grad=True)
    loss = losses.non_saturating(lambda fake: logit, Round(REAL[:1], FAKE[:1]))
    (slope,) = torch.autograd.grad(loss, logit)
    assert slope.item() == pytest.approx(-1, abs=1e-6)
    assert loss.item() == pytest.approx(20, rel=1e-6)


def test_wasserstein_losses_are_differences_of_means():
    critic = constant_scores(3.0, -0.5)
    assert losses.wasserstein_critic(critic, ROUND).item() == -3.5
    assert losses.wasserstein_generator(critic, ROUND).item() == 0.5


def test_penalty_of_a_linear_critic_is_in_closed_form():
    """D(x) = w·x has the slope ‖w‖ everywhere: penalty (‖w‖ - 1)²."""
    weight = torch.tensor([3.0, 4.0])
    penalty = losses.gradient_penalty(lambda x: x @ weight, ROUND)
    assert penalty.item() == pytest.approx(16, rel=1e-6)


def test_penalty_mixes_with_one_weight_per_sample():
    """The slope of Σx²/2 is ‖x̂‖; on the segment 0 → (1, 1) each x̂ must be (u, u), u in [0, 1]."""
    seen = []

    def critic(x):
        seen.append(x.detach())
        return 0.5 * x.square().flatten(1).sum(1)

    real, fake = torch.zeros(1000, 1, 2), torch.ones(1000, 1, 2)
    round = Round(real, fake, rng=torch.Generator().manual_seed(1))
    penalty = losses.gradient_penalty(critic, round)
    (mixtures,) = seen
    assert torch.equal(mixtures[..., 0], mixtures[..., 1])
    weights = mixtures[:, 0, 0]
    assert 0 <= weights.min() < 0.01
    assert 0.99 < weights.max() <= 1
    expected = ((math.sqrt(2) * weights - 1) ** 2).mean()
    assert penalty.item() == pytest.approx(expected.item(), rel=1e-5)


def test_penalty_gradient_equals_finite_differences():
    torch.manual_seed(0)
    first = nn.Linear(3, 5)
    critic = nn.Sequential(first, nn.Tanh(), nn.Linear(5, 1), nn.Flatten(0)).double()
    real, fake = torch.randn(6, 3).double(), torch.randn(6, 3).double()

    def penalty() -> torch.Tensor:
        round = Round(real, fake, rng=torch.Generator().manual_seed(5))
        return losses.gradient_penalty(critic, round)

    weight = first.weight
    (gradient,) = torch.autograd.grad(penalty(), weight)
    step = 1e-6
    for index in [(0, 0), (2, 1), (4, 2)]:
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[index] += sign * step
            values.append(penalty().item())
            with torch.no_grad():
                weight[index] -= sign * step
        difference = (values[0] - values[1]) / (2 * step)
        assert gradient[index].item() == pytest.approx(difference, rel=1e-6, abs=1e-9)


def test_penalty_of_a_dead_critic_is_one_with_a_finite_gradient():
    weight = torch.zeros(2, requires_grad=True)
    penalty = losses.gradient_penalty(lambda x: x @ weight, ROUND)
    (gradient,) = torch.autograd.grad(penalty, weight)
    assert penalty.item() == pytest.approx(1, abs=1e-5)
    assert torch.isfinite(gradient).all()


def test_shapes_that_cannot_be_mixed_are_refused():
    with pytest.raises(ValueError, match=r"\(4, 2\) and \(3, 2\)"):
        losses.gradient_penalty(lambda x: x.sum(1), Round(REAL, FAKE[:3]))


def test_wgan_gp_weighs_the_penalty():
    both = losses.wasserstein_gradient_penalty(weight=10.0)
    critic = lambda x: x @ torch.tensor([3.0, 4.0])  # noqa: E731
    loss = both.discriminator(critic, ROUND)
    assert loss.item() == pytest.approx(-7 - 7 + 160, rel=1e-6)


@pytest.mark.parametrize(
    "last",
    [
        nn.Sigmoid(),
        nn.Sequential(nn.Sigmoid(), nn.Flatten(0)),
        nn.Sequential(nn.Sigmoid(), nn.Unflatten(1, (1, 1)), nn.Flatten()),
    ],
)
@pytest.mark.parametrize("loss", [losses.logistic, losses.non_saturating])
def test_probabilities_are_no_logits(loss, last):
    """The discriminator of many a tutorial: with a second sigmoid in the loss it learns little."""
    discriminator = nn.Linear(2, 1)
    with pytest.raises(ValueError, match=r"expected logits .* got the output of a sigmoid"):
        loss(nn.Sequential(discriminator, last), ROUND)
    hidden = nn.Sequential(discriminator, last, nn.Flatten(), nn.Linear(1, 1))  # not at the end
    if last.__class__ is nn.Sigmoid:
        assert torch.isfinite(loss(hidden, ROUND))
    assert torch.isfinite(losses.wasserstein_critic(nn.Sequential(discriminator, last), ROUND))
