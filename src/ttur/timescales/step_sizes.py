"""n -> step size, and the pair of two learning rates. Updates count from n = 1."""

import math
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar, overload

import numpy as np
from jaxtyping import Float, Int
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from ttur.runtime.description import ONE_OF, STRICT

Update = int | np.integer
Updates = Int[np.ndarray, "..."]
Rates = Float[np.ndarray, "..."]

_NUMBERS = (int, float, np.integer, np.floating)


def _positive(value: Any, info: Any) -> Any:
    # `info` is pydantic's ValidationInfo, a protocol that cannot be checked at run time.
    if isinstance(value, _NUMBERS) and not isinstance(value, bool) and 0 < value < math.inf:
        return value
    raise ValueError(
        f"{info.field_name} should be a finite step size > 0, got {value!r}; try one near 1e-4"
    )


Rate = Annotated[float, BeforeValidator(_positive)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


_OneSequence = TypeVar("_OneSequence", bound="StepSequence")


class StepSequence(ABC):
    """A sequence of step sizes: what follows from n -> s(n) alone."""

    scale: ClassVar[str]  # the field that s is proportional to

    @abstractmethod
    def _values(self, n: Updates) -> Rates: ...

    @overload
    def __call__(self, n: Update) -> float: ...
    @overload
    def __call__(self, n: Updates) -> Rates: ...
    def __call__(self, n: Update | Updates) -> float | Rates:
        """s(n), of one update or of an array of them."""
        return self._values(np.atleast_1d(n)).reshape(np.shape(n))[()]

    @property
    def nominal(self) -> float:
        """The rate by which the sequence is called: that of the first update."""
        return float(self(1))

    def starting_at(self: "_OneSequence", nominal: float) -> "_OneSequence":
        """The same sequence times a constant, so that it is called by another rate."""
        sequence: Any = self  # a dataclass
        scale = getattr(self, self.scale) / self.nominal  # 1 where the field is the first rate
        return replace(sequence, **{self.scale: nominal * scale})

    def cumsum(self, count: int) -> Float[np.ndarray, " {count}"]:
        """The partial sums s(1), s(1) + s(2), …: the time of the limiting differential equation."""
        return np.cumsum(self(np.arange(1, count + 1)))

    @overload
    def inverse_rate(self, n: Update) -> float: ...
    @overload
    def inverse_rate(self, n: Updates) -> Rates: ...
    def inverse_rate(self, n: Update | Updates) -> float | Rates:
        """1/s(n+1) - 1/s(n), whose limit Konda and Tsitsiklis call abar."""
        return 1 / self(n + 1) - 1 / self(n)


@dataclass(frozen=True, config=STRICT)
class Constant(StepSequence):
    """s(n) = value.

    >>> float(ttur.Constant(1e-3)(7))
    0.001
    """

    scale = "value"
    value: Rate
    kind: Literal["constant"] = Field(default="constant", repr=False)

    def _values(self, n: Updates) -> Rates:
        return np.full(n.shape, self.value)


@dataclass(frozen=True, config=STRICT)
class PowerLaw(StepSequence):
    """s(n) = c0 (n + offset)^-p log(n + offset)^-q.

    With q != 0 it exists only where n + offset > 1; offset = 1 makes that every n.

    >>> float(ttur.PowerLaw(c0=1e-3, p=0.5)(4))
    0.0005
    """

    scale = "c0"
    c0: Rate
    p: Finite
    offset: Annotated[float, Field(gt=-1, allow_inf_nan=False)] = 0.0
    q: Finite = 0.0
    kind: Literal["power_law"] = Field(default="power_law", repr=False)

    def _values(self, n: Updates) -> Rates:
        x = n + self.offset
        if self.q == 0:
            return self.c0 * x**-self.p
        if np.any(x <= 1):
            raise ValueError(
                f"a power law with q = {self.q:g} needs n + offset > 1, got {np.min(x):g}; "
                "take offset = 1"
            )
        return self.c0 * x**-self.p * np.log(x) ** -self.q


@dataclass(frozen=True, config=STRICT)
class Halving(StepSequence):
    """s(n) = initial * 2^-floor((n-1) / every): update every + 1 is the first at half the rate.

    >>> rate = ttur.Halving(initial=1e-3, every=100)
    >>> float(rate(100)), float(rate(101))
    (0.001, 0.0005)
    """

    scale = "initial"
    initial: Rate
    every: Annotated[int, Field(ge=1)]
    kind: Literal["halving"] = Field(default="halving", repr=False)

    def _values(self, n: Updates) -> Rates:
        return self.initial * 0.5 ** ((n - 1) // self.every)


class _Ramp(StepSequence):
    """From `initial` in the first update to `final` in update `updates`, and there it stays."""

    initial: float
    final: float
    updates: int

    def starting_at(self: "_OneRamp", nominal: float) -> "_OneRamp":
        ramp: Any = self
        return replace(ramp, initial=nominal, final=self.final * nominal / self.initial)

    def _values(self, n: Updates) -> Rates:
        done = np.clip((n - 1) / (self.updates - 1), 0, 1)
        left = self._left(done)
        return self.initial * left + self.final * (1 - left)  # the first rate to the bit

    @abstractmethod
    def _left(self, done: Rates) -> Rates:
        """Share of the way that is left, from 1 to 0."""


_OneRamp = TypeVar("_OneRamp", bound=_Ramp)


@dataclass(frozen=True, config=STRICT)
class Linear(_Ramp):
    """s(n) = initial + (final - initial) (n - 1) / (updates - 1) up to n = updates, then final.

    >>> rate = ttur.Linear(initial=1e-3, final=0, updates=101)
    >>> float(rate(51)), float(rate(200))
    (0.0005, 0.0)
    """

    initial: Rate
    final: NotNegative
    updates: Annotated[int, Field(ge=2)]
    kind: Literal["linear"] = Field(default="linear", repr=False)

    def _left(self, done: Rates) -> Rates:
        return 1 - done


@dataclass(frozen=True, config=STRICT)
class Cosine(_Ramp):
    """Half a period of a cosine (Loshchilov & Hutter 2017, Eq. 5, without restarts), as `Linear`.

    >>> rate = ttur.Cosine(initial=1e-3, final=1e-4, updates=101)
    >>> round(float(rate(51)), 12), float(rate(101))
    (0.00055, 0.0001)
    """

    initial: Rate
    final: NotNegative
    updates: Annotated[int, Field(ge=2)]
    kind: Literal["cosine"] = Field(default="cosine", repr=False)

    def _left(self, done: Rates) -> Rates:
        return (1 + np.cos(np.pi * done)) / 2


def _constant_if_number(value: Any, info: Any) -> Any:
    return Constant(_positive(value, info)) if isinstance(value, _NUMBERS) else value


Plain = Constant | PowerLaw | Halving | Linear | Cosine


@dataclass(frozen=True, config=STRICT)
class WarmUp(StepSequence):
    """s(n) = of(n) · min(1, n / updates): the first `updates` of a sequence step by step.

    It is called by the rate of what it warms up.

    >>> rate = ttur.WarmUp(of=ttur.Constant(1e-3), updates=4)
    >>> [float(rate(n)) for n in (1, 2, 4, 9)], rate.nominal
    ([0.00025, 0.0005, 0.001, 0.001], 0.001)
    """

    of: Annotated[Annotated[Plain, ONE_OF], BeforeValidator(_constant_if_number)]
    updates: Annotated[int, Field(ge=1)]
    kind: Literal["warm_up"] = Field(default="warm_up", repr=False)

    @property
    def nominal(self) -> float:
        return self.of.nominal

    def starting_at(self, nominal: float) -> "WarmUp":
        return replace(self, of=self.of.starting_at(nominal))

    def _values(self, n: Updates) -> Rates:
        return self.of(n) * np.minimum(1, n / self.updates)


def rate_text(rate: float) -> str:
    """A rate in the name of a run: `5e-4`, as many digits as it has."""
    return np.format_float_scientific(rate, trim="-", exp_digits=1)


StepSize = Annotated[Plain | WarmUp, ONE_OF]
Member = Annotated[StepSize, BeforeValidator(_constant_if_number)]


@dataclass(frozen=True, config=STRICT)
class LearningRatePair:
    """The discriminator's rate b and the generator's rate a; a number means a constant rate.

    Neither rate falls below `floor`.

    >>> pair = ttur.LearningRatePair(discriminator=ttur.Halving(4e-4, every=10), generator=1e-4)
    >>> pair.at(11), pair.label
    ((0.0002, 0.0001), 'ttur_4e-4_1e-4')
    """

    discriminator: Member
    generator: Member
    floor: NotNegative = 0.0

    if TYPE_CHECKING:

        def __init__(
            self, discriminator: float | StepSize, generator: float | StepSize, floor: float = 0.0
        ) -> None: ...

    def __post_init__(self) -> None:
        self.at(1)  # a sequence that does not exist at the first update is refused here

    def at(self, n: int) -> tuple[float, float]:
        """(b(n), a(n)), the rates of update n."""
        b, a = self.discriminator(n), self.generator(n)
        return max(float(b), self.floor), max(float(a), self.floor)

    @property
    def nominal(self) -> tuple[float, float]:
        """The rates by which the pair is called: those of the first update, or after a warm-up."""
        b, a = self.discriminator.nominal, self.generator.nominal
        return max(b, self.floor), max(a, self.floor)

    def starting_at(self, discriminator: float, generator: float) -> "LearningRatePair":
        """The same sequences, called by other rates."""
        first = LearningRatePair(discriminator, generator)  # refuses what is no rate, by its name
        b, a = first.nominal
        return replace(
            self,
            discriminator=self.discriminator.starting_at(b),
            generator=self.generator.starting_at(a),
        )

    @property
    def is_single_timescale(self) -> bool:
        return self.discriminator == self.generator

    @property
    def label(self) -> str:
        """`ttur_1e-4_5e-4` (b, then a) or `orig_5e-4`: the `nominal` rates."""
        b, a = map(rate_text, self.nominal)
        return f"orig_{b}" if self.is_single_timescale else f"ttur_{b}_{a}"
