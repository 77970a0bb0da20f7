"""The language model against its literal transcription, and the facts of spec C.2."""

import copy
import math
from typing import TypeVar

import pytest
import torch
from torch import nn

from reference import wgan_gp_language as reference
from ttur.losses import Round, gradient_penalty
from ttur.models.wgan_gp_language import Discriminator, Generator, WGANGPLanguage, initialize

Network = TypeVar("Network", bound=nn.Module)
VOCABULARY, TEXT_LENGTH, WIDTH, LATENT = 7, 6, 8, 5


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small() -> tuple[Generator, Discriminator]:
    """Both networks in float64, initialised, with biases that are not zero."""
    networks = (
        Generator(VOCABULARY, TEXT_LENGTH, WIDTH, LATENT),
        Discriminator(VOCABULARY, TEXT_LENGTH, WIDTH),
    )
    return randomised(networks[0], 3), randomised(networks[1], 4)


def randomised(network: Network, seed: int) -> Network:
    noise = seeded(seed)
    network.double()
    initialize(network, noise)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=noise).double())
    return network


def parameters(network: nn.Module) -> reference.Tensors:
    return {name: p.detach().clone() for name, p in network.named_parameters()}


def some_texts(seed: int, batch: int = 4) -> torch.Tensor:
    shape = (batch, TEXT_LENGTH, VOCABULARY)
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64).softmax(2)


@pytest.mark.parametrize(
    ("vocabulary_size", "generator", "discriminator"),
    # A symbol more is 513 parameters in the generator (with its bias) and 512 in the critic.
    [(100, 15_277_156, 13_180_417), (2048, 16_276_480, 14_177_793)],
)
def test_parameter_counts_are_the_papers(vocabulary_size, generator, discriminator):
    with torch.device("meta"):
        networks = Generator(vocabulary_size), Discriminator(vocabulary_size)
    counts = [sum(p.numel() for p in network.parameters()) for network in networks]
    assert counts == [generator, discriminator]
    assert all(not list(network.buffers()) for network in networks)  # nothing is normalised


def test_the_generator_equals_the_transcription():
    generator, _ = small()
    z = torch.randn(4, LATENT, generator=seeded(1), dtype=torch.float64)
    texts = generator(z)
    torch.testing.assert_close(
        texts, reference.generator(parameters(generator), z), rtol=0, atol=1e-13
    )
    assert texts.shape == (4, TEXT_LENGTH, VOCABULARY)
    torch.testing.assert_close(texts.sum(2), torch.ones(4, TEXT_LENGTH).double())
    assert texts.std() > 0.02  # neither uniform nor one symbol everywhere: softmax hides nothing


def test_the_critic_equals_the_transcription():
    _, critic = small()
    texts = some_texts(1)
    scores = critic(texts)
    torch.testing.assert_close(
        scores, reference.critic(parameters(critic), texts), rtol=0, atol=1e-13
    )
    assert scores.std() > 1e-3  # the texts are told apart


def test_the_penalty_and_its_gradient_equal_the_transcription():
    """The double backward through this critic; 1e-12 in the root moves slopes s by 5e-13 / s."""
    _, critic = small()
    real, fake = some_texts(1), some_texts(2)
    ours = gradient_penalty(critic, Round(real, fake, rng=seeded(5)))
    params = {name: p.requires_grad_() for name, p in parameters(critic).items()}
    u = torch.rand((4, 1, 1), generator=seeded(5), dtype=torch.float64).flatten()
    theirs = reference.penalty(params, real, fake, u)
    assert theirs.item() > 0.01  # no slope near 0, none at 1
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=0)
    gradients = [
        torch.autograd.grad(loss, list(leaves), materialize_grads=True)
        for loss, leaves in ((ours, critic.parameters()), (theirs, params.values()))
    ]
    for name, mine, literal in zip(params, *gradients, strict=True):
        torch.testing.assert_close(mine, literal, rtol=1e-9, atol=1e-11, msg=name)


