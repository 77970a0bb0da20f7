"""Adam in both forms against the printed formulas, and the adapter against torch's own loop."""

import io
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from ttur.timescales.optimizers import Adam, Optimizer, PreconditionedOptimizer, TorchOptimizer

SHAPES = [(3,), (4, 5), (2, 3, 5, 5), (), (1000,)]
RATES = [1e-2, 1e-2, 5e-3, 1e-2, 2e-2]
# Large: the two forms differ by 1 / sqrt(1 - 0.999) = 32 in epsilon's weight at the first step.
EPSILON = 0.3


def tensors(seed: int, dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in SHAPES
    ]


def parameters(dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    return [tensor.requires_grad_() for tensor in tensors(0, dtype)]


def literal_adam(form: str, beta1: float, beta2: float) -> list[torch.Tensor]:
    """Kingma & Ba's algorithm 1, and for TensorFlow the form that ends its section 2."""
    results = []
    for index, p in enumerate(tensors(0)):
        m = v = torch.zeros_like(p)
        for t, rate in enumerate(RATES, start=1):
            g = tensors(t)[index]
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g * g
            if form == "tensorflow":
                alpha = rate * math.sqrt(1 - beta2**t) / (1 - beta1**t)
                p = p - alpha * m / (v.sqrt() + EPSILON)
            else:
                p = p - rate * (m / (1 - beta1**t)) / ((v / (1 - beta2**t)).sqrt() + EPSILON)
        results.append(p)
    return results


def furthest(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> float:
    pairs = zip(ours, theirs, strict=True)
    return max((a.double() - b.double()).abs().max().item() for a, b in pairs)


@pytest.mark.parametrize("form", ["tensorflow", "torch"])
@pytest.mark.parametrize(("beta1", "beta2"), [(0.5, 0.999), (0.0, 0.9), (0.9, 0.99)])
def test_five_steps_equal_the_formula(form, beta1, beta2):
    ours = parameters()
    adam = Adam(ours, beta1, beta2, EPSILON, form)
    for t, rate in enumerate(RATES, start=1):
        adam.step(tensors(t), rate)
    assert furthest(ours, literal_adam(form, beta1, beta2)) < 1e-14  # moves are of order 1e-2
    other = "torch" if form == "tensorflow" else "tensorflow"
    assert furthest(ours, literal_adam(other, beta1, beta2)) > 1e-3  # epsilon tells them apart


def test_float32_follows_the_formula_to_its_own_precision():
    ours = parameters(torch.float32)
    adam = Adam(ours, epsilon=EPSILON)
    for t, rate in enumerate(RATES, start=1):
        adam.step(tensors(t, torch.float32), rate)
    assert furthest(ours, literal_adam("tensorflow", 0.5, 0.999)) < 2e-6  # values up to 4


def test_the_torch_form_is_torchs_adam():
    ours, theirs = parameters(), parameters()
    adam = Adam(ours, 0.5, 0.999, EPSILON, form="torch")
    reference = torch.optim.Adam(theirs, lr=1e-2, betas=(0.5, 0.999), eps=EPSILON)
    for t in range(1, 6):
        adam.step(tensors(t), 1e-2)
        for parameter, gradient in zip(theirs, tensors(t), strict=True):
            parameter.grad = gradient
        reference.step()
    assert furthest(ours, theirs) < 1e-14


def test_a_late_step_still_has_the_right_correction():
    # At t = 3000, beta2^t is 0.05: a count kept or rounded wrongly would show.
    ours = [torch.zeros(2, dtype=torch.float64)]
    adam = Adam(ours, epsilon=EPSILON)
    for _ in range(3000):
        adam.step([torch.tensor([1.0, -2.0], dtype=torch.float64)], 1e-3)
    expected = torch.zeros(2, dtype=torch.float64)
    gradient = torch.tensor([1.0, -2.0], dtype=torch.float64)
    for t in range(1, 3001):  # constant gradient: m = (1 - beta1^t) g, v = (1 - beta2^t) g²
        root = math.sqrt(1 - 0.999**t)
        expected -= 1e-3 * root * gradient / (root * gradient.abs() + EPSILON)
    torch.testing.assert_close(ours[0], expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    "scramble",
    [
        lambda g: g.contiguous(memory_format=torch.channels_last),
        lambda g: g.transpose(0, 1).contiguous().transpose(0, 1),
    ],
    ids=["channels last", "transposed"],
)
def test_gradients_in_another_memory_order_are_read_by_index(scramble):
    gradient = torch.arange(150, dtype=torch.float64).reshape(2, 3, 5, 5) - 75
    plain, strided = torch.zeros(2, 3, 5, 5).double(), torch.zeros(2, 3, 5, 5).double()
    Adam([plain], epsilon=EPSILON).step([gradient], 0.1)
    Adam([strided], epsilon=EPSILON).step([scramble(gradient)], 0.1)
    assert torch.equal(plain, strided)


def resumed_equals_uninterrupted(make) -> bool:
    """Five steps at once, and two steps, a file and a fresh optimizer, three steps."""
    straight, broken = parameters(torch.float32), parameters(torch.float32)
    optimizer = make(straight)
    for t, rate in enumerate(RATES, start=1):
        optimizer.step(tensors(t, torch.float32), rate)
    optimizer = make(broken)
    for t, rate in enumerate(RATES, start=1):
        if t == 3:
            file = io.BytesIO()
            torch.save(optimizer.state_dict(), file)
            file.seek(0)
            optimizer = make(broken)
            optimizer.load_state_dict(torch.load(file, weights_only=True))
        optimizer.step(tensors(t, torch.float32), rate)
    return all(torch.equal(a, b) for a, b in zip(straight, broken, strict=True))


@pytest.mark.parametrize(
    "make",
    [
        Adam,
        lambda p: Adam(p, form="torch"),
        lambda p: TorchOptimizer(torch.optim.SGD(p, lr=1.0, momentum=0.9)),
        lambda p: TorchOptimizer(torch.optim.Adam(p, amsgrad=True)),
    ],
    ids=["tensorflow", "torch", "SGD", "amsgrad"],
)
def test_resuming_from_a_file_changes_no_bit(make):
    assert isinstance(make(parameters()), Optimizer)
    assert resumed_equals_uninterrupted(make)


def test_forgetting_the_update_count_would_show():
    class Forgetful(Adam):
        def load_state_dict(self, state):
            super().load_state_dict(state | {"updates": 0})

    assert not resumed_equals_uninterrupted(Forgetful)


def test_sgd_through_the_adapter_is_gradient_descent_and_leaves_no_grad():
    ours = parameters()
    optimizer = TorchOptimizer(torch.optim.SGD([{"params": ours[:2]}, {"params": ours[2:]}], lr=9))
    optimizer.step(tensors(1), 0.25)
    expected = [p - 0.25 * g for p, g in zip(tensors(0), tensors(1), strict=True)]
    assert furthest(ours, expected) == 0
    assert all(parameter.grad is None for parameter in ours)


def test_a_step_takes_gradients_straight_from_autograd():
    (weight,) = ours = [torch.ones(3, dtype=torch.float64, requires_grad=True)]
    adam = Adam(ours)
    adam.step(torch.autograd.grad((weight * torch.tensor([1.0, -1.0, 4.0])).sum(), ours), 0.1)
    assert weight.is_leaf
    assert weight.requires_grad
    # The first step of Adam is rate · sign(g), but for epsilon.
    torch.testing.assert_close(
        weight.detach(), torch.tensor([0.9, 1.1, 0.9]).double(), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beta1": 1.0}, "beta1 < 1, got 1.0"),
        ({"beta2": -0.1}, "beta2 < 1, got -0.1"),
        ({"beta2": math.nan}, "beta2 < 1, got nan"),
        ({"epsilon": 0.0}, "epsilon > 0, got 0.0"),
        ({"parameters": []}, "got none"),
        ({"parameters": [torch.zeros(2), torch.zeros(2).double()]}, "float32.*float64"),
        ({"parameters": [torch.zeros(2).half()]}, "use TorchOptimizer"),
    ],
)
def test_bad_optimizers_are_refused_at_birth(arguments, message):
    with pytest.raises(ValueError, match=message):
        Adam(**({"parameters": [torch.zeros(2)]} | arguments))


@pytest.mark.parametrize("make", [Adam, lambda p: TorchOptimizer(torch.optim.SGD(p, lr=1.0))])
def test_gradients_that_do_not_fit_are_refused_before_anything_moves(make):
    ours = parameters()
    optimizer = make(ours)
    with pytest.raises(ValueError, match="each of 5 parameters, got 4"):
        optimizer.step(tensors(1)[:4], 1e-3)
    with pytest.raises(ValueError, match=r"gradient 0 should have the shape \(3,\)"):
        optimizer.step(tensors(1)[::-1], 1e-3)
    assert furthest(ours, tensors(0)) == 0


def test_a_foreign_state_is_refused_and_changes_nothing():
    adam, other = Adam(parameters()), Adam([torch.zeros(3)])
    adam.step(tensors(1), 1e-3)
    before = [tensor.clone() for tensor in adam.exp_avg]
    with pytest.raises(ValueError, match="each of 5 parameters, got 1"):
        adam.load_state_dict(other.state_dict())
    with pytest.raises(ValueError, match="saved by another optimizer"):
        adam.load_state_dict(torch.optim.SGD([torch.zeros(3)], lr=1.0).state_dict())
    assert furthest(adam.exp_avg, before) == 0
    assert adam.updates == 1


def _adam(form: Any, **settings) -> Callable[[list[torch.Tensor]], Optimizer]:
    return lambda p: Adam(p, form=form, epsilon=EPSILON, **settings)


def _torch(kind: Any, **settings) -> Callable[[list[torch.Tensor]], Optimizer]:
    return lambda p: TorchOptimizer(kind(p, lr=0.0, **settings))


@pytest.mark.parametrize(
    ("make", "momentum"),
    [
        (_adam("tensorflow", beta1=0.5), 0.5),
        (_adam("torch", beta1=0.9), 0.9),
        (_torch(torch.optim.Adam, betas=(0.9, 0.99), eps=EPSILON), 0.9),
        (_torch(torch.optim.AdamW, betas=(0.5, 0.99), weight_decay=0.0, amsgrad=True), 0.5),
        (_torch(torch.optim.Adamax, betas=(0.5, 0.9)), 0.5),
        (_torch(torch.optim.RMSprop, alpha=0.5, eps=EPSILON), 0.0),
        (_torch(torch.optim.RMSprop, alpha=0.5, momentum=0.5), 0.5),
        (_torch(torch.optim.Adagrad), 0.0),
        (_torch(torch.optim.SGD), 0.0),
        (_torch(torch.optim.SGD, dampening=0.5), 0.0),
        (_torch(torch.optim.SGD, momentum=0.5), 0.5),
        (_torch(torch.optim.SGD, momentum=0.8, dampening=0.5), 0.8),
    ],
)
def test_a_settled_step_is_the_rate_times_the_preconditioned_gradient(make, momentum):
    """With constant gradients every average is the gradient itself, so that nothing is left."""
    moving = parameters()
    optimizer = make(moving)
    assert isinstance(optimizer, PreconditionedOptimizer)
    assert optimizer.momentum == momentum
    gradients = tensors(1)
    for _ in range(120):
        optimizer.step(gradients, 1e-3)
    before = [p.detach().clone() for p in moving]
    optimizer.step(gradients, 1e-3)
    scales = optimizer.preconditioner()
    for p, old, g, scale in zip(
        moving,
        before,
        gradients,
        scales if isinstance(scales, list) else [scales] * len(moving),
        strict=True,
    ):
        torch.testing.assert_close(p.detach() - old, -1e-3 * scale * g, rtol=1e-9, atol=1e-15)


def test_the_preconditioner_of_adadelta():
    """Its moves are averaged as well, and never settle: each is a little larger than the last."""
    (moving,) = parameters()[:1]
    optimizer = TorchOptimizer(torch.optim.Adadelta([moving], rho=0.5, eps=1e-3))
    gradient, before = torch.full_like(moving, 3.0), moving
    for _ in range(200):
        before = moving.detach().clone()
        optimizer.step([gradient], 1e-3)
    scales = optimizer.preconditioner()
    assert isinstance(scales, list)
    torch.testing.assert_close(moving.detach() - before, -1e-3 * scales[0] * 3, rtol=5e-3, atol=0)


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.Adagrad])
def test_a_parameter_without_a_gradient_so_far_is_preconditioned_by_nothing(kind):
    used, unused = parameters()[:2]
    optimizer = kind([used, unused])
    used.grad = torch.full_like(used, 4.0)
    optimizer.step()
    scales = TorchOptimizer(optimizer).preconditioner()
    assert isinstance(scales, list)
    torch.testing.assert_close(scales[0], torch.full_like(used, 0.25))
    assert torch.equal(scales[1], torch.ones_like(unused))


