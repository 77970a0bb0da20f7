"""The monitor on networks: the closed forms of a linear game, and nothing that training notices."""

import copy
import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

from ttur.losses import (
    NON_SATURATING,
    Round,
    wasserstein_critic,
    wasserstein_generator,
    wasserstein_gradient_penalty,
)
from ttur.perturbation.fields import Samples
from ttur.perturbation.monitor import PerturbationMonitor
from ttur.perturbation.probe import ProbeResult, field_probe
from ttur.timescales.optimizers import Adam, TorchOptimizer

GAMMA, A, B = 0.3, 0.05, 0.2


class Shift(nn.Module):
    """G(z) = z + u."""

    def __init__(self, u: list[float]):
        super().__init__()
        self.u = nn.Parameter(torch.tensor(u, dtype=torch.float64))

    def forward(self, latents: Tensor) -> Tensor:
        return latents + self.u


class Linear(nn.Module):
    """D(x) = w·x."""

    def __init__(self, w: list[float]):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.w


def normal(seed: int, *shape: int, mean: float = 0.0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(mean, 1.0, shape))


def samples(seed: int, count: int = 32, size: int = 2) -> Samples:
    return Samples(normal(seed, count, size, mean=1.0), normal(seed + 100, count, size), seed)


def decayed(D, round):
    """The loss of a critic whose weight decay moves g by D's own step."""
    decay = GAMMA / 2 * D(torch.eye(2).double()).square().sum()
    return wasserstein_critic(D, round) + decay


@pytest.fixture
def linear_probe() -> tuple[ProbeResult, dict[str, np.ndarray]]:
    """One iteration of gradient descent on a linear game, and what it began and ended with."""
    generator, critic = Shift([0.4, -0.3]), Linear([0.5, 0.2])

    monitor = PerturbationMonitor(generator, critic, decayed, wasserstein_generator)
    before = {"theta": generator.u.detach().numpy().copy(), "w": critic.w.detach().numpy().copy()}
    monitor.before_step()
    with torch.no_grad():
        critic.w.add_(torch.tensor([0.03, -0.01]))
        generator.u.add_(torch.tensor([0.02, 0.05]))
    probe = monitor.after_step(samples(0), lr_g=A, lr_d=B, independent=samples(1))
    after = {"theta'": generator.u.detach().numpy(), "w'": critic.w.detach().numpy()}
    return probe, before | after


def test_closed_forms_of_the_linear_game(linear_probe):
    """g = x̄ - z̄ - theta - gamma w and h = w, so that every quantity is known."""
    probe, at = linear_probe
    dtheta, dw = at["theta'"] - at["theta"], at["w'"] - at["w"]
    batch = samples(0)
    signal = (batch.real.mean(0) - batch.latents.mean(0)).numpy()
    g00 = signal - at["theta"] - GAMMA * at["w"]
    g01 = signal - at["theta"] - GAMMA * at["w'"]
    other = samples(1)
    g01_other = (other.real.mean(0) - other.latents.mean(0)).numpy() - at["theta"]
    g01_other = g01_other - GAMMA * at["w'"]
    size = np.linalg.norm
    expected = {
        "perturbation_of_discriminator": size(dtheta) / size(g01),
        "perturbation_of_generator": size(dw) / size(at["w'"]),
        "own_change_of_discriminator": GAMMA * size(dw) / size(g00),
        "own_change_of_generator": 0.0,
        "perturbation_ratio": size(dtheta) / (GAMMA * size(dw)),
        "cosine": dtheta @ dw / size(dtheta) / size(dw),
        "contraction_of_discriminator": B * GAMMA,
        "contraction_of_generator": 0.0,
        "coupling": math.sqrt(A * B),
        "time_scale_ratio": A / (B * GAMMA**2),
        "perturbation_of_discriminator_corrected": size(dtheta) / math.sqrt(g01 @ g01_other),
    }
    found = probe.to_json()
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_output_proxy_of_the_linear_game(linear_probe):
    """D(G'(z)) - D(G(z)) = w'·dtheta for every z; D's own change is dw·x over all samples."""
    probe, at = linear_probe
    dtheta, dw = at["theta'"] - at["theta"], at["w'"] - at["w"]
    batch = samples(0)
    seen = np.concatenate([batch.real.numpy(), batch.latents.numpy() + at["theta"]])
    expected = abs(at["w'"] @ dtheta) / np.sqrt(np.mean((seen @ dw) ** 2))
    assert pytest.approx(expected, rel=1e-9) == probe.score_perturbation


