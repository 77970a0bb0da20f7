"""TWO LEARNING RATES. True for any two networks."""

from ttur.timescales.assumptions import StepReport, check_step_sizes
from ttur.timescales.step_sizes import (
    Constant,
    Halving,
    LearningRatePair,
    PowerLaw,
)

__all__ = ["Constant", "Halving", "LearningRatePair", "PowerLaw", "StepReport", "check_step_sizes"]
