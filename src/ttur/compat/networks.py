"""The Inception network behind every tool here, by its layers, and the file its weights are in."""

import os
from pathlib import Path

import torch

from ttur.compat.remarks import say_once
from ttur.features.extractors import Extractor, load_extractor
from ttur.features.inception import Inception
from ttur.features.published import INCEPTION
from ttur.features.state_dicts import load_strictly, tensors_in

WEIGHTS_VARIABLE = "TTUR_INCEPTION_WEIGHTS"
# The extractors by the number of features, as the tools name the layers.
LAYERS = {64: "inception_64", 192: "inception_192", 768: "inception_768", 2048: "inception"}


def inception(
    features: int,
    protocol: str,
    *,
    device: str | torch.device = "auto",
    weights: Path | str | None = None,
) -> Extractor:
    """The extractor of a layer, with the weights of `named_weights`; says which they are.

    Raises:
        ValueError: if there is no such layer, or the weights do not fit.
        OSError: if the weights are not there.
    """
    if features not in LAYERS:
        layers = ", ".join(map(str, LAYERS))
        raise ValueError(f"expected a layer of Inception out of {layers}, got {features!r}")
    made = load_extractor(
        LAYERS[features], protocol=protocol, weights=named_weights(weights), device=device
    )
    whose = "the published ones" if made.verified else "not the published ones"
    say_once(
        f"ttur: features of {made.name}, protocol {protocol}, weights {made.weights_sha256[:8]} "
        f"({whose})"
    )
    return made


def named_weights(weights: Path | str | None = None) -> Path | str | None:
    """The file named, else that in `$TTUR_INCEPTION_WEIGHTS`, else None: the published one."""
    return weights or os.environ.get(WEIGHTS_VARIABLE) or None


def plain_inception(weights: Path | str | None = None) -> Inception:
    """The network as published, layer by layer: images and gradients pass through it.

    Raises:
        ValueError: if the weights do not fit.
        OSError: if they are not there.
    """
    named = named_weights(weights)
    file = INCEPTION.fetch() if named is None else Path(named)
    network = Inception()
    load_strictly(network, tensors_in(file.read_bytes(), str(file)), str(file))
    return network