def test_the_roots_of_amsgrads_maximum_and_of_a_centered_moment():
    """Where gradients vary: 3 and then many of 0.1, whose moments are smaller."""
    (moving,) = parameters()[:1]
    amsgrad = TorchOptimizer(torch.optim.Adam([moving], betas=(0.0, 0.9), amsgrad=True))
    centered = TorchOptimizer(torch.optim.RMSprop([moving], alpha=0.9, centered=True))
    for gradient in [3.0] + [0.1] * 40:
        for optimizer in (amsgrad, centered):
            optimizer.step([torch.full_like(moving, gradient)], 1e-3)
    largest = 0.1 * 9.0 / (1 - 0.9**41)  # (1 - beta2) 3^2, corrected as the present one
    mean = 0.1 * 3 * 0.9**40 + 0.1 * (1 - 0.9**40)
    variance = 0.1 * 9 * 0.9**40 + 0.01 * (1 - 0.9**40) - mean**2
    for optimizer, root in ((amsgrad, largest**0.5), (centered, variance**0.5)):
        scales = optimizer.preconditioner()
        assert isinstance(scales, list)
        torch.testing.assert_close(1 / scales[0], torch.full_like(moving, root), rtol=1e-5, atol=0)


def test_before_its_first_step_adam_preconditions_by_nothing():
    assert all(torch.equal(p, torch.ones_like(p)) for p in Adam(parameters()).preconditioner())
