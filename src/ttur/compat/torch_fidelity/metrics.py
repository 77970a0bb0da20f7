"""`torch_fidelity.calculate_metrics`, with its arguments, defaults, seeds and result keys."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from ttur.compat.networks import inception
from ttur.compat.remarks import say_once
from ttur.compat.torch_fidelity.inputs import Finding, open_input
from ttur.evaluation.collector import side_of_images
from ttur.evaluation.evaluate import compare
from ttur.evaluation.statistics import Side
from ttur.features.resize import PROTOCOL_OF
from ttur.metrics.inception_score import inception_scores
from ttur.metrics.kernel import kernel_distance
from ttur.metrics.manifold import precision_recall
from ttur.runtime.distributed import pick_device
from ttur.runtime.errors import closest

PROTOCOL = PROTOCOL_OF["torch-fidelity"]
INCEPTION = "inception-v3-compat"

_METRICS: dict[str, Any] = {"isc": False, "fid": False, "kid": False, "prc": False}
_OF_INPUTS: dict[str, Any] = {
    f"{which}_model_{name}": default
    for which in ("input1", "input2")
    for name, default in {
        "z_type": "normal",
        "z_size": None,
        "num_classes": 0,
        "num_samples": None,
    }.items()
}
# fmt: off
DEFAULTS: dict[str, Any] = {
    "input1": None, "input2": None, "cuda": True, "batch_size": 64,
    **_METRICS,
    "feature_extractor": None, "feature_extractor_weights_path": None,
    **{f"feature_layer_{metric}": None for metric in _METRICS},
    "isc_splits": 10, "kid_subsets": 100, "kid_subset_size": 1000, "prc_neighborhood": 3,
    "samples_shuffle": True, "samples_find_deep": False, "samples_find_ext": "png,jpg,jpeg",
    **_OF_INPUTS,
    "rng_seed": 2020, "verbose": True,
}
# Nothing here depends on them: caches, batches, what is said, and a float64 that is float32 there.
WITHOUT_EFFECT: dict[str, Any] = {
    "cache": True, "cache_root": None, "input1_cache_name": None, "input2_cache_name": None,
    "datasets_root": None, "datasets_download": True, "samples_ext_lossy": "jpg,jpeg",
    "prc_batch_size": 10000, "save_cpu_ram": False,
    "feature_extractor_compile": False, "feature_extractor_internal_dtype": None,
}
# What ttur does not do: other values than these are refused.
FIXED: dict[str, Any] = {
    "ppl": False, "samples_resize_and_crop": 0, "kid_kernel": "poly",
    "kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None, "kid_kernel_poly_coef0": 1,
}
# fmt: on
_LAYERS = {"64": 64, "192": 192, "768": 768, "2048": 2048, "logits_unbiased": 2048}
_OWN_LAYERS = {"isc": "logits_unbiased", "fid": "2048", "kid": "2048", "prc": "2048"}


def calculate_metrics(**kwargs: Any) -> dict[str, float]:
    """The metrics asked for (`isc`, `fid`, `kid`, `prc`), of `input1` against `input2`.

        calculate_metrics(input1="samples", input2="photos", isc=True, fid=True, kid=True)

    The arguments are torch-fidelity's (`DEFAULTS`); `cuda` takes a GPU if there is one. Splits are
    shuffled and subsets drawn from `RandomState(rng_seed)`, as there. `prc` needs
    `feature_extractor="inception-v3-compat"`: the network that is the default there, VGG-16, is not
    part of ttur.

    Raises:
        ValueError: for an argument, or a value of one, that is not understood; if an input is
            missing, is none, or has too few images for a metric.
        OSError: if the weights are not there.
    """
    settings = _settings(kwargs)
    wanted = [metric for metric in _METRICS if settings[metric]]
    if not wanted:
        raise ValueError(f"expected a metric out of {', '.join(_METRICS)}, got none; ask for one")
    _check_network(settings["feature_extractor"], wanted)
    for which in ("input1", "input2"):
        if settings[which] is None and (which == "input1" or wanted != ["isc"]):
            raise ValueError(f"expected `{which}`, got None; name a folder of images")
    look = _looker(settings, wanted)
    made: dict[str, float] = {}
    for metric in wanted:
        made |= _COMPUTED[metric](look, settings)
    return made


Look = Callable[[str, str], Side]


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    for name, value in given.items():
        if name in FIXED:
            if value != FIXED[name]:
                raise ValueError(
                    f"expected `{name}` {FIXED[name]!r}, which is all there is here, "
                    f"got {value!r}; use torch-fidelity itself for that"
                )
        elif name not in DEFAULTS and name not in WITHOUT_EFFECT and not name.startswith("ppl_"):
            raise ValueError(f"no argument {name!r}; {closest(name, [*DEFAULTS, *WITHOUT_EFFECT])}")
    return DEFAULTS | {name: value for name, value in given.items() if name in DEFAULTS}


def _check_network(name: str | None, wanted: list[str]) -> None:
    if name is None and "prc" in wanted:
        raise ValueError(
            "expected `feature_extractor`, got None: precision and recall are by VGG-16 there, "
            f"which is not part of ttur; give {INCEPTION!r} for those by Inception"
        )
    if name not in (None, INCEPTION):
        raise ValueError(
            f"expected `feature_extractor` {INCEPTION!r}, got {name!r}; for another network see "
            "ttur.evaluate(..., extractor=...)"
        )


def _layer(metric: str, settings: dict[str, Any]) -> str:
    layer = settings[f"feature_layer_{metric}"] or _OWN_LAYERS[metric]
    # The moments that the distance is of are those of features.
    known = [name for name in _LAYERS if metric != "fid" or name.isdigit()]
    if layer not in known:
        raise ValueError(
            f"expected `feature_layer_{metric}` out of {', '.join(known)}, got {layer!r}"
        )
    return layer


def _looker(settings: dict[str, Any], wanted: list[str]) -> Look:
    """(input, metric) → its side; one pass for all metrics that share a network."""
    layers = {metric: _layer(metric, settings) for metric in wanted}
    device = pick_device("auto" if settings["cuda"] else "cpu")
    finding = Finding(settings["samples_find_deep"], settings["samples_find_ext"])

    @cache
    def network(dimension: int) -> Any:
        weights = settings["feature_extractor_weights_path"]
        return inception(dimension, PROTOCOL, device=device, weights=weights)

    @cache
    def side(which: str, dimension: int) -> Side:
        samples = settings[f"{which}_model_num_samples"]
        images = open_input(settings[which], which, finding, device, samples, settings["rng_seed"])
        own = [layer for layer in layers.values() if _LAYERS[layer] == dimension]
        keep = {"logits" if layer == "logits_unbiased" else "features" for layer in own}
        keep = keep if wanted != ["fid"] else set()
        batch_size = settings["batch_size"]
        return side_of_images(images, network(dimension), keep, batch_size=batch_size)

    return lambda which, metric: side(which, _LAYERS[layers[metric]])


def _values(look: Look, which: str, metric: str, settings: dict[str, Any]) -> np.ndarray:
    side = look(which, metric)
    values = side.logits if _layer(metric, settings) == "logits_unbiased" else side.features
    assert values is not None
    return values


def _isc(look: Look, settings: dict[str, Any]) -> dict[str, float]:
    logits = _values(look, "input1", "isc", settings)
    if settings["samples_shuffle"]:
        logits = logits[_rng(settings).permutation(len(logits))]
    made = inception_scores(logits, settings["isc_splits"])
    return {
        "inception_score_mean": made.mean,
        "inception_score_std": made.standard_deviation,
    }


def _fid(look: Look, settings: dict[str, Any]) -> dict[str, float]:
    result = compare(look("input2", "fid").statistics, look("input1", "fid").statistics)
    for warning in result.warnings if settings["verbose"] else ():
        say_once(f"ttur: {warning}")
    return {"frechet_inception_distance": result.value}


def _kid(look: Look, settings: dict[str, Any]) -> dict[str, float]:
    made = kernel_distance(
        _values(look, "input1", "kid", settings),
        _values(look, "input2", "kid", settings),
        subsets=settings["kid_subsets"],
        subset_size=settings["kid_subset_size"],
        draw=partial(_rng(settings).choice, replace=False),
    )
    return {
        "kernel_inception_distance_mean": made.mean,
        "kernel_inception_distance_std": made.standard_deviation,
    }


def _prc(look: Look, settings: dict[str, Any]) -> dict[str, float]:
    made = precision_recall(
        _values(look, "input2", "prc", settings),
        _values(look, "input1", "prc", settings),
        k=settings["prc_neighborhood"],
    )
    both = max(1e-5, made.precision + made.recall)
    return {
        "precision": made.precision,
        "recall": made.recall,
        "f_score": 2 * made.precision * made.recall / both,
    }


_COMPUTED = {"isc": _isc, "fid": _fid, "kid": _kid, "prc": _prc}


def _rng(settings: dict[str, Any]) -> np.random.RandomState:
    return np.random.RandomState(settings["rng_seed"])
