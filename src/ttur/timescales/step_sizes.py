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


_OneSequence = TypeVar("_OneSequence", bound="_Sequence")


class _Sequence(ABC):
    """What follows from n -> s(n) alone."""

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

    def starting_at(self: "_OneSequence", first: float) -> "_OneSequence":
        """The same sequence times a constant, so that s(1) = first."""
        sequence: Any = self  # a dataclass
        scale = getattr(self, self.scale) / float(self(1))  # 1 where the field is the first rate
        return replace(sequence, **{self.scale: first * scale})

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
class Constant(_Sequence):
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
class PowerLaw(_Sequence):
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
class Halving(_Sequence):
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


def rate_text(rate: float) -> str:
    """A rate in the name of a run: `5e-4`, as many digits as it has."""
    return np.format_float_scientific(rate, trim="-", exp_digits=1)


StepSize = Annotated[Constant | PowerLaw | Halving, ONE_OF]


def _constant_if_number(value: Any, info: Any) -> Any:
    return Constant(_positive(value, info)) if isinstance(value, _NUMBERS) else value


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
    floor: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0

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

    def starting_at(self, discriminator: float, generator: float) -> "LearningRatePair":
        """The same sequences from other first rates."""
        first = LearningRatePair(discriminator, generator)  # refuses what is no rate, by its name
        b, a = first.at(1)
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
        """`ttur_1e-4_5e-4` (b, then a) or `orig_5e-4`: the rates of the first update."""
        b, a = map(rate_text, self.at(1))
        return f"orig_{b}" if self.is_single_timescale else f"ttur_{b}_{a}"
