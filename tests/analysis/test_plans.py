"""The call that is told of runs leads to the configuration that they have, or none is told."""

import json
from pathlib import Path
from typing import Any

import pytest

import ttur
from ttur.analysis.groups import Group, group_runs
from ttur.analysis.plans import Call, calls_of
from ttur.experiments.running import chosen_experiment

FEW: dict[str, Any] = {"updates": 1, "width": 2, "metric": "none"}


def group_of(folder: Path, **asked: Any) -> Group:
    list(ttur.run("demo", seeds=[3], out=folder, device="cpu", **asked))
    (group,) = group_runs(ttur.read_runs(folder))
    return group


def leads_back(call: Call, group: Group) -> bool:
    chosen = chosen_experiment(
        call.name, seeds=call.seeds, settings=call.settings, **call.arguments
    )
    (config,) = chosen.settings.values()
    return config.with_seed(3).to_json() == group.runs[0].configuration


@pytest.mark.parametrize(
    "asked",
    [
        {"only": "orig_5e-4", "settings": FEW},
        {"d_lr": 2e-4, "g_lr": 1e-4, "settings": FEW},
        {
            "only": "orig_5e-4",
            "settings": FEW
            | {"losses": "hinge", "losses.penalties": [{"kind": "r1", "gamma": 1, "every": 4}]}
            | {"ema": "half_life", "augmentation": "diff_augment", "data.mirror": True},
        },
    ],
    ids=["label", "rates", "losses, average, augmentation"],
)
def test_a_call_leads_back_to_the_configuration(tmp_path: Path, asked: dict[str, Any]):
    group = group_of(tmp_path, **asked)
    (call,) = calls_of(group)
    assert (call.name, call.seeds) == ("demo", (3,))
    assert call.arguments == {name: value for name, value in asked.items() if name != "settings"}
    assert leads_back(call, group)


def test_a_run_stored_before_a_field_came_has_its_call(tmp_path: Path):
    before = group_of(tmp_path, only="orig_5e-4", settings=FEW)
    (path,) = tmp_path.rglob("config.json")
    document = json.loads(path.read_text())
    for name in ("ema", "augmentation"):
        del document["configuration"][name]
    del document["configuration"]["data"]["mirror"]
    path.write_text(json.dumps(document))
    (group,) = group_runs(ttur.read_runs(tmp_path))
    assert calls_of(group) == calls_of(before) != []


def test_what_no_call_leads_to_has_none(tmp_path: Path):
    group_of(tmp_path, only="orig_5e-4", settings=FEW)
    (path,) = tmp_path.rglob("config.json")
    document = json.loads(path.read_text())
    document["configuration"]["rates"]["generator"]["value"] = 0.3  # under a label of others
    path.write_text(json.dumps(document))
    (group,) = group_runs(ttur.read_runs(tmp_path))
    assert calls_of(group) == []
