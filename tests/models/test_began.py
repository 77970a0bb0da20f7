"""The BEGAN against its literal transcription, and the facts of spec D.1."""

import copy
import math

import pytest
import torch
from torch import Tensor

from drawn import close, randomised, seeded, some_images
from recording import parameters
from reference import began as reference
from ttur.models.began import BEGAN, Discriminator, Generator, initialize

WIDTH, LATENT = 2, 5


def some_latents(seed: int, batch: int = 4) -> Tensor:
    return torch.rand(batch, LATENT, generator=seeded(seed)).double() * 2 - 1


@pytest.mark.parametrize(
    ("latent_size", "generator", "discriminator"),
    [(64, 1_716_611, 13_405_379), (128, 2_240_899, 16_026_883)],
)
def test_parameters_are_the_papers(latent_size, generator, discriminator):
    with torch.device("meta"):
        networks = Generator(64, 128, latent_size), Discriminator(64, 128, latent_size)
    counts = [sum(p.numel() for p in network.parameters()) for network in networks]
    assert counts == [generator, discriminator]
    layouts = (
        reference.generator_layout(64, 128, latent_size),
        reference.discriminator_layout(64, 128, latent_size),
    )
    for network, layout in zip(networks, layouts, strict=True):
        shapes = {name: tuple(p.shape) for name, p in network.named_parameters()}
        assert shapes == {name: shape for name, (shape, _) in layout.items()}
        assert not list(network.buffers())  # nothing is normalised


def test_the_defaults_are_the_papers():
    with torch.device("meta"):
        sizes = [
            (network.image_size, network.width, network.latent_size)
            for network in (Generator(), Discriminator())
        ]
    assert sizes == [(64, 128, 64)] * 2


def test_initial_weights_are_uniform_within_glorots_bounds():
    networks = Generator(32, 16, 24), Discriminator(32, 16, 24)
    layouts = (
        reference.generator_layout(32, 16, 24),
        reference.discriminator_layout(32, 16, 24),
    )
    for network, layout in zip(networks, layouts, strict=True):
        initialize(network, seeded(0))
        for name, parameter in network.named_parameters():
            values, bound = parameter.detach().flatten().double(), layout[name][1]
            if bound == 0:
                assert torch.all(values == 0), name
                continue
            count = len(values)
            # The largest of n uniform values falls short by bound · (exponential of mean 1) / n.
            assert bound * (1 - 14 / count) < values.abs().max() <= bound * (1 + 1e-6), name
            # Kolmogorov-Smirnov against the uniform distribution: beyond 2.3 / √n once in 20,000.
            ranks = (values.sort().values / bound + 1) / 2
            expected = torch.arange(count, dtype=torch.float64) / count
            assert (ranks - expected).abs().max() < 2.3 / math.sqrt(count), name


@pytest.mark.parametrize("image_size", [16, 32, 64])
def test_the_generator_equals_the_transcription(image_size):
    network = randomised(Generator(image_size, WIDTH, LATENT), initialize)
    z = some_latents(1)
    images = reference.generator(parameters(network), z)
    close(network.train()(z), images)
    close(network.eval()(z), images)
    assert images.shape == (4, 3, image_size, image_size)
    assert images.std() > 0.01


@pytest.mark.parametrize("image_size", [16, 32, 64])
def test_the_discriminator_equals_the_transcription(image_size):
    network = randomised(Discriminator(image_size, WIDTH, LATENT), initialize)
    images = some_images(1, image_size)
    reconstructions = reference.discriminator(parameters(network), images)
    close(network.train()(images), reconstructions)
    close(network.eval()(images), reconstructions)
    assert reconstructions.shape == images.shape
    assert (reconstructions - reconstructions[0]).std() > 1e-3  # the images are told apart


def test_images_are_not_confined():
    """The last layer has no activation: its bias passes as it is."""
    generator = randomised(Generator(16, WIDTH, LATENT), initialize)
    z = some_latents(1)
    images = generator(z)
    with torch.no_grad():
        assert generator.conv.bias is not None
        generator.conv.bias += torch.tensor([3.0, -5.0, 0.0])
    moved = (generator(z) - images).mean((0, 2, 3))
    close(moved, torch.tensor([3.0, -5.0, 0.0]).double())