def test_penalty_gradient_equals_finite_differences():
    _, critic = small()
    real, fake = some_texts(1), some_texts(2)

    def penalty() -> torch.Tensor:
        return gradient_penalty(critic, Round(real, fake, rng=seeded(5)))

    step = 1e-6  # rounding errs 1e-16 / 1e-6, the third derivative 1e-12
    for name in ("conv.weight", "blocks.0.second.weight", "blocks.4.first.weight", "linear.weight"):
        weight = critic.get_parameter(name)
        (gradient,) = torch.autograd.grad(penalty(), weight)
        direction = torch.randn(weight.shape, generator=seeded(6), dtype=torch.float64)
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                weight += sign * step * direction
            values.append(penalty().item())
            with torch.no_grad():
                weight -= sign * step * direction
        slope = (gradient * direction).sum().item()
        assert abs(slope) > 1e-3, name
        assert slope == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-6), name


def test_the_length_is_kept_and_zeros_stand_outside_the_text():
    """A tap meets position i + tap - 2; convolved ones count the taps inside: 3, 4, 5, …, 4, 3."""
    _, critic = small()
    block = critic.blocks[0]
    with torch.no_grad():
        for name, parameter in block.named_parameters():
            parameter.fill_(0.0 if name.endswith("bias") else 1 / WIDTH)
        x = torch.ones(1, WIDTH, 1, TEXT_LENGTH, dtype=torch.float64)
        counted = torch.tensor([3.0, 4, 5, 5, 4, 3]).double()
        twice = torch.tensor([12.0, 17, 21, 21, 17, 12]).double()
        torch.testing.assert_close(block.get_submodule("first")(x)[0, 0, 0], counted)
        torch.testing.assert_close(block(x)[0, 0, 0], 1 + 0.3 * twice)


def test_initial_weights_are_uniform_within_the_papers_bounds():
    generator, critic = Generator(100), Discriminator(100)
    initialize(generator, seeded(0))
    initialize(critic, seeded(1))
    # The numbers are those of spec C.2, four digits; the others follow from its formula.
    for network, name, bound in (
        (generator, "blocks.0.first", 0.04841),
        (critic, "blocks.4.second", 0.04841),
        (generator, "linear", 0.01906),
        (critic, "linear", 0.01914),
        (generator, "conv", math.sqrt(3) * math.sqrt(4 / 612)),
        (critic, "conv", math.sqrt(3) * math.sqrt(4 / 612)),
    ):
        values = network.get_parameter(f"{name}.weight").detach().flatten().double()
        count = len(values)
        # The largest of n uniform values falls short of the bound by about bound / n.
        assert bound * (1 - 20 / count) - 5e-6 < values.abs().max() < bound + 5e-6, name
        # Kolmogorov-Smirnov against the uniform distribution: beyond 1.95 / √n once in 1,000.
        ranks = (values.sort().values / values.abs().max() + 1) / 2
        expected = torch.arange(count, dtype=torch.float64) / count
        assert (ranks - expected).abs().max() < 1.95 / math.sqrt(count), name
    for network in (generator, critic):
        for name, parameter in network.named_parameters():
            assert not name.endswith("bias") or torch.all(parameter == 0), name


def test_the_evaluation_copy_is_one_that_training_does_not_reach():
    generator, _ = small()
    z = torch.randn(4, LATENT, generator=seeded(1), dtype=torch.float64)
    before = generator(z).detach()
    state = copy.deepcopy(generator.state_dict())
    drawn = WGANGPLanguage().evaluation_copy(generator, z)
    assert torch.equal(drawn(z), before)
    assert generator.training
    assert all(torch.equal(tensor, state[name]) for name, tensor in generator.state_dict().items())
    with torch.no_grad():
        generator.linear.bias.add_(1)
    assert torch.equal(drawn(z), before)


def test_memory_layout_changes_nothing_but_speed():
    generator, critic = small()
    z = torch.randn(4, LATENT, generator=seeded(1), dtype=torch.float64)
    texts, scores = generator(z), critic(some_texts(1))
    for network in (generator, critic):
        network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    torch.testing.assert_close(generator(z), texts, rtol=0, atol=1e-13)
    torch.testing.assert_close(critic(some_texts(1)), scores, rtol=0, atol=1e-13)


@pytest.mark.parametrize("network", [Generator, Discriminator])
def test_impossible_sizes_are_refused(network):
    with pytest.raises(ValueError, match="at least two symbols, got 1"):
        network(1)
    with pytest.raises(ValueError, match="positive, got 0"):
        network(5, length=0)
    with pytest.raises(ValueError, match="positive, got 32, 0"):
        network(5, width=0)
