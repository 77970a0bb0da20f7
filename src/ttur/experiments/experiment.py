"""What an experiment is: where it stands in the paper, its question, its runs."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ttur.runtime.names import closest
from ttur.timescales import LearningRatePair
from ttur.training.config import TrainingConfig


@dataclass(frozen=True)
class Experiment:
    """A named comparison: one configuration per learning-rate setting, keyed by its label.

    `source` is the place in the paper, `published` has for a metric the figure in
    published_curves.csv that shows the same settings, `seeds` those that run unless others are
    named.
    """

    name: str
    source: str
    question: str
    settings: dict[str, TrainingConfig]
    seeds: tuple[int, ...] = (0,)
    published: dict[str, str] = field(default_factory=dict)

    def only(self, label: str) -> "Experiment":
        """The one setting of that label.

        Raises:
            ValueError: if there is none; offers the closest.
        """
        if label not in self.settings:
            raise ValueError(
                f"{self.name} has no setting {label!r}; {closest(label, self.settings)}"
            )
        return replace(self, settings={label: self.settings[label]})

    def changed(self, change: Callable[[TrainingConfig], TrainingConfig]) -> "Experiment":
        """The same settings, each configuration passed through `change`."""
        return replace(self, settings={k: change(v) for k, v in self.settings.items()})


def compare_rates(base: TrainingConfig, *pairs: tuple[float, float]) -> dict[str, TrainingConfig]:
    """`base` at each pair (b, a) of discriminator and generator rate, keyed by label."""
    configs = [
        replace(base, rates=LearningRatePair(discriminator=b, generator=a)) for b, a in pairs
    ]
    return {config.rates.label: config for config in configs}
