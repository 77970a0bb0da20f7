"""What one pass over one side keeps: moments always, features and logits where a metric asks."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from jaxtyping import Num
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from ttur.data.images.decode import Picture
from ttur.evaluation.audit import Audit
from ttur.evaluation.sources import ImageSet, check_batch_size, extractor_input
from ttur.evaluation.statistics import ARRAYS, Side, Statistics
from ttur.evaluation.values import Values
from ttur.features.extractors import Extractor
from ttur.metrics.grouped_moments import GroupedMoments
from ttur.runtime.progress import counted, task
from ttur.runtime.settings import reasons
from ttur.runtime.surroundings import neutral_surroundings


@dataclass(frozen=True)
class StateDocument:
    """What stands beside the arrays of a state."""

    extractor: dict[str, Any]
    quantisation: set[str]
    audit: dict[str, Any] | None


_STATE = TypeAdapter(StateDocument)


class Collector:
    """Takes pixels batch by batch. Merges, saves and restores; O(d²) memory if it keeps nothing.

    What the extractor has not is refused with the first batch; left out, if it is `lenient`. The
    samples fall into random groups, by `seed`, for the interval of `metrics.uncertainty`.
    """

    def __init__(
        self,
        extractor: Extractor,
        keep: Collection[str] = (),
        *,
        seed: int = 0,
        lenient: bool = False,
    ):
        self.extractor, self.seed = extractor, seed
        self.moments = GroupedMoments(extractor.dimension, seed=seed)
        self.keep, self.lenient = set(keep), lenient
        self.spatial: GroupedMoments | None = None  # its dimension is known from the first batch
        self.kept: dict[str, list[np.ndarray]] = {name: [] for name in ARRAYS if name in keep}
        self.quantisation = set[str]()
        self.audit: Audit | None = None

    def update(self, pixels: Num[Tensor, "batch 3 height width"]) -> None:
        """uint8, or floats in 0..255."""
        self.quantisation.add("uint8" if pixels.dtype == torch.uint8 else "float")
        self._take(pixels)

    def read(self, images: ImageSet, batch_size: int, *, audited: bool = True) -> None:
        """All images of a source."""
        batches = images.batches(batch_size, audited=audited)
        with task(f"features of {images.name}", images.count, "images") as advance:
            for batch in batches:
                self._take(extractor_input(batch))
                advance(len(batch))
        self.quantisation.add("uint8")  # those of several sizes were resized here, not there
        if audited:
            self._add_audit(batches.audit)

    def read_tensor(
        self, tensor: Tensor, values: Values, batch_size: int, *, audited: bool = True
    ) -> None:
        """The same images as `read` of the tensor, to the bit, without leaving its device."""
        check_batch_size(batch_size)
        tensor, audit = values.image_tensor(tensor), Audit()
        starts = range(0, len(tensor), batch_size)
        for start in counted(starts, f"features of {values.where}", "batches"):
            pixels, clipped = values.pixels_of(tensor[start : start + batch_size])
            # In memory as arrays of images are: networks round differently in another layout.
            self._take(pixels.contiguous(memory_format=torch.channels_last))
            self.quantisation.add("uint8")
            if audited:
                images = np.ascontiguousarray(pixels.movedim(1, -1).cpu().numpy())
                mode = "RGB" if tensor.shape[1] == 3 else "L"
                floats = 0 if tensor.dtype == torch.uint8 else tensor[0].numel()
                for image, outside in zip(images, clipped.tolist(), strict=True):
                    audit.add(Picture(image, mode=mode, clipped=outside, floats=floats))
        if audit.read:
            self._add_audit(audit)

    @neutral_surroundings()
    def _take(self, pixels: Tensor | list[Tensor]) -> None:
        made = self.extractor(pixels)
        for kind, remedy in _NOT_GIVEN.items():
            if kind in self.keep and getattr(made, kind).shape[1] == 0:
                if not self.lenient:
                    raise ValueError(remedy.format(self.extractor.name))
                self.keep.remove(kind)
                self.kept.pop(kind, None)
        if "spatial" in self.keep:
            self._spatial(made.spatial.shape[1]).update(made.spatial)
        self.moments.update(made.features)
        for name, batches in self.kept.items():
            batches.append(getattr(made, name).to("cpu", torch.float32).numpy())

    def _spatial(self, dimension: int) -> GroupedMoments:
        if self.spatial is None:
            self.spatial = GroupedMoments(dimension, seed=self.seed)
        return self.spatial

    def _add_audit(self, audit: Audit) -> None:
        self.audit = audit if self.audit is None else self.audit.merge(audit)

    def merge(self, other: "Collector") -> None:
        """Take over what another one saw, as if it came after what this one did.

        Raises:
            ValueError: if the other one has another extractor, or keeps less.
        """
        _check_alike(self.extractor, other.extractor.fingerprint())
        for name in self.kept:
            if name not in other.kept:
                raise ValueError(_KEPT_LESS.format(name))
        if "spatial" in self.keep and "spatial" not in other.keep:
            raise ValueError(_KEPT_LESS.format("spatial"))
        self.moments.merge(other.moments)
        if "spatial" in self.keep and other.spatial is not None:
            self._spatial(len(other.spatial.total.mean)).merge(other.spatial)
        self.quantisation |= other.quantisation
        for name, batches in self.kept.items():
            batches += other.kept[name]
        if other.audit is not None:
            self._add_audit(other.audit)

    def side(self) -> Side:
        """What was seen so far.

        Raises:
            ValueError: if that is fewer than two images.
        """
        total = self.moments.total
        if total.count < 2:
            raise ValueError(f"statistics need at least 2 images, got {total.count}")
        audited = {} if self.audit is None else {"data_sha256": self.audit.data_sha256}
        fingerprint: dict[str, Any] = self.extractor.fingerprint() | {
            "metric": self.extractor.fd_name,
            "quantisation": "+".join(sorted(self.quantisation)),
            "count": total.count,
            "ddof": 1,
            "dtype": "float64",
            "seed": self.seed,
            "versions": {name: version(name) for name in ("ttur", "torch", "numpy", "pillow")},
        }
        fingerprint |= audited
        spatial = None
        if self.spatial is not None:
            of = self.spatial.total
            spatial = Statistics(of.mean, of.covariance, of.count, fingerprint)
        return Side(
            Statistics(
                total.mean,
                total.covariance,
                total.count,
                fingerprint,
                self.audit,
                self.moments.groups,
                spatial,
            ),
            **{name: np.concatenate(batches) for name, batches in self.kept.items()},
        )

    def state_dict(self) -> dict[str, Tensor]:
        """Tensors alone, for `torch.save`, safetensors, or other processes."""
        arrays = {f"moments.{k}": v for k, v in self.moments.state_dict().items()}
        if self.spatial is not None:
            arrays |= {f"spatial.{k}": v for k, v in self.spatial.state_dict().items()}
        arrays |= {name: np.concatenate(batches) for name, batches in self.kept.items() if batches}
        document = {
            "extractor": self.extractor.fingerprint(),
            "quantisation": sorted(self.quantisation),
            "audit": None if self.audit is None else self.audit.to_json(),
        }
        arrays["document"] = np.frombuffer(json.dumps(document).encode(), np.uint8)
        if self.audit is not None:
            arrays["image_digests"] = self.audit.image_digests.view(np.uint8)
        return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue where `state` stood.

        Raises:
            ValueError: if it was made by another extractor, or kept other things.
        """
        arrays = {name: tensor.cpu().numpy() for name, tensor in state.items()}
        moments = GroupedMoments(self.extractor.dimension)
        try:
            document = _STATE.validate_python(json.loads(bytes(arrays["document"])))
            _check_alike(self.extractor, document.extractor)
            moments.load_state_dict(_part(arrays, "moments."))
            spatial = None
            if "spatial" in self.keep and (of_spatial := _part(arrays, "spatial.")):
                spatial = GroupedMoments(of_spatial["means"].shape[1])
                spatial.load_state_dict(of_spatial)
            audit = None
            if document.audit is not None:
                audit = Audit.from_json(document.audit, arrays["image_digests"].view(np.uint64))
        except (KeyError, TypeError, json.JSONDecodeError, ValidationError) as error:
            why = reasons(error) if isinstance(error, ValidationError) else repr(error)
            raise ValueError(f"expected the state of an accumulator, got {why}") from error
        for name in self.kept:
            if name not in arrays and moments.total.count:
                raise ValueError(_KEPT_LESS.format(name))
        if "spatial" in self.keep and spatial is None and moments.total.count:
            raise ValueError(_KEPT_LESS.format("spatial"))
        # Only now, so that a state that is refused changes nothing.
        self.moments, self.seed, self.spatial = moments, moments.seed, spatial
        self.quantisation, self.audit = document.quantisation, audit
        self.kept = {name: [arrays[name]] if name in arrays else [] for name in self.kept}


