"""Augmentation: literal transcriptions, statistics of what is drawn, gradients, resumes."""

import pytest
import torch

from configurations import configuration
from ttur.losses import DiffAugment, Hinge, Round, augmented
from ttur.losses.augmentation import POLICIES, colour, cutout, translation


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


IMAGES = torch.rand((6, 3, 8, 10), generator=rng(1)) * 2 - 1


def test_colour_is_its_transcription():
    made, drawn = (
        colour(IMAGES, rng()),
        [torch.rand((6, 1, 1, 1), generator=g) for g in [rng()] * 3],
    )
    for image, result, b, s, c in zip(
        IMAGES, made, *(d.flatten().tolist() for d in drawn), strict=True
    ):
        x = image + b - 0.5
        grey = (x[0] + x[1] + x[2]) / 3
        x = torch.stack([(channel - grey) * 2 * s + grey for channel in x])
        mean = x.sum() / x.numel()
        assert torch.allclose(result, (x - mean) * (c + 0.5) + mean, atol=1e-6)


def test_translation_shifts_each_image_with_zeros_behind():
    images = IMAGES.repeat(20, 1, 1, 1)
    made, seen = translation(images, rng()), set()
    for image, result in zip(images, made, strict=True):
        fits = []
        for down in (-1, 0, 1):  # an eighth of 8 and of 10, rounded
            for right in (-1, 0, 1):
                shifted = torch.zeros_like(image)
                rows, columns = (
                    range(max(0, down), 8 + min(0, down)),
                    range(max(0, right), 10 + min(0, right)),
                )
                for row in rows:
                    for column in columns:
                        shifted[:, row, column] = image[:, row - down, column - right]
                if torch.equal(shifted, result):
                    fits.append((down, right))
        assert len(fits) == 1
        seen |= set(fits)
    assert len(seen) == 9


def test_cutout_leaves_a_square_of_half_the_side_out():
    ones = torch.ones(2000, 1, 8, 8)
    holes = 1 - cutout(ones, rng())[:, 0]
    rows, columns = holes.amax(2), holes.amax(1)
    assert torch.equal(holes, rows[:, :, None] * columns[:, None, :])
    # The centre is from 0 to 8, the first row two before it: 4 rows less what lies outside.
    sizes = rows.sum(1).int()
    counts = {size: int((sizes == size).sum()) / 2000 for size in range(5)}
    inside = [min(first + 4, 8) - max(first, 0) for first in range(-2, 7)]
    for size in range(5):
        assert counts[size] == pytest.approx(inside.count(size) / len(inside), abs=0.04)


@pytest.mark.parametrize("name", POLICIES)
def test_random_numbers_are_those_of_the_generator_alone(name):
    policy = POLICIES[name]
    assert torch.equal(policy(IMAGES, rng(3)), policy(IMAGES, rng(3)))
    assert not torch.equal(policy(IMAGES, rng(3)), policy(IMAGES, rng(4)))


def test_the_generator_learns_through_it_in_both_phases():
    asked = []

    def discriminator(images):
        asked.append(images)
        return images.flatten(1).sum(1)

    losses = augmented(Hinge().build(), DiffAugment(("translation",)))
    fake = torch.ones(4, 3, 8, 8, requires_grad=True)
    round = Round(torch.ones(4, 3, 8, 8), fake, rng=rng())
    losses.discriminator(discriminator, round)
    assert len(asked) == 2
    assert not any(torch.equal(seen, fake) for seen in asked)
    (gradient,) = torch.autograd.grad(losses.generator(discriminator, round), fake)
    assert set(gradient.unique().tolist()) == {-0.25, 0.0}  # 0 where it was shifted out


def test_what_are_no_images_or_policies_is_refused():
    with pytest.raises(ValueError, match=r"augmentation is of images .*\(2, 3\)"):
        DiffAugment()(torch.zeros(2, 3), rng())
    with pytest.raises(ValueError, match="expected some of colour, translation, cutout, got colur"):
        DiffAugment(("colur",))
    with pytest.raises(ValueError, match="discriminators that score images, that of began gives"):
        configuration(
            "began", losses={"adversarial": "began"}, image_size=16, width=2, order="simultaneous"
        ).but(augmentation="diff_augment")
    config = configuration(image_size=16).but(augmentation="diff_augment")
    assert config.augmentation == DiffAugment()
