"""The perturbation of one player by the other, measured while two networks train (section A5)."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from ttur.timescales.borrowing import Buffers, Player, Weights, clones, randomness_from
from ttur.timescales.optimizers import Adam, Describable, Optimizer, TorchOptimizer
from ttur.timescales.perturbation import ProbeResult, field_probe, tracking_gap

Field = Callable[[Weights, Weights], Weights]
Generate = Callable[[Weights], Tensor]
# As in `ttur.losses.Losses`: (D, real, fake, noise) -> loss, and (D, fake) -> loss.
DiscriminatorLoss = Callable[[Any, Tensor, Tensor, torch.Generator], Tensor]
GeneratorLoss = Callable[[Any, Tensor], Tensor]


@dataclass(frozen=True)
class Samples:
    """Real samples and latents of a probe, and the seed of all that the losses draw."""

    real: Tensor
    latents: Tensor
    seed: int

    def randomness(self) -> AbstractContextManager[None]:
        """Whatever is drawn in this context begins at the seed, and leaves no trace."""
        return randomness_from(self.seed, self.latents.device)


class PerturbationMonitor:
    """Probes any two networks around an iteration of training, which never notices.

    `before_step()`, then an iteration of any order and optimizer, then `after_step(batch, ...)`.
    All six gradients of a probe are of the losses as they are trained, at copies of the weights,
    with one batch and one seed: dropout masks, mixing weights of a gradient penalty and whatever
    else is random agree. Networks stay in their mode; batch norm uses the statistics of the batch,
    its moving averages and the vectors of spectral norm are copies too, and what a network counts
    or keeps in attributes is put back (`borrowing.Player`). Losses are called as they are: one that
    notes what passes by notes a probe too.

    An iteration is a generator update with its `n_critic` discriminator updates, so that
    `after_step` takes the discriminator's rate times n_critic: all quantities are per iteration.

    A player's parameters are those that require gradients when the monitor is made and, if it is
    known, that its optimizer moves. The optimizers are torch's or `Describable`; none and others
    count as plain gradient descent. Where momenta differ, the larger one counts.

    Raises:
        ValueError: if a player has no parameters.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        discriminator_loss: DiscriminatorLoss,
        generator_loss: GeneratorLoss,
        generator_optimizer: Optimizer | torch.optim.Optimizer | None = None,
        discriminator_optimizer: Optimizer | torch.optim.Optimizer | None = None,
    ) -> None:
        self._of_generator = _described(generator_optimizer)
        self._of_discriminator = _described(discriminator_optimizer)
        self._generator = _player("generator", generator, self._of_generator)
        self._discriminator = _player("discriminator", discriminator, self._of_discriminator)
        self._discriminator_loss, self._generator_loss = discriminator_loss, generator_loss
        self._before: tuple[Weights, Weights] | None = None
        self.history: list[ProbeResult] = []

    def before_step(self) -> None:
        """Keep a copy of both players' weights."""
        self._before = (
            [weights.clone() for weights in self._generator.weights()],
            [weights.clone() for weights in self._discriminator.weights()],
        )

    def after_step(
        self, batch: Samples, *, lr_g: float, lr_d: float, independent: Samples | None = None
    ) -> ProbeResult:
        """What the iteration since `before_step` did to both fields, on `batch`.

        `lr_g` and `lr_d` are the rates of the iteration (a, and b times n_critic). A second,
        `independent` batch takes the noise of the batch out of the norm in `rho_D_corrected`.

        Raises:
            RuntimeError: if `before_step` was not called.
        """
        if self._before is None:
            raise RuntimeError("after_step needs before_step before the iteration, got none")
        (theta, w), self._before = self._before, None
        described = [o for o in (self._of_generator, self._of_discriminator) if o is not None]
        scale_g, precond_g = _preconditioner(self._of_generator, self._generator)
        scale_d, precond_d = _preconditioner(self._of_discriminator, self._discriminator)
        generate = self._generating(batch)
        result = field_probe(
            self.discriminator_field(batch, generate),
            self.generator_field(batch),
            theta,
            w,
            self._generator.weights(),
            self._discriminator.weights(),
            lr_g=lr_g * scale_g,
            lr_d=lr_d * scale_d,
            beta1=max((optimizer.momentum for optimizer in described), default=0.0),
            precond_g=precond_g,
            precond_d=precond_d,
            output_fn=self._outputs(batch, generate),
            g_fn_independent=independent and self.discriminator_field(independent),
        )
        self.history.append(result)
        return result

    def summary(self, window: int | None = None) -> dict[str, float | None]:
        """The median of each quantity over the last `window` probes; None where it had no value."""
        probes = [probe.to_json() for probe in self.history[-window if window else None :]]
        found = {
            name: [value for probe in probes if (value := probe[name]) is not None]
            for name in (probes[0] if probes else ())
        }
        return {name: median(values) if values else None for name, values in found.items()}

    def tracking_gap(
        self,
        batches: Callable[[], Samples],
        held_out: Sequence[Samples],
        *,
        uninformative: float,
        rate: float,
        steps: int = 50,
    ) -> float:
        """How far the discriminator is from its best response: 0 tracks, 1 knows nothing (10.2).

        A copy of it, with buffers of its own, takes `steps` more updates on `batches` with the
        generator frozen, by Adam with beta 0.5 and 0.999 from new moments at a `rate` of its own,
        so that runs with different rates compare. Losses are means over `held_out`; `uninformative`
        is that of a discriminator that cannot tell, 2 log 2 for the logistic one and 0 for critics.
        nan if no better response was found.
        """
        theta, buffers = self._generator.weights(), clones(self._discriminator.buffers())
        copy = [weights.clone() for weights in self._discriminator.weights()]
        optimizer = _adam(copy)
        held_out_fakes = [(samples, self._generating(samples)) for samples in held_out]

        def value(w: Weights) -> float:
            # Not under no_grad: a gradient penalty differentiates with respect to the samples.
            found = [
                self._loss_on(samples, generate, clones(buffers))(theta, w, Tensor.detach)
                for samples, generate in held_out_fakes
            ]
            return -float(torch.stack(found).mean())

        def step(w: Weights) -> Weights:
            field = self.discriminator_field(batches(), buffers=buffers)(theta, w)
            optimizer.step([-ascent for ascent in field], rate)
            return w

        return float(tracking_gap(value, step, copy, k=steps, v0=-uninformative))

    def discriminator_field(
        self, batch: Samples, generate: Generate | None = None, buffers: Buffers | None = None
    ) -> Field:
        """g(theta, w) = -grad_w L_D on `batch`, an ascent field."""
        loss_of = self._loss_on(batch, generate, buffers)

        def field(theta: Weights, w: Weights) -> Weights:
            w = [weights.detach().requires_grad_() for weights in w]
            return loss_of(theta, w, lambda loss: _ascent(loss, w))

        return field

    def generator_field(self, batch: Samples) -> Field:
        """h(theta, w) = -grad_theta L_G on `batch`, an ascent field."""

        def field(theta: Weights, w: Weights) -> Weights:
            theta = [weights.detach().requires_grad_() for weights in theta]

            def ascent(generator: nn.Module, discriminator: nn.Module) -> Weights:
                with batch.randomness():
                    fake = generator(batch.latents)
                with batch.randomness():
                    return _ascent(self._generator_loss(discriminator, fake), theta)

            return self._generator.with_weights(
                theta,
                lambda generator: self._discriminator.with_weights(w, partial(ascent, generator)),
            )

        return field

    def _loss_on(
        self, batch: Samples, generate: Generate | None, buffers: Buffers | None
    ) -> Callable[..., Any]:
        """(theta, w, use) → use(L_D), while the discriminator still has the weights w."""
        generate = generate or self._generating(batch)

        def loss(theta: Weights, w: Weights, use: Callable[[Tensor], Any]) -> Any:
            fake = generate(theta)
            noise = torch.Generator(fake.device).manual_seed(batch.seed)

            def used(discriminator: nn.Module) -> Any:
                return use(self._discriminator_loss(discriminator, batch.real, fake, noise))

            with batch.randomness():
                return self._discriminator.with_weights(w, used, buffers)

        return loss

    def _outputs(
        self, batch: Samples, generate: Generate
    ) -> Callable[[Weights, Weights], tuple[Tensor, Tensor]]:
        """(theta, w) → the discriminator's outputs on generated and on real samples."""

        @torch.no_grad()
        def output(theta: Weights, w: Weights) -> tuple[Tensor, Tensor]:
            fake = generate(theta)

            def scores(discriminator: nn.Module) -> tuple[Tensor, Tensor]:
                return discriminator(fake), discriminator(batch.real)

            with batch.randomness():
                return self._discriminator.with_weights(w, scores)

        return output

    def _generating(self, batch: Samples) -> Generate:
        """theta → G(z) on `batch`, each drawn once: four of a probe's six fields share two."""
        drawn: dict[int, tuple[Weights, Tensor]] = {}

        @torch.no_grad()
        def generated(theta: Weights) -> Tensor:
            if id(theta) not in drawn:  # what is kept here keeps its id
                with batch.randomness():
                    fake = self._generator.with_weights(
                        theta, lambda network: network(batch.latents)
                    )
                drawn[id(theta)] = theta, fake
            return drawn[id(theta)][1]

        return generated


