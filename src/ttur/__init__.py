"""Two time-scale training of generative adversarial networks, and what it is worth."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ttur.evaluation.evaluate import fid as fid
    from ttur.training.train import train as train

__version__ = "0.1.0"

# Loaded when first used, so that `import ttur` and `ttur --help` do not wait for torch.
_PUBLIC = {"fid": "ttur.evaluation.evaluate", "train": "ttur.training.train"}


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'ttur' has no attribute {name!r}")
