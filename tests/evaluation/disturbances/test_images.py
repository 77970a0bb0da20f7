"""The six disturbances against slow transcriptions and closed forms; the study built on them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import binom

from reference import disturbances as slow
from ttur.evaluation.disturbances.images import (
    BlackRectangles,
    Contamination,
    Disturbance,
    GaussianBlur,
    GaussianNoise,
    SaltAndPepper,
    Swirl,
    squash,
)
from ttur.evaluation.disturbances.result import CONSTANTS, DisturbanceRow, published_values
from ttur.evaluation.disturbances.study import VERSIONS, disturbance_study, image_array
from ttur.features.extractors import Extractor, load_extractor
from ttur.metrics.frechet import frechet_distance_of_samples
from ttur.metrics.inception_score import inception_score

# Sums of up to 66 products of float32 at 255: 66 · 255 · 2^-24 = 1e-3 at the worst.
ROUNDING = 1e-3


def random_images(count: int, side: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3)).astype(np.uint8)


def floats(count: int, side: int, seed: int = 0) -> np.ndarray:
    return random_images(count, side, seed).astype(np.float32)


def all_six(count: int, side: int, seed: int = 0) -> list[Disturbance]:
    return [
        GaussianNoise.of(count, side, seed),
        GaussianBlur(),
        BlackRectangles(seed),
        Swirl(seed, 70.0),
        SaltAndPepper(seed),
        Contamination(random_images(count, side, seed=99), count, seed),
    ]


NAMES = [disturbance.name for disturbance in all_six(4, 16)]


@pytest.mark.parametrize("which", range(6), ids=NAMES)
def test_level_zero_is_the_identity_to_the_bit_and_the_argument_is_kept(which: int):
    images, places = floats(8, 32), np.arange(8)
    before = images.copy()
    disturbance = all_six(8, 32)[which]
    np.testing.assert_array_equal(disturbance(images, 0.0, places), images)
    disturbed = disturbance(images, disturbance.alphas[3], places)
    assert not np.array_equal(disturbed, images)
    np.testing.assert_array_equal(images, before)


@settings(max_examples=15, deadline=None)
@given(
    which=st.integers(0, 5),
    level=st.integers(0, 3),
    cuts=st.lists(st.integers(1, 11), unique=True),
)
def test_no_batch_size_changes_an_image_and_pixels_stay_pixels(
    which: int, level: int, cuts: list[int]
):
    disturbance = all_six(12, 16)[which]
    alpha, images = disturbance.alphas[level], floats(12, 16)
    whole = disturbance(images, alpha, np.arange(12))
    parts = np.split(np.arange(12), sorted(cuts))
    in_parts = np.concatenate([disturbance(images[part], alpha, part) for part in parts])
    # A matrix product may round differently in another batch; the rest is equal to the bit.
    tolerance = ROUNDING if disturbance.name == "gaussian_blur" else 0
    np.testing.assert_allclose(in_parts, whole, rtol=0, atol=tolerance)
    assert whole.min() >= 0
    assert whole.max() <= 255


def test_the_seed_decides_and_another_seed_decides_otherwise():
    images, places = floats(6, 16), np.arange(6)
    for one, same, other in zip(
        all_six(6, 16, 0), all_six(6, 16, 0), all_six(6, 16, 1), strict=True
    ):
        disturbed = one(images, one.alphas[2], places)
        np.testing.assert_array_equal(disturbed, same(images, one.alphas[2], places))
        if one.name != "gaussian_blur":
            assert not np.array_equal(disturbed, other(images, one.alphas[2], places)), one.name


# --- Gaussian noise -------------------------------------------------------------------------------


def test_noise_is_one_array_scaled_by_its_extremes_over_the_whole_set():
    """All at once, as the definition reads; ours never holds more than a batch of it."""
    images, places = floats(40, 16), np.arange(40)
    noise = GaussianNoise.of(40, 16, seed=3)
    pure = noise(images, 1.0, places)
    assert (pure.min(), pure.max()) == pytest.approx((0, 255), abs=1e-4)
    for alpha in noise.alphas:
        in_paper_range = (1 - alpha) * (images / 127.5 - 1) + alpha * (pure / 127.5 - 1)
        np.testing.assert_allclose(
            noise(images, alpha, places), (in_paper_range + 1) * 127.5, rtol=0, atol=ROUNDING
        )


def test_noise_of_many_draws_has_a_standard_deviation_far_below_its_range():
    """2σ / (range of n normals): E range of 6.1e6 draws is 10.4σ ± 0.4 (two extreme values at
    √(2 ln n) = 5.2 … 5.6), so std = 0.19 in [-1, 1]; with the paper's 6e8 draws it is 0.16.
    """
    noise = GaussianNoise.of(500, 64, seed=0)
    assert 9.8 < noise.highest - noise.lowest < 12.0
    pure = noise(floats(50, 64), 1.0, np.arange(50)) / 127.5 - 1
    assert 2 / 12.0 < pure.std() < 2 / 9.8
    assert pure.std() == pytest.approx(2 / (noise.highest - noise.lowest), rel=5e-3)
    # The 600,000 values beside another in colour or place have nothing in common.
    flat = pure.reshape(50, -1)
    assert abs(np.corrcoef(flat[:, :-1].ravel(), flat[:, 1:].ravel())[0, 1]) < 5 / np.sqrt(
        flat.size
    )
    assert abs(np.corrcoef(flat[0], flat[1])[0, 1]) < 5 / np.sqrt(flat.shape[1])


# --- Gaussian blur --------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "alpha"), [(16, 1.0), (16, 4.0), (32, 2.0)])
def test_blur_is_the_direct_sum_with_nearest_edges_cut_at_four_sigma(side: int, alpha: float):
    image = floats(1, side)
    expected = slow.gaussian_blur(image[0], alpha * side / 64)
    blurred = GaussianBlur()(image, alpha, np.zeros(1, int))
    np.testing.assert_allclose(blurred[0], expected, rtol=0, atol=ROUNDING)


def test_blur_keeps_a_plain_image_and_the_colours_apart():
    image = np.zeros((1, 32, 32, 3), np.float32)
    image[..., 0] = 200
    blurred = GaussianBlur()(image, 4.0, np.zeros(1, int))
    np.testing.assert_allclose(blurred, image, rtol=0, atol=ROUNDING)


# --- black rectangles -----------------------------------------------------------------------------


@pytest.mark.parametrize("side", [32, 64])
@pytest.mark.parametrize("alpha", [0.25, 0.5, 0.75])
def test_rectangles_cover_between_one_and_five_squares_of_the_stated_side(side: int, alpha: float):
    white = np.full((50, side, side, 3), 255, np.float32)
    disturbed = BlackRectangles(0)(white, alpha, np.arange(50))
    assert set(np.unique(disturbed)) <= {0.0, 255.0}
    black = (disturbed == 0).all(axis=3)
    np.testing.assert_array_equal(black, (disturbed == 0).any(axis=3))
    length = int(side * alpha)
    areas = black.sum(axis=(1, 2))
    assert length**2 <= areas.min()
    assert areas.max() <= min(5 * length**2, side**2)
    # Every black pixel belongs to a whole black square: the opening by that square changes nothing.
    for mask in black[:10]:
        windows = np.lib.stride_tricks.sliding_window_view(mask, (length, length))
        opened = np.zeros_like(mask)
        for top, left in np.argwhere(windows.all(axis=(2, 3))):
            opened[top : top + length, left : left + length] = True
        np.testing.assert_array_equal(opened, mask)


def test_rectangles_take_every_place_inside_with_equal_probability():
    """P(a pixel stays white) = Π over five squares of (1 - placements over it / placements).

    At side 8, α = 3/8: 6 placements along a side, of which c cover coordinate i, c = 1 … 3 … 1.
    """
    count = 4000
    white = np.full((count, 8, 8, 3), 255, np.float32)
    share = (BlackRectangles(1)(white, 0.375, np.arange(count))[..., 0] == 255).mean(axis=0)
    along = np.array([1, 2, 3, 3, 3, 3, 2, 1]) / 6
    expected = (1 - np.outer(along, along)) ** 5
    # 64 binomial shares; five standard deviations each.
    assert (np.abs(share - expected) < 5 * np.sqrt(expected * (1 - expected) / count)).all()


# --- swirl ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "radius", "frame"), [(64, 70.0, (3, 4)), (64, 25.0, (3, 4)), (32, 70.0, (2, 2))]
)
@pytest.mark.parametrize("alpha", [1.0, 4.0])
def test_swirl_is_the_mapping_pixel_by_pixel(
    side: int, radius: float, frame: tuple[int, int], alpha: float
):
    """The transcription also asserts that no source lies outside: the edge rule never matters."""
    image = floats(1, side)
    both = [slow.swirl(image[0], sign * alpha, radius * side / 64, *frame) for sign in (1, -1)]
    for place in range(4):
        swirled = Swirl(0, radius)(image, alpha, np.array([place]))[0]
        assert min(np.abs(swirled - expected).max() for expected in both) < ROUNDING


def test_swirl_agrees_with_scikit_image():
    """scikit-image 0.26.0, float64: swirl(x, strength=4, radius=70, center=(32, 32), mode="edge"),
    x[i, j, c] = (7 i + 13 j + 5 c + i j) mod 256 at side 64.
    """
    i, j, c = np.ogrid[:64, :64, :3]
    image = ((7 * i + 13 * j + 5 * c + i * j) % 256).astype(np.float32)[None]
    golden = {
        (32, 32, 0): 128.0,
        (30, 40, 1): 198.5091,
        (20, 20, 2): 204.1884,
        (45, 10, 0): 125.393,
        (5, 50, 1): 151.0003,
        (59, 59, 2): 82.2756,
    }
    swirled = Swirl(0, 70.0)(image.repeat(8, axis=0), 4.0, np.arange(8))
    agrees = [
        all(abs(one[pixel] - value) < ROUNDING for pixel, value in golden.items())
        for one in swirled
    ]
    assert any(agrees), "no image turns the way of a positive strength"
    assert not all(agrees), "all images turn the same way"


def test_swirl_keeps_the_centre_and_the_frame():
    image = floats(20, 64)
    swirled = Swirl(0, 70.0)(image, 4.0, np.arange(20))
    np.testing.assert_array_equal(swirled[:, 32, 32], image[:, 32, 32])
    inner = np.zeros((64, 64), bool)
    inner[3:60, 3:60] = True
    np.testing.assert_array_equal(swirled[:, ~inner], image[:, ~inner])
    changed = (swirled != image).any(axis=(0, 3))
    assert changed[3:60, 3].any()
    assert changed[3:60, 59].any()
    assert changed[3, 3:60].any()
    assert changed[59, 3:60].any()


def test_swirl_turns_as_many_images_one_way_as_the_other():
    """A ramp to the right, seen one pixel above the centre: its source is on the left or the right.

    400 signs: a fair coin is within 5 · √100 = 50 of 200.
    """
    ramp = np.tile(np.arange(64, dtype=np.float32)[None, None, :, None], (400, 64, 1, 3))
    above = Swirl(0, 70.0)(ramp, 1.0, np.arange(400))[:, 22, 32, 0]
    right = above > 32
    np.testing.assert_allclose(above[right], above[right][0])
    # r = 10: the angle grows by exp(-50 / (70 ln 2)) = 0.357, the column moves by 10 sin(0.357).
    assert above[right][0] - 32 == pytest.approx(10 * np.sin(0.35686), abs=1e-3)
    assert above[~right][0] - 32 == pytest.approx(-10 * np.sin(0.35686), abs=1e-3)
    assert 150 < right.sum() < 250


# --- salt and pepper ------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.3])
def test_salt_and_pepper_hits_whole_pixels_at_its_rate_half_black_half_white(alpha: float):
    """Counts of 51,200 pixels within the central 1 - 1e-6 of their binomial distributions."""
    grey = np.full((50, 32, 32, 3), 100, np.float32)
    disturbed = SaltAndPepper(0)(grey, alpha, np.arange(50))
    assert set(np.unique(disturbed)) == {0.0, 100.0, 255.0}
    assert (disturbed == disturbed[..., :1]).all()
    pixels = disturbed[..., 0].ravel()
    for share, rate in (
        (pixels != 100, alpha),
        (pixels == 0, alpha / 2),
        (pixels == 255, alpha / 2),
    ):
        low, high = binom.interval(1 - 1e-6, pixels.size, rate)
        assert low <= share.sum() <= high


# --- contamination --------------------------------------------------------------------------------


def test_contamination_replaces_the_exact_share_each_by_another_stranger():
    originals = np.zeros((100, 8, 8, 3), np.float32)
    strangers = np.arange(1, 121, dtype=np.uint8)[:, None, None, None].repeat(8, 1).repeat(8, 2)
    contaminated = Contamination(strangers.repeat(3, 3), 100, seed=0)
    replaced_before = np.zeros(100, bool)
    for alpha, exact in zip(contaminated.alphas, (0, 25, 50, 75), strict=True):
        values = contaminated(originals, alpha, np.arange(100))[:, 0, 0, 0]
        assert (values > 0).sum() == exact
        assert len(np.unique(values[values > 0])) == exact, "no stranger comes twice"
        assert (values > 0)[replaced_before].all(), "what is replaced stays replaced"
        replaced_before = values > 0


def test_too_few_strangers_are_refused():
    with pytest.raises(ValueError, match="at least 75 images to contaminate 100 with"):
        Contamination(random_images(74, 8), 100, 0)
    Contamination(random_images(75, 8), 100, 0)


def test_strangers_are_squashed_to_the_square():
    wide = np.zeros((16, 64, 3), np.uint8)
    wide[:, 32:] = 200
    square = squash(wide, 16)
    assert square.shape == (16, 16, 3)
    assert (square[:, :7] == 0).all()
    assert (square[:, 9:] == 200).all()
    same = random_images(1, 16)[0]
    np.testing.assert_array_equal(squash(same, 16), same)


def test_images_of_a_folder_and_of_a_file_are_one_array(tmp_path: Path):
    wide, square = np.full((16, 32, 3), 7, np.uint8), random_images(1, 16)[0]
    (tmp_path / "mixed").mkdir()
    for name, picture in {"a": wide, "b": square}.items():
        Image.fromarray(picture).save(tmp_path / "mixed" / f"{name}.png")
    mixed = image_array(tmp_path / "mixed", side=16)
    np.testing.assert_array_equal(mixed[0], 7)
    np.testing.assert_array_equal(mixed[1], square)
    with pytest.raises(ValueError, match=r"of one size in .*, got 2 sizes"):
        image_array(tmp_path / "mixed")
    np.save(tmp_path / "images.npy", mixed)
    mapped = image_array(tmp_path / "images.npy")
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, mixed)


# --- the study ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits() -> Extractor:
    return load_extractor("digits")


@pytest.fixture(scope="module")
def study(digits: Extractor):
    lines: list[str] = []
    images, strangers = random_images(60, 16), np.zeros((50, 20, 24, 3), np.uint8)
    made = disturbance_study(images, digits, contamination=strangers, seed=5, say=lines.append)
    return made, images, strangers, lines


def test_the_study_measures_each_level_once_and_names_its_numbers(study):
    made, _, _, lines = study
    assert made.disturbances == tuple(CONSTANTS)
    assert [row.level for row in made.rows] == [0, 1, 2, 3] * 6
    assert (made.distance_name, made.score_name) == ("fd_digits", "is_digits")
    assert not made.is_published_metric
    assert made.counts == {"reference": 60, "disturbed": 60, "contamination": 50}
    assert len(lines) == 1 + 1 + 18
    # All images disturbed by nothing are the reference in another order.
    assert {row.distance for row in made.rows if row.level == 0} == {made.rows[0].distance}
    assert made.rows[0].distance < 1e-6
    assert all(row.distance > 1e-6 for row in made.rows if row.level > 0)


def test_one_row_of_the_study_recomputed_by_hand(study, digits: Extractor):
    made, images, _, _ = study
    row = made.of("gaussian_blur")[3]
    order = np.random.default_rng((5, *b"study")).permutation(60)
    blurred = GaussianBlur()(images[order].astype(np.float32), 4.0, np.arange(60))
    of_blurred = digits(torch.from_numpy(blurred).movedim(-1, 1))
    of_images = digits(torch.from_numpy(images).movedim(-1, 1))
    distance = frechet_distance_of_samples(
        of_images.features.double().numpy(), of_blurred.features.double().numpy()
    )
    # float32 features: batches of 60 and of 100 round differently, by 1e-6 of them.
    assert row.distance == pytest.approx(distance, rel=1e-4)
    assert row.score == pytest.approx(inception_score(of_blurred.logits), rel=1e-5)
    assert row.alpha == 4.0


def test_the_three_readings_of_ind_are_three_constants_minus_the_score(study):
    made, _, _, _ = study
    for name in made.disturbances:
        rows = made.of(name)
        highest = max(row.score for row in rows)
        for row in rows:
            assert row.ind == {
                "constant": CONSTANTS[name] - row.score,
                "samples": 60 - row.score,
                "maximum": highest - row.score,
            }


def test_the_study_is_a_function_of_its_arguments_whatever_the_batch_size(study, digits: Extractor):
    made, images, strangers, _ = study
    again = disturbance_study(images, digits, contamination=strangers, seed=5, batch_size=7)
    for ours, theirs in zip(made.rows, again.rows, strict=True):
        assert ours.distance == pytest.approx(theirs.distance, rel=1e-4, abs=1e-6)
        assert ours.score == pytest.approx(theirs.score, rel=1e-5)
    other = disturbance_study(images, digits, contamination=strangers, seed=6)
    assert other.of("salt_and_pepper")[1].distance != made.of("salt_and_pepper")[1].distance


def test_the_document_is_json_and_says_how_it_was_made(study):
    made, _, _, _ = study
    document = json.loads(json.dumps(made.to_json()))
    assert len(document["rows"]) == 24
    assert document["rows"][5] == {**document["rows"][5], "alpha": 1.0, "level": 1, "count": 60}
    fingerprint = document["fingerprint"]
    assert {"extractor", "weights_sha256", "protocol", "scaling", "seed", "versions"} <= set(
        fingerprint
    )
    assert fingerprint["swirl_radius"] == 70 / 4
    assert len(fingerprint["data_sha256"]) == 64
    assert document["is_monotone"]["gaussian_noise"].keys() == {"distance", "ind"}


def test_the_third_version_takes_its_numbers_and_its_radius(digits: Extractor):
    assert (VERSIONS["v3"].samples, VERSIONS["v3"].reference) == (5_000, 100_000)
    assert (VERSIONS["final"].samples, VERSIONS["final"].reference) == (50_000, None)
    images = random_images(40, 16)
    v3 = disturbance_study(images, digits, version="v3", samples=20)
    assert v3.counts == {"reference": 40, "disturbed": 20}
    assert v3.fingerprint["swirl_radius"] == 25 / 4
    assert v3.disturbances == tuple(CONSTANTS)[:5], "no contamination without strangers"


def test_the_contamination_tile_shows_one_stranger_more_at_each_level(study):
    made, _, _, _ = study
    tiles = made.thumbnails["contamination"]  # the strangers are black
    assert tiles.shape == (4, 32, 32, 3)
    quarters = [[t[:16, :16], t[:16, 16:], t[16:, :16], t[16:, 16:]] for t in tiles]
    assert [sum(not q.any() for q in tile) for tile in quarters] == [0, 1, 2, 3]
    assert made.thumbnails["swirl"].shape == (4, 16, 16, 3)


def test_monotone_means_strictly_rising(study):
    made, _, _, _ = study

    def with_values(distances: list[float], scores: list[float]):
        ind = {"constant": 0.0, "samples": 0.0, "maximum": 0.0}
        rows = tuple(
            DisturbanceRow("swirl", level, 0.0, distance, score, ind, 10)
            for level, (distance, score) in enumerate(zip(distances, scores, strict=True))
        )
        return replace(made, rows=rows)

    rising = with_values([0.0, 1.0, 2.0, 3.0], [4.0, 3.0, 2.0, 1.0])
    assert rising.is_monotone("swirl", "distance")
    assert rising.is_monotone("swirl", "ind")
    equal = with_values([0.0, 1.0, 1.0, 3.0], [4.0, 3.0, 2.0, 2.0])
    assert not equal.is_monotone("swirl", "distance")
    assert not equal.is_monotone("swirl", "ind")
    with pytest.raises(ValueError, match="expected distance or ind"):
        rising.is_monotone("swirl", "fid")


def test_mistakes_are_named_before_anything_is_measured(digits: Extractor):
    images = random_images(20, 16)
    with pytest.raises(ValueError, match="did you mean final"):
        disturbance_study(images, digits, version="finale")
    with pytest.raises(ValueError, match="expected square images, got 12x16"):
        disturbance_study(images[:, :, :12], digits)
    with pytest.raises(ValueError, match="at least 10 images"):
        disturbance_study(images[:9], digits)
    without = Extractor.of(lambda x: x.mean(dim=(2, 3)), name="means", dimension=3)
    with pytest.raises(ValueError, match="means has none"):
        disturbance_study(images, without)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_published_tables_are_whole_and_fall_where_the_caption_says_they_rise(version: str):
    """Salt and pepper: 383.8 → 381.7 in the final version, 382 → 380 in the third."""
    table = published_values(version)
    assert list(table) == list(CONSTANTS)
    assert all([row["level"] for row in rows] == [0, 1, 2, 3] for rows in table.values())
    falling = {
        name
        for name, rows in table.items()
        if any(rows[k]["fid"] >= rows[k + 1]["fid"] for k in range(3))
    }
    assert falling == {"salt_and_pepper"}
    # No published IND rises throughout, except none: the score of each falls and rises.
    assert not any(
        all(rows[k]["inception_score"] > rows[k + 1]["inception_score"] for k in range(3))
        for rows in table.values()
    )