def test_an_image_meets_no_other():
    """Hence one pass on real and generated images together equals two passes (D.2)."""
    network = randomised(Discriminator(16, WIDTH, LATENT), initialize)
    images = some_images(1)
    close(torch.cat([network(image[None]) for image in images]), network(images))


def test_a_halving_pads_nothing_before_and_one_after():
    # Output pixel i looks at rows 2i … 2i+2, so an impulse at row r reaches i with the tap r - 2i.
    # Symmetric padding 1 would shift every tap by one. Row 16, outside the image, is zero.
    network = Discriminator(16, width=1, latent_size=1).double()
    halving = network.get_submodule("encoder.halvings.0")
    seen: list[Tensor] = []
    first = network.get_submodule("encoder.conv")
    pair = [network.get_submodule(f"encoder.{name}.0") for name in ("firsts", "seconds")]
    halving.register_forward_hook(lambda module, args, out: seen.append(out.detach()))
    taps = torch.arange(1.0, 10.0, dtype=torch.float64).reshape(3, 3)
    with torch.no_grad():
        for layer in (first, *pair, halving):
            for parameter in layer.parameters():
                parameter.zero_()
        for layer in (first, *pair):  # impulses go through as they are: ELU leaves 1 and 0 alone
            layer.get_parameter("weight")[0, 0, 1, 1] = 1.0
        halving.get_parameter("weight")[0, 0] = taps
    for row, column in [(0, 0), (1, 1), (4, 7), (15, 15)]:
        image = torch.zeros(1, 3, 16, 16, dtype=torch.float64)
        image[0, 0, row, column] = 1.0
        network(image)
        expected = torch.zeros(8, 8, dtype=torch.float64)
        for i in range(8):
            for j in range(8):
                u, v = row - 2 * i, column - 2 * j
                if 0 <= u < 3 and 0 <= v < 3:
                    expected[i, j] = taps[u, v]
        assert torch.equal(seen.pop()[0, 0], expected)


def test_scales_run_from_eight_pixels_to_the_image():
    """Maps of spec D.1 at 64 px: sides and, in units of the width, channels."""
    network = Discriminator(64, 1, LATENT)
    seen: list[tuple[int, int]] = []
    for half in ("encoder", "decoder"):
        for second in network.get_submodule(f"{half}.seconds").children():
            second.register_forward_hook(
                lambda module, args, out: seen.append((out.shape[1], out.shape[2]))
            )
    network(torch.zeros(1, 3, 64, 64))
    assert seen[:4] == [(1, 64), (2, 32), (3, 16), (4, 8)]
    assert seen[4:] == [(1, 8), (1, 16), (1, 32), (1, 64)]


def test_the_evaluation_copy_is_one_that_training_does_not_reach():
    generator = randomised(Generator(16, WIDTH, LATENT), initialize)
    z = some_latents(1)
    before, state = generator(z).detach(), copy.deepcopy(generator.state_dict())
    drawn = BEGAN().evaluation_copy(generator, some_latents(2))
    assert torch.equal(drawn(z), before)
    assert generator.training
    for name, tensor in generator.state_dict().items():
        assert torch.equal(tensor, state[name]), name
    with torch.no_grad():
        generator.linear.bias.add_(1)
    assert torch.equal(drawn(z), before)


def test_memory_layout_changes_nothing_but_speed():
    generator = randomised(Generator(32, WIDTH, LATENT), initialize)
    discriminator = randomised(Discriminator(32, WIDTH, LATENT), initialize)
    z, images = some_latents(1), some_images(1, 32)
    drawn, reconstructions = generator(z), discriminator(images)
    for network in (generator, discriminator):
        network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    close(generator(z), drawn)
    close(discriminator(images), reconstructions)
    close(discriminator(images.contiguous(memory_format=torch.channels_last)), reconstructions)


@pytest.mark.parametrize("network", [Generator, Discriminator])
@pytest.mark.parametrize("image_size", [-16, 0, 8, 28, 48])
def test_sizes_that_do_not_halve_down_to_eight_are_refused(network, image_size):
    with pytest.raises(ValueError, match=f"image_size of 16, 32, 64, .* got {image_size}"):
        network(image_size)


@pytest.mark.parametrize("network", [Generator, Discriminator])
def test_sizes_that_are_not_positive_are_refused(network):
    with pytest.raises(ValueError, match="positive, got 0 and 5"):
        network(16, 0, 5)
    with pytest.raises(ValueError, match="positive, got 2 and 0"):
        network(16, 2, 0)
