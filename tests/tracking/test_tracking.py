"""What trackers are told of runs, and that nothing they do comes back."""

import json
import os
import random
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import ttur
from ttur.data.published.digits import digits
from ttur.runtime.run_directory import RunDirectory
from ttur.tracking.catalogue import TRACKERS, tell, tracker
from ttur.tracking.contracts import Ending, Sink, Step, Subject
from ttur.tracking.tracker import Tracker
from ttur.training.events import Ended, Evaluation, Log, Probe, Resumed, Saved, Score, Started
from ttur.training.record import RunDescription, read_run

RATES = ttur.LearningRatePair(discriminator=1e-3, generator=5e-4)
CONFIGURATION = {
    "updates": 30,
    "batch_size": 8,
    "n_critic": 2,
    "scoring": {"metric": "fid,kid", "protocol": "torch", "kind": "images"},
    "monitor": None,
}
DESCRIPTION = RunDescription(
    experiment="faces",
    label="ttur_1e-3_5e-4",
    seed=3,
    data_sha256="ab" * 32,
    rates=(1e-3, 5e-4),
    is_single_timescale=False,
    configuration=CONFIGURATION,
    environment={"torch": "2.6"},
)


class Notebook(Sink):
    """Writes down what it is told."""

    def __init__(self, identity: str, told: list[Any]) -> None:
        self.identity, self.told = identity, told

    def scalars(self, step: Step, values: Any) -> None:
        self.told.append((step, dict(values)))

    def image(self, step: Step, path: Path) -> None:
        self.told.append((step.update, path.name))

    def end(self, step: Step, ended: Ending) -> None:
        self.told.append(ended)


@dataclass
class Toy(Tracker):
    """A service in memory: by run, what it was told."""

    package: ClassVar = "json"
    extra: ClassVar = "toy"
    runs: dict[str, list[Any]] = field(default_factory=dict, repr=False)
    opened: int = field(default=0, repr=False)

    def begin(self, subject: Subject) -> Notebook:
        identity = subject.identity
        if identity not in self.runs:
            identity = f"run {self.opened}"
            self.runs[identity], self.opened = [], self.opened + 1
        return Notebook(identity, self.runs[identity])


def log(update: int) -> Log:
    values = {"discriminator_loss": update / 10, "generator_loss": None}
    return Log(
        update=update, discriminator_updates=2 * update, training_seconds=update / 4, values=values
    )


def evaluation(update: int, fid: float) -> Evaluation:
    return Evaluation(
        update=update,
        discriminator_updates=2 * update,
        training_seconds=update / 4,
        evaluation_seconds=1.0,
        metric="fid",
        values={"fid": fid, "kid": fid / 100},
    )


def ended(update: int, kind: Any = "finished", cause: str | None = None) -> Ended:
    return Ended(
        update=update, discriminator_updates=2 * update, kind=kind, cause=cause,
        weights_sha256=None, best=Score("fid", 5.0, 10), final=Score("fid", 6.0, 20),
    )  # fmt: skip


START = Started(update=0, updates=30)
WHOLE = (START, log(5), evaluation(10, 5.0), log(10), evaluation(20, 6.0), log(20), ended(20))


@dataclass
class Played:
    """A run in a folder whose events happen one by one, as the loop tells them."""

    path: Path

    def __post_init__(self) -> None:
        self.path.mkdir(exist_ok=True)
        RunDirectory(self.path).write_config(DESCRIPTION.to_json())

    def happen(self, tracker: Tracker | None, *events: Any) -> None:
        from ttur.training.events import to_document

        listen = tracker.of_run(DESCRIPTION, self.path) if tracker else lambda event: None
        for event in events:
            RunDirectory(self.path).append(to_document(event))
            listen(event)

    def draw(self, update: int) -> None:
        folder = RunDirectory(self.path).samples
        Image.new("RGB", (2, 2)).save(folder / f"update-{update:07d}.png")


def told(run: list[Any]) -> list[tuple[int, str]]:
    """(update, first word of what was told) of each number and grid."""
    found = [each for each in run if not isinstance(each, Ending)]
    return [
        (step.update, next(iter(values))) if isinstance(step, Step) else (step, values)
        for step, values in found
    ]