class Noisy(nn.Module):
    """Dropout, batch norm and spectral norm: all that could make two equal weights differ."""

    def __init__(self, seed: int):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.inner = nn.Linear(2, 6).double()
            self.outer = parametrizations.spectral_norm(nn.Linear(6, 2)).double()
        self.norm = nn.BatchNorm1d(6).double()
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(self.dropout(torch.relu(self.norm(self.inner(x)))))


class NoisyCritic(Noisy):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).sum(1)


@pytest.mark.parametrize("losses", [NON_SATURATING, wasserstein_gradient_penalty()])
def test_weights_that_stay_change_no_field(losses):
    """All that is random agrees between the six gradients: masks, mixing weights, statistics."""
    monitor = PerturbationMonitor(Noisy(0), NoisyCritic(1), losses.discriminator, losses.generator)
    monitor.before_step()
    norms = monitor.after_step(samples(2), lr_g=A, lr_d=B).norms
    assert norms["g00"] > 0
    assert norms["h00"] > 0
    assert [norms[name] for name in ("dD_g", "dG_g", "dD_h", "dG_h")] == [0, 0, 0, 0]


@pytest.mark.parametrize("losses", [NON_SATURATING, wasserstein_gradient_penalty()])
def test_nothing_is_left_behind(losses):
    generator, critic = Noisy(0), NoisyCritic(1)
    optimizers = Adam(generator.parameters()), Adam(critic.parameters())
    monitor = PerturbationMonitor(
        generator, critic, losses.discriminator, losses.generator, *optimizers
    )
    networks = generator, critic
    kept = copy.deepcopy([network.state_dict() for network in networks])
    moments = copy.deepcopy([optimizer.state_dict() for optimizer in optimizers])
    state = torch.get_rng_state()
    monitor.before_step()
    monitor.after_step(samples(3), lr_g=A, lr_d=B, independent=samples(4))
    monitor.tracking_gap(lambda: samples(5), [samples(6)], uninformative=0.0, rate=1e-2, steps=3)
    torch.testing.assert_close([n.state_dict() for n in networks], kept, rtol=0, atol=0)
    torch.testing.assert_close([o.state_dict() for o in optimizers], moments, rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None for network in networks for p in network.parameters())
    assert all(network.training for network in networks)


