"""The DCGAN against its literal transcription, and the facts of spec A.1 and A.2."""

import copy
from typing import TypeVar

import pytest
import torch
from torch import nn

from reference import dcgan as reference
from ttur.models.dcgan import DCGAN, Discriminator, Generator, initialize

Network = TypeVar("Network", bound=nn.Module)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randomised(network: Network) -> Network:
    """In float64, with every parameter and buffer off its special initial value."""
    noise = seeded(3)
    network.double()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            random = torch.randn(tensor.shape, generator=noise, dtype=torch.float64)
            tensor.copy_(random.abs() + 0.5 if name.endswith("running_var") else 0.3 * random)
    return network


def split(network: nn.Module) -> tuple[reference.Tensors, reference.Tensors]:
    """Copies of (parameters, buffers) by name."""
    return (
        {name: p.detach().clone() for name, p in network.named_parameters()},
        {name: b.clone() for name, b in network.named_buffers()},
    )


def parameter_count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("image_size", "generator", "discriminator"),
    [(64, 5_135_363, 4_316_545), (32, 4_514_819, 4_310_401)],
)
def test_parameter_counts_are_the_papers(image_size, generator, discriminator):
    assert parameter_count(Generator(image_size)) == generator
    assert parameter_count(Discriminator(image_size)) == discriminator


