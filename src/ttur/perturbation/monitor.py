"""The perturbation of one player by the other, measured while two networks train (section A5)."""

from collections.abc import Callable, Sequence
from statistics import median

import torch
from torch import Tensor, nn

from ttur.perturbation.borrowing import Player, Weights, clones
from ttur.perturbation.fields import Fields, LossFunction, Samples
from ttur.perturbation.probe import ProbeResult, field_probe, tracking_gap
from ttur.runtime.randomness import randomness_from
from ttur.timescales.optimizers import Adam, Optimizer, PreconditionedOptimizer, TorchOptimizer


class PerturbationMonitor:
    """Probes any two networks around an iteration of training, which never notices.

        >>> import torch
        >>> from ttur.losses import logistic, non_saturating
        >>> from ttur.perturbation.fields import Samples
        >>> G, D = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
        >>> monitor = ttur.PerturbationMonitor(G, D, logistic, non_saturating)
        >>> monitor.before_step()
        >>> with torch.no_grad():  # an iteration of your own loop
        ...     _ = G.weight.add_(0.01), D.weight.add_(0.01)
        >>> batch = Samples(real=torch.randn(8, 3), latents=torch.randn(8, 2), seed=0)
        >>> monitor.after_step(batch, lr_g=1e-2, lr_d=1e-2).perturbation_of_discriminator >= 0
        True

    `before_step()`, then an iteration of any order and optimizer, then `after_step(batch, ...)`.
    The six gradients of a probe are of the losses as they are trained, at copies of the weights,
    with one batch and one seed (`fields.Fields`); an independent batch adds two. Networks stay in
    their mode; batch norm uses the statistics of the batch, its moving averages and the vectors of
    spectral norm are copies too, and what a network counts or keeps in attributes is put back
    (`borrowing.Player`). Losses are called as they are: one that notes what passes by notes a probe
    too.

    An iteration is a generator update with its `n_critic` discriminator updates, so that
    `after_step` takes the discriminator's rate times n_critic: all quantities are per iteration.

    A player's parameters are those that require gradients when the monitor is made and, if it is
    known, that its optimizer moves. The optimizers are torch's or a `PreconditionedOptimizer`; none
    and others count as plain gradient descent. Where momenta differ, the larger one counts.

    Raises:
        ValueError: if a player has no parameters.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        discriminator_loss: LossFunction,
        generator_loss: LossFunction,
        generator_optimizer: Optimizer | torch.optim.Optimizer | None = None,
        discriminator_optimizer: Optimizer | torch.optim.Optimizer | None = None,
    ) -> None:
        self._of_generator = _preconditioned(generator_optimizer)
        self._of_discriminator = _preconditioned(discriminator_optimizer)
        self._generator = _player("generator", generator, self._of_generator)
        self._discriminator = _player("discriminator", discriminator, self._of_discriminator)
        self._losses = discriminator_loss, generator_loss
        self._before: tuple[Weights, Weights] | None = None
        self._update = 1
        self.history: list[ProbeResult] = []

    def before_step(self) -> None:
        """Keep a copy of both players' weights."""
        self._before = (
            [weights.clone() for weights in self._generator.weights()],
            [weights.clone() for weights in self._discriminator.weights()],
        )

    def after_step(
        self,
        batch: Samples,
        *,
        lr_g: float,
        lr_d: float,
        independent: Samples | None = None,
        update: int = 1,
    ) -> ProbeResult:
        """What the iteration since `before_step` did to both fields, on `batch`.

        `lr_g` and `lr_d` are the rates of the iteration (a, and b times n_critic). A second,
        `independent` batch takes the noise of the batch out of the norm in
        `perturbation_of_discriminator_corrected`.
        Losses are told `update`, the number of the iteration.

        Raises:
            RuntimeError: if `before_step` was not called.
        """
        if self._before is None:
            raise RuntimeError("after_step needs before_step before the iteration, got none")
        (theta, w), self._before = self._before, None
        self._update = update
        described = [o for o in (self._of_generator, self._of_discriminator) if o is not None]
        scale_g, precond_g = _preconditioner(self._of_generator, self._generator)
        scale_d, precond_d = _preconditioner(self._of_discriminator, self._discriminator)
        fields = self._fields_on(batch)
        result = field_probe(
            fields.g,
            fields.h,
            theta,
            w,
            self._generator.weights(),
            self._discriminator.weights(),
            lr_g=lr_g * scale_g,
            lr_d=lr_d * scale_d,
            beta1=max((optimizer.momentum for optimizer in described), default=0.0),
            precond_g=precond_g,
            precond_d=precond_d,
            output_fn=fields.scores,
            g_fn_independent=independent and self._fields_on(independent).g,
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
        nan if no better response was found. What `batches` draws from the global generators is put
        back as well.
        """
        theta, buffers = self._generator.weights(), clones(self._discriminator.buffers())
        copy = [weights.clone() for weights in self._discriminator.weights()]
        optimizer = _adam(copy)
        fields = [self._fields_on(samples) for samples in held_out]

        def value(w: Weights) -> float:
            # Not under no_grad: a gradient penalty differentiates with respect to the samples.
            found = [some.loss(theta, w, Tensor.detach, clones(buffers)) for some in fields]
            return -float(torch.stack(found).mean())

        def step(w: Weights) -> Weights:
            ascent = self._fields_on(batches()).g(theta, w, buffers)
            optimizer.step([-direction for direction in ascent], rate)
            return w

        with randomness_from(None, copy[0].device):
            return float(tracking_gap(value, step, copy, k=steps, v0=-uninformative))

    def _fields_on(self, batch: Samples) -> Fields:
        return Fields(self._generator, self._discriminator, *self._losses, batch, self._update)


def _adam(parameters: Weights) -> Optimizer:
    """The tracking gap's; torch's own for parameters of other types than `Adam` takes."""
    try:
        return Adam(parameters, beta1=0.5, beta2=0.999)
    except ValueError:
        return TorchOptimizer(torch.optim.Adam(parameters, betas=(0.5, 0.999)))


def _preconditioned(
    optimizer: Optimizer | torch.optim.Optimizer | None,
) -> PreconditionedOptimizer | None:
    if isinstance(optimizer, torch.optim.Optimizer):
        return TorchOptimizer(optimizer)
    return optimizer if isinstance(optimizer, PreconditionedOptimizer) else None


def _player(name: str, network: nn.Module, optimizer: PreconditionedOptimizer | None) -> Player:
    return Player(name, network, None if optimizer is None else optimizer.parameters)


def _preconditioner(
    optimizer: PreconditionedOptimizer | None, player: Player
) -> tuple[float, Weights | None]:
    """What multiplies the rate, and the gradient of each of the player's parameters."""
    if optimizer is None:
        return 1.0, None
    found = optimizer.preconditioner()
    if not isinstance(found, list):
        return found, None
    of = {id(parameter): p for parameter, p in zip(optimizer.parameters, found, strict=True)}
    return 1.0, [of[id(parameter)] for parameter in player.parameters()]
