"""The table of trackers; how one is named in a word, and how it is told a run that has ended."""

from ttur.runtime.errors import closest
from ttur.tracking.init_log_finish import SwanLab, Trackio, Wandb
from ttur.tracking.listening import Tracking
from ttur.tracking.mlflow import MLflow
from ttur.tracking.tensorboard import TensorBoard
from ttur.tracking.tracker import Tracker
from ttur.training.record import RunRecord

TRACKERS: dict[str, type[Tracker]] = {
    "tensorboard": TensorBoard,
    "wandb": Wandb,
    "trackio": Trackio,
    "swanlab": SwanLab,
    "mlflow": MLflow,
}
"""By the word for each. The first argument of all is where runs go."""


def tracker(word: str) -> Tracker:
    """The tracker of a word, `wandb`, or of a word and where runs go, `tensorboard:logs`.

        >>> tracker("tensorboard"), tracker("mlflow:sqlite:///mlflow.db")
        (TensorBoard(folder=None), MLflow(uri='sqlite:///mlflow.db'))

    Raises:
        ValueError: if there is none of that name; names those there are.
    """
    kind, _, where = word.partition(":")
    if kind not in TRACKERS:
        raise ValueError(
            f"expected `track` to be one of {', '.join(TRACKERS)}, with where runs go after a "
            f"colon if need be, got {word!r}; {closest(kind, TRACKERS)}"
        )
    return TRACKERS[kind](*filter(None, [where]))


def tell(tracker: Tracker, run: RunRecord) -> None:
    """A run that has ended, whole; what was told before is not told again, and nothing once the
    package was missed.

    Raises:
        ValueError: if it has not ended: its process may be telling it right now.
        Exception: whatever the tracker fails by.
    """
    if run.end is None:
        raise ValueError(f"{run.directory} has not ended; expected a run that has, or train it on")
    if not tracker.is_missing:
        Tracking(repr(tracker), tracker.open, run.description, run.directory).replay()
