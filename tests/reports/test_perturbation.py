"""Figures of what the monitor logs, of runs that never ran."""

import json
from pathlib import Path

import pytest

from reports.records import grid, record, written
from ttur.analysis.groups import group_runs
from ttur.reports.perturbation import draw_monitor


def test_runs_without_a_monitor_have_no_figure_of_it(tmp_path):
    assert draw_monitor(group_runs([record("orig_5e-4", 0, {1: 2.0})]), tmp_path / "x.png") is None
    assert not (tmp_path / "x.png").exists()


def test_report_draws_and_prints_both(ttur, tmp_path):
    for run in grid()[::2]:
        written(run, tmp_path / "runs")
    code, out, err = ttur("report runs --json")
    assert code == 0, err
    document = json.loads(out)
    assert document["files"]["monitor"] == ["runs/report-monitor.png"]
    assert document["files"]["ranking"] == ["runs/report-ranking-grid.png"]
    for kind in ("monitor", "ranking"):
        assert Path(*document["files"][kind]).stat().st_size > 20_000
    (ranking,) = document["rankings"]
    found = {each["predictor"]: each["spearman"] for each in ranking["correlations"]}
    assert found["tracking_gap"] == pytest.approx(1.0)
    assert found["momentum_load"] is None