class Counting(nn.Module):
    """Depends on how often it was called, moving averages, and generators of three kinds."""

    def __init__(self, size: int):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(size)
            self.inner = nn.Linear(2, size).double()
        self.calls, self.average = 0, torch.zeros(()).double()
        self.kept, self.bank, self.lists = torch.zeros(()).double(), [], {"calls": [0]}
        self.generators = torch.Generator().manual_seed(1), np.random.default_rng(1)
        self.own, self.of_numpy = self.generators
        self.layers = [self.inner]  # a list of what is registered keeps its members

    def features(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.lists["calls"][0] += 1
        noise = random.random() + float(np.random.normal())  # noqa: NPY002
        noise = noise + self.of_numpy.normal() + torch.randn((), generator=self.own).double()
        y = self.layers[0](x * self.lists["calls"][0]) + noise
        self.average = 0.9 * self.average + 0.1 * y.mean().detach()
        self.kept.mul_(0.9).add_(y.mean().detach())
        self.bank.append(y.mean().detach())
        return y - self.average - self.kept - torch.stack(self.bank).mean()

    def forward(self, x: Tensor) -> Tensor:
        return checkpoint(self.features, x, use_reentrant=False).squeeze(1)


def _of_numpy() -> np.ndarray:
    """The state of numpy's global generator."""
    state: Any = np.random.get_state()  # noqa: NPY002
    return state[1].copy()


def test_what_networks_keep_outside_of_buffers_is_put_back_and_losses_see_all_of_them():
    """Feature matching reads a method; checkpointing calls it again during the backward pass."""

    def matching(D, round):
        moved = D.features(round.fake.detach() + 1).mean()
        return (D.features(round.fake).mean() - moved).square()

    generator, critic = Counting(2), Counting(1)
    monitor = PerturbationMonitor(generator, critic, NON_SATURATING.discriminator, matching)
    critic(samples(1).real)
    average, kept = critic.average, critic.kept
    numbers = float(kept), critic.own.get_state(), critic.of_numpy.bit_generator.state
    state = _of_numpy()  # Python's is drawn from by beartype
    monitor.before_step()
    norms = monitor.after_step(samples(2), lr_g=A, lr_d=B).norms
    assert norms["g00"] > 0
    assert norms["h00"] > 0
    assert [norms[name] for name in ("dD_g", "dG_g", "dD_h", "dG_h")] == [0, 0, 0, 0]
    assert (generator.calls, critic.calls) == (0, 1)
    assert critic.average is average
    assert critic.kept is kept
    assert (len(generator.bank), len(critic.bank), critic.lists) == (0, 1, {"calls": [1]})
    assert float(kept) == numbers[0]
    assert torch.equal(critic.own.get_state(), numbers[1])
    assert critic.of_numpy.bit_generator.state == numbers[2]
    assert np.array_equal(_of_numpy(), state)


def test_a_tracking_gap_of_low_precision():
    generator, critic = Shift([1.0, 1.0]).bfloat16(), Linear([0.0, 0.0]).bfloat16()
    monitor = PerturbationMonitor(generator, critic, *NON_SATURATING[:2])

    def draw(seed: int = 0) -> Samples:
        some = samples(seed)
        return Samples(some.real.bfloat16(), some.latents.bfloat16() - 3, seed)

    gap = monitor.tracking_gap(draw, [draw(1)], uninformative=2 * math.log(2), rate=1e-2)
    assert gap == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(("w", "expected"), [((0.0, 0.0), 1.0), ((-1.0, -1.0), None)])
def test_the_tracking_gap_of_discriminators_that_know_nothing_or_the_opposite(w, expected):
    generator, critic = Shift([-1.0, -1.0]), Linear(list(w))
    monitor = PerturbationMonitor(generator, critic, *NON_SATURATING[:2])
    seeds = iter(range(10, 1000))
    gap = monitor.tracking_gap(
        lambda: samples(next(seeds), 256),
        [samples(1, 2000)],
        uninformative=2 * math.log(2),
        rate=0.1,
        steps=40,
    )
    assert gap > 1.5 if expected is None else gap == pytest.approx(expected, abs=1e-12)


def test_the_tracking_gap_is_of_the_mean_over_all_that_was_held_out():
    monitor = PerturbationMonitor(Shift([-3.0, -3.0]), Linear([0.1, 0.0]), *NON_SATURATING[:2])

    def gap(*held_out: Samples) -> float:
        arguments = {"uninformative": 2 * math.log(2), "rate": 2e-2, "steps": 20}
        return monitor.tracking_gap(lambda: samples(0), held_out, **arguments)

    one, other = samples(1), samples(2, count=4)
    both = gap(one, other)
    assert both == pytest.approx(gap(other, one), rel=1e-12)
    assert min(gap(one), gap(other)) < both < max(gap(one), gap(other))


def test_the_tracking_gap_of_the_best_response_is_nothing():
    """Two unit Gaussians at distance d along each axis: log p/q = d·x is linear through 0 here."""
    generator = Shift([-1.0, -1.0])  # real at 1, generated at -1
    best = Linear([2.0, 2.0])
    monitor = PerturbationMonitor(generator, best, *NON_SATURATING[:2])
    seeds = iter(range(10, 1000))
    gap = monitor.tracking_gap(
        lambda: samples(next(seeds), 256),
        [samples(1, 4000)],
        uninformative=2 * math.log(2),
        rate=0.01,
        steps=40,
    )
    assert 0 <= gap < 0.01


def test_momentum_and_preconditioner_are_those_of_the_optimizers():
    """A probe of Adam on weights of any scale is that of gradient descent at the rate per unit."""
    generator, critic = Shift([0.4, -0.3]), Linear([0.5, 0.2])
    adam = Adam([critic.w], beta1=0.0)
    for _ in range(3000):  # constant gradients: sqrt(v) is their size
        adam.step([torch.tensor([4.0, 4.0], dtype=torch.float64)], 1e-12)
    monitor = PerturbationMonitor(
        generator,
        critic,
        decayed,
        wasserstein_generator,
        TorchOptimizer(torch.optim.SGD([generator.u], lr=0.0, momentum=0.75)),
        adam,
    )
    monitor.before_step()
    with torch.no_grad():
        critic.w.add_(torch.tensor([0.03, -0.01]))
        generator.u.add_(torch.tensor([0.02, 0.05]))
    probe = monitor.after_step(samples(0), lr_g=A, lr_d=B)
    assert probe.contraction_of_discriminator == pytest.approx(B * GAMMA / 4, rel=1e-6)
    assert probe.coupling == pytest.approx(math.sqrt(A / 0.25 * B / 4), rel=1e-6)
    load = (probe.coupling**2 - probe.contraction_of_discriminator**2 / 4) / (
        0.25 * probe.contraction_of_discriminator / 2
    )
    assert probe.momentum_load == pytest.approx(load, rel=1e-9)


def tiny() -> tuple[nn.Linear, nn.Sequential]:
    generator, critic = nn.Linear(2, 2).double(), nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    return generator, critic.append(nn.Flatten(0)).double()


def probed(wrap, arrange) -> ProbeResult:
    """A probe after some iterations by torch's Adam, which may have its parameters in any order."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        generator, critic = tiny()
    slow = torch.optim.Adam(generator.parameters(), lr=1e-2, betas=(0.5, 0.9))
    fast = torch.optim.Adam(arrange(list(critic.parameters())), lr=1e-2, betas=(0.5, 0.9))
    monitor = PerturbationMonitor(generator, critic, *NON_SATURATING[:2], wrap(slow), wrap(fast))
    for seed in range(4):
        monitor.before_step()
        batch = samples(seed)
        fake = generator(batch.latents)
        fast.zero_grad()
        NON_SATURATING.discriminator(critic, Round(batch.real, fake.detach())).backward()
        fast.step()
        critic.requires_grad_(False)  # as is usual around the generator's update
        slow.zero_grad()
        NON_SATURATING.generator(critic, Round(batch.real, fake)).backward()
        slow.step()
        monitor.after_step(samples(9), lr_g=1e-2, lr_d=1e-2)
        critic.requires_grad_(True)
    return monitor.history[-1]


@pytest.mark.parametrize(
    "arrange",
    [list, lambda them: them[::-1], lambda them: [{"params": them[1::2]}, {"params": them[::2]}]],
    ids=["in order", "reversed", "groups"],
)
def test_an_optimizer_of_torch_needs_no_wrapping_and_no_order(arrange):
    expected, found = probed(TorchOptimizer, list), probed(lambda optimizer: optimizer, arrange)
    for name in (
        "contraction_of_discriminator",
        "contraction_of_generator",
        "coupling",
        "perturbation_of_discriminator",
    ):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-9), name
    assert expected.contraction_of_discriminator != pytest.approx(
        probed(lambda _: None, list).contraction_of_discriminator, rel=0.5
    )


def test_a_player_is_what_its_optimizer_moves():
    generator, critic = tiny()
    moved = list(critic.parameters())[2:]
    last = torch.optim.SGD(moved, lr=0.1)
    monitor = PerturbationMonitor(generator, critic, *NON_SATURATING[:2], None, last)
    monitor.before_step()
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.add_(0.1)
    moves = math.sqrt(sum(0.1**2 * parameter.numel() for parameter in moved))
    assert monitor.after_step(samples(0), lr_g=A, lr_d=B).norms["dw"] == pytest.approx(moves)
    with pytest.raises(
        ValueError, match=r"the discriminator should .* that its optimizer moves, g"
    ):
        PerturbationMonitor(
            generator, critic, *NON_SATURATING[:2], None, torch.optim.SGD(generator.parameters())
        )
    with pytest.raises(ValueError, match="the generator should have parameters that require"):
        PerturbationMonitor(generator.requires_grad_(False), critic, *NON_SATURATING[:2])


def test_complex_parameters_are_refused():
    with pytest.raises(ValueError, match="of real parameters and fields, got complex"):
        field_probe(lambda t, w: w, lambda t, w: t, *np.array([1j, 1, 2, 2]), lr_g=1.0, lr_d=1.0)


class Averaging(nn.Module):
    """Sets its buffer anew, where spectral norm changes it in place."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("average", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.average = 0.9 * self.average + 0.1 * x.mean().detach()
        return x - self.average


def test_the_copy_that_catches_up_has_buffers_of_its_own():
    """Spectral norm's vectors follow the copy's weights: against a copy trained by hand."""
    generator, norm = Shift([-3.0, -3.0]), parametrizations.spectral_norm
    with torch.random.fork_rng():
        torch.manual_seed(3)
        critic = nn.Sequential(
            norm(nn.Linear(2, 6)), nn.ReLU(), norm(nn.Linear(6, 1)), nn.Flatten(0), Averaging()
        ).double()
    monitor = PerturbationMonitor(generator, critic, *NON_SATURATING[:2])
    draw = [samples(seed) for seed in range(30)]
    later = iter(draw)
    arguments = {"uninformative": 2 * math.log(2), "rate": 2e-2, "steps": len(draw)}
    gap = monitor.tracking_gap(lambda: next(later), [samples(99)], **arguments)

    def loss(network: nn.Module, batch: Samples) -> Tensor:
        fake = generator(batch.latents).detach()
        with batch.randomness():
            return NON_SATURATING.discriminator(network, Round(batch.real, fake))

    def value(network: nn.Module) -> float:
        return -float(loss(copy.deepcopy(network), samples(99)).detach())

    twin = copy.deepcopy(critic)
    optimizer = torch.optim.Adam(twin.parameters(), lr=2e-2, betas=(0.5, 0.999))
    before = value(twin)
    for batch in draw:
        optimizer.zero_grad()
        loss(twin, batch).backward()
        optimizer.step()
    after = value(twin)
    assert gap == pytest.approx((after - before) / (after + 2 * math.log(2)), rel=1e-6)


def test_batches_that_draw_from_the_global_generators_move_none():
    monitor = PerturbationMonitor(Shift([0.0, 0.0]), Linear([0.5, 0.2]), *NON_SATURATING[:2])

    def drawn() -> Samples:
        seed = int(np.random.randint(100))  # noqa: NPY002
        return samples(seed + int(torch.randint(100, ())))

    before = torch.get_rng_state(), _of_numpy()  # Python's is drawn from by beartype
    arguments = {"uninformative": 2 * math.log(2), "rate": 1e-2, "steps": 3}
    gaps = [monitor.tracking_gap(drawn, [samples(99)], **arguments) for _ in range(2)]
    assert gaps[0] == gaps[1]
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], _of_numpy())


