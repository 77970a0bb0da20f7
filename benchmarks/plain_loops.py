"""The loops and networks that a user would write without `ttur`: what benchmarks/training.py beats.

`.backward()` and `torch.optim.Adam`, contiguous tensors, float samples in memory. Each network is
made of the layers that its paper names, in their order, and computes the same function as ours.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ttur.models import BEGAN, WGANGPImage, WGANGPLanguage
from ttur.models.description import SampleShape
from ttur.timescales.optimizer_choice import AdamDescription
from ttur.training import media
from ttur.training.assembling import networks_of
from ttur.training.config import TrainingConfig
from ttur.training.media import Medium

Update = Callable[[], None]


def plain(config: TrainingConfig, data: Medium, device: torch.device) -> Update:
    """One update of the plain loop per call."""
    kind, networks = config.model.kind, networks_of(config, data.sample_shape)
    ours = networks
    if kind in NETWORKS:  # DCGAN's layers are already as one would write them
        networks = NETWORKS[kind](config.model, data.sample_shape)
    for network, of_ours in zip(networks, ours, strict=True):
        assert parameters(network) == parameters(of_ours)
    generator, discriminator = (network.to(device) for network in networks)
    return LOOPS[kind](config, generator, discriminator, batches(config, data, device))


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def batches(config: TrainingConfig, data: Medium, device: torch.device) -> Iterator[Tensor]:
    if isinstance(data, media.SentenceMedium):
        codes, symbols = torch.from_numpy(data.data.codes).to(device), len(data.vocabulary)
        return (F.one_hot(some.long(), symbols).float() for some in shuffled(codes, config))
    assert isinstance(data, media.ImageMedium)
    pixels = torch.from_numpy(data.data.images).to(device)
    return shuffled((pixels.permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous(), config)


def shuffled(samples: Tensor, config: TrainingConfig) -> Iterator[Tensor]:
    while True:
        order = torch.randperm(len(samples), device=samples.device)
        for start in range(0, len(order) - config.batch_size + 1, config.batch_size):
            yield samples[order[start : start + config.batch_size]]


def dcgan(
    config: TrainingConfig, generator: nn.Module, discriminator: nn.Module, real: Iterator[Tensor]
) -> Update:
    discriminator_adam, generator_adam = adams(config, generator, discriminator)

    def update() -> None:
        latents = uniform(config, generator)
        fake = generator(latents)
        discriminator_adam.zero_grad()
        real_loss = F.softplus(-discriminator(next(real))).mean()
        (real_loss + F.softplus(discriminator(fake.detach())).mean()).backward()
        discriminator_adam.step()
        generator_adam.zero_grad()
        F.softplus(-discriminator(fake)).mean().backward()
        generator_adam.step()
        with torch.no_grad():
            generator(latents)

    return update


def wgan_gp(
    config: TrainingConfig, generator: nn.Module, critic: nn.Module, real: Iterator[Tensor]
) -> Update:
    critic_adam, generator_adam = adams(config, generator, critic)

    def latents() -> Tensor:
        return torch.randn(config.batch_size, config.model.latent_size, device=device_of(generator))

    def update() -> None:
        generator_adam.zero_grad()
        (-critic(generator(latents())).mean()).backward()
        generator_adam.step()
        for _ in range(config.n_critic):
            x, fake = next(real), generator(latents()).detach()
            u = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device)
            mixed = (x + u * (fake - x)).requires_grad_()
            (slope,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
            penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
            critic_adam.zero_grad()
            (critic(fake).mean() - critic(x).mean() + 10 * penalty).backward()
            critic_adam.step()

    return update


def began(
    config: TrainingConfig, generator: nn.Module, discriminator: nn.Module, real: Iterator[Tensor]
) -> Update:
    discriminator_adam, generator_adam = adams(config, generator, discriminator)
    k = torch.zeros((), device=device_of(generator))

    def loss(images: Tensor) -> Tensor:
        return (images - discriminator(images)).abs().mean()

    def update() -> None:
        nonlocal k
        fake = generator(uniform(config, generator))
        generator_adam.zero_grad()
        loss(fake).backward()
        discriminator_adam.zero_grad()  # of what the generator's loss left there
        (loss(next(real)) - k * loss(fake.detach())).backward()
        discriminator_adam.step()
        generator_adam.step()
        with torch.no_grad():
            fresh = loss(next(real)), loss(generator(uniform(config, generator)))
            k = (k + 0.001 * (0.5 * fresh[0] - fresh[1])).clamp(0, 1)

    return update


def uniform(config: TrainingConfig, generator: nn.Module) -> Tensor:
    size = (config.batch_size, config.model.latent_size)
    return torch.rand(size, device=device_of(generator)) * 2 - 1


def device_of(network: nn.Module) -> torch.device:
    return next(network.parameters()).device


def adams(
    config: TrainingConfig, generator: nn.Module, discriminator: nn.Module
) -> tuple[torch.optim.Adam, torch.optim.Adam]:
    """(discriminator's, generator's)"""
    b, a = config.rates.at(1)
    assert isinstance(config.optimizer, AdamDescription)
    betas = (config.optimizer.beta1, config.optimizer.beta2)
    return (
        torch.optim.Adam(discriminator.parameters(), b, betas),
        torch.optim.Adam(generator.parameters(), a, betas),
    )


class Residual(nn.Module):
    """shortcut(x) + scale · branch(x)."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module | None = None, scale: float = 1.0):
        super().__init__()
        self.branch, self.shortcut, self.scale = branch, shortcut or nn.Identity(), scale

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.scale * self.branch(x)


