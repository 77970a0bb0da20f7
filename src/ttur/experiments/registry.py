"""All experiments by name: the functions of `small` and of `paper` that return one."""

import inspect
from collections.abc import Callable
from types import ModuleType

from ttur.experiments import paper, small
from ttur.experiments.experiment import Experiment
from ttur.runtime.errors import closest


def _defined_in(module: ModuleType) -> dict[str, Callable[[], Experiment]]:
    """Its public functions that return an experiment, in their order."""
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and not name.startswith("_")
        and inspect.signature(value).return_annotation is Experiment
    }


EXPERIMENTS = _defined_in(small) | _defined_in(paper)


def experiment(name: str) -> Experiment:
    """The experiment of that name.

    Raises:
        ValueError: if there is none; offers the closest.
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"no experiment {name!r}; {closest(name, EXPERIMENTS)}")
    return EXPERIMENTS[name]()
