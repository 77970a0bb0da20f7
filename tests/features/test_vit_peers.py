"""The same random weights in transformers' DINOv2 and CLIP: the same features."""

from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from ttur.features import clip, dinov2
from ttur.features.clip import ClipImages
from ttur.features.dinov2 import DinoV2
from ttur.features.state_dicts import load_strictly, renamed
from ttur.features.vit import ViT

pytestmark = pytest.mark.extras
SMALL = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4}


@pytest.fixture(scope="module")
def transformers():
    """It looks for torchvision, whose wheel does not load beside a CPU-only torch before the
    operators that are missing there have been declared.
    """
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, operator):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    yield pytest.importorskip("transformers", reason="the other implementation")
    del library


def randomised(network: torch.nn.Module) -> Any:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            drawn = torch.randn(tensor.shape, generator=generator)
            near_one = ("norm" in name and name.endswith("weight")) or "lambda" in name
            tensor.copy_(1 + 0.2 * drawn if near_one else drawn / tensor.shape[-1] ** 0.5)
    return network.eval()


def ours(network: ViT, theirs: torch.nn.Module, names) -> ViT:
    """With their tensors under their names, through a file."""
    state = load(save(dict(theirs.state_dict())))
    load_strictly(network, renamed(state, names), "theirs")
    return network


def images(side: int) -> Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))


def test_dinov2_at_the_grid_of_its_positions(transformers):
    config = transformers.Dinov2Config(**SMALL, image_size=518, patch_size=14, layerscale_value=1.0)
    theirs = randomised(transformers.Dinov2Model(config))
    network = ours(DinoV2(width=48, depth=3, heads=4), theirs, dinov2.NAMES)
    with torch.no_grad():
        expected = theirs(images(518)).pooler_output
    torch.testing.assert_close(network(images(518)), expected, rtol=0, atol=2e-5)


def test_dinov2_at_224_differs_by_its_positions_alone(transformers):
    """transformers reads them at 16 / 37; with its own put in, the features are the same."""
    config = transformers.Dinov2Config(**SMALL, image_size=518, patch_size=14, layerscale_value=1.0)
    theirs = randomised(transformers.Dinov2Model(config))
    network = ours(DinoV2(width=48, depth=3, heads=4), theirs, dinov2.NAMES)
    with torch.no_grad():
        expected = theirs(images(224)).pooler_output
    assert (network(images(224)) - expected).abs().max() > 1e-3
    network.interpolation = lambda trained: torch.nn.functional.interpolate(
        trained, (16, 16), mode="bicubic"
    )
    torch.testing.assert_close(network(images(224)), expected, rtol=0, atol=2e-5)


def test_clip_before_it_is_divided_by_its_norm(transformers):
    config = transformers.CLIPVisionConfig(
        **SMALL, intermediate_size=192, image_size=336, patch_size=14, projection_dim=20
    )
    assert config.hidden_act == "quick_gelu"
    theirs = randomised(transformers.CLIPVisionModelWithProjection(config))
    network = ours(ClipImages(width=48, depth=3, heads=4, projection=20), theirs, clip.NAMES)
    with torch.no_grad():
        expected = theirs(images(336)).image_embeds
    expected = expected / expected.norm(dim=1, keepdim=True)
    torch.testing.assert_close(network(images(336)), expected, rtol=0, atol=2e-6)


def test_files_of_transformers_are_read(transformers, tmp_path):
    """As it saves them: the names of published files, which are not those of its modules."""
    config = transformers.Dinov2Config(**SMALL, image_size=518, patch_size=14)
    theirs = randomised(transformers.Dinov2Model(config))
    theirs.save_pretrained(tmp_path)
    state = load((tmp_path / "model.safetensors").read_bytes())
    network = DinoV2(width=48, depth=3, heads=4)
    load_strictly(network, renamed(state, dinov2.NAMES), "theirs")
    mine = ours(DinoV2(width=48, depth=3, heads=4), theirs, dinov2.NAMES)
    assert torch.equal(network(images(224)), mine(images(224)))
