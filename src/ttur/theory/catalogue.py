"""All studies by name, in the paper's order; each is imported when it is asked for."""

from importlib import import_module

from ttur.runtime.errors import closest
from ttur.theory.study import Study

STUDIES = (
    "time_scales",
    "toy_saddle",
    "adam_heavy_ball",
    "flat_minimum",
    "momentum_games",
    "markov_critic",
    "controlled_noise",
    "linear_rates",
    "nonlinear_clt",
    "network_flow",
    "actor_critic",
    "perturbation",
)


def study(name: str) -> Study:
    """The study of that name.

    Raises:
        ValueError: if there is none; offers the closest.
    """
    if name not in STUDIES:
        raise ValueError(f"no study {name!r}; {closest(name, STUDIES)}")
    return import_module(f"ttur.theory.studies.{name}").STUDY