def test_numbers_are_told_on_three_axes_and_scores_by_their_protocol(tmp_path):
    toy = Toy()
    probe = Probe(
        update=20, discriminator_updates=40, training_seconds=5.0, probe_seconds=1.0,
        values={"cosine": 0.5, "coupling": None},
    )  # fmt: skip
    Played(tmp_path).happen(toy, *WHOLE[:-1], probe, Saved(update=20, training_seconds=5.0))
    assert toy.runs["run 0"] == [
        # 5 updates of two discriminator steps, 8 images each
        (Step(5, 80, 1.25), {"training/discriminator_loss": 0.5}),
        (Step(10, 160, 2.5), {"fid/torch": 5.0, "kid/torch": 0.05}),
        (Step(10, 160, 2.5), {"training/discriminator_loss": 1.0}),
        (Step(20, 320, 5.0), {"fid/torch": 6.0, "kid/torch": 0.06}),
        (Step(20, 320, 5.0), {"training/discriminator_loss": 2.0}),
        (Step(20, 320, 5.0), {"monitor/cosine": 0.5}),
    ]


def test_the_end_has_the_numbers_of_the_best_generator_and_of_the_last(tmp_path):
    toy = Toy()
    Played(tmp_path).happen(toy, *WHOLE)
    numbers = {
        "best/fid/torch": 5.0, "best/kid/torch": 0.05,
        "final/fid/torch": 6.0, "final/kid/torch": 0.06,
    }  # fmt: skip
    assert toy.runs["run 0"][-1] == Ending("finished", None, numbers)


@pytest.mark.parametrize(
    ("kind", "outcome"), [("diverged", "diverged@20"), ("interrupted", "interrupted")]
)
def test_a_run_that_did_not_finish_has_no_final_number(tmp_path, kind, outcome):
    toy = Toy()
    Played(tmp_path).happen(toy, *WHOLE[:-1], ended(20, kind, "dead discriminator"))
    assert toy.runs["run 0"][-1] == Ending(outcome, "dead discriminator", {})
    assert toy.runs["run 0"][-1].in_words == f"{outcome}: dead discriminator"


def test_what_a_resume_takes_back_is_not_told_twice(tmp_path):
    toy, run = Toy(), Played(tmp_path)
    run.happen(toy, START, log(5), evaluation(10, 5.0), log(10), log(15))
    run.happen(toy, Resumed(update=10, updates=30), log(15), evaluation(20, 6.0), log(20))
    loss = "training/discriminator_loss"
    assert list(toy.runs) == ["run 0"]
    assert told(toy.runs["run 0"]) == [
        (5, loss), (10, "fid/torch"), (10, loss), (15, loss), (20, "fid/torch"), (20, loss),
    ]  # fmt: skip


def test_a_tracker_that_comes_late_is_told_what_was_before(tmp_path):
    run, late = Played(tmp_path), Toy()
    run.happen(None, START, log(5), evaluation(10, 5.0), log(10), log(15))
    run.happen(late, Resumed(update=10, updates=30), log(15))
    loss = "training/discriminator_loss"
    assert told(late.runs["run 0"]) == [(5, loss), (10, "fid/torch"), (10, loss), (15, loss)]


def test_a_finished_run_is_told_whole_and_only_once(tmp_path):
    run, live, later = Played(tmp_path), Toy(), Toy()
    run.happen(live, *WHOLE)
    RunDirectory(tmp_path).path.joinpath("trackers.json").unlink()
    tell(later, read_run(tmp_path))
    assert later.runs == live.runs
    tell(later, read_run(tmp_path))
    assert later.runs["run 0"] == [*live.runs["run 0"], Ending("finished", None, {})]


def test_a_service_that_lost_the_run_is_told_anew(tmp_path):
    run, toy = Played(tmp_path), Toy()
    run.happen(toy, *WHOLE)
    before = toy.runs.pop("run 0")
    tell(toy, read_run(tmp_path))
    assert toy.runs == {"run 1": before}


def test_a_run_that_starts_anew_in_its_folder_is_another_one(tmp_path):
    run, toy = Played(tmp_path), Toy()
    run.happen(toy, START, log(5))
    (tmp_path / "events.jsonl").unlink()
    run.happen(toy, START, log(5))
    assert list(toy.runs) == ["run 0", "run 1"]
    assert toy.runs["run 0"] == toy.runs["run 1"]


def test_a_damaged_note_says_nothing(tmp_path):
    run, toy = Played(tmp_path), Toy()
    run.happen(toy, *WHOLE)
    (tmp_path / "trackers.json").write_text('{"Toy()": {"told": 3')
    tell(toy, read_run(tmp_path))
    assert toy.runs["run 1"] == toy.runs["run 0"]