class Listing(nn.Module):
    """Reads its parameter from a list, and keeps what it said with its graph, in two ways."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1, bias=False).double()
        self.listed, self.said, self.both = [self.layer.weight], [], ([], 1)

    def forward(self, x: Tensor) -> Tensor:
        self.said.append((x @ self.listed[0].T).squeeze(1))
        self.both[0].append(1)
        return self.said[-1]


def test_a_list_of_parameters_has_those_of_the_probe_and_a_list_with_graphs_is_put_back():
    listing, found = Listing(), []
    plain = copy.deepcopy(listing.layer)
    listing(samples(1).real)
    for critic in (listing, nn.Sequential(plain, nn.Flatten(0))):
        monitor = PerturbationMonitor(Shift([0.5, 0.2]), critic, *NON_SATURATING[:2])
        monitor.before_step()
        with torch.no_grad():
            next(critic.parameters()).add_(0.1)
        found.append(monitor.after_step(samples(2), lr_g=A, lr_d=B).norms["dD_g"])
    assert found[0] == pytest.approx(found[1], rel=1e-12)
    assert found[0] > 0
    assert (len(listing.said), listing.both) == (1, ([1], 1))


def decay_of(network) -> Callable[..., Tensor]:
    """A loss with a decay of weights that it reaches by itself, given none, or by its argument."""

    def loss(D, round):
        return wasserstein_critic(D, round) + (network or D)[0].weight.square().sum()

    return loss


def test_a_loss_that_reaches_the_network_by_itself_meets_the_weights_of_the_probe():
    found = []
    for is_argument in (True, False):
        with torch.random.fork_rng():
            torch.manual_seed(7)
            generator, critic = tiny()
        loss = decay_of(None if is_argument else critic)
        monitor = PerturbationMonitor(generator, critic, loss, wasserstein_generator)
        monitor.before_step()
        with torch.no_grad():
            for parameter in (*generator.parameters(), *critic.parameters()):
                parameter.add_(0.1)
        found.append(monitor.after_step(samples(2), lr_g=A, lr_d=B).norms)
    assert found[0] == found[1]


def test_a_network_that_no_deep_copy_takes_is_probed_and_left_as_it_was():
    """Weight norm of the former kind keeps a weight with its graph."""
    generator, critic = tiny()
    with pytest.warns(FutureWarning, match="weight_norm"):
        torch.nn.utils.weight_norm(critic[0])
    critic(samples(1).real)
    with pytest.raises(RuntimeError, match="deepcopy"):
        copy.deepcopy(critic)
    weight, state = critic[0].weight, copy.deepcopy(dict(critic.named_parameters()))
    monitor = PerturbationMonitor(generator, critic, *NON_SATURATING[:2])
    monitor.before_step()
    with torch.no_grad():
        generator.weight.add_(0.1)
    assert monitor.after_step(samples(2), lr_g=A, lr_d=B).perturbation_of_discriminator > 0
    assert critic[0].weight is weight
    torch.testing.assert_close(dict(critic.named_parameters()), state, rtol=0, atol=0)


def test_before_step_comes_first():
    monitor = PerturbationMonitor(Shift([0.0]), Linear([0.0]), *NON_SATURATING[:2])
    with pytest.raises(RuntimeError, match="needs before_step"):
        monitor.after_step(samples(0), lr_g=A, lr_d=B)


def test_the_summary_is_the_median_of_the_last_probes(linear_probe):
    monitor = PerturbationMonitor(Shift([0.0]), Linear([0.0]), *NON_SATURATING[:2])
    assert monitor.summary() == {}
    (probe, _) = linear_probe
    monitor.history += [
        replace(probe, perturbation_of_discriminator=value) for value in (100.0, 1.0, math.nan, 3.0)
    ]
    assert monitor.summary(3)["perturbation_of_discriminator"] == 2.0
    monitor.history[:] = [replace(probe, perturbation_of_discriminator=math.nan)]
    assert monitor.summary()["perturbation_of_discriminator"] is None
