"""Events on disk and back: what a resume takes back, and damaged lines."""

import json
from dataclasses import fields, replace

import pytest

from ttur.perturbation.probe import ProbeResult
from ttur.runtime.run_directory import EVENTS, RunDirectory
from ttur.training.events import (
    Ended,
    Evaluation,
    Log,
    Probe,
    Resumed,
    Saved,
    Score,
    Started,
    to_document,
)
from ttur.training.record import read_events

COUNTS = {"discriminator_updates": 1, "training_seconds": 0.5}
LOG = Log(update=1, values={"generator_loss": 0.5, "k": None}, **COUNTS)
SCORE = Score(metric="fid", value=3.0, update=1)
EVALUATION = Evaluation(
    update=1,
    evaluation_seconds=1.0,
    metric="fid",
    values={"fid": 3.0, "is": 2.0},
    best=SCORE,
    **COUNTS,
)
PROBE = Probe(
    update=1,
    probe_seconds=0.1,
    values={"perturbation_of_discriminator": 1e300, "score_perturbation": None},
    **COUNTS,
)
ENDED = Ended(
    update=1,
    discriminator_updates=1,
    kind="finished",
    cause=None,
    best=SCORE,
    final=None,
    weights_sha256={"generator": "0", "discriminator": "1"},
)
EACH = [
    Started(update=0, updates=5),
    LOG,
    EVALUATION,
    PROBE,
    Saved(update=1, training_seconds=0.5),
    Resumed(update=1, updates=5, problems=("torn",)),
    ENDED,
]


# A probe of the demo as it was written before the names were words, to four digits.
RECORDED = {
    "rho_D": 3.005,
    "rho_G": 0.8228,
    "c_D": 0.8262,
    "c_G": 0.8442,
    "R": 1.346,
    "cos": -0.8853,
    "kappa_D": 1.124,
    "kappa_G": 1.816,
    "chi": 1.598,
    "eps_eff": 2.023,
    "zeta": 0.3516,
    "momentum_load": 7.969,
    "Q": 1.701,
    "rho_D_corrected": 3.234,
    "tracking_gap": 0.4565,
}


def test_quantities_of_a_probe_under_their_former_names_are_read(tmp_path):
    at = {"event": "probe", "update": 2, "probe_seconds": 0.1}
    with RunDirectory(tmp_path) as run:
        run.append(at | COUNTS | {"values": RECORDED})
    (probe,) = read_events(tmp_path)
    assert isinstance(probe, Probe)
    assert list(probe.values.values()) == list(RECORDED.values())
    names = [field.name for field in fields(ProbeResult) if field.name != "norms"]
    assert [*probe.values] == [*names, "tracking_gap"]


def test_every_event_comes_back_as_it_was_and_in_order(tmp_path):
    with RunDirectory(tmp_path) as run:
        for event in EACH:
            run.append(to_document(event))
    assert read_events(tmp_path) == EACH


def test_a_resume_takes_back_later_updates_and_keeps_the_lines(tmp_path):
    again = replace(LOG, update=3, values={"again": 1.0})
    written = [*(replace(LOG, update=n) for n in (1, 2, 3)), Resumed(update=2, updates=9), again]
    with RunDirectory(tmp_path) as run:
        for event in written:
            run.append(to_document(event))
    assert read_events(tmp_path) == [*written[:2], *written[3:]]
    assert len((tmp_path / EVENTS).read_text().splitlines()) == 5


@pytest.mark.parametrize(
    ("event", "damage"),
    [
        (LOG, {"update": "1"}),
        (LOG, {"update": True}),
        (LOG, {"update": 1e400}),
        (LOG, {"update": None}),
        (LOG, {"event": [1]}),
        (LOG, {"event": "gossip"}),
        (LOG, {"values": {"generator_loss": "0.5"}}),
        (EVALUATION, {"values": {"fid": [1]}}),
        (EVALUATION, {"values": {"fid": True}}),
        (EVALUATION, {"values": {"fid": float("nan")}}),
        (EVALUATION, {"best": {"metric": "fid", "value": "3", "update": 1}}),
        (PROBE, {"values": {"perturbation_of_discriminator": "abc", "score_perturbation": 1.0}}),
        (PROBE, {"values": {"perturbation_of_discriminator": True}}),
        (ENDED, {"kind": "lost"}),
    ],
)
def test_a_damaged_line_is_passed_over(tmp_path, event, damage):
    second = replace(LOG, update=2)
    lines = [json.dumps(to_document(event) | damage), json.dumps(to_document(second))]
    (tmp_path / EVENTS).write_text("\n".join(lines) + "\n")
    assert read_events(tmp_path) == [second]
