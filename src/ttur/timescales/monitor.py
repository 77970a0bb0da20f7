"""The perturbation of one player by the other, measured while two networks train (section A5)."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from ttur.timescales.borrowing import Weights, randomness_from, values, with_weights
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
    or keeps in attributes is put back.

    An iteration is a generator update with its `n_critic` discriminator updates, so that
    `after_step` takes the discriminator's rate times n_critic: all quantities are per iteration.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        discriminator_loss: DiscriminatorLoss,
        generator_loss: GeneratorLoss,
        generator_optimizer: Optimizer | None = None,
        discriminator_optimizer: Optimizer | None = None,
    ) -> None:
        self.generator, self.discriminator = generator, discriminator
        self._discriminator_loss, self._generator_loss = discriminator_loss, generator_loss
        self._optimizers = (generator_optimizer, discriminator_optimizer)
        self._before: tuple[Weights, Weights] | None = None
        self.history: list[ProbeResult] = []

    def before_step(self) -> None:
        """Keep a copy of both players' weights."""
        self._before = (
            [weights.clone() for weights in values(self.generator)],
            [weights.clone() for weights in values(self.discriminator)],
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
        momentum = [o.momentum for o in self._optimizers if isinstance(o, Describable)]
        (scale_g, precond_g), (scale_d, precond_d) = map(_preconditioner, self._optimizers)
        generate = self._generating(batch)
        result = field_probe(
            self.discriminator_field(batch, generate),
            self.generator_field(batch),
            theta,
            w,
            values(self.generator),
            values(self.discriminator),
            lr_g=lr_g * scale_g,
            lr_d=lr_d * scale_d,
            beta1=max(momentum, default=0.0),
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

        A copy of it takes `steps` more updates on `batches` with the generator frozen, by Adam with
        beta 0.5 and 0.999 from new moments at a `rate` of its own, so that runs with different
        rates compare. Losses are means over `held_out`; `uninformative` is that of a discriminator
        that cannot tell, 2 log 2 for the logistic one and 0 for critics. nan if no better response
        was found.
        """
        theta = values(self.generator)
        copy = [weights.clone() for weights in values(self.discriminator)]
        optimizer = _adam(copy)
        losses = [self._loss_on(samples) for samples in held_out]

        def value(w: Weights) -> float:
            # Not under no_grad: a gradient penalty differentiates with respect to the samples.
            found = [loss(theta, w, Tensor.detach) for loss in losses]
            return -float(torch.stack(found).mean())

        def step(w: Weights) -> Weights:
            field = self.discriminator_field(batches())(theta, w)
            optimizer.step([-ascent for ascent in field], rate)
            return w

        return float(tracking_gap(value, step, copy, k=steps, v0=-uninformative))

    def discriminator_field(self, batch: Samples, generate: Generate | None = None) -> Field:
        """g(theta, w) = -grad_w L_D on `batch`, an ascent field."""
        loss_of = self._loss_on(batch, generate)

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

            return with_weights(
                self.generator,
                theta,
                lambda generator: with_weights(self.discriminator, w, partial(ascent, generator)),
            )

        return field

    def _loss_on(self, batch: Samples, generate: Generate | None = None) -> Callable[..., Any]:
        """(theta, w, use) → use(L_D), while the discriminator still has the weights w."""
        generate = generate or self._generating(batch)

        def loss(theta: Weights, w: Weights, use: Callable[[Tensor], Any]) -> Any:
            fake = generate(theta)
            noise = torch.Generator(fake.device).manual_seed(batch.seed)

            def used(discriminator: nn.Module) -> Any:
                return use(self._discriminator_loss(discriminator, batch.real, fake, noise))

            with batch.randomness():
                return with_weights(self.discriminator, w, used)

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
                return with_weights(self.discriminator, w, scores)

        return output

    def _generating(self, batch: Samples) -> Generate:
        """theta → G(z) on `batch`, each drawn once: four of a probe's six fields share two."""
        drawn: dict[int, tuple[Weights, Tensor]] = {}

        @torch.no_grad()
        def generated(theta: Weights) -> Tensor:
            if id(theta) not in drawn:  # what is kept here keeps its id
                with batch.randomness():
                    fake = with_weights(
                        self.generator, theta, lambda generator: generator(batch.latents)
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


def _preconditioner(optimizer: Optimizer | None) -> tuple[float, Weights | None]:
    """What multiplies the rate, and each parameter's gradient."""
    found = optimizer.preconditioner() if isinstance(optimizer, Describable) else 1.0
    return (1.0, found) if isinstance(found, list) else (found, None)
