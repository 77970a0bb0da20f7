"""Which settings share a panel."""

from collections.abc import Sequence

from ttur.analysis.groups import Group, by_experiment
from ttur.timescales.step_sizes import rate_text

CROWD = 10  # settings; more in one panel are a tangle


def row_groups(groups: Sequence[Group], columns: int) -> list[list[Group]]:
    """The groups of each experiment, at most `columns` beside each other."""
    return [
        some[start : start + columns]
        for some in by_experiment(groups).values()
        for start in range(0, len(some), columns)
    ]


def panel_groups(groups: Sequence[Group]) -> dict[str, list[Group]]:
    """What stands in one panel, by its heading: all, or of a crowd those of one experiment; of a
    crowd of one experiment those of one generator rate.
    """
    if len(groups) <= CROWD:
        return {"": list(groups)}
    experiments = by_experiment(groups)
    if len(experiments) > 1:
        return experiments
    of_rate: dict[float, list[Group]] = {}
    for group in groups:
        of_rate.setdefault(group.first_rates[1], []).append(group)
    if len(of_rate) > CROWD:
        return {"": list(groups)}
    return {rate_heading(of_rate[a][0]): of_rate[a] for a in sorted(of_rate)}


def rate_heading(group: Group) -> str:
    """Of the panel of a crowd that has the settings of one generator rate."""
    return f"generator rate {rate_text(group.first_rates[1])}"
