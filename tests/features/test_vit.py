"""DINOv2 and CLIP against a transcription in loops; what comes of batches, precisions and files."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from reference.vit import vit
from ttur.evaluation.comparison import Comparison
from ttur.evaluation.evaluate import evaluate
from ttur.features import clip, designs, dinov2
from ttur.features.clip import ClipImages
from ttur.features.designs import DESIGNS
from ttur.features.dinov2 import DinoV2
from ttur.features.extractors import Extractor, load_extractor
from ttur.features.resize import FOR_CLIP, FOR_DINOV2, FOR_INCEPTION
from ttur.features.state_dicts import renamed
from ttur.features.vit import ViT, with_products
from ttur.runtime.digests import of_file as sha256_of

TINY = {"width": 12, "depth": 2, "heads": 3}


def randomised(network: ViT) -> ViT:
    """Every tensor away from what it starts at, activations of order one."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            drawn = torch.randn(tensor.shape, generator=generator)
            near_one = name.endswith(("gamma", "norm.weight", "norm1.weight", "norm2.weight"))
            tensor.copy_(1 + 0.2 * drawn if near_one else drawn / tensor.shape[-1] ** 0.5)
    return network


def tiny_dinov2(grid: int = 3) -> ViT:
    return randomised(DinoV2(**TINY, grid=grid))


def tiny_clip(grid: int = 3) -> ViT:
    return randomised(ClipImages(**TINY, grid=grid, projection=5))


def images(count: int, side: int) -> Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


def pixels(count: int, height: int = 30, width: int = 40) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    shape = (count, 3, height, width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize(("make", "eps"), [(tiny_dinov2, 1e-6), (tiny_clip, 1e-5)])
def test_it_is_the_transcription_in_loops(make, eps: float):
    network, batch = make(), images(2, 42)
    weights = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    of_clip = make is tiny_clip
    for got, image in zip(network(batch), batch.numpy(), strict=True):
        expected = vit(weights, image, depth=2, heads=3, eps=eps, clip=of_clip)
        np.testing.assert_allclose(got, expected, rtol=0, atol=2e-6)


def test_positions_are_read_at_a_ratio_of_16_point_1():
    """Not at 16: the grid of 224 is that of the authors' own code."""
    network = tiny_dinov2(grid=37)
    trained = network.pos_embed[0, 1:].T.reshape(1, 12, 37, 37)
    expected = F.interpolate(trained, scale_factor=(16.1 / 37, 16.1 / 37), mode="bicubic")
    got = network.positions(16 * 16)
    assert got.shape == (1, 257, 12)
    assert torch.equal(got[:, 0], network.pos_embed[:, 0])  # the class token has its own
    assert torch.equal(got[0, 1:].T.reshape(1, 12, 16, 16), expected)
    plain = F.interpolate(trained, (16, 16), mode="bicubic")
    assert (plain - expected).abs().max() > 0.05
    assert torch.equal(network.positions(37 * 37), network.pos_embed)


@pytest.mark.parametrize("make", [tiny_dinov2, tiny_clip])
def test_it_is_frozen_and_its_names_are_those_of_the_files(make):
    network = make()
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert len(network.state_dict()) == (6 + 14 * 2 if make is tiny_dinov2 else 8 + 12 * 2)


def test_the_network_of_the_name_has_the_tensors_of_its_file():
    """343 in the published one, with the mask token of training."""
    with torch.device("meta"):
        for name, width, depth in (
            ("dinov2", 1024, 24),
            ("dinov2_vitb14", 768, 12),
            ("dinov2_vits14", 384, 12),
        ):
            state = DESIGNS[name].network().state_dict()
            assert len(state) == 6 + 14 * depth
            assert state["pos_embed"].shape == (1, 1370, width)
            assert DESIGNS[name].dimension == width
        state = DESIGNS["clip"].network().state_dict()
    assert state["pos_embed"].shape == (1, 577, 1024)
    assert state["head.weight"].shape == (768, 1024)


# Files.


def of_hugging_face(state: dict[str, Tensor], old: bool) -> dict[str, Tensor]:
    """DINOv2's tensors as transformers names them, in its two ways."""
    theirs = {"embeddings.mask_token": torch.zeros(1, 12)}
    q_k_v = ("attention.query", "attention.key", "attention.value")
    if not old:
        q_k_v = ("q_proj", "k_proj", "v_proj")
    for name, tensor in state.items():
        if ".qkv." in name:
            kind = name.rpartition(".")[2]
            for part, rows in zip(q_k_v, tensor.chunk(3), strict=True):
                theirs[f"encoder.layer.{name[7]}.attention.{part}.{kind}"] = rows.clone()
            continue
        for ours, other in (
            ("cls_token", "embeddings.cls_token"),
            ("pos_embed", "embeddings.position_embeddings"),
            ("patch_embed.proj", "embeddings.patch_embeddings.projection"),
            ("blocks.", "encoder.layer."),
            ("attn.proj", "attention.output.dense" if old else "attention.o_proj"),
            ("ls1.gamma", "layer_scale1.lambda1"),
            ("ls2.gamma", "layer_scale2.lambda1"),
        ):
            name = name.replace(ours, other)
        theirs[name.replace("norm.", "layernorm.") if name.startswith("norm.") else name] = tensor
    return theirs


@pytest.mark.parametrize("old", [True, False])
def test_both_layouts_of_dinov2_are_one_network(old: bool):
    state = tiny_dinov2().state_dict()
    theirs = of_hugging_face(state, old)
    assert theirs.keys().isdisjoint(state)
    back = renamed(dict(reversed(theirs.items())), dinov2.NAMES)  # v before q: by name
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], tensor) for name, tensor in state.items())
    official = renamed(state | {"mask_token": torch.zeros(1, 12)}, dinov2.NAMES)
    assert official.keys() == state.keys()


