"""TrainingConfig: one run in full, as a tree of frozen descriptions. To and from JSON."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.dataclasses import dataclass

from ttur.losses import LossDescription
from ttur.losses.augmentation import Augmentation
from ttur.models import Model
from ttur.runtime.description import (
    STRICT,
    Count,
    Positive,
    Whole,
    from_json,
    to_json,
    with_fields,
)
from ttur.runtime.errors import closest
from ttur.timescales import LearningRatePair
from ttur.timescales.optimizer_choice import AdamDescription, OptimizerDescription
from ttur.timescales.orders import ORDERS
from ttur.training.averaging import EMA
from ttur.training.cadence import Cadence
from ttur.training.execution import Execution
from ttur.training.media import MEDIA, Scoring


def _known_order(name: str) -> str:
    if name not in ORDERS:
        raise ValueError(f"no order {name!r}; {closest(name, ORDERS)}")
    return name


def _by_word(field: str) -> BeforeValidator:
    """One word stands for `field` of a member, alone or beside other fields of it."""

    def member(value: Any) -> Any:
        value = {"kind": value} if isinstance(value, str) else value
        if not isinstance(value, dict) or "kind" not in value:
            return value
        return {field if name == "kind" else name: part for name, part in value.items()}

    return BeforeValidator(member)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TrainingData:
    """Samples by name: "digits", "speeches", or what `ttur prepare` made.

    `split` is the part of it that is trained on; "train+extra" joins two. With `mirror`, each image
    is seen as it is or as its mirror image, with equal chances; what it is scored against is not.
    """

    name: str
    split: str = "train"
    mirror: bool = False


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MonitorDescription:
    """Probes of what the players do to each other's gradients; they move nothing.

    The tracking gap comes with the first probe after so many updates; so many updates of a copy of
    the discriminator stand for its best response, by Adam at a learning rate that is not the run's
    own, so that runs compare.
    """

    monitor_every_updates: Count
    tracking_gap_every_updates: Count = 4000
    tracking_gap_steps: Count = 50
    tracking_gap_rate: Positive = 5e-4


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TrainingConfig:
    """Everything that decides the numbers of a run. Folder, device and output are not in it.

    One update is one outer iteration, that is one generator update; every cadence counts these.
    """

    data: Annotated[TrainingData, _by_word("name")]
    model: Model
    rates: LearningRatePair
    """Discriminator rate b and generator rate a."""
    updates: Count
    """Generator updates in all."""
    scoring: Scoring
    losses: Annotated[LossDescription, _by_word("adversarial")] = Field(
        default_factory=LossDescription
    )
    optimizer: OptimizerDescription = Field(default_factory=AdamDescription)
    """Both players', or one for each."""
    augmentation: Augmentation | None = None
    """Of all that the discriminator sees, real and generated."""
    ema: EMA | None = None
    """An average of the generator's weights, scored and kept beside them."""
    order: Annotated[str, AfterValidator(_known_order)] = "discriminator_first"
    n_critic: Count = 1
    """Discriminator updates per generator update."""
    batch_size: Count = 64
    seed: Whole = 0
    cadence: Cadence = Field(default_factory=Cadence)
    monitor: MonitorDescription | None = None
    execution: Execution = Field(default_factory=lambda: Execution(channels_last=True))

    def __post_init__(self) -> None:
        medium = self.model.medium
        if self.scoring.kind != medium:
            raise ValueError(
                f"{self.model.kind} makes {medium}, expected a scoring of {medium}, got one of "
                f"{self.scoring.kind}"
            )
        if self.losses.needs != self.model.gives:
            raise ValueError(
                f"the losses {self.losses.adversarial.kind} are for discriminators that give "
                f"{self.losses.needs}, that of {self.model.kind} gives {self.model.gives}; "
                "change both"
            )
        if self.augmentation is not None and (medium, self.losses.needs) != ("images", "scores"):
            raise ValueError(
                "augmentation is for discriminators that score images, that of "
                f"{self.model.kind} gives {self.model.gives} of {medium}; do without"
            )
        if self.data.mirror and medium != "images":
            raise ValueError(f"only images are mirrored, {self.model.kind} makes {medium}")
        if self.order == "simultaneous" and self.n_critic != 1:
            raise ValueError(f"simultaneous updates have n_critic 1, got {self.n_critic}")
        if self.cadence.patience is not None and self.scoring.metric == "none":
            raise ValueError(
                f"patience {self.cadence.patience} needs evaluations, got the metric none"
            )
        if self.batch_size % (together := self.model.samples_per_score):
            raise ValueError(
                f"{together} {medium} share a score; expected a batch_size that is a multiple of "
                f"it, got {self.batch_size}"
            )

    @property
    def evaluations(self) -> dict[int, int]:
        """How often the run is scored, by the number of samples."""
        if self.scoring.metric == "none":
            return {}
        every = self.cadence.evaluate_every_updates
        passes = self.scoring.passes(self.cadence.evaluations(self.updates), every)
        networks = 1 if self.ema is None else 2  # the average is scored, too
        return {samples: networks * times for samples, times in passes.items()}

    @property
    def real_samples(self) -> int:
        """How many the run draws from its data set, in all."""
        return self.updates * (self.n_critic + self.losses.extra_batches) * self.batch_size

    @property
    def medium(self) -> type:
        """The kind of samples that the model makes (`training.media`)."""
        return MEDIA[self.model.medium]

    def to_json(self) -> dict[str, Any]:
        """Plain values, complete, in field order."""
        return to_json(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "TrainingConfig":
        """The inverse of `to_json`.

        Raises:
            ValueError: if a field is unknown or its value is refused; names the field.
        """
        return from_json(cls, document)

    @classmethod
    def completed(cls, document: Mapping[str, Any]) -> dict[str, Any]:
        """A stored document with the defaults of fields that came later.

        Raises:
            ValueError: as `from_json`.
        """
        return cls.from_json(document).to_json()

    def but(self, **fields: Any) -> "TrainingConfig":
        """The same with fields of the tree replaced, each by its name: `but(width=16)`.

        Raises:
            ValueError: if a field does not exist (offers the closest names) or refuses the value.
        """
        return with_fields(self, fields)

    def with_seed(self, seed: int) -> "TrainingConfig":
        return replace(self, seed=seed)
