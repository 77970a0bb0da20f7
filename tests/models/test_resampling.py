"""The joined convolutions are the two steps they stand for, derivatives of both orders included."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ttur.models.resampling import convolved_after_doubling, convolved_before_pooling, doubling


def doubled_first(conv: nn.Conv2d, x: Tensor) -> Tensor:
    return conv(x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))


def pooled_last(conv: nn.Conv2d, x: Tensor) -> Tensor:
    y = conv(x)
    return (y[..., ::2, ::2] + y[..., 1::2, ::2] + y[..., ::2, 1::2] + y[..., 1::2, 1::2]) / 4


PAIRS = [(convolved_after_doubling, doubled_first), (convolved_before_pooling, pooled_last)]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("joined", "separate"), PAIRS, ids=["doubling", "pooling"])
def test_values_and_derivatives(joined, separate, bias):
    """Those of a gradient penalty, too: it differentiates a gradient."""
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 5, 3, padding=1, bias=bias).double()
    x = torch.randn(2, 3, 6, 4, dtype=torch.float64, requires_grad=True)

    def results(function):
        y = function(conv, x)
        (slope,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        return y, slope, *torch.autograd.grad(slope.square().sum(), list(conv.parameters()))

    for mine, theirs in zip(results(joined), results(separate), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)


def test_doubling_repeats_every_pixel():
    x = torch.arange(6.0).reshape(1, 1, 2, 3)
    expected = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    assert torch.equal(doubling(x), expected)
    assert torch.equal(F.avg_pool2d(doubling(x), 2), x)