def of_openai(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """CLIP's tensors as OpenAI names and shapes them, beside those of the tower of texts."""
    theirs: dict[str, Tensor] = {
        "positional_embedding": torch.zeros(4, 3),
        "text_projection": torch.zeros(3, 5),
        "token_embedding.weight": torch.zeros(7, 3),
        "transformer.resblocks.0.attn.in_proj_weight": torch.zeros(9, 3),
        "ln_final.weight": torch.zeros(3),
        "logit_scale": torch.zeros(()),
    }
    for name, tensor in state.items():
        for ours, other in (
            ("cls_token", "class_embedding"),
            ("pos_embed", "positional_embedding"),
            ("patch_embed.proj", "conv1"),
            ("norm_pre", "ln_pre"),
            ("norm1", "ln_1"),
            ("norm2", "ln_2"),
            ("blocks", "transformer.resblocks"),
            ("attn.proj", "attn.out_proj"),
            ("attn.qkv.", "attn.in_proj_"),
            ("mlp.fc1", "mlp.c_fc"),
            ("mlp.fc2", "mlp.c_proj"),
            ("head.weight", "proj"),
        ):
            name = name.replace(ours, other)
        if name.startswith("norm."):
            name = name.replace("norm", "ln_post")
        theirs[f"visual.{name}"] = tensor.T.contiguous() if name == "proj" else tensor
    theirs["visual.class_embedding"] = theirs["visual.class_embedding"][0, 0]
    theirs["visual.positional_embedding"] = theirs["visual.positional_embedding"][0]
    return theirs


def test_openais_layout_of_clip_is_the_network():
    state = tiny_clip().state_dict()
    back = renamed(of_openai(state), clip.NAMES)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], tensor) for name, tensor in state.items())


# As extractors.


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Path]:
    """The designs with small networks, and files of weights that have their digests."""
    files = {}
    for name, network in (
        ("dinov2", lambda: DinoV2(**TINY)),
        ("clip", lambda: ClipImages(**TINY, projection=6)),
    ):
        files[name] = tmp_path / f"{name}.safetensors"
        save_file(randomised(network()).state_dict(), files[name])
        weights = dataclasses.replace(DESIGNS[name].weights, sha256=sha256_of(files[name]))  # pyright: ignore[reportArgumentType]
        dimension = {"dinov2": 12, "clip": 6}[name]
        made = dataclasses.replace(
            DESIGNS[name], network=network, weights=weights, dimension=dimension
        )
        monkeypatch.setitem(designs.DESIGNS, name, made)
    return files


def loaded(name: str, small: dict[str, Path], **options) -> Extractor:
    return load_extractor(name, weights=small[name], device="cpu", **options)


@pytest.mark.parametrize("name", ["dinov2", "clip"])
def test_an_extractor_gives_features_of_the_image_alone(name: str, small: dict[str, Path]):
    extract = loaded(name, small)
    whole = extract(pixels(4)).features
    assert whole.shape == (4, extract.dimension)
    alone = torch.cat([extract(image[None]).features for image in pixels(4)])
    backwards = extract(pixels(4).flip(0)).features.flip(0)
    # Products of matrices sum in another order for another batch.
    for other in (alone, backwards, extract(pixels(4).float()).features):
        torch.testing.assert_close(other, whole, rtol=0, atol=2e-5)
    if name == "clip":
        torch.testing.assert_close(whole.norm(dim=1), torch.ones(4))


@pytest.mark.parametrize("protocol", [*FOR_DINOV2, *FOR_CLIP])
def test_images_of_several_sizes_are_each_resized_on_its_own(protocol: str, small: dict[str, Path]):
    """Black and white, where a bicubic leaves 0..255: pixels would be refused, these are not."""
    extract = loaded("clip" if protocol == "clip" else "dinov2", small, protocol=protocol)
    stripes = [(pixels(1, side, 40)[0] > 127).byte() * 255 for side in (30, 17)]
    expected = torch.cat([extract(image[None]).features for image in stripes])
    torch.testing.assert_close(extract(stripes).features, expected, rtol=0, atol=2e-5)


