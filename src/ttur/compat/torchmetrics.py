"""torchmetrics' image metrics on ttur's networks and numbers (`pip install 'ttur[compat]'`).

    from ttur.compat.torchmetrics import FrechetInceptionDistance

They are `torchmetrics.Metric`s: collections, Lightning's `self.log`, the sync of processes and the
cache of `compute` are torchmetrics'. So are the conventions: protocol `torch_antialias` (`tf1` with
`antialias=False`), sums in float64, uint8 images or, with `normalize`, floats in 0..1 that are cut
to 8 bits by (x · 255).byte(). Unlike there values out of range are refused, not wrapped around;
`forward` counts the real images that `reset` keeps once, not twice; and what is drawn at `compute`
is drawn as there right after `torch.manual_seed(0)`, the same in every process.

The weights are the published ones, or those in the file that `$TTUR_INCEPTION_WEIGHTS` names. They
are no part of a `state_dict`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from ttur.compat.networks import LAYERS, inception
from ttur.features.extractors import Extractor
from ttur.features.resize import PROTOCOL_OF
from ttur.metrics.frechet import frechet_distance
from ttur.metrics.inception_score import inception_score
from ttur.metrics.kernel import kernel_distance
from ttur.metrics.moments import Moments

try:
    from torchmetrics import Metric  # pyright: ignore[reportMissingImports]
    from torchmetrics.utilities.data import (  # pyright: ignore[reportMissingImports]
        dim_zero_cat,
    )
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "expected torchmetrics, of which these metrics are subclasses, got no such package; "
        "pip install 'ttur[compat]'"
    ) from error

LOGITS = "logits_unbiased"
_SEED = 0

Feature = int | str | nn.Module


class InceptionFeatures(nn.Module):
    """uint8 images (N, 3, H, W) → (N, d) of a layer, on the device that `to` names.

    It is loaded at once, and again on another device, in another process or from a pickle.
    """

    def __init__(self, feature: int | str, protocol: str, weights: Path | str | None = None):
        super().__init__()
        if feature not in (LOGITS, *LAYERS):
            known = ", ".join(map(repr, (LOGITS, *LAYERS)))
            raise ValueError(f"expected `feature` out of {known}, got {feature!r}")
        self.feature, self.protocol, self.weights = feature, protocol, weights
        self._device = torch.device("cpu")
        self._loaded: Extractor | None = None
        self._extractor()

    @torch.no_grad()
    def forward(self, imgs: Num[Tensor, "batch 3 _ _"]) -> Float[Tensor, "batch _"]:
        if imgs.dtype != torch.uint8:
            raise ValueError(
                f"expected uint8 images, got {imgs.dtype}; floats in 0..1 need normalize=True"
            )
        made = self._extractor()(imgs)
        return made.logits if self.feature == LOGITS else made.features

    @property
    def num_features(self) -> int:
        return 1008 if self.feature == LOGITS else int(self.feature)

    def extra_repr(self) -> str:
        return f"feature={self.feature!r}, protocol={self.protocol!r}"

    def _extractor(self) -> Extractor:
        if self._loaded is None:
            layer = 2048 if self.feature == LOGITS else int(self.feature)
            self._loaded = inception(
                layer, self.protocol, device=self._device, weights=self.weights
            )
        return self._loaded

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> "InceptionFeatures":
        device = fn(torch.zeros(1, device=self._device)).device
        if device != self._device:
            self._device, self._loaded = device, None
        return super()._apply(fn, recurse)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        """Checkpoints of torchmetrics' own hold its weights: they are not looked at."""

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_loaded": None}

    def __deepcopy__(self, memo: dict[int, Any]) -> "InceptionFeatures":
        made = self.__class__.__new__(self.__class__)
        made.__dict__.update(self.__dict__)  # what is loaded never changes
        return made


class _Images(Metric):
    """What the three have in common: features of images, and how images come."""

    is_differentiable = False
    full_state_update = False
    plot_lower_bound = 0.0
    feature_network = "inception"
    inception: nn.Module

    def _take_feature(
        self, feature: Feature, normalize: bool, weights: Any, antialias: bool = True
    ) -> None:
        if not isinstance(normalize, bool):
            raise ValueError(f"expected `normalize` True or False, got {normalize!r}")
        self.normalize, self.used_custom_model = normalize, isinstance(feature, nn.Module)
        if isinstance(feature, nn.Module):
            self.inception = feature
        elif isinstance(feature, int | str):
            protocol = "torchmetrics" if antialias else "torchmetrics antialias=False"
            self.inception = InceptionFeatures(feature, PROTOCOL_OF[protocol], weights)
        else:
            raise TypeError(f"expected `feature` a layer or a module, got {type(feature).__name__}")

    def _features(self, imgs: Tensor) -> Float[Tensor, "batch _"]:
        """A network of the user's gets images as they come."""
        images = imgs if self.used_custom_model or not self.normalize else _bytes(imgs)
        return self.inception(images)

    def plot(self, val: Any = None, ax: Any = None) -> Any:
        """Of a value or a list of values, by default of `compute`."""
        val = self.compute() if val is None else val
        return self._plot(val[0] if isinstance(val, tuple) else val, ax)


