import math
from typing import get_args

import pytest
import torch
from torch import nn

from ttur import losses
from ttur.losses import Round
from ttur.losses.description import Adversarial
from ttur.runtime.description import from_json


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


@pytest.mark.parametrize(
    ("described", "real", "fake", "discriminator", "generator", "slope"),
    [
        # By hand; the slope is that of the generator's loss by D(G(z)).
        (losses.NonSaturating(), 0.0, 0.0, 2 * math.log(2), math.log(2), -0.5),
        (losses.Minimax(), 0.0, 0.0, 2 * math.log(2), -math.log(2), -0.5),
        (losses.Hinge(), 0.25, -3.0, 0.75 + 0, 3.0, -1.0),
        (losses.Hinge(), 2.0, 0.5, 0 + 1.5, -0.5, -1.0),
        (losses.LeastSquares(), 0.5, -1.0, 0.125 + 0.5, 2.0, -2.0),
        (losses.Relativistic(), 1.5, 0.5, math.log1p(math.exp(-1)), math.log1p(math.e), -0.731059),
        (losses.Wasserstein(), 3.0, -0.5, -3.5, 0.5, -1.0),
    ],
)
def test_losses_are_their_formulas(described, real, fake, discriminator, generator, slope):
    built = described.build()
    assert built.discriminator(constant_scores(real, fake), ROUND).item() == pytest.approx(
        discriminator, rel=1e-5
    )
    score = torch.tensor(fake, requires_grad=True)
    loss = built.generator(lambda x: torch.where(x[:, 0] > 0, real, score), ROUND)
    assert loss.item() == pytest.approx(generator, rel=1e-5)
    (gradient,) = torch.autograd.grad(loss, score)
    assert gradient.item() == pytest.approx(slope, rel=1e-5)


def test_the_uninformative_loss_is_the_best_of_a_discriminator_that_cannot_tell():
    """Among constant scores, by search; a relativistic one has no choice."""
    union, _ = get_args(Adversarial)
    for kind in get_args(union):
        built = kind().build()
        if built.uninformative is None:
            assert kind is losses.Began
            continue
        of_scores = [
            built.discriminator(constant_scores(each, each), ROUND).item()
            for each in torch.linspace(-2, 2, 401).tolist()
        ]
        assert min(of_scores) == pytest.approx(built.uninformative, abs=1e-6), kind


def test_relativistic_pairs_samples_by_their_places():
    scores = torch.tensor([1.0, -2.0, 0.5, 3.0])
    by_place = lambda x: scores * (x[:, 0] > 0)  # noqa: E731
    loss = losses.relativistic_discriminator(by_place, ROUND)
    expected = sum(math.log1p(math.exp(-score)) for score in scores.tolist()) / 4
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    with pytest.raises(ValueError, match=r"to be paired, got scores of shape \(4,\) and \(3,\)"):
        losses.relativistic_generator(lambda x: x.sum(1), Round(REAL, FAKE[:3]))


def quadratic(x):
    """Σ c x²/2 with c = 1, 2: its gradient is c x."""
    return 0.5 * (x.square() * torch.tensor([1.0, 2.0])).sum(1)


def test_zero_centred_penalties_are_in_closed_form_and_each_on_its_side():
    real, fake = torch.tensor([[3.0, 0.5], [1.0, 0.0]]), torch.tensor([[0.0, 2.0], [0.0, 0.0]])
    of_real, of_fake = ((9 + 1) + 1) / 2, (16 + 0) / 2
    round = Round(real, fake)
    assert losses.R1(10).build()(quadratic, round).item() == pytest.approx(5 * of_real)
    assert losses.R2(gamma=0.5).build()(quadratic, round).item() == pytest.approx(of_fake / 4)


