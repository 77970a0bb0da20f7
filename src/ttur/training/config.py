"""TrainingConfig: one run in full. Frozen, validated at birth, to and from JSON."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from ttur.runtime.errors import closest
from ttur.runtime.settings import reasons, setting_value
from ttur.timescales import LearningRatePair


def _no_truth_value(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("expected a number, got a truth value")
    return value


Count = Annotated[int, BeforeValidator(_no_truth_value), Field(ge=1)]
Width = Annotated[int, Field(ge=1, le=65_536)]  # wider is a slip of the finger, not a network
Model = Literal["dcgan", "wgan_gp_image", "wgan_gp_language", "began"]
Decay = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TrainingConfig:
    """Everything that decides the numbers of a run. Folder, device and output are not in it.

    One update is one outer iteration, that is one generator update; every cadence counts these.
    """

    data: str
    """Name of the data set: "digits", "speeches", or what `ttur prepare` made."""
    rates: LearningRatePair
    """Discriminator rate b and generator rate a."""
    updates: Count
    """Generator updates in all."""
    split: str = "train"
    """The part of it that is trained on; "train+extra" joins two."""
    seed: Annotated[int, Field(ge=0)] = 0
    model: Model = "dcgan"
    image_size: Count | None = None
    """Images: their side in pixels; must be that of the data."""
    length: Count | None = None
    """Sentences: their characters; must be that of the data."""
    width: Width = 64
    """Channels next to the image, of which the layers further in have multiples; or of all layers
    of the language model."""
    latent_size: Width = 100
    latent: Literal["uniform", "normal"] = "uniform"
    """Uniform in [-1, 1], or standard normal (the code of July 2017, J.13)."""
    images_per_score: Count = 1
    """WGAN-GP on images: how many share a score of the critic (J.21)."""
    losses: Literal["non_saturating", "wasserstein_gradient_penalty", "began"] = "non_saturating"
    began_gamma: Annotated[float, Field(ge=0, le=1)] = 0.5
    """BEGAN: how much harder generated samples should be to reconstruct than real ones."""
    began_k: Annotated[float, Field(ge=0, le=1)] = 0.0
    """BEGAN: the first weight k of the generated samples in the discriminator's loss."""
    began_k_rate: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.001
    """BEGAN: the step of k; 0 leaves it fixed."""
    began_k_batch: Literal["fresh", "same"] = "fresh"
    """BEGAN: whether k moves by samples of its own or by those of the update (J.17)."""
    order: Literal["discriminator_first", "generator_twice", "generator_first", "simultaneous"] = (
        "discriminator_first"
    )
    n_critic: Count = 1
    """Discriminator updates per generator update."""
    batch_size: Count = 64
    optimizer: Literal["adam", "sgd"] = "adam"
    """Both players' optimizer; sgd has no momentum."""
    adam_beta1: Decay = 0.5
    adam_beta2: Decay = 0.999
    adam_epsilon: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-8
    adam_form: Literal["tensorflow", "torch"] = "tensorflow"
    """Where epsilon stands (J.40)."""
    log_every_updates: Count = 100
    evaluate_every_updates: Count = 5000
    checkpoint_every_updates: Count = 2000
    metric: str = "fid"
    """fid, is, modes_<classifier>, fd_<extractor>, is_<extractor>; jsd for sentences; or none."""
    protocol: Literal["tf1", "torch", "clean", "torch_antialias"] = "tf1"
    """Resize and scaling before the feature extractor."""
    pixels: Literal["float", "clipped", "truncated", "rounded"] = "float"
    """What becomes of (x + 1) · 127.5 before: clipped to 0..255, and then cut off or rounded to
    whole numbers (J.12)."""
    jpeg_round_trip: bool = False
    """Whether real and generated images are scored as JPEG would leave them (v3, J.10)."""
    reference_images: Annotated[int, Field(ge=2)] | None = None
    """So many random real images make the reference; None for all (J.7)."""
    evaluation_samples: Annotated[int, Field(ge=2)] = 50_000
    evaluation_batch_size: Count = 1000
    """Generated at once for an evaluation."""
    fine_evaluation_samples: Annotated[int, Field(ge=2)] | None = None
    """Sentences of a second evaluation with less noise, beside the one above; None for none."""
    fine_evaluate_every_updates: Count = 1000
    """It comes with the first evaluation after so many updates, and with the last."""
    monitor_every_updates: Count | None = None
    """Updates between probes of what the players do to each other's gradients; None for none."""
    tracking_gap_every_updates: Count = 4000
    """The tracking gap comes with the first probe after so many updates."""
    tracking_gap_steps: Count = 50
    """So many updates of a copy of the discriminator stand for its best response."""
    tracking_gap_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5e-4
    """Their learning rate, by Adam; not the run's own, so that runs compare."""
    patience: Count | None = None
    """The run ends after so many evaluations in a row without a new best, the paper's rule; None
    for all its updates. The evaluation of a last update counts too, should the run go on later."""

    def __post_init__(self) -> None:
        self._check_sizes()
        self._check_model()
        if self.order == "simultaneous" and self.n_critic != 1:
            raise ValueError(f"simultaneous updates have n_critic 1, got {self.n_critic}")
        if self.patience is not None and self.metric == "none":
            raise ValueError(f"patience {self.patience} needs evaluations, got the metric none")
        if self.metric.startswith("is") and self.evaluation_samples < 10:
            raise ValueError(
                f"{self.metric} needs evaluation_samples of at least 10, one for each split, got "
                f"{self.evaluation_samples}"
            )

    @property
    def evaluations(self) -> int:
        """How often the run is scored: after the first update, every multiple, and the last."""
        return len(self._evaluated)

    @property
    def real_samples(self) -> int:
        """How many the run draws from its data set, in all."""
        of_balance = self.began_k_rate > 0 and self.began_k_batch == "fresh"
        batches = self.n_critic + (self.losses == "began" and of_balance)
        return self.updates * batches * self.batch_size

    @property
    def fine_evaluations(self) -> int:
        """How often of these with less noise."""
        return sum(map(self.evaluates_finely, self._evaluated))

    @property
    def _evaluated(self) -> set[int]:
        every = self.evaluate_every_updates
        return {1, self.updates, *range(every, self.updates + 1, every)}

    @property
    def is_text(self) -> bool:
        """Whether the samples are sentences."""
        return self.model == "wgan_gp_language"

    def evaluates_finely(self, update: int) -> bool:
        """Whether the evaluation after `update` is joined by the one with less noise."""
        if self.fine_evaluation_samples is None:
            return False
        before = max(update - self.evaluate_every_updates, 0)
        every = self.fine_evaluate_every_updates
        return update == self.updates or before // every < update // every

    def _check_sizes(self) -> None:
        for name in ("image_size", "length"):
            value = getattr(self, name)
            if (value is not None) != (self.is_text == (name == "length")):
                expected = "no" if value is not None else "an" if name[0] in "aeiou" else "a"
                raise ValueError(f"{self.model} has {expected} {name}, got {value}")
        if self.fine_evaluation_samples is not None and not self.is_text:
            raise ValueError(
                f"only sentences have fine_evaluation_samples, got {self.fine_evaluation_samples} "
                f"for {self.model}"
            )

    def _check_model(self) -> None:
        if (self.losses == "began") != (self.model == "began"):
            raise ValueError(
                "the losses began are for the model began, whose discriminator reconstructs, and "
                f"it for them; got the losses {self.losses} for {self.model}"
            )
        if self.losses != "began":
            self._check_unused("began_", f"{self.losses} has")
        if self.monitor_every_updates is None:
            self._check_unused("tracking_gap_", "a run without monitor_every_updates has")
        if self.is_text:
            for name in ("pixels", "jpeg_round_trip", "reference_images"):
                self._check_unused(name, "sentences have")
        if self.images_per_score != 1 and self.model != "wgan_gp_image":
            raise ValueError(f"{self.model} has no images_per_score, got {self.images_per_score}")
        if self.batch_size % self.images_per_score:
            raise ValueError(
                f"{self.images_per_score} images share a score; expected a batch_size that is a "
                f"multiple of it, got {self.batch_size}"
            )

    def _check_unused(self, prefix: str, who: str) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.startswith(prefix) and value != field.default:
                raise ValueError(f"{who} no {field.name}, got {value}")

    def to_json(self) -> dict[str, Any]:
        """Plain values, complete, in field order."""
        return TypeAdapter(type(self)).dump_python(self, mode="json")

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "TrainingConfig":
        """The inverse of `to_json`.

        Raises:
            ValueError: if a field is unknown or its value is refused; names the field.
        """
        try:
            return TypeAdapter(cls).validate_python(document)
        except ValidationError as error:
            raise ValueError(reasons(error)) from error

    def with_settings(self, settings: Mapping[str, str]) -> "TrainingConfig":
        """A copy with fields replaced, values given as on a command line (`--set field=value`).

        A dot leads into a field that has fields of its own: `rates.floor`.

        Raises:
            ValueError: if a field does not exist (offers the closest names) or refuses the value.
        """
        document = self.to_json()
        for name, value in settings.items():
            *outer, last = name.split(".")
            place = document
            for part in outer:
                place = _inner(place, part, name)
            if last not in place:
                raise ValueError(f"no field {name!r} to set; {closest(last, place)}")
            place[last] = setting_value(value)
        changed = self.from_json(document)
        if changed.rates.at(1) != self.rates.at(1):
            raise ValueError(
                f"the first rates name the folder of a run; expected {self.rates.at(1)} to stay, "
                f"got {changed.rates.at(1)}: use --d-lr and --g-lr"
            )
        return changed

    def with_seed(self, seed: int) -> "TrainingConfig":
        return replace(self, seed=seed)


def _inner(place: dict[str, Any], part: str, name: str) -> dict[str, Any]:
    inner = place.get(part)
    if not isinstance(inner, dict):
        raise ValueError(f"no field {name!r} to set: {part!r} has no fields of its own")
    return inner
