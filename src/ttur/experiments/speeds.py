"""What an update and an evaluation take: measured on two cores, and what follows for other sizes.

Where a number is from: docs/benchmarks.md, Training, The perturbation monitor (the smallest
language model) and Features. What was measured on one thread is taken for 1.9 times as fast on two;
a GPU was never at hand, and what is said of one is a guess.
"""

import math
from dataclasses import dataclass
from typing import Any

from ttur.evaluation.metric_names import parse_metrics
from ttur.training.config import TrainingConfig

TWO_OF_ONE = 1.9


@dataclass(frozen=True)
class Measured:
    """Seconds of an update of a kind of networks on two cores, with one critic update in it.

    `size` is the side of the images, or the characters of a sentence. `critic` is the share of
    the discriminator in an update.
    """

    kind: str
    size: int
    width: int
    batch_size: int
    seconds: float
    critic: float = 0.5

    def work(self) -> float:
        """What its time is proportional to, among networks of a kind."""
        return _work(self.kind, self.size, self.width, self.batch_size)


UPDATES = (
    Measured("dcgan", 16, 16, 64, 1 / 40.2),
    Measured("dcgan", 32, 16, 64, 1 / 15.2),
    Measured("dcgan", 32, 64, 64, 1 / 1.60),
    Measured("dcgan", 64, 64, 64, 1 / 0.56),
    Measured("wgan_gp_image", 32, 8, 32, 0.189 / TWO_OF_ONE, critic=0.75),
    Measured("wgan_gp_image", 32, 32, 64, 2.65 / TWO_OF_ONE, critic=0.75),
    Measured("wgan_gp_image", 64, 64, 64, 36.6 / TWO_OF_ONE, critic=0.75),
    Measured("began", 32, 16, 16, 0.172 / TWO_OF_ONE),
    Measured("began", 64, 128, 16, 18.4 / TWO_OF_ONE),
    Measured("wgan_gp_language", 32, 32, 32, 0.0401 / TWO_OF_ONE, critic=0.84),
    Measured("wgan_gp_language", 32, 64, 64, 0.25 / TWO_OF_ONE, critic=0.55),
    Measured("wgan_gp_language", 32, 512, 64, 14 / TWO_OF_ONE, critic=0.55),
)

IMAGES_PER_SECOND = {
    "inception": 16.1,
    "digits": 6_600 * TWO_OF_ONE,
    "cifar10": 1_000 * TWO_OF_ONE,
    # By the products of an image, beside the 11.4 GFLOP of Inception.
    "dinov2": 1.2,
    "dinov2_vitb14": 4.0,
    "dinov2_vits14": 15.0,
    "clip": 0.5,
}
OF_ANOTHER_EXTRACTOR = 16.1
DRAWN = 0.1
"""A generated image beside one of an update: a forward pass of one player, not three of both."""

# Float32 on a GPU beside the two cores, and what an update takes that is mere launching.
H100_TIMES, SECONDS_OF_LAUNCHES = 150.0, 0.005


def update_seconds(config: TrainingConfig) -> float:
    """Of one update on the two cores, by the nearest size that was measured; NaN of networks of
    which none was.

    >>> from ttur.experiments.registry import experiment
    >>> round(1 / update_seconds(experiment("dcgan_cifar10").settings["orig_1e-4"]), 2)
    1.6
    """
    model: Any = config.model
    of_kind = [each for each in UPDATES if each.kind == model.kind]
    if not of_kind:
        return math.nan
    size = model.length if hasattr(model, "length") else model.image_size
    work = _work(model.kind, size, model.width, config.batch_size)
    nearest = min(of_kind, key=lambda each: abs(math.log(work / each.work())))
    critics = 1 + nearest.critic * (config.n_critic - 1)
    return nearest.seconds * work / nearest.work() * critics


def evaluation_seconds(config: TrainingConfig) -> float:
    """Of all evaluations of a run on the two cores."""
    drawn = DRAWN * update_seconds(config) / config.n_critic / config.batch_size
    looked = 0.0
    if config.model.medium == "images" and config.evaluations:
        _, extractor = parse_metrics(config.scoring.metric)
        looked = 1 / IMAGES_PER_SECOND.get(extractor, OF_ANOTHER_EXTRACTOR)
    return sum(times * samples for samples, times in config.evaluations.items()) * (drawn + looked)


def run_seconds(config: TrainingConfig) -> float:
    """Of a whole run on the two cores, evaluations included."""
    return config.updates * update_seconds(config) + evaluation_seconds(config)


def gpu_seconds(config: TrainingConfig) -> float:
    """A guess at the same on an H100: arithmetic, or launches where there is little of it."""
    update = update_seconds(config) / H100_TIMES
    launches = SECONDS_OF_LAUNCHES * (1 + config.n_critic) / 2
    return config.updates * max(update, launches) + evaluation_seconds(config) / H100_TIMES


def whole_or_none(seconds: float) -> int | None:
    """As JSON has it."""
    return None if math.isnan(seconds) else round(seconds)


def in_words(seconds: float) -> str:
    """A time that is not known well, or not at all.

    >>> in_words(50), in_words(200), in_words(10_000), in_words(7 * 86_400)
    ('50 s', '3 min', '2.8 h', '7 days')
    """
    if math.isnan(seconds):
        return "an unknown time"
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            count = seconds / size
            digits = 1 if count < 10 and unit == "h" else 0
            return f"{count:,.{digits}f} {unit}".replace(".0 ", " ")
    return f"{seconds:.0f} s"


def _work(kind: str, size: int, width: int, batch_size: int) -> float:
    positions = size if kind == "wgan_gp_language" else size**2
    return float(positions * width**2 * batch_size)
