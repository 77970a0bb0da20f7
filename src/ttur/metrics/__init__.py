"""NUMBERS FROM SAMPLES. No training, no plots, and no data set is ever opened here."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ttur.metrics.frechet import frechet_distance as frechet_distance
    from ttur.metrics.moments import Moments as Moments
    from ttur.metrics.ngrams import jensen_shannon as jensen_shannon

# Loaded when first used: names and protocols are asked for where nothing is computed.
_PUBLIC = {
    "Moments": "ttur.metrics.moments",
    "frechet_distance": "ttur.metrics.frechet",
    "jensen_shannon": "ttur.metrics.ngrams",
}


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'ttur.metrics' has no attribute {name!r}")
