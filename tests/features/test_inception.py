"""Inception of 2015-12-05: the published tensors, and the transcription, layer by layer."""

import pytest
import torch
from torch import Tensor

from reference.inception import activations
from reference.weights import SHAPES, random_inception_weights
from ttur.features.inception import LAYERS, EarlyLayer, Inception


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    return random_inception_weights()


@pytest.fixture(scope="module")
def network(weights: dict[str, Tensor]) -> Inception:
    network = Inception()
    network.load_state_dict(weights, strict=True)
    return network


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(1, 3, 299, 299, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture(scope="module")
def expected(weights: dict[str, Tensor], images: Tensor) -> dict[str, Tensor]:
    return activations(weights, images)


def test_the_state_dict_is_the_published_one():
    ours = {name: list(tensor.shape) for name, tensor in Inception().state_dict().items()}
    assert len(ours) == 472
    assert list(ours.items()) == list(SHAPES.items())


@pytest.mark.parametrize("name", ["Mixed_7c.branch3x3dbl_3b.bn.running_var", "fc.bias"])
def test_a_missing_tensor_is_refused(weights: dict[str, Tensor], name: str):
    with pytest.raises(RuntimeError, match=name):
        Inception().load_state_dict({key: weights[key] for key in weights if key != name})


def test_an_additional_tensor_is_refused(weights: dict[str, Tensor]):
    with pytest.raises(RuntimeError, match="num_batches_tracked"):
        Inception().load_state_dict(
            weights | {"Conv2d_1a_3x3.bn.num_batches_tracked": torch.tensor(0)}
        )


def test_outputs_are_those_of_the_transcription(
    network: Inception, expected: dict[str, Tensor], images: Tensor
):
    # 48 layers in float32 against float64: a few 1e-7 of the norm; a wrong pool costs percents.
    for ours, name in zip(network(images), ("2048", "logits", "spatial"), strict=True):
        assert (ours - expected[name]).norm() < 2e-6 * expected[name].norm()
    assert network(images)[2].shape == (1, 2023)


@pytest.mark.parametrize("layer", LAYERS)
def test_earlier_layers_are_those_of_the_transcription(
    network: Inception, expected: dict[str, Tensor], images: Tensor, layer: int
):
    """And no layer after them is run."""
    early = EarlyLayer(network, layer)
    features = early(images)
    assert features.shape == (1, layer)
    assert (features - expected[str(layer)]).norm() < 2e-6 * expected[str(layer)].norm()
    assert len(early.state_dict()) == {64: 15, 192: 25, 768: 350}[layer]


def test_logits_leave_the_bias_out(network: Inception, weights: dict[str, Tensor], images: Tensor):
    features, logits, _ = network(images)
    assert (logits == features @ weights["fc.weight"].T).all()
    assert weights["fc.bias"].abs().min() > 0


def test_the_network_is_frozen(network: Inception, images: Tensor):
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    features = network(images)[0]
    assert (network.train()(images)[0] == features).all()  # nothing in it depends on the mode
    assert not features.requires_grad
    network.eval()