def test_grids_are_told_in_the_order_of_their_updates(tmp_path):
    """That of an evaluation is drawn after its event; steps of a service must not go back."""
    run, toy = Played(tmp_path), Toy()
    listen = toy.of_run(DESCRIPTION, tmp_path)

    def happen(event: Any) -> None:
        from ttur.training.events import to_document

        RunDirectory(tmp_path).append(to_document(event))
        listen(event)

    for event in (START, evaluation(10, 5.0)):
        happen(event)
    run.draw(10)
    for event in (log(15), evaluation(20, 6.0)):
        happen(event)
    run.draw(20)
    happen(ended(20))
    loss = "training/discriminator_loss"
    grids = ["update-0000010.png", "update-0000020.png"]
    assert told(toy.runs["run 0"]) == [
        (10, "fid/torch"), (10, grids[0]), (15, loss), (20, "fid/torch"), (20, grids[1]),
    ]  # fmt: skip


def test_a_run_that_goes_on_is_not_told_as_a_whole(tmp_path):
    Played(tmp_path).happen(None, *WHOLE[:-1])
    with pytest.raises(ValueError, match="has not ended"):
        tell(Toy(), read_run(tmp_path))


# What is told of the machine, and what comes back to the run.


class Noisy(nn.Module):
    """Draws from torch's global generator at every call."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(4, 768), nn.Dropout(0.5), nn.Tanh(), nn.Unflatten(1, (3, 16, 16))
        )

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return self.layers(latents)


def trained(path: Path, **words: Any) -> Any:
    torch.manual_seed(0)
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(768, 1))
    usual = {"rates": RATES, "updates": 4, "latents": 4, "batch_size": 8, "device": "cpu"}
    usual |= {"log_every_updates": 2, "evaluate_every_updates": 2, "checkpoint_every_updates": 2}
    return ttur.train(Noisy(), discriminator, digits().images[:64], path, **(usual | words))


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Any:
    """The run that nobody tracks."""
    return trained(tmp_path_factory.mktemp("alone"))


class Rude(Notebook):
    """Fails in one of its calls; draws, prints and takes its time in all."""

    def __init__(self, fails_in: str, by: type[BaseException]) -> None:
        super().__init__("rude", [])
        self.fails_in, self.by = fails_in, by

    def _come(self, call: str) -> None:
        _ = torch.rand(3), random.random(), np.random.rand()  # noqa: NPY002
        print("a word")
        if call == self.fails_in:
            raise self.by("no network")

    def scalars(self, step: Step, values: Any) -> None:
        self._come("scalars")

    def image(self, step: Step, path: Path) -> None:
        self._come("image")

    def end(self, step: Step, ended: Ending) -> None:
        self._come("end")


@dataclass
class Careless(Tracker):
    package: ClassVar = "json"
    extra: ClassVar = "toy"
    fails_in: str = ""
    by: type[BaseException] = OSError

    def begin(self, subject: Subject) -> Rude:
        sink = Rude(self.fails_in, self.by)
        sink._come("begin")
        return sink


@pytest.mark.parametrize("fails_in", ["begin", "scalars", "image", "end", ""])
def test_a_tracker_that_fails_costs_one_word_and_no_bit(tmp_path, alone, capsys, fails_in):
    said: list[str] = []
    by = SystemExit if fails_in == "scalars" else OSError
    run = trained(tmp_path, listeners=[Careless(fails_in, by)], say=said.append)
    assert (run.outcome, run.weights_sha256) == ("finished", alone.weights_sha256)
    assert sum("no network" in line for line in said) == bool(fails_in)
    heard = capsys.readouterr()
    assert heard.out == ""
    assert "a word" in heard.err


def test_a_package_that_is_not_there_is_missed_once(tmp_path, alone):
    @dataclass
    class Absent(Toy):
        package: ClassVar = "no_such_package"

    said: list[str] = []
    absent = Absent()
    for name in ("a", "b"):
        run = trained(tmp_path / name, listeners=[absent], say=said.append)
        assert run.weights_sha256 == alone.weights_sha256
    tell(absent, run)
    (line,) = (line for line in said if "no_such_package" in line)
    assert "pip install 'ttur[toy]'" in line


def test_what_cannot_make_a_listener_is_told_nothing(tmp_path, alone):
    class Broken(Toy):
        def of_run(self, description: RunDescription, directory: Path) -> Any:
            raise RuntimeError("no disk")

    said: list[str] = []
    run = trained(tmp_path, listeners=[Broken()], say=said.append)
    assert run.weights_sha256 == alone.weights_sha256
    assert sum("no disk" in line for line in said) == 1


def test_time_that_listeners_take_is_not_time_of_training(tmp_path, monkeypatch):
    late = 0.0
    real = time.perf_counter
    monkeypatch.setattr(time, "perf_counter", lambda: real() + late)

    def slow(event: Any) -> None:
        nonlocal late
        late += 1000.0

    run = trained(tmp_path, listeners=[slow])
    assert run.evaluations == ()
    assert late >= 4000
    assert run.logs[-1].training_seconds < 500


def test_runs_are_told_by_ttur_train_and_grids_with_them(tmp_path):
    toy = Toy()
    trained(tmp_path, listeners=[toy])
    loss = "training/discriminator_loss"
    grids = [f"update-000000{n}.png" for n in (1, 2, 4)]
    assert told(toy.runs["run 0"]) == [
        (1, grids[0]), (2, loss), (2, grids[1]), (4, loss), (4, grids[2]),
    ]  # fmt: skip


def test_neither_host_nor_folder_is_among_the_settings(tmp_path):
    seen: list[Subject] = []

    class Curious(Toy):
        def begin(self, subject: Subject) -> Notebook:
            seen.append(subject)
            return super().begin(subject)

    trained(tmp_path, listeners=[Curious()])
    (subject,) = seen
    settings = subject.settings
    assert settings["discriminator_rate"] == 1e-3
    assert settings["scoring.protocol"] == "tf1"
    # Nothing that only derives from them, as `torch.__version__` does.
    assert {type(value) for value in settings.values()} <= {bool, int, float, str}
    text = json.dumps(settings)
    for private in (str(tmp_path), os.getcwd(), str(Path.home())):
        assert private not in text
    assert socket.gethostname() not in settings.values()


# The table, and the packages of one shape.


def test_a_word_names_a_tracker_and_where_its_runs_go():
    assert tracker("tensorboard") == ttur.TensorBoard()
    assert tracker("tensorboard:logs/here") == ttur.TensorBoard("logs/here")
    assert tracker("wandb:mine") == ttur.Wandb("mine")
    assert tracker("mlflow:sqlite:///x.db") == ttur.MLflow("sqlite:///x.db")
    with pytest.raises(ValueError, match=r"`track` .*did you mean wandb"):
        tracker("wanbd")


class Package:
    """What `wandb`, `trackio` and `swanlab` have in common."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.config = self

    def init(self, **words: Any) -> "Package":
        self.calls.append(("init", words))
        return self

    def log(self, values: dict[str, Any], step: int) -> None:
        self.calls.append(("log", (step, values)))

    def update(self, values: dict[str, Any]) -> None:
        self.calls.append(("config", values))

    def finish(self) -> None:
        self.calls.append(("finish", None))

    def Image(self, path: str) -> str:
        return path

    class Settings:
        def __init__(self, **words: Any) -> None:
            self.words = words

        class Probe:
            def __init__(self, **words: Any) -> None:
                assert not any(words.values())

        class Terminal:
            def __init__(self, proxy_type: str) -> None:
                assert proxy_type == "none"


