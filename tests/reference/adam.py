"""A network's parameters and TensorFlow's Adam, which moves them."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Player:
    """Parameters after t updates and the two moments of their Adam."""

    params: Tensors
    m: Tensors
    v: Tensors
    beta1: float
    beta2: float
    t: int = 0

    @classmethod
    def initial(cls, params: Tensors, beta1: float, beta2: float) -> "Player":
        zeros = {name: torch.zeros_like(p) for name, p in params.items()}
        return cls(params, zeros, dict(zeros), beta1, beta2)

    def leaves(self) -> Tensors:
        """The parameters, to be differentiated by."""
        return {name: p.detach().clone().requires_grad_() for name, p in self.params.items()}

    def moved(self, gradients: Tensors, rate: float) -> "Player":
        """After one update; epsilon is 1e-8, beside the root that is not corrected."""
        t, beta1, beta2 = self.t + 1, self.beta1, self.beta2
        m = {name: beta1 * self.m[name] + (1 - beta1) * g for name, g in gradients.items()}
        v = {name: beta2 * self.v[name] + (1 - beta2) * g**2 for name, g in gradients.items()}
        step = rate * (1 - beta2**t) ** 0.5 / (1 - beta1**t)
        params = {n: p - step * m[n] / (v[n] ** 0.5 + 1e-8) for n, p in self.params.items()}
        return replace(self, params=params, m=m, v=v, t=t)


@dataclass(frozen=True)
class Update:
    """One update of one player: the loss, its gradients and the parameters they led to."""

    player: str
    loss: float
    gradients: Tensors
    params: Tensors


def gradients_of(loss: Tensor, params: Tensors) -> Tensors:
    return dict(zip(params, torch.autograd.grad(loss, list(params.values())), strict=True))