def test_a_lazy_penalty_is_as_much_over_its_updates_as_one_in_each():
    lazy, each = losses.R1(10, every=4).build(), losses.R1(10).build()
    at = [Round(REAL, FAKE, update=update) for update in range(1, 13)]
    values = [lazy(quadratic, round).item() for round in at]
    assert [update for update, value in enumerate(values, 1) if value] == [1, 5, 9]
    assert sum(values) == pytest.approx(sum(each(quadratic, round).item() for round in at))


def test_a_zero_centred_penalty_moves_the_weights_by_finite_differences():
    weight = torch.tensor([0.3, -0.7], dtype=torch.float64, requires_grad=True)
    samples = torch.tensor([[0.2, 1.0], [-0.4, 0.1]], dtype=torch.float64)
    penalty = losses.R1(2.0).build()

    def value(w):
        return penalty(lambda x: torch.tanh(x @ w), Round(samples, samples))

    (gradient,) = torch.autograd.grad(value(weight), weight)
    for index in range(2):
        step = torch.zeros(2, dtype=torch.float64)
        step[index] = 1e-6
        difference = (value(weight + step) - value(weight - step)) / 2e-6
        assert gradient[index].item() == pytest.approx(difference.item(), rel=1e-6)


def test_a_one_sided_penalty_leaves_gentle_slopes_alone():
    one_sided = losses.GradientPenalty(weight=10, one_sided=True).build()
    round = Round(REAL, FAKE, rng=torch.Generator().manual_seed(0))
    assert one_sided(lambda x: x @ torch.tensor([0.3, 0.4]), round).item() == 0
    assert one_sided(lambda x: x @ torch.tensor([3.0, 4.0]), round).item() == pytest.approx(160)


class Moved:
    """What `after_update` of a companion asks of a game."""

    def __init__(self, update: int) -> None:
        self.update = update


def test_lecam_is_its_transcription_over_ten_updates():
    """Averages by a loop of plain numbers; no penalty up to `start`."""
    built = (losses.Wasserstein() + losses.LeCam(0.5, decay=0.9, start=3)).build()
    (anchors,) = built.companions
    averages = (0.0, 0.0)
    for update in range(1, 11):
        real, fake = 1.0 + 0.3 * update, -0.5 * update
        round = Round(REAL, FAKE, update=update)
        value = built.discriminator(constant_scores(real, fake), round).item()
        penalty = max(0, real - averages[1]) ** 2 + max(0, averages[0] - fake) ** 2
        expected = fake - real + (0.5 * penalty if update > 3 else 0)
        assert value == pytest.approx(expected, rel=1e-5), update
        decay = 0.9 if update > 3 else 0.0
        averages = tuple(
            decay * old + (1 - decay) * new for old, new in zip(averages, (real, fake), strict=True)
        )
        anchors.after_update(Moved(update - 1))
        if update == 5:  # as a resume does
            other = losses.ScoreAnchors(0.5, 0.9, 3)
            other.load_state_dict(anchors.state_dict())
            assert other.averages.tolist() == pytest.approx(averages)


def test_samples_are_scored_once_by_a_loss_and_its_penalties():
    asked = []

    def discriminator(samples):
        asked.append(len(samples))
        return samples.sum(1)

    (losses.Hinge() + losses.LeCam(1.0)).build().discriminator(discriminator, ROUND)
    assert len(asked) == 2


def test_terms_add_up_to_a_description_and_say_what_is_known():
    made = losses.Relativistic() + losses.R1(5) + losses.R2(5)
    assert made == from_json(
        losses.LossDescription,
        {
            "adversarial": "relativistic",
            "penalties": [{"kind": "r1", "gamma": 5}, {"kind": "r2", "gamma": 5}],
        },
    )
    assert made.build().uninformative == math.log(2)  # a constant costs nothing
    assert (losses.Hinge() + losses.GradientPenalty()).build().uninformative is None
    assert (losses.Wasserstein() + losses.GradientPenalty()).build().uninformative == 0
    with pytest.raises(ValueError, match="no kind"):
        _ = losses.R1(5) + losses.Hinge()


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