@pytest.mark.parametrize("image_size", [16, 32, 64])
def test_the_generator_equals_the_transcription_in_both_modes(image_size):
    network = randomised(Generator(image_size, width=3))
    params, moving = split(network)
    z = torch.rand(5, 100, generator=seeded(1), dtype=torch.float64) * 2 - 1

    images, unmoved = reference.generator(params, moving, z, training=False)
    torch.testing.assert_close(network.eval()(z), images, rtol=0, atol=1e-10)
    images, moved = reference.generator(params, moving, z, training=True)
    assert unmoved == moving
    torch.testing.assert_close(network.train()(z), images, rtol=0, atol=1e-10)
    assert images.shape == (5, 3, image_size, image_size)
    assert 0.05 < images.std() < 0.95  # neither zero nor saturated: tanh hides nothing

    # Two of the 2017 graph's four updates happen here: 0.9 · (0.9 · old + 0.1 · new) + 0.1 · new.
    _, moved = reference.generator(params, moved, z, training=True)
    torch.testing.assert_close(split(network)[1], moved, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("image_size", [16, 32, 64])
def test_the_discriminator_equals_the_transcription_in_any_mode(image_size):
    network = randomised(Discriminator(image_size, width=3))
    params, buffers = split(network)
    images = torch.rand(5, 3, image_size, image_size, generator=seeded(1)).double() * 2 - 1
    logits = reference.discriminator(params, images)
    assert buffers == {}  # always the statistics of the batch: there is nothing to keep
    assert logits.std() > 0.01  # the images are told apart
    torch.testing.assert_close(network.train()(images), logits, rtol=0, atol=1e-10)
    torch.testing.assert_close(network.eval()(images), logits, rtol=0, atol=1e-10)


def test_the_convolution_pads_one_before_and_two_after():
    # Output pixel i looks at rows 2i-1 … 2i+3, so an impulse at row r reaches i with the tap
    # r - 2i + 1. Symmetric padding 2 would shift every tap by one.
    network = Discriminator(16, width=1).double()
    seen: list[torch.Tensor] = []
    convolution = network.get_submodule("convs.0")
    convolution.register_forward_hook(lambda module, args, out: seen.append(out.detach()))
    taps = torch.arange(1.0, 26.0, dtype=torch.float64).reshape(5, 5)
    with torch.no_grad():
        for parameter in convolution.parameters():
            parameter.zero_()
        convolution.get_parameter("weight")[0, 0] = taps
    for row, column in [(0, 0), (1, 1), (5, 8), (15, 15)]:
        image = torch.zeros(2, 3, 16, 16, dtype=torch.float64)
        image[0, 0, row, column] = 1.0
        network(image)
        expected = torch.zeros(8, 8, dtype=torch.float64)
        for i in range(8):
            for j in range(8):
                u, v = row - 2 * i + 1, column - 2 * j + 1
                if 0 <= u < 5 and 0 <= v < 5:
                    expected[i, j] = taps[u, v]
        assert torch.equal(seen.pop()[0, 0], expected)


def test_the_transposed_convolution_is_the_adjoint_of_the_convolution():
    # <conv x, y> = <x, deconv y> for the layers as they stand in both networks, weights shared.
    discriminator, generator = Discriminator(16, width=3).double(), Generator(16, width=3).double()
    inputs: list[torch.Tensor] = []
    outputs: list[torch.Tensor] = []
    conv, deconv = discriminator.get_submodule("convs.0"), generator.get_submodule("deconvs.2")
    conv.register_forward_hook(lambda module, args, out: outputs.append(out.detach()))
    deconv.register_forward_hook(lambda module, args, out: inputs.append(args[0].detach()))
    with torch.no_grad():
        for layer in (conv, deconv):
            layer.get_parameter("bias").zero_()
        deconv.get_parameter("weight").copy_(conv.get_parameter("weight"))
        x = torch.randn(2, 3, 16, 16, generator=seeded(0), dtype=torch.float64)
        discriminator(x)
        images = generator(torch.randn(2, 100, generator=seeded(1), dtype=torch.float64))
    forward = (outputs[0] * inputs[0]).sum()
    adjoint = (x * images.atanh()).sum()
    assert forward.abs() > 0.1
    torch.testing.assert_close(forward, adjoint, rtol=1e-10, atol=0)


def test_transcribed_convolutions_are_adjoint_too():
    weight = torch.randn(4, 3, 5, 5, generator=seeded(0), dtype=torch.float64)
    x = torch.randn(2, 3, 8, 8, generator=seeded(1), dtype=torch.float64)
    y = torch.randn(2, 4, 4, 4, generator=seeded(2), dtype=torch.float64)
    forward = reference.convolution(x, weight, torch.zeros(4).double())
    adjoint = reference.transposed_convolution(y, weight, torch.zeros(3).double())
    torch.testing.assert_close((forward * y).sum(), (x * adjoint).sum(), rtol=1e-12, atol=0)


def test_initial_weights_follow_their_distributions():
    generator, discriminator = Generator(32, width=32), Discriminator(32, width=32)
    initialize(generator, seeded(0))
    initialize(discriminator, seeded(1))
    for network in (generator, discriminator):
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                assert torch.all(parameter == 0), name
            elif name.startswith("norms"):
                assert torch.all(parameter == 1), name

    def weights(network: nn.Module, *layers: str) -> list[torch.Tensor]:
        return [
            parameter.detach().flatten()
            for name, parameter in network.named_parameters()
            if name.startswith(layers) and name.endswith("weight")
        ]

    truncated = torch.cat(weights(discriminator, "convs"))
    normal = torch.cat(weights(generator, "linear", "deconvs") + weights(discriminator, "linear"))
    # N(0, 0.02²) cut at two deviations has std 0.02 · 0.8796 (its variance factor is
    # 1 - 4 φ(2) / (2 Φ(2) - 1) = 0.7737). A std of n values errs by std / sqrt(2n): about
    # 1e-5 here, so five standard errors still tell 0.0176 from 0.02.
    for values, std in ((truncated, 0.02 * 0.7737413**0.5), (normal, 0.02)):
        assert abs(values.std() - std) < 5 * std / (2 * len(values)) ** 0.5
        assert abs(values.mean()) < 5 * std / len(values) ** 0.5
    assert 0.0399 < truncated.abs().max() <= 0.04
    assert normal.abs().max() > 0.08  # four deviations: nothing was cut


def test_the_evaluation_copy_uses_moving_averages_after_a_fifth_update_of_its_own():
    network = randomised(Generator(16, width=3))
    network.train()
    before = copy.deepcopy(network.state_dict())
    params, moving = split(network)
    grid = torch.rand(6, 100, generator=seeded(4), dtype=torch.float64) * 2 - 1
    z = torch.rand(4, 100, generator=seeded(5), dtype=torch.float64) * 2 - 1

    drawn = DCGAN().evaluation_copy(network, grid)(z)
    _, moved = reference.generator(params, moving, grid, training=True)
    images, _ = reference.generator(params, moved, z, training=False)
    torch.testing.assert_close(drawn, images, rtol=0, atol=1e-10)
    assert network.training
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), f"looking changed {name}"


@pytest.mark.parametrize("network", [Generator, Discriminator])
@pytest.mark.parametrize("image_size", [0, 8, 28, 40])
def test_sizes_that_do_not_halve_four_times_are_refused(network, image_size):
    with pytest.raises(ValueError, match=f"multiple of 16, got {image_size}"):
        network(image_size)


@pytest.mark.parametrize("image_size", [16, 32, 48, 64, 128])
def test_no_normalised_map_is_a_single_pixel(image_size: int):
    """A 1x1 map normalised over the batch has the same mean for real and generated images."""
    sizes = []
    discriminator = Discriminator(image_size, width=1)
    for norm in discriminator.norms:
        norm.register_forward_hook(lambda module, inputs, output: sizes.append(output.shape[-1]))
    discriminator(torch.randn(4, 3, image_size, image_size))
    assert min(sizes) >= 2
    assert len(discriminator.convs) == (3 if image_size == 16 else 4)
    images = Generator(image_size, width=1)(torch.randn(4, 100))
    assert images.shape == (4, 3, image_size, image_size)
