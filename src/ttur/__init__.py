"""Two time-scale training of generative adversarial networks, and what it is worth.

    import ttur

    ttur.fid("photos/", "samples/")
    two = ttur.LearningRatePair(discriminator=2e-4, generator=5e-4)
    ttur.train(generator, discriminator, images, "runs/mine", rates=two, updates=20_000)

The names below are the whole public face. Each is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ttur.evaluation.accumulator import Accumulator as Accumulator
    from ttur.evaluation.classes import evaluate_classes as evaluate_classes
    from ttur.evaluation.evaluate import evaluate as evaluate
    from ttur.evaluation.evaluate import fid as fid
    from ttur.evaluation.evaluate import inception_score as inception_score
    from ttur.evaluation.reconstruction import reconstruction as reconstruction
    from ttur.evaluation.reference import save_features as save_features
    from ttur.evaluation.reference import statistics as statistics
    from ttur.experiments.running import run as run
    from ttur.features.extractors import Extractor as Extractor
    from ttur.features.extractors import load_extractor as load_extractor
    from ttur.losses import Losses as Losses
    from ttur.perturbation.monitor import PerturbationMonitor as PerturbationMonitor
    from ttur.reports.report import report as report
    from ttur.reports.style import Style as Style
    from ttur.runtime.showing import show_progress as show_progress
    from ttur.timescales.assumptions import check_step_sizes as check_step_sizes
    from ttur.timescales.orders import Round as Round
    from ttur.timescales.step_sizes import Constant as Constant
    from ttur.timescales.step_sizes import Cosine as Cosine
    from ttur.timescales.step_sizes import Halving as Halving
    from ttur.timescales.step_sizes import LearningRatePair as LearningRatePair
    from ttur.timescales.step_sizes import Linear as Linear
    from ttur.timescales.step_sizes import PowerLaw as PowerLaw
    from ttur.timescales.step_sizes import WarmUp as WarmUp
    from ttur.tracking.init_log_finish import SwanLab as SwanLab
    from ttur.tracking.init_log_finish import Trackio as Trackio
    from ttur.tracking.init_log_finish import Wandb as Wandb
    from ttur.tracking.mlflow import MLflow as MLflow
    from ttur.tracking.tensorboard import TensorBoard as TensorBoard
    from ttur.training.record import read_runs as read_runs
    from ttur.training.sampling import load_generator as load_generator
    from ttur.training.train import train as train

# Where each name lives: `import ttur` and `ttur --help` wait for nothing of it.
_PUBLIC = {
    "Accumulator": "ttur.evaluation.accumulator",
    "Constant": "ttur.timescales.step_sizes",
    "Cosine": "ttur.timescales.step_sizes",
    "Extractor": "ttur.features.extractors",
    "Halving": "ttur.timescales.step_sizes",
    "LearningRatePair": "ttur.timescales.step_sizes",
    "Linear": "ttur.timescales.step_sizes",
    "Losses": "ttur.losses",
    "MLflow": "ttur.tracking.mlflow",
    "PerturbationMonitor": "ttur.perturbation.monitor",
    "PowerLaw": "ttur.timescales.step_sizes",
    "Round": "ttur.timescales.orders",
    "Style": "ttur.reports.style",
    "SwanLab": "ttur.tracking.init_log_finish",
    "TensorBoard": "ttur.tracking.tensorboard",
    "Trackio": "ttur.tracking.init_log_finish",
    "Wandb": "ttur.tracking.init_log_finish",
    "WarmUp": "ttur.timescales.step_sizes",
    "check_step_sizes": "ttur.timescales.assumptions",
    "evaluate": "ttur.evaluation.evaluate",
    "evaluate_classes": "ttur.evaluation.classes",
    "fid": "ttur.evaluation.evaluate",
    "inception_score": "ttur.evaluation.evaluate",
    "load_extractor": "ttur.features.extractors",
    "load_generator": "ttur.training.sampling",
    "read_runs": "ttur.training.record",
    "reconstruction": "ttur.evaluation.reconstruction",
    "report": "ttur.reports.report",
    "run": "ttur.experiments.running",
    "save_features": "ttur.evaluation.reference",
    "show_progress": "ttur.runtime.showing",
    "statistics": "ttur.evaluation.reference",
    "train": "ttur.training.train",
}
__all__ = [*_PUBLIC]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("ttur")
    raise AttributeError(f"module 'ttur' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_PUBLIC, "__version__"]
