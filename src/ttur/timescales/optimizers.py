"""The pair of learning rates applied: gradients and a rate in, parameters moved in place."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

Gradients = Sequence[Float[Tensor, "..."]]


@runtime_checkable
class Optimizer(Protocol):
    """What the loop asks of an optimizer: it owns no learning rate and reads no `.grad`."""

    def step(self, gradients: Gradients, learning_rate: float) -> None: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@runtime_checkable
class PreconditionedOptimizer(Optimizer, Protocol):
    """An optimizer that says how its steps come about; the perturbation monitor asks.

    Once its averages are settled, a step is -rate · preconditioner · (average of past gradients
    with weights (1 - momentum) momentum^age). A list of preconditioners goes with `parameters`.
    """

    parameters: list[Tensor]

    @property
    def momentum(self) -> float: ...

    def preconditioner(self) -> list[Tensor] | float: ...


class Adam:
    """Adam (Kingma & Ba 2015) in TensorFlow's form by default, as every run of the paper has it.

    `form="tensorflow"` adds epsilon to the uncorrected root,
    p <- p - rate * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon);
    `form="torch"` adds it to the corrected one. The former is the latter with epsilon replaced by
    epsilon / sqrt(1 - beta2^t), which is how it runs: by torch's fused kernel. Parameters are
    float32 or float64, all of one dtype, already on their one device and in their memory format.

    Raises:
        ValueError: if a coefficient is out of range, or there is nothing to optimise.
    """

    def __init__(
        self,
        parameters: Iterable[Float[Tensor, "..."]],
        beta1: float = 0.5,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        form: Literal["tensorflow", "torch"] = "tensorflow",
    ) -> None:
        for name, beta in (("beta1", beta1), ("beta2", beta2)):
            if not 0 <= beta < 1:
                raise ValueError(f"Adam needs 0 <= {name} < 1, got {beta}; usual are 0.5 and 0.999")
        if not (math.isfinite(epsilon) and epsilon > 0):
            raise ValueError(f"Adam needs a finite epsilon > 0, got {epsilon}; the usual is 1e-8")
        if form not in ("tensorflow", "torch"):
            raise ValueError(f'Adam\'s form is "tensorflow" or "torch", got {form!r}')
        self.parameters = list(parameters)
        _check_homogeneous(self.parameters)
        self.beta1, self.beta2, self.epsilon, self.form = beta1, beta2, epsilon, form
        self.updates = 0
        self.exp_avg = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.exp_avg_sq = [torch.zeros_like(parameter) for parameter in self.parameters]
        fused = torch.optim.Adam(self.parameters, betas=(beta1, beta2), eps=epsilon, fused=True)
        self._steps = [p.new_zeros((), dtype=torch.float32) for p in self.parameters]
        moments = zip(self._steps, self.exp_avg, self.exp_avg_sq, strict=True)
        for parameter, (step, first, second) in zip(self.parameters, moments, strict=True):
            fused.state[parameter] = {"step": step, "exp_avg": first, "exp_avg_sq": second}
        self._fused = TorchOptimizer(fused)

    def step(self, gradients: Gradients, learning_rate: float) -> None:
        """One update; `gradients` as `torch.autograd.grad` returns them, in parameter order."""
        self._fused.optimizer.param_groups[0]["eps"] = self._epsilon_at(self.updates + 1)
        self._fused.step(gradients, learning_rate)
        self.updates += 1

    @property
    def momentum(self) -> float:
        return self.beta1

    @torch.no_grad()
    def preconditioner(self) -> list[Tensor]:
        """1 / (root of the corrected second moment + epsilon); 1 before the first step."""
        if self.updates == 0:
            return [torch.ones_like(parameter) for parameter in self.parameters]
        correction, epsilon = 1 - self.beta2**self.updates, self._epsilon_at(self.updates)
        return [1 / ((second / correction).sqrt_() + epsilon) for second in self.exp_avg_sq]

    def state_dict(self) -> dict[str, Any]:
        """The update count and both moment lists: live tensors, which the next step changes."""
        return {
            "updates": self.updates,
            "exp_avg": list(self.exp_avg),
            "exp_avg_sq": list(self.exp_avg_sq),
        }

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state`, copied in place; a foreign state changes nothing and raises."""
        expected = self.state_dict()
        if state.keys() != expected.keys():
            raise ValueError(
                f"an Adam state has the keys {sorted(expected)}, got {sorted(state)}; "
                "it was saved by another optimizer"
            )
        for name in ("exp_avg", "exp_avg_sq"):
            _check_shapes(f"saved {name}", state[name], self.parameters)
        for name in ("exp_avg", "exp_avg_sq"):
            for mine, saved in zip(expected[name], state[name], strict=True):
                mine.copy_(saved)
        self.updates = int(state["updates"])
        for step in self._steps:
            step.fill_(self.updates)

    def _epsilon_at(self, update: int) -> float:
        """Beside the corrected root."""
        if self.form == "torch":
            return self.epsilon
        return self.epsilon / math.sqrt(1 - self.beta2**update)


