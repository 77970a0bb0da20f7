"""The resizes against literal transcriptions; the scalings; that nothing else is changed."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from reference.resize import pillow_bicubic, tf1_bilinear, torch_antialiased, torch_bilinear
from ttur.features.resize import PROTOCOLS, resize, scale

RNG = np.random.default_rng(0)
# Down and up, odd ratios (299 is prime to most), one-pixel sides, a side already right.
SIZES = [(32, 32, 75), (7, 5, 12), (12, 20, 7), (64, 31, 31), (1, 3, 4), (2, 2, 299), (40, 40, 13)]


def pixels_of(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images).movedim(-1, 1)


def images_of(pixels: torch.Tensor) -> np.ndarray:
    return pixels.movedim(1, -1).numpy()


@pytest.mark.parametrize(("height", "width", "size"), SIZES)
def test_tf1_is_the_legacy_kernel_to_the_bit(height: int, width: int, size: int):
    images = RNG.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    ours = images_of(resize(pixels_of(images), size, "tf1"))
    assert (ours == tf1_bilinear(images, size)).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_tf1_is_the_legacy_kernel_for_any_size(height: int, width: int, size: int, seed: int):
    images = np.random.default_rng(seed).uniform(0, 255, (1, height, width, 3)).astype(np.float32)
    ours = images_of(resize(pixels_of(images), size, "tf1"))
    assert (ours == tf1_bilinear(images, size)).all()


@pytest.mark.parametrize(("height", "width", "size"), SIZES)
def test_torch_has_half_pixel_centres_and_no_antialiasing(height: int, width: int, size: int):
    images = RNG.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    ours = images_of(resize(pixels_of(images), size, "torch"))
    # float32 coordinates up to 300 err 1.5e-5 of a pixel, between neighbours up to 255 apart.
    np.testing.assert_allclose(ours, torch_bilinear(images, size), atol=8e-3, rtol=0)


@pytest.mark.parametrize(("height", "width", "size"), SIZES)
def test_clean_is_pillows_bicubic_on_floats(height: int, width: int, size: int):
    images = RNG.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    ours = images_of(resize(pixels_of(images), size, "clean"))
    # Pillow sums in float64 and rounds each of its two passes to float32: half of 2^-16 below 256,
    # of 2^-15 where the first one overshoots.
    np.testing.assert_allclose(ours, pillow_bicubic(images, size), atol=6e-5, rtol=0)


@pytest.mark.parametrize(("height", "width", "size"), SIZES)
def test_torch_antialias_is_a_triangle_as_wide_as_the_ratio(height: int, width: int, size: int):
    images = RNG.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    ours = images_of(resize(pixels_of(images), size, "torch_antialias"))
    # Coordinates and weights in float32, as above.
    np.testing.assert_allclose(ours, torch_antialiased(images, size), atol=8e-3, rtol=0)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30), st.integers(0, 99))
def test_both_low_passing_resizes_for_any_size(height: int, width: int, size: int, seed: int):
    images = np.random.default_rng(seed).uniform(0, 255, (1, height, width, 3)).astype(np.float32)
    clean = images_of(resize(pixels_of(images), size, "clean"))
    antialiased = images_of(resize(pixels_of(images), size, "torch_antialias"))
    # The sizes are rarely equal and then the identity, which the transcriptions contain.
    np.testing.assert_allclose(clean, pillow_bicubic(images, size), atol=6e-5, rtol=0)
    np.testing.assert_allclose(antialiased, torch_antialiased(images, size), atol=8e-3, rtol=0)


@pytest.mark.parametrize(("height", "width", "size"), SIZES)
def test_dinov2_is_torchs_bicubic_neither_cut_nor_rounded(height: int, width: int, size: int):
    images = pixels_of(RNG.integers(0, 2, (2, height, width, 3), dtype=np.uint8) * 255)
    expected = F.interpolate(images.float(), (size, size), mode="bicubic", antialias=True)
    ours = resize(images, size, "dinov2")
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-3)
    if size > max(height, width) > 3:
        assert ours.min() < -1
        assert ours.max() > 256


@pytest.mark.parametrize(("height", "width", "size"), SIZES)
def test_dinov2_pil_is_pillows_bicubic_of_an_image(height: int, width: int, size: int):
    images = RNG.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    ours = images_of(resize(pixels_of(images), size, "dinov2_pil"))
    for got, image in zip(ours, images, strict=True):
        expected = Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)
        assert (got == np.asarray(expected)).all()


@pytest.mark.parametrize(("height", "width", "size"), SIZES)
def test_clip_is_the_same_of_the_square_in_the_middle(height: int, width: int, size: int):
    images = RNG.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    ours = images_of(resize(pixels_of(images), size, "clip"))
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2  # down, where it is not whole
    for got, image in zip(ours, images, strict=True):
        square = Image.fromarray(image).crop((left, top, left + side, top + side))
        expected = square.resize((size, size), Image.Resampling.BICUBIC)
        assert (got == np.asarray(expected)).all()


@pytest.mark.parametrize("protocol", ["dinov2_pil", "clip"])
@pytest.mark.parametrize("size", [9, 20])
def test_protocols_on_bytes_round_floats_before(protocol: str, size: int):
    images = pixels_of(RNG.uniform(0, 255, (2, 9, 9, 3)).astype(np.float32))
    expected = resize(images.round().to(torch.uint8), size, protocol)
    assert torch.equal(resize(images, size, protocol), expected)
    assert (resize(images, 9, "dinov2") == images).all()


def test_clean_is_cut_but_not_rounded():
    """Bicubic overshoots at an edge: cut at 0 and 255, in between any float."""
    edge = torch.tensor([0.0, 0, 255, 255]).expand(1, 3, 4, 4)
    resized = resize(edge, 16, "clean")
    assert (resized.min(), resized.max()) == (0, 255)
    assert (resized != resized.round()).any()


def test_what_low_passes_keeps_the_mean_of_stripes_and_what_does_not_aliases():
    stripes = torch.tensor([0.0, 255]).repeat(32).expand(1, 3, 64, 64)
    ranges = {}
    for protocol in PROTOCOLS:
        inside = resize(stripes, 16, protocol)[..., 2:-2, 2:-2]  # free of the border
        ranges[protocol] = (inside.min().item(), inside.max().item())
    assert ranges["tf1"] == (0, 0)  # every fourth column, all black
    assert ranges["torch"] == (127.5, 127.5)  # between a black and a white one, by luck
    for protocol in ("clean", "torch_antialias"):
        assert ranges[protocol] == pytest.approx((127.5, 127.5), abs=1e-4)


def test_enlarging_is_the_same_with_and_without_antialiasing():
    images = pixels_of(RNG.integers(0, 256, (2, 20, 13, 3), dtype=np.uint8))
    plain, antialiased = (resize(images, 41, protocol) for protocol in ("torch", "torch_antialias"))
    torch.testing.assert_close(plain, antialiased, atol=1e-3, rtol=0)


def test_tf1_samples_at_multiples_of_the_scale():
    """A ramp 0, 1, 2, 3 brought to 8 reads 0, ½, 1, … and repeats its edge: no half-pixel shift."""
    ramp = torch.arange(4.0).expand(1, 3, 4, 4)
    expected = torch.tensor([0, 0.5, 1, 1.5, 2, 2.5, 3, 3])
    assert (resize(ramp, 8, "tf1")[0, 0, 0] == expected).all()


def test_the_protocols_differ():
    image = torch.arange(4.0).expand(1, 3, 4, 4)
    assert (resize(image, 8, "tf1") - resize(image, 8, "torch")).abs().max() == 0.25


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_image_of_the_right_size_is_left_alone(protocol: str):
    pixels = pixels_of(RNG.integers(0, 256, (2, 9, 9, 3), dtype=np.uint8))
    resized = resize(pixels, 9, protocol)
    assert resized.dtype == torch.float32
    assert (resized == pixels).all()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("size", [9, 20])
def test_dtype_layout_and_batch_do_not_change_a_bit(protocol: str, size: int):
    images = RNG.integers(0, 256, (3, 9, 9, 3), dtype=np.uint8)
    expected = resize(pixels_of(images).contiguous(), size, protocol)
    assert expected.is_contiguous()
    for other in (pixels_of(images), pixels_of(images).float(), pixels_of(images).double()):
        resized = resize(other, size, protocol)
        assert resized.is_contiguous()
        assert (resized == expected).all()
    one_by_one = torch.cat([resize(image[None], size, protocol) for image in pixels_of(images)])
    assert (one_by_one == expected).all()


@pytest.mark.parametrize(
    ("protocol", "ends"),
    [
        ("tf1", (-1.0, 0.0, 0.9921875)),
        ("torch", (-1.0, 128 / 127.5 - 1, 1.0)),
        ("clean", (-1.0, 0.0, 0.9921875)),
        ("torch_antialias", (-1.0, 0.0, 0.9921875)),
        # (x / 255 - mean) / deviation of the channel: red 0, green 128, blue 255.
        *[
            (name, (-0.485 / 0.229, (128 / 255 - 0.456) / 0.224, (1 - 0.406) / 0.225))
            for name in ("dinov2", "dinov2_pil")
        ],
        (
            "clip",
            (
                -0.48145466 / 0.26862954,
                (128 / 255 - 0.4578275) / 0.26130258,
                (1 - 0.40821073) / 0.27577711,
            ),
        ),
    ],
)
def test_scaling(protocol: str, ends: tuple[float, ...]):
    pixels = torch.tensor([0.0, 128.0, 255.0]).view(1, 3, 1, 1)
    np.testing.assert_allclose(scale(pixels, protocol).flatten(), ends, atol=3e-7, rtol=0)


@pytest.mark.parametrize("function", [lambda x, p: resize(x, 4, p), scale])
def test_an_unknown_protocol_is_named(function):
    with pytest.raises(ValueError, match=r"tf1, torch, clean, torch_antialias, .*clip, got 'tf2'"):
        function(torch.zeros(1, 3, 4, 4), "tf2")
