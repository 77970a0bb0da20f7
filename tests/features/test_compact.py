"""The embedded network is what its table says, and an image's features are its own."""

import pytest
import torch
from torch import Tensor

from reference.compact import features_and_logits
from ttur.features.compact import Compact


@pytest.fixture
def network() -> Compact:
    """Small, float64, every parameter and every running statistic random."""
    generator = torch.Generator().manual_seed(3)
    network = Compact(width=3, classes=4).double().eval().requires_grad_(False)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2, generator=generator)
        elif tensor.is_floating_point():
            tensor.normal_(std=0.3, generator=generator)
    return network


def images(count: int, side: int) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.rand(count, 3, side, side, dtype=torch.float64, generator=generator) * 2 - 1


@pytest.mark.parametrize("side", [8, 13, 16])
def test_it_equals_its_transcription(network: Compact, side: int):
    state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    features, logits = features_and_logits(images(5, side).numpy(), state)
    got_features, got_logits = network(images(5, side))
    # Sums of at most 108 float64 products, eight layers deep.
    torch.testing.assert_close(got_features, torch.from_numpy(features), rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(got_logits, torch.from_numpy(logits), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("width", "parameters"), [(16, 209_306), (32, 833_322)])
def test_parameter_counts(width: int, parameters: int):
    # Eight layers (3 → w → 2w → 4w, then five of 4w → 4w), a gain and a shift per channel of each,
    # and a head of 10 classes.
    w = width
    formula = 9 * (3 * w + 2 * w**2 + 8 * w**2 + 5 * 16 * w**2)
    formula += 2 * (w + 2 * w + 6 * 4 * w) + 10 * (4 * w + 1)
    assert formula == parameters
    assert sum(tensor.numel() for tensor in Compact(width).parameters()) == parameters


def test_features_do_not_depend_on_the_batch_around_an_image(network: Compact):
    batch = images(7, 16)
    features, logits = network(batch)
    alone = [network(image[None]) for image in batch]
    torch.testing.assert_close(torch.cat([f for f, _ in alone]), features, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(torch.cat([z for _, z in alone]), logits, rtol=1e-12, atol=1e-14)
    backwards, _ = network(batch.flip(0))
    torch.testing.assert_close(backwards.flip(0), features, rtol=1e-12, atol=1e-14)


def test_features_are_not_negative_and_as_many_as_said(network: Compact):
    features, logits = network(images(6, 16))
    assert features.shape == (6, network.dimension)
    assert logits.shape == (6, 4)
    assert features.min() >= 0
    assert features.max() > 0
