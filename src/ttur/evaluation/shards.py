"""The real side that several processes saw: the same images in each, or a shard of them in each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ttur.evaluation.audit import Audit
from ttur.evaluation.statistics import Side, Statistics
from ttur.metrics.moments import Moments
from ttur.runtime import digests
from ttur.runtime.distributed import from_every_rank

# Of a shard's images, that another one may have too: samplers repeat a few so that all shards have
# one length, and data sets have duplicates. Processes that share more were meant to have the same.
LARGEST_SHARED_PART = 0.5
_MOMENTS = ("count", "mean", "scatter")


@dataclass(frozen=True)
class JoinedSide:
    """The real side of all processes, and what a reader of the number should know about it."""

    side: Side
    warnings: tuple[str, ...] = ()


def identity(side: Side) -> dict[str, Any]:
    """What tells one process's side from another's: the images, or else the numbers of them."""
    made = side.statistics
    sha256 = made.fingerprint.get("data_sha256")
    if sha256 is None:  # of a file of another program
        arrays = (made.mean, made.covariance)
        sha256 = digests.of_document([digests.of_array(array) for array in arrays])
    return {"images": made.count, "data_sha256": sha256}


def joined_side(mine: Side, identities: Sequence[dict[str, Any]]) -> JoinedSide:
    """One's own side if all processes have the same, else that of the images of all together.

    Collective where the `identities`, one a process in the order of ranks, differ: all come with
    the same of them, get the same side, to the bit, or raise the same error.

    Raises:
        ValueError: if a side is statistics of a file, or the sides share most of their images and
            are not the same; naming counts and digests.
    """
    if all(other == identities[0] for other in identities):
        return JoinedSide(mine)
    sides = [_side_of(state) for state in from_every_rank(_state(mine))]
    audits = [side.statistics.audit for side in sides]
    known = [audit for audit in audits if audit is not None]
    seen = np.concatenate([np.unique(audit.image_digests) for audit in known] or [[]])
    shared = len(seen) - len(np.unique(seen))
    least = min((audit.read for audit in known), default=0)
    if len(known) < len(sides) or shared > LARGEST_SHARED_PART * least:
        said = "; ".join(
            f"process {rank}: {each['images'] or 'unknown'} images, data_sha256 "
            f"{each['data_sha256'][:12]}…"
            for rank, each in enumerate(identities)
        )
        raise ValueError(
            "expected the same real images in every process, or shards of them without common "
            f"images, got {said} ({shared:,} in several); give every process the same source"
        )
    counts = " + ".join(f"{side.statistics.count:,}" for side in sides)
    common = f"; {shared:,} are in several and count in each" if shared else ""
    warning = f"real: the processes had different images, merged ({counts}){common}"
    return JoinedSide(reduce(_merged, sides), (warning,))


def _merged(a: Side, b: Side) -> Side:
    """As if the images of `b` came after those of `a`."""
    first, second = a.statistics, b.statistics
    assert first.audit is not None
    assert second.audit is not None
    total, audit = first.moments.merge(second.moments), first.audit.merge(second.audit)
    quantisations = {each.fingerprint.get("quantisation", "") for each in (first, second)}
    fingerprint = first.fingerprint | {
        "count": total.count,
        "data_sha256": audit.data_sha256,
        "quantisation": "+".join(sorted(quantisations)),
    }
    groups = (total,) if first.groups else ()  # one part, of which no interval can come
    if len(first.groups) == len(second.groups):
        groups = tuple(map(Moments.merge, first.groups, second.groups))
    spatial = None
    if first.spatial is not None and second.spatial is not None:
        of = first.spatial.moments.merge(second.spatial.moments)
        spatial = Statistics(of.mean, of.covariance, of.count, fingerprint)
    made = Statistics(
        total.mean, total.covariance, total.count, fingerprint, audit, groups, spatial
    )
    kept = {name: np.concatenate([array, getattr(b, name)]) for name, array in _kept(a).items()}
    return replace(a, statistics=made, **kept)


def _kept(side: Side) -> dict[str, np.ndarray]:
    """Features and what else a pass kept, image by image."""
    values = {field.name: getattr(side, field.name) for field in fields(side)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def _state(side: Side) -> dict[str, Tensor]:
    made = side.statistics
    document = {
        "count": made.count,
        "fingerprint": made.fingerprint,
        "audit": None if made.audit is None else made.audit.to_json(),
        "kept": list(_kept(side)),
    }
    arrays = {"document": np.frombuffer(json.dumps(document).encode(), np.uint8)}
    arrays |= {"mean": made.mean, "covariance": made.covariance} | _kept(side)
    if made.spatial is not None:
        arrays |= {"mean_s": made.spatial.mean, "covariance_s": made.spatial.covariance}
    if made.audit is not None:
        arrays["image_digests"] = made.audit.image_digests.view(np.uint8)
    for name in _MOMENTS if made.groups else ():
        arrays[f"groups.{name}"] = np.stack([getattr(group, name) for group in made.groups])
    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}


def _side_of(state: dict[str, Tensor]) -> Side:
    arrays = {name: tensor.numpy() for name, tensor in state.items()}
    document = json.loads(arrays["document"].tobytes())
    audit = document["audit"]
    if audit is not None:
        audit = Audit.from_json(audit, arrays["image_digests"].view(np.uint64))
    parts = [arrays.get(f"groups.{name}", ()) for name in _MOMENTS]
    groups = tuple(Moments(int(count), *rest) for count, *rest in zip(*parts, strict=True))
    count, fingerprint = document["count"], document["fingerprint"]
    spatial = None
    if "mean_s" in arrays:
        spatial = Statistics(arrays["mean_s"], arrays["covariance_s"], count, fingerprint)
    made = Statistics(
        arrays["mean"], arrays["covariance"], count, fingerprint, audit, groups, spatial
    )
    return Side(made, **{name: arrays[name] for name in document["kept"]})