class _TwoSides(_Images):
    """Metrics whose states of the real side `reset` may keep."""

    _of_real: tuple[str, ...]
    _in_forward = False

    def _take_reset(self, reset_real_features: bool) -> None:
        if not isinstance(reset_real_features, bool):
            raise ValueError(
                f"expected `reset_real_features` True or False, got {reset_real_features!r}"
            )
        self.reset_real_features = reset_real_features

    def reset(self) -> None:
        """Forget the images; the real ones stay unless `reset_real_features`."""
        names = () if self.reset_real_features else self._of_real
        kept = {name: getattr(self, name) for name in names}
        # `reset` of the base class empties lists where they are.
        kept = {name: list(s) if isinstance(s, list) else s for name, s in kept.items()}
        super().reset()
        for name, state in kept.items():
            setattr(self, name, state)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Take images in, and the value of these images: against all real ones, if those stay."""
        self._in_forward = True
        try:
            return super().forward(*args, **kwargs)
        finally:
            self._in_forward = False

    def _reduce_states(self, incoming_state: dict[str, Any]) -> None:
        """In `forward`: what `reset` kept of the real side is in the state already."""
        if self._in_forward and not self.reset_real_features:
            nothing = {name: self._defaults[name] for name in self._of_real}
            incoming_state = incoming_state | nothing
        super()._reduce_states(incoming_state)


class FrechetInceptionDistance(_TwoSides):
    """FID of images given batch by batch: `update(imgs, real=True)`, `update(imgs, real=False)`.

    `feature` is a layer of Inception, 64, 192, 768 or 2048, or a module: images → (N, d), whose
    `num_features` is found out by an image of `input_img_size` if it does not say it.
    `feature_extractor_weights_path` names a file of weights of Inception.

    Raises:
        RuntimeError: by `compute`, if a side has fewer than two images.
    """

    higher_is_better = False
    _of_real = ("real_features_sum", "real_features_cov_sum", "real_features_num_samples")

    def __init__(
        self,
        feature: int | nn.Module = 2048,
        reset_real_features: bool = True,
        normalize: bool = False,
        input_img_size: tuple[int, int, int] = (3, 299, 299),
        feature_extractor_weights_path: str | None = None,
        antialias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if feature == LOGITS:
            raise ValueError(f"expected a layer of features, got {feature!r}; choose 2048")
        self._take_feature(feature, normalize, feature_extractor_weights_path, antialias)
        self._take_reset(reset_real_features)
        dimension = self._dimension(input_img_size)
        for side in ("real", "fake"):
            zeros = torch.zeros(dimension, dtype=torch.float64)
            self.add_state(f"{side}_features_sum", zeros, "sum")
            self.add_state(f"{side}_features_cov_sum", torch.outer(zeros, zeros), "sum")
            self.add_state(f"{side}_features_num_samples", torch.tensor(0), "sum")
        self._result_dtype = torch.float32

    def update(self, imgs: Tensor, real: bool) -> None:
        """More images of a side."""
        features = self._features(imgs)
        features = features[None] if features.ndim == 1 else features
        self._result_dtype, features = features.dtype, features.double()
        side = "real" if real else "fake"
        for state, more in (
            ("sum", features.sum(dim=0)),
            ("cov_sum", features.T @ features),
            ("num_samples", len(features)),
        ):
            name = f"{side}_features_{state}"
            setattr(self, name, getattr(self, name) + more)

    def compute(self) -> Tensor:
        """The distance, a scalar."""
        real, fake = self._moments("real"), self._moments("fake")
        if min(real.count, fake.count) < 2:
            raise RuntimeError(
                f"expected at least 2 images on both sides, got {real.count} real and {fake.count} "
                "generated; update the metric with more"
            )
        value = frechet_distance(real.mean, real.covariance, fake.mean, fake.covariance)
        return torch.tensor(value, dtype=self._result_dtype, device=self.device)

    def _moments(self, side: str) -> Moments:
        total, squares, count = (
            getattr(self, f"{side}_features_{state}").cpu().double().numpy()
            for state in ("sum", "cov_sum", "num_samples")
        )
        if count == 0:
            return Moments.empty(len(total))
        mean = total / count
        return Moments(int(count), mean, squares - count * mean[:, None] * mean)

    def _dimension(self, size: tuple[int, int, int]) -> int:
        if hasattr(self.inception, "num_features"):
            return int(self.inception.num_features)  # pyright: ignore[reportArgumentType]
        image = torch.zeros(1, *size, dtype=torch.float32 if self.normalize else torch.uint8)
        return self.inception(image).shape[-1]


class KernelInceptionDistance(_TwoSides):
    """KID, as (mean, standard deviation with ddof 0) over `subsets` of `subset_size` images.

    Raises:
        ValueError: for another kernel than (xᵀy/d + 1)³; by `compute`, if a side has fewer images
            than a subset.
    """

    higher_is_better = False
    _of_real = ("real_features",)
    real_features: list[Tensor]
    fake_features: list[Tensor]

    def __init__(
        self,
        feature: Feature = 2048,
        subsets: int = 100,
        subset_size: int = 1000,
        degree: int = 3,
        gamma: float | None = None,
        coef: float = 1.0,
        reset_real_features: bool = True,
        normalize: bool = False,
        feature_extractor_weights_path: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if (degree, gamma, coef) != (3, None, 1.0):
            raise ValueError(
                "expected `degree` 3, `gamma` None and `coef` 1.0, the kernel of KID, got "
                f"{degree!r}, {gamma!r} and {coef!r}; take torchmetrics' own for another"
            )
        self._take_feature(feature, normalize, feature_extractor_weights_path)
        self._take_reset(reset_real_features)
        self.subsets, self.subset_size = subsets, subset_size
        # "cat": of processes that saw unequal numbers of batches each is asked for one tensor.
        self.add_state("real_features", [], "cat")
        self.add_state("fake_features", [], "cat")

    def update(self, imgs: Tensor, real: bool) -> None:
        """More images of a side."""
        (self.real_features if real else self.fake_features).append(self._features(imgs))

    def compute(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation."""
        noise = torch.Generator().manual_seed(_SEED)
        real, fake = (
            dim_zero_cat(side).cpu().numpy() for side in (self.real_features, self.fake_features)
        )
        made = kernel_distance(
            real,
            fake,
            subsets=self.subsets,
            subset_size=self.subset_size,
            draw=lambda count, size: torch.randperm(count, generator=noise)[:size].numpy(),
        )
        mean, deviation = torch.tensor([made.mean, made.standard_deviation], device=self.device)
        return mean, deviation


