"""What torch does not document is used where it is there, and missed nowhere."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ttur.features.inception import Convolution
from ttur.features.inference import FusedConvolution, OneDnnConvolution, measuring_copy
from ttur.runtime import undocumented


def tensors() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((), (7,), (3, 5), (64, 3, 3, 3))
    drawn = [torch.randn(shape, generator=generator) for shape in shapes]
    return [*drawn, torch.zeros(4), torch.tensor([1.0, torch.nan]), torch.tensor([torch.inf])]


def test_norms_are_those_of_each_tensor():
    expected = [tensor.square().sum().sqrt() for tensor in tensors()]
    for norm, value in zip(undocumented.norms(tensors()), expected, strict=True):
        torch.testing.assert_close(norm, value, equal_nan=True)


def test_norms_without_the_operator_for_all_are_the_same_to_the_bit(monkeypatch):
    before = undocumented.norms(tensors())
    monkeypatch.delattr(torch, "_foreach_norm", raising=False)
    after = undocumented.norms(tensors())
    assert not hasattr(torch, "_foreach_norm")
    assert torch.equal(torch.stack(after).nan_to_num(-1), torch.stack(before).nan_to_num(-1))


@pytest.mark.parametrize(
    ("namespace", "operator"),
    [("mkldnn", "_convolution_pointwise"), ("aten", "mkldnn_reorder_conv2d_weight")],
)
def test_a_network_without_the_operators_of_onednn_says_the_same(
    namespace: str, operator: str, monkeypatch: pytest.MonkeyPatch
):
    def gone(*_):
        raise AttributeError("no such operator")

    network = nn.Sequential(Convolution(3, 8, 3, stride=2), Convolution(8, 5, (1, 3)))
    generator = torch.Generator().manual_seed(1)
    for parameter in network.requires_grad_(False).parameters():
        parameter.normal_(0, 0.5, generator=generator)
    images = torch.randn(2, 3, 9, 9, generator=generator)
    expected = network(images)
    fast = measuring_copy(network)
    torch.testing.assert_close(fast(images), expected, rtol=1e-5, atol=1e-6)

    undocumented.fuses_convolutions.cache_clear()
    monkeypatch.setattr(getattr(torch.ops, namespace), operator, gone)
    try:
        assert not undocumented.fuses_convolutions(torch.float32)
        public = measuring_copy(network)
    finally:
        undocumented.fuses_convolutions.cache_clear()
    assert [type(layer) for layer in public.children()] == [FusedConvolution] * 2
    torch.testing.assert_close(public(images), expected, rtol=1e-5, atol=1e-6)


def test_the_operators_of_onednn_are_used_where_they_are():
    fast = measuring_copy(nn.Sequential(Convolution(3, 8, 3)))
    has_them = undocumented.fuses_convolutions(torch.float32)
    assert isinstance(next(fast.children()), OneDnnConvolution) == has_them


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning")
def test_what_is_compiled_is_taken_for_what_it_was():
    """A torch that names its wrappers otherwise fails here."""
    network = nn.Sequential(nn.Linear(2, 2))
    compiled: Any = torch.compile(network)
    assert compiled is not network
    assert undocumented.unwrap(compiled) is network
    assert undocumented.unwrap(network) is network
    names = [undocumented.plain_name(name) for name in compiled.state_dict()]
    assert names == list(network.state_dict()) != list(compiled.state_dict())

    def loss(x: Tensor) -> Tensor:
        return x.mean()

    assert undocumented.unwrap(torch.compile(loss)) is loss
    assert undocumented.unwrap(loss) is loss
    bare = set(vars(nn.Module()))
    module = nn.Module()
    module.compile()
    assert set(vars(module)) - bare <= undocumented.COMPILING