class TorchOptimizer:
    """Any first-order `torch.optim` optimizer behind the same interface.

    Every parameter group gets the rate of the call; gradients come in the order of the groups.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer
        self.parameters = [
            parameter for group in optimizer.param_groups for parameter in group["params"]
        ]

    def step(self, gradients: Gradients, learning_rate: float) -> None:
        """One update; the parameters' `.grad` is None before and after."""
        aligned = _align(gradients, self.parameters)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        for parameter, gradient in zip(self.parameters, aligned, strict=True):
            parameter.grad = gradient
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    @property
    def momentum(self) -> float:
        """Of the first group: beta1, or SGD's momentum."""
        settings = self.optimizer.param_groups[0]
        return float(settings["betas"][0] if "betas" in settings else settings.get("momentum", 0))

    @torch.no_grad()
    def preconditioner(self) -> list[Tensor] | float:
        """Of the Adams, RMSprop, Adagrad and Adadelta from what they keep; a number for SGD.

        1 for a parameter without a gradient so far. torch's momentum, unlike the averages of the
        Adams, adds up gradients: 1 / (1 - momentum) times as far. Optimizers that keep no second
        moment by these names count as SGD.
        """
        found = [
            _root_of_moments(self.optimizer.state.get(parameter, {}), group)
            for group in self.optimizer.param_groups
            for parameter in group["params"]
        ]
        settings = self.optimizer.param_groups[0]
        forgets = 1.0 if "betas" in settings else 1 - self.momentum
        damped = float(settings.get("dampening", 0)) if self.momentum else 0.0
        farther = (1 - damped) / forgets if forgets > 0 else 1.0
        if all(root is None for root in found):
            return farther
        return [
            torch.ones_like(parameter) if root is None else farther / root
            for parameter, root in zip(self.parameters, found, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        return self.optimizer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state)


def _check_homogeneous(parameters: list[Tensor]) -> None:
    kinds = {(parameter.dtype, str(parameter.device)) for parameter in parameters}
    if len(kinds) != 1 or next(iter(kinds))[0] not in (torch.float32, torch.float64):
        raise ValueError(
            "Adam needs parameters that are all float32 or all float64 on one device, got "
            f"{sorted(map(str, kinds)) or 'none'}; use TorchOptimizer for others"
        )


def _check_shapes(what: str, tensors: Sequence[Tensor], parameters: list[Tensor]) -> None:
    if len(tensors) != len(parameters):
        raise ValueError(
            f"expected one {what} for each of {len(parameters)} parameters, got {len(tensors)}"
        )
    for index, (tensor, parameter) in enumerate(zip(tensors, parameters, strict=True)):
        if tensor.shape != parameter.shape:
            raise ValueError(
                f"{what} {index} should have the shape {tuple(parameter.shape)} of its parameter, "
                f"got {tuple(tensor.shape)}; pass both lists in the same order"
            )


def _root_of_moments(state: dict[str, Any], settings: dict[str, Any]) -> Tensor | None:
    """What torch's optimizers divide a gradient by, by what they keep of a parameter."""
    epsilon = settings.get("eps", 0.0)
    match state:
        case {"exp_avg_sq": second, "step": step}:
            second = state.get("max_exp_avg_sq", second)  # of AMSGrad
            return (second / (1 - settings["betas"][1] ** float(step))).sqrt() + epsilon
        case {"exp_inf": largest}:  # of Adamax, epsilon in it
            return largest
        case {"square_avg": second, "acc_delta": moves}:  # of Adadelta
            return ((second + epsilon) / (moves + epsilon)).sqrt()
        case {"square_avg": second}:
            mean = state.get("grad_avg", 0.0)  # of RMSprop, if centered
            return (second - mean**2).clamp(min=0).sqrt() + epsilon
        case {"sum": second, "step": step} if float(step) > 0:  # of Adagrad, there from the start
            return second.sqrt() + epsilon
    return None


def _align(gradients: Gradients, parameters: list[Tensor]) -> list[Tensor]:
    """The gradients, each laid out in memory like its parameter.

    `torch.autograd.grad` may return transposed or channels-last strides, and the fused kernel on
    the CPU walks memory without looking at them.
    """
    _check_shapes("gradient", gradients, parameters)
    return [
        gradient
        if gradient.stride() == parameter.stride()
        else torch.empty_like(parameter).copy_(gradient)
        for gradient, parameter in zip(gradients, parameters, strict=True)
    ]
