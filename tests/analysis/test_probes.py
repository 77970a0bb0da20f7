"""What the monitor logged over the updates, of runs that never ran."""

from dataclasses import replace

import pytest

from reports.records import grid
from ttur.analysis.probes import running_median


def test_the_line_is_a_running_median_over_a_twentieth_of_the_probes():
    """So one wild probe of a hundred is not seen, and probes without a value take no part."""
    run = grid()[0]
    wild = list(run.probes)
    wild[50] = replace(wild[50], values=wild[50].values | {"time_scale_ratio": 1e9})
    smooth = running_median(replace(run, probes=tuple(wild)), "time_scale_ratio")
    assert max(value for _, value in smooth.values()) == pytest.approx(300.0)
    assert (smooth[2000][1], smooth[2100][1]) == (6.0, 300.0)  # of 1800 to 2200, 1900 to 2300
    assert list(running_median(run, "tracking_gap")) == [2500, 5000, 7500, 10000]
