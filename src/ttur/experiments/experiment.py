"""What an experiment is: where it stands in the paper, its question, its runs."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from ttur.experiments.speeds import run_seconds, whole_or_none
from ttur.runtime.errors import closest
from ttur.training.config import TrainingConfig
from ttur.training.record import Published, PublishedBest


@dataclass(frozen=True)
class Experiment:
    """A named comparison: one configuration per learning-rate setting, keyed by its label.

    `source` is the place in the paper, `published` has for a metric the figure in
    published_curves.csv that shows the same settings, `published_best` for a label and a metric the
    number, `seeds` those that run unless others are named. `band` is what the paper draws around
    the mean, `zoom` by metric the updates that it enlarges in a second panel.
    """

    name: str
    source: str
    question: str
    settings: dict[str, TrainingConfig]
    seeds: tuple[int, ...] = (0,)
    published: dict[str, str] = field(default_factory=dict)
    published_best: dict[str, dict[str, PublishedBest]] = field(default_factory=dict)
    band: Literal["min-max", "std"] = "min-max"
    zoom: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def updates(self) -> int:
        """Of all settings, for one seed."""
        return sum(config.updates for config in self.settings.values())

    @property
    def real_samples(self) -> int:
        """That all settings draw from the data, for one seed."""
        return sum(config.real_samples for config in self.settings.values())

    @property
    def seconds(self) -> float:
        """That all settings take on two cores, for one seed."""
        return sum(run_seconds(config) for config in self.settings.values())

    def to_json(self) -> dict[str, Any]:
        """What it is, was and costs; without the configurations."""
        return {
            "name": self.name,
            "source": self.source,
            "question": self.question,
            "runs": list(self.settings),
            "seeds": list(self.seeds),
            "published": self.published,
            "published_best": {
                label: {metric: asdict(best) for metric, best in bests.items()}
                for label, bests in self.published_best.items()
            },
            "updates": self.updates,
            "real_samples": self.real_samples,
            "seconds_on_2_cores": whole_or_none(self.seconds),
        }

    def published_of(self, label: str) -> Published:
        """What the paper shows in the place of a setting; what a record of its runs keeps."""
        return Published(self.published_best.get(label, {}), self.published, self.band, self.zoom)

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

    def with_configs(self, change: Callable[[TrainingConfig], TrainingConfig]) -> "Experiment":
        """The same settings, each configuration passed through `change`."""
        return replace(self, settings={k: change(v) for k, v in self.settings.items()})


def compare_critics(
    base: TrainingConfig,
    two: tuple[float, float],
    *one: float,
    n_critic: int,
    **changes: Any,
) -> dict[str, TrainingConfig]:
    """`base` with two time-scales and n_critic 1, beside one time-scale and many critic updates.

    `two` is the pair (b, a), `one` has the rates of the others, `changes` their other fields.
    """
    others = base.but(n_critic=n_critic, **changes)
    return compare_rates(base, two) | compare_rates(others, *((rate, rate) for rate in one))


def compare_rates(base: TrainingConfig, *pairs: tuple[float, float]) -> dict[str, TrainingConfig]:
    """`base` at each pair (b, a) of discriminator and generator rate, keyed by label."""
    configs = [replace(base, rates=base.rates.starting_at(b, a)) for b, a in pairs]
    return {config.rates.label: config for config in configs}