def _adam(parameters: Weights) -> Optimizer:
    """The tracking gap's; torch's own for parameters of other types than `Adam` takes."""
    try:
        return Adam(parameters, beta1=0.5, beta2=0.999)
    except ValueError:
        return TorchOptimizer(torch.optim.Adam(parameters, betas=(0.5, 0.999)))


def _ascent(loss: Tensor, weights: Weights) -> Weights:
    gradients = torch.autograd.grad(loss, weights, materialize_grads=True)
    return [-gradient for gradient in gradients]


def _described(optimizer: Optimizer | torch.optim.Optimizer | None) -> Describable | None:
    if isinstance(optimizer, torch.optim.Optimizer):
        return TorchOptimizer(optimizer)
    return optimizer if isinstance(optimizer, Describable) else None


def _player(name: str, network: nn.Module, optimizer: Describable | None) -> Player:
    return Player(name, network, None if optimizer is None else optimizer.parameters)


def _preconditioner(optimizer: Describable | None, player: Player) -> tuple[float, Weights | None]:
    """What multiplies the rate, and the gradient of each of the player's parameters."""
    if optimizer is None:
        return 1.0, None
    found = optimizer.preconditioner()
    if not isinstance(found, list):
        return found, None
    of = {id(parameter): p for parameter, p in zip(optimizer.parameters, found, strict=True)}
    return 1.0, [of[id(parameter)] for parameter in player.parameters()]
