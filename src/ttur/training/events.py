"""What happens in a run, as it is written to events.jsonl and told to listeners. Needs no torch."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, Strict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from ttur.perturbation.probe import FORMER_NAMES

_FINITE = ConfigDict(allow_inf_nan=False)
Whole = Annotated[int, Strict()]  # no word and no truth value: a damaged line is no event
Real = Annotated[float, Strict()]


@dataclass(frozen=True, config=_FINITE)
class Score:
    """One evaluation: the metric's name, its value, and the update it belongs to."""

    metric: str
    value: Real
    update: Whole

    def __getitem__(self, name: str) -> Any:
        """The same by name, as JSON has it."""
        return asdict(self)[name]


@dataclass(frozen=True, kw_only=True, config=_FINITE)
class Started:
    """A run of so many updates begins. `update` is 0."""

    update: Whole
    updates: Whole
    event: Literal["started"] = "started"


@dataclass(frozen=True, kw_only=True, config=_FINITE)
class Resumed:
    """It goes on from `update`; what later updates had written before is taken back.

    `last` and `best` are what it had scored until then.
    """

    update: Whole
    updates: Whole = 0
    problems: tuple[str, ...] = ()
    last: Score | None = None
    best: Score | None = None
    event: Literal["resumed"] = "resumed"


@dataclass(frozen=True, kw_only=True, config=_FINITE)
class Log:
    """Both losses of an update and what companions say; None for what is not finite."""

    update: Whole
    discriminator_updates: Whole
    training_seconds: Real
    values: dict[str, Real | None]
    event: Literal["log"] = "log"


@dataclass(frozen=True, kw_only=True, config=_FINITE)
class Evaluation:
    """What was measured after an update: `values` by name, that of `metric` among them.

    `best` is the best score of the run so far, this one included.
    """

    update: Whole
    discriminator_updates: Whole
    training_seconds: Real
    evaluation_seconds: Real
    metric: str
    values: dict[str, Real]
    best: Score | None = None
    event: Literal["evaluation"] = "evaluation"

    @property
    def score(self) -> Score:
        return Score(metric=self.metric, value=self.values[self.metric], update=self.update)


@dataclass(frozen=True, kw_only=True, config=_FINITE)
class Probe:
    """What the monitor saw of an update; None where a quantity has no value."""

    update: Whole
    discriminator_updates: Whole
    training_seconds: Real
    probe_seconds: Real
    values: dict[str, Real | None]
    event: Literal["probe"] = "probe"


@dataclass(frozen=True, kw_only=True, config=_FINITE)
class Saved:
    """A checkpoint of this update is on disk."""

    update: Whole
    training_seconds: Real
    event: Literal["saved"] = "saved"


@dataclass(frozen=True, kw_only=True, config=_FINITE)
class Ended:
    """How a run ended: "finished", "interrupted" or "diverged".

    A diverged run has a cause, the first bad update, and no weights that mean anything. One that
    finished before its last update has a cause too.
    """

    update: Whole
    discriminator_updates: Whole
    kind: Literal["finished", "interrupted", "diverged"]
    cause: str | None
    best: Score | None
    final: Score | None
    weights_sha256: dict[str, str] | None
    event: Literal["ended"] = "ended"


Event = Started | Resumed | Log | Evaluation | Probe | Saved | Ended
# Called with every event, once it is on disk; must leave the run alone.
Listener = Callable[[Event], None]

_ANY: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def to_document(event: Event) -> dict[str, Any]:
    """An event as one line of JSON holds it."""
    return {"event": event.event, **_ANY.dump_python(event, mode="json", exclude={"event"})}


def events_of(documents: Iterable[Mapping[str, Any]]) -> list[Event]:
    """Events in order, without what a resume took back.

    What is no event is passed over like a torn line: what it would have said is written again by
    the run that resumes. Quantities of a probe have their names of today.
    """
    events: list[Event] = []
    for document in documents:
        try:
            event = _ANY.validate_python(document)
        except ValidationError:
            continue
        if isinstance(event, Probe):
            named = {FORMER_NAMES.get(name, name): v for name, v in event.values.items()}
            event = replace(event, values=named)
        if isinstance(event, Resumed):
            events = [earlier for earlier in events if earlier.update <= event.update]
        events.append(event)
    return events