@pytest.fixture
def package(monkeypatch, request) -> Package:
    fake = Package()
    monkeypatch.setitem(sys.modules, request.param, fake)
    return fake


@pytest.mark.parametrize("package", ["wandb", "trackio", "swanlab"], indirect=True)
def test_init_log_finish(tmp_path, package, request):
    word = request.node.callspec.params["package"]
    run = Played(tmp_path)
    run.draw(20)
    run.happen(TRACKERS[word](), *WHOLE)
    (first, opened), *logs = package.calls
    assert (first, opened["project"], opened["group"]) == ("init", "faces", "ttur_1e-3_5e-4")
    assert opened["name"].startswith("ttur_1e-3_5e-4 seed-3")
    assert opened["resume"] == "allow"
    assert opened["config"]["discriminator_rate"] == 1e-3
    logged = [what for call, what in logs if call == "log"]
    axes = {"update": 10, "images_seen": 160, "training_seconds": 2.5}
    assert (10, {"fid/torch": 5.0, "kid/torch": 0.05, **axes}) in logged
    assert [step for step, _ in logged[:7]] == [5, 10, 10, 20, 20, 20, 20]
    assert logged[5] == (20, {"samples": str(tmp_path / "samples" / "update-0000020.png")})
    assert logged[6][1]["final/fid/torch"] == 6.0
    said = {"outcome": "finished"}  # SwanLab's curves take no words
    assert logs[-2] == (("config", said) if word == "swanlab" else ("log", (20, said)))
    assert logs[-1] == ("finish", None)
    identity = json.loads((tmp_path / "trackers.json").read_text())[repr(TRACKERS[word]())]
    again = TRACKERS[word]()  # as another process has it
    run.happen(again, Resumed(update=20, updates=30), log(30))
    opened = package.calls[-2][1]
    assert identity["identity"] in (opened.get("id") or opened["name"])
    assert package.calls[-1][1][0] == 30


def test_a_tracker_that_is_not_known_is_refused_before_anything(ttur, tmp_path):
    code, out, err = ttur("run demo --track wanbd --dry-run")
    assert (code, out) == (2, "")
    assert "expected --track to be one of tensorboard" in err
