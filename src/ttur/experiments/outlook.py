"""How long runs will take here: what earlier ones took, or what was measured elsewhere."""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from ttur.experiments.plan import Planned
from ttur.experiments.speeds import gpu_seconds, in_words, run_seconds
from ttur.training.assembling import environment
from ttur.training.record import RunRecord, read_run

# What of a configuration decides how long an update and an evaluation take, and what else does.
OF_TIME = ("model", "losses", "optimizer", "order", "n_critic", "batch_size", "scoring")
OF_MACHINE = ("machine", "device", "threads")
SIDE, SECONDS = 256, 0.15
GIGAFLOPS = 140.0
"""Of products of that side, on the two cores that the table of speeds is of."""


@dataclass(frozen=True)
class Outlook:
    """Seconds that are to come, here and by a guess on an H100, and of how many runs.

    `is_seen`: runs that were made here before say so; else a table does.
    """

    seconds: float
    on_gpu: float
    runs: int
    is_seen: bool

    def line(self, device: torch.device) -> str:
        """As a person would say it."""
        on_gpu = in_words(self.on_gpu)
        if math.isnan(self.seconds):
            return "an unknown time: networks of this kind were not measured"
        if self.is_seen:
            return f"about {in_words(self.seconds)}, as earlier runs here took"
        if device.type != "cpu":
            return f"{on_gpu} on an H100 is a guess, and this may be another device"
        cores = torch.get_num_threads()
        where = f"{cores} core{'s' if cores > 1 else ''}"
        return f"about {in_words(self.seconds)} on {where}; {on_gpu} on an H100 is a guess"


def outlook(planned: Sequence[Planned], device: torch.device) -> Outlook:
    """Of what is left of the runs; computes for a moment to know how fast this machine is."""
    records = [_record(directory) for *_, directory in planned]
    here = _of(environment(device), OF_MACHINE)
    took: dict[str, list[float]] = {}
    for record in records:
        if record is not None and _of(record.description.environment, OF_MACHINE) == here:
            took.setdefault(_of(record.configuration, OF_TIME), []).extend(_seconds_of(record))
    wholes, on_gpu, is_seen = 0.0, 0.0, False
    shares = [_to_come(*each) for each in zip(planned, records, strict=True)]
    for (_, _, config, _), share in zip(planned, shares, strict=True):
        seen = took.get(_of(config.to_json(), OF_TIME))
        whole = config.updates * fmean(seen) if seen else run_seconds(config) / speed_of_machine()
        wholes += share * whole
        on_gpu += share * gpu_seconds(config)
        is_seen = is_seen or bool(seen)
    return Outlook(wholes, on_gpu, sum(share > 0 for share in shares), is_seen)


def shares_to_come(planned: Sequence[Planned]) -> list[float]:
    """After each of the runs, how many like it are to come: by their time, and without what is
    there already.
    """
    wholes = [run_seconds(config) for _, _, config, _ in planned]
    if math.isnan(sum(wholes)):  # of networks that nobody measured
        wholes = [float(config.real_samples) for _, _, config, _ in planned]
    to_come = [
        whole * _to_come(each, _record(each[3]))
        for whole, each in zip(wholes, planned, strict=True)
    ]
    return [sum(to_come[place + 1 :]) / whole for place, whole in enumerate(wholes)]


@cache
def speed_of_machine() -> float:
    """How fast this machine is beside the two cores of the table, by the quickest of many small
    products: other programs slow down the others.
    """
    product, quickest = torch.ones(SIDE, SIDE), float("inf")
    until = time.perf_counter() + SECONDS
    while (began := time.perf_counter()) < until:
        torch.mm(product, product)
        quickest = min(quickest, time.perf_counter() - began)
    return 2 * SIDE**3 / quickest / 1e9 / GIGAFLOPS


def _record(directory: Path) -> RunRecord | None:
    """The run that is there; whether it may go on is asked elsewhere."""
    try:
        return read_run(directory)
    except (FileNotFoundError, ValueError):
        return None


def _to_come(planned: Planned, record: RunRecord | None) -> float:
    """The share of a run that is left."""
    _, _, config, _ = planned
    if record is None:
        return 1.0
    if record.is_concluded and record.configuration["updates"] == config.updates:
        return 0.0
    return max(1.0 - record.updates / config.updates, 0.0)


def _seconds_of(record: RunRecord) -> list[float]:
    """What an update took, with its part of the evaluations; nothing if that is not known."""
    if not record.logs:
        return []
    last = record.logs[-1]
    looked = sum(evaluation.evaluation_seconds for evaluation in record.evaluations)
    return [(last.training_seconds + looked) / last.update]


def _of(document: dict[str, Any], names: Sequence[str]) -> str:
    return json.dumps([document.get(name) for name in names], sort_keys=True)