def test_the_fingerprint_says_how_positions_were_made(small: dict[str, Path]):
    assert loaded("dinov2", small).fingerprint() == {
        "extractor": "dinov2",
        "weights_sha256": sha256_of(small["dinov2"]),
        "protocol": "dinov2",
        "scaling": "(x/255-(0.485,0.456,0.406))/(0.229,0.224,0.225)",
        "size": 224,
        "precision": "float32",
        "positions": "bicubic by 16.1/37",
    }
    assert "positions" not in loaded("clip", small).fingerprint()


def test_numbers_carry_the_name_and_cmmd_asks_for_its_weights(
    small: dict[str, Path], tmp_path: Path
):
    images = pixels(9).movedim(1, -1).numpy()
    options = {"interval": False, "cache": False, "kid_subset_size": 4, "device": "cpu"}
    names = "fid,kid,precision_recall_k5,mmd"
    made = evaluate(images, images, names, extractor="dinov2", weights=small["dinov2"], **options)
    assert list(made) == [
        "fd_dinov2",
        "kid_dinov2",
        "precision_k5_dinov2",
        "recall_k5_dinov2",
        "mmd_dinov2",
    ]
    made = evaluate(images, images, "cmmd", weights=small["clip"], **options)  # finds its extractor
    assert list(made) == ["cmmd"]
    assert made.protocol == "clip"
    other = tmp_path / "other.safetensors"
    save_file(randomised(ClipImages(**TINY, projection=6)).half().state_dict(), other)
    made = evaluate(images, images, "cmmd", weights=other, **options)
    assert list(made) == [f"mmd_clip[{sha256_of(other)[:8]}]"]


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("dinov2", {"protocol": "tf1"}, "out of dinov2, dinov2_pil, got 'tf1'; dinov2 is .*EDM2"),
        ("dinov2", {"protocol": "clip"}, "out of dinov2, dinov2_pil, got 'clip'"),
        ("clip", {"protocol": "dinov2"}, "a protocol out of clip, got 'dinov2'"),
        ("digits", {"protocol": "dinov2"}, "torch_antialias, got 'dinov2'"),
        ("clip", {"precision": "float16"}, "out of float32, bfloat16, got 'float16'"),
    ],
)
def test_what_does_not_fit_is_refused_before_weights_are_read(
    name: str, options: dict[str, Any], said: str, tmp_path: Path
):
    with pytest.raises(ValueError, match=said):
        load_extractor(name, weights=tmp_path / "nowhere.pth", **options)


def test_weights_of_another_size_are_refused(small: dict[str, Path]):
    with pytest.raises(
        ValueError, match=r"expected the 174 tensors of DinoV2 .* missing blocks\.2"
    ):
        load_extractor("dinov2_vits14", weights=small["dinov2"])


def test_designs_name_their_protocols():
    families = [tuple(FOR_INCEPTION), tuple(FOR_DINOV2), tuple(FOR_CLIP)]
    assert {design.protocols for design in DESIGNS.values()} == set(families)
    assert len({name for family in families for name in family}) == 7


def test_statistics_by_other_positions_are_not_compared(small: dict[str, Path]):
    extract = loaded("dinov2", small)
    comparison = Comparison.of_names("fid", extractor=extract, interval=False)
    drawn = comparison.collect("generated")
    drawn.update(pixels(4))
    side = drawn.side().statistics
    other = dataclasses.replace(side, fingerprint=side.fingerprint | {"positions": "bicubic to 16"})
    with pytest.raises(ValueError, match=r"positions bicubic to 16 against bicubic by 16\.1/37"):
        comparison.check(other, "real")


@pytest.mark.parametrize("name", ["dinov2", "clip"])
def test_bfloat16_rounds_products_and_nothing_else(name: str, small: dict[str, Path]):
    exact, short = loaded(name, small), loaded(name, small, precision="bfloat16")
    difference = (short(pixels(3)).features - exact(pixels(3)).features).norm(dim=1)
    error = difference / exact(pixels(3)).features.norm(dim=1)
    assert (error > 1e-4).all()
    assert (error < 2e-2).all()
    assert short(pixels(3)).features.dtype == torch.float32
    assert short.fingerprint() == exact.fingerprint() | {"precision": "bfloat16"}


def test_bfloat16_keeps_norms_positions_and_sums_in_float32():
    network = with_products(tiny_dinov2(), "bfloat16")
    kept = {
        name.rpartition(".")[0].rpartition(".")[2] or name
        for name, tensor in network.state_dict().items()
        if tensor.dtype == torch.float32
    }
    assert kept == {"cls_token", "pos_embed", "norm", "norm1", "norm2", "ls1", "ls2"}