_NOT_GIVEN = {
    "logits": "these metrics need the logits of classes, got an extractor of features alone; "
    "return (features, logits) from {}, or choose metrics of features",
    "spatial": "these metrics need spatial features, got an extractor without; take inception as "
    "`extractor`, return (features, logits, spatial) from {}, or choose other metrics",
}
_KEPT_LESS = (
    "expected {}, which these metrics need, got an accumulator without; make both with the same "
    "metrics"
)


def _part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {k[len(prefix) :]: v for k, v in arrays.items() if k.startswith(prefix)}


def _check_alike(extractor: Extractor, fingerprint: dict[str, Any]) -> None:
    if fingerprint != extractor.fingerprint():
        raise ValueError(
            f"expected the state of an accumulator with {extractor.fingerprint()}, got "
            f"{fingerprint}; make the accumulator with that extractor"
        )


def side_of_images(
    images: ImageSet,
    extractor: Extractor,
    keep: Collection[str] = (),
    *,
    batch_size: int = 50,
    seed: int = 0,
    lenient: bool = False,
) -> Side:
    """One pass over a source.

    Raises:
        ValueError: naming the source, if it has fewer than two images or one that cannot be read.
    """
    collector = Collector(extractor, keep, seed=seed, lenient=lenient)
    try:
        collector.read(images, batch_size)
        return collector.side()
    except ValueError as error:
        raise ValueError(f"{images.name}: {error}") from error
