"""TWO LEARNING RATES. True for any two networks."""

from ttur.timescales.assumptions import StepReport, check_step_sizes
from ttur.timescales.step_sizes import (
    Constant,
    Cosine,
    Halving,
    LearningRatePair,
    Linear,
    PowerLaw,
    WarmUp,
)

__all__ = [
    "Constant",
    "Cosine",
    "Halving",
    "LearningRatePair",
    "Linear",
    "PowerLaw",
    "StepReport",
    "WarmUp",
    "check_step_sizes",
]