class InceptionScore(_Images):
    """Inception Score, as (mean, standard deviation with ddof 1) over random splits."""

    higher_is_better = True
    features: list[Tensor]

    def __init__(
        self,
        feature: Feature = LOGITS,
        splits: int = 10,
        normalize: bool = False,
        feature_extractor_weights_path: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._take_feature(feature, normalize, feature_extractor_weights_path)
        self.splits = splits
        self.add_state("features", [], "cat")

    def update(self, imgs: Tensor) -> None:
        """More generated images."""
        self.features.append(self._features(imgs))

    def compute(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation."""
        logits = dim_zero_cat(self.features).cpu()
        noise = torch.Generator().manual_seed(_SEED)
        # Splits of one length, the last one shorter.
        splits = logits[torch.randperm(len(logits), generator=noise)].chunk(self.splits)
        scores = torch.tensor([inception_score(split, splits=1) for split in splits])
        scores = scores.to(self.device)
        return scores.mean(), scores.std()


def _bytes(imgs: Num[Tensor, "batch 3 _ _"]) -> Tensor:
    """Floats in 0..1, cut to 8 bits; refused where `byte` would wrap around."""
    if not imgs.is_floating_point():
        raise ValueError(
            f"expected floats in 0..1 with normalize=True, got {imgs.dtype}; leave it out for uint8"
        )
    if len(imgs) and not (imgs.min() >= 0 and imgs.max() <= 1):
        raise ValueError(
            f"expected floats in 0..1 with normalize=True, got {imgs.min():g} to {imgs.max():g}; "
            "images in -1..1 are (x + 1) / 2, others clamp(0, 1)"
        )
    return (imgs * 255).byte()
