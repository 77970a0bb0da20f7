"""The residual WGAN-GP against its literal transcription, and the facts of spec B.1 to B.3."""

import copy
import math

import pytest
import torch
from torch import Tensor

from drawn import close, randomised, seeded, some_images
from recording import parameters
from reference import wgan_gp_image as reference
from ttur.losses import Round, gradient_penalty
from ttur.models.wgan_gp_image import Discriminator, Generator, WGANGPImage, initialize

WIDTH, LATENT = 2, 5


def some_latents(seed: int, batch: int = 4) -> Tensor:
    return torch.randn(batch, LATENT, generator=seeded(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    ("image_size", "width", "images_per_score", "generator", "discriminator"),
    [
        (64, 64, 1, 8_540_483, 7_491_841),
        (32, 32, 4, 2_005_155, 1_877_121),
        (32, 32, 1, 2_005_155, 1_874_049),
    ],
)
def test_parameters_are_the_papers(image_size, width, images_per_score, generator, discriminator):
    with torch.device("meta"):
        networks = Generator(image_size, width), Discriminator(image_size, width, images_per_score)
    counts = [sum(p.numel() for p in network.parameters()) for network in networks]
    assert counts == [generator, discriminator]
    layouts = (
        reference.generator_layout(image_size, width, 128),
        reference.critic_layout(image_size, width, images_per_score),
    )
    for network, layout in zip(networks, layouts, strict=True):
        shapes = {name: tuple(p.shape) for name, p in network.named_parameters()}
        assert shapes == {name: shape for name, (shape, _) in layout.items()}
        assert not list(network.buffers())  # always the statistics at hand: nothing to keep


# Width 3, like the images' channels, must not be mistaken for the layer that sees the image.
@pytest.mark.parametrize("width", [3, 32])
def test_initial_weights_are_uniform_within_the_papers_bounds(width):
    networks = Generator(32, width), Discriminator(32, width, images_per_score=4)
    layouts = reference.generator_layout(32, width, 128), reference.critic_layout(32, width, 4)
    for network, layout in zip(networks, layouts, strict=True):
        initialize(network, seeded(width))
        for name, parameter in network.named_parameters():
            assert_starts(name, parameter.detach().flatten().double(), layout[name][1])


def assert_starts(name: str, values: Tensor, bound: float) -> None:
    """All 0, all 1 (a norm's scale), or uniform within ± bound."""
    if "norm" in name or bound == 0:
        assert torch.all(values == bound), name
        return
    count, largest = len(values), values.abs().max()
    # The largest of n uniform values falls short by bound · (exponential of mean 1) / n.
    assert bound * (1 - 14 / count) < largest <= bound * (1 + 1e-6), name
    # Kolmogorov-Smirnov against the uniform distribution: beyond 2.3 / √n once in 20,000.
    ranks = (values.sort().values / bound + 1) / 2
    expected = torch.arange(count, dtype=torch.float64) / count
    assert (ranks - expected).abs().max() < 2.3 / math.sqrt(count), name


def test_the_published_bounds():
    """The four check values of spec B.3, of the transcription and of the networks."""
    for width, first_3x3, input_3x3 in ((64, 0.03608, 0.09975), (32, 0.05103, 0.13801)):
        layout = reference.generator_layout(width, width, 128)
        assert layout["blocks.0.conv1.weight"][1] == pytest.approx(first_3x3, abs=5e-6)
        layout = reference.critic_layout(width, width, 1)
        assert layout["conv.weight"][1] == pytest.approx(input_3x3, abs=5e-6)
    generator, critic = Generator(32, 32), Discriminator(32, 32)
    initialize(generator, seeded(0))
    initialize(critic, seeded(1))
    assert 0.05102 < generator.get_parameter("blocks.0.conv1.weight").abs().max() < 0.051035
    assert 0.1365 < critic.get_parameter("conv.weight").abs().max() < 0.138015


@pytest.mark.parametrize("image_size", [16, 32, 48])
def test_the_generator_equals_the_transcription_in_any_mode(image_size):
    network = randomised(Generator(image_size, WIDTH, LATENT), initialize)
    z = some_latents(1)
    images = reference.generator(parameters(network), z)
    close(network.train()(z), images)
    close(network.eval()(z), images)
    assert images.shape == (4, 3, image_size, image_size)
    assert 0.05 < images.std() < 0.95  # neither zero nor saturated: tanh hides nothing


@pytest.mark.parametrize(("image_size", "images_per_score"), [(16, 1), (32, 2), (48, 1), (32, 4)])
def test_the_critic_equals_the_transcription_in_any_mode(image_size, images_per_score):
    network = randomised(Discriminator(image_size, WIDTH, images_per_score), initialize)
    images = some_images(1, image_size, batch=8)
    scores = reference.critic(parameters(network), images)
    close(network.train()(images), scores)
    close(network.eval()(images), scores)
    assert scores.shape == (8 // images_per_score,)
    assert scores.std() > 0.01  # the images are told apart


def test_a_score_belongs_to_four_consecutive_images():
    """Image i moves score ⌊i / 4⌋ and no other; the i-th of four has weights of its own."""
    network = randomised(Discriminator(32, WIDTH, images_per_score=4), initialize)
    images = some_images(1, 32, batch=12)
    scores = network(images)
    for changed in range(12):
        others = images.clone()
        others[changed] = -others[changed]
        moved = (network(others) - scores).abs() > 1e-6
        assert moved.tolist() == [group == changed // 4 for group in range(3)]
    assert (network(images[[1, 0, 2, 3]]) - scores[0]).abs().item() > 1e-4
    close(network(images[[8, 9, 10, 11, 0, 1, 2, 3]]), scores[[2, 0]])

    # Channel-major image after image: four heads of one image each, summed.
    alone = Discriminator(32, WIDTH).double()
    state = network.state_dict()
    bias, heads = state["linear.bias"], state["linear.weight"].chunk(4, dim=1)
    summed = bias.clone()
    for place, head in enumerate(heads):
        alone.load_state_dict(state | {"linear.weight": head, "linear.bias": torch.zeros(1)})
        summed = summed + alone(images[place::4])
    close(summed, scores)


def test_a_batch_that_does_not_divide_into_scores_is_refused():
    with pytest.raises(ValueError, match="4 images share a score, got a batch of 6"):
        Discriminator(16, 1, images_per_score=4)(torch.zeros(6, 3, 16, 16))


def test_the_critic_sees_each_image_alone_and_the_generator_the_batch():
    critic, generator = (
        randomised(Discriminator(16, WIDTH), initialize),
        randomised(Generator(16, 2, LATENT), initialize),
    )
    images, z = some_images(1), some_latents(1)
    close(torch.cat([critic(image[None]) for image in images]), critic(images))
    halves = torch.cat([generator(z[:2]), generator(z[2:])])
    assert (generator(z) - halves).abs().max() > 1e-2
    shuffled = [2, 0, 3, 1]  # which does not change the statistics of the batch
    close(generator(z[shuffled]), generator(z)[shuffled])


def test_norms_take_away_the_scale_of_what_they_normalise():
    """A block's branch sees its input only normalised; the shortcut sees it as it is."""
    for network, shape in (
        (randomised(Generator(16, WIDTH, LATENT), initialize), (3, 16, 4, 4)),
        (randomised(Discriminator(16, WIDTH), initialize), (3, 2, 8, 8)),
    ):
        block = network.get_submodule("blocks.0")
        x = torch.randn(shape, generator=seeded(2), dtype=torch.float64)
        with torch.no_grad():
            for parameter in block.get_submodule("shortcut").parameters():
                parameter.zero_()
            once, scaled = block(x), block(1000 * x + 5)
        # eps = 1e-5 beside a variance of about 1 and of 1e6: 5e-6 of outputs of order 1.
        torch.testing.assert_close(scaled, once, rtol=0, atol=1e-4)
        assert (block(1e-3 * x) - once).abs().max() > 0.1  # where eps is what counts


def test_the_penalty_and_its_gradient_equal_the_transcription():
    """The double backward, one penalty per image though four share a score.

    The 1e-12 in our root moves slopes s by 5e-13 / s.
    """
    critic = randomised(Discriminator(16, WIDTH, images_per_score=4), initialize)
    real, fake = some_images(1), some_images(2)
    ours = gradient_penalty(critic, Round(real, fake, rng=seeded(5)))
    params = {name: p.requires_grad_() for name, p in parameters(critic).items()}
    u = torch.rand((4, 1, 1, 1), generator=seeded(5), dtype=torch.float64).flatten()
    theirs = reference.penalty(params, real, fake, u)
    assert theirs.item() > 0.01  # no slope near 0, none at 1
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=0)
    gradients = [
        torch.autograd.grad(loss, list(leaves), materialize_grads=True)
        for loss, leaves in ((ours, critic.parameters()), (theirs, params.values()))
    ]
    for name, mine, literal in zip(params, *gradients, strict=True):
        torch.testing.assert_close(mine, literal, rtol=1e-9, atol=1e-11, msg=name)


@pytest.mark.parametrize("images_per_score", [1, 4])
def test_penalty_gradient_equals_finite_differences(images_per_score):
    critic = randomised(Discriminator(16, WIDTH, images_per_score), initialize)
    real, fake = some_images(1), some_images(2)

    def penalty() -> Tensor:
        return gradient_penalty(critic, Round(real, fake, rng=seeded(5)))

    step = 1e-6  # small beside the distance of activations from the kink of ReLU
    for name in ("conv.weight", "blocks.1.norm1.weight", "blocks.3.conv2.weight", "linear.weight"):
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
        assert slope == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-5), name


def test_the_evaluation_copy_is_one_that_training_does_not_reach():
    """It draws with the statistics of the batch it draws: there are no others."""
    generator = randomised(Generator(16, WIDTH, LATENT), initialize)
    z = some_latents(1)
    before, state = generator(z).detach(), copy.deepcopy(generator.state_dict())
    drawn = WGANGPImage().evaluation_copy(generator, some_latents(2))
    assert torch.equal(drawn(z), before)
    assert generator.training
    for name, tensor in generator.state_dict().items():
        assert torch.equal(tensor, state[name]), name
    with torch.no_grad():
        generator.linear.bias.add_(1)
    assert torch.equal(drawn(z), before)


def test_memory_layout_changes_nothing_but_speed():
    generator, critic = (
        randomised(Generator(32, 2, LATENT), initialize),
        randomised(Discriminator(32, 2, 4), initialize),
    )
    z, images = some_latents(1), some_images(1, 32)
    drawn, scores = generator(z), critic(images)
    for network in (generator, critic):
        network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    close(generator(z), drawn)
    close(critic(images), scores)
    close(critic(images.contiguous(memory_format=torch.channels_last)), scores)


@pytest.mark.parametrize("network", [Generator, Discriminator])
@pytest.mark.parametrize("image_size", [0, 8, 28, 40])
def test_sizes_that_do_not_halve_four_times_are_refused(network, image_size):
    with pytest.raises(ValueError, match=f"multiple of 16, got {image_size}"):
        network(image_size)


def test_sizes_that_are_not_positive_are_refused():
    for make in (
        lambda: Generator(16, 0),
        lambda: Generator(16, 1, 0),
        lambda: Discriminator(16, 0),
        lambda: Discriminator(16, 1, 0),
    ):
        with pytest.raises(ValueError, match="positive"):
            make()


def test_sides_double_and_halve_block_by_block():
    """The right columns of the tables in spec B.2, the networks of CIFAR-10."""
    seen: list[tuple[int, int]] = []
    for network, inputs in (
        (Generator(32, 1), torch.zeros(4, 128)),
        (Discriminator(32, 1), torch.zeros(4, 3, 32, 32)),
    ):
        for block in network.blocks:
            block.register_forward_hook(
                lambda module, args, out: seen.append((out.shape[1], out.shape[2]))
            )
        network(inputs)
    assert seen[:4] == [(8, 4), (4, 8), (2, 16), (1, 32)]
    assert seen[4:] == [(2, 16), (4, 8), (8, 4), (8, 2)]