def conv3(channels_in: int, channels_out: int, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=bias)


def wgan_gp_image_networks(model: WGANGPImage, shape: SampleShape) -> tuple[nn.Module, nn.Module]:
    start = model.image_size // 16
    channels = [multiple * model.width for multiple in (8, 8, 4, 2, 1)]

    def up(before: int, after: int) -> nn.Module:
        first = nn.Sequential(
            *(nn.BatchNorm2d(before), nn.ReLU(), nn.Upsample(scale_factor=2)),
            *(conv3(before, after, bias=False), nn.BatchNorm2d(after), nn.ReLU()),
            conv3(after, after),
        )
        return Residual(
            first, nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 1))
        )

    def down(before: int, after: int) -> nn.Module:
        first = nn.Sequential(
            *(nn.GroupNorm(1, before), nn.ReLU(), conv3(before, before, bias=False)),
            *(nn.GroupNorm(1, before), nn.ReLU(), conv3(before, after), nn.AvgPool2d(2)),
        )
        return Residual(first, nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(before, after, 1)))

    generator = nn.Sequential(
        nn.Linear(model.latent_size, channels[0] * start**2),
        nn.Unflatten(1, (channels[0], start, start)),
        *(up(before, after) for before, after in pairwise(channels)),
        *(nn.BatchNorm2d(model.width), nn.ReLU(), conv3(model.width, 3), nn.Tanh()),
    )
    group = model.images_per_score
    units = channels[0] * start**2 * group
    critic = nn.Sequential(
        conv3(3, model.width),
        *(down(before, after) for before, after in pairwise(reversed(channels))),
        nn.Flatten(),
        nn.Unflatten(0, (-1, group)),
        nn.Flatten(),
        nn.Linear(units, 1),
    )
    return generator, critic


def began_networks(model: BEGAN, shape: SampleShape) -> tuple[nn.Module, nn.Module]:
    width, scales = model.width, model.image_size.bit_length() - 3
    channels = [width, *(scale * width for scale in range(1, scales + 1))]

    def decoder() -> nn.Module:
        blocks = []
        for scale in range(scales):
            blocks += [nn.Upsample(scale_factor=2)] * (scale > 0)
            blocks += [conv3(width, width), nn.ELU(), conv3(width, width), nn.ELU()]
        start = [nn.Linear(model.latent_size, width * 64), nn.Unflatten(1, (width, 8, 8))]
        return nn.Sequential(*start, *blocks, conv3(width, 3))

    encoder: list[nn.Module] = [conv3(3, width), nn.ELU()]
    for before, after in pairwise(channels):
        if len(encoder) > 2:
            halved = nn.Conv2d(before, before, 3, stride=2)
            encoder += [nn.ZeroPad2d((0, 1, 0, 1)), halved, nn.ELU()]
        encoder += [conv3(before, after), nn.ELU(), conv3(after, after), nn.ELU()]
    encoder += [nn.Flatten(), nn.Linear(channels[-1] * 64, model.latent_size)]
    return decoder(), nn.Sequential(*encoder, decoder())


class Transposed(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


def language_networks(model: WGANGPLanguage, shape: SampleShape) -> tuple[nn.Module, nn.Module]:
    _, symbols = shape
    width, units = model.width, model.width * model.length

    def blocks() -> list[nn.Module]:
        def conv() -> nn.Conv1d:
            return nn.Conv1d(width, width, 5, padding=2)

        branches = [nn.Sequential(nn.ReLU(), conv(), nn.ReLU(), conv()) for _ in range(5)]
        return [Residual(branch, scale=0.3) for branch in branches]

    generator = nn.Sequential(
        *(nn.Linear(model.latent_size, units), nn.Unflatten(1, (width, model.length))),
        *(*blocks(), nn.Conv1d(width, symbols, 1), Transposed(), nn.Softmax(2)),
    )
    critic = nn.Sequential(
        *(Transposed(), nn.Conv1d(symbols, width, 1), *blocks()),
        *(nn.Flatten(), nn.Linear(units, 1)),
    )
    return generator, critic


NETWORKS = {
    "wgan_gp_image": wgan_gp_image_networks,
    "wgan_gp_language": language_networks,
    "began": began_networks,
}
LOOPS = {"dcgan": dcgan, "wgan_gp_image": wgan_gp, "wgan_gp_language": wgan_gp, "began": began}
