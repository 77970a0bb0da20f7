"""What a run tells of its pace, and that telling it changes nothing."""

from contextlib import suppress

import pytest

import ttur
from onlooking import Recorder
from ttur.runtime.clock import Clock
from ttur.runtime.progress import Task, shown_to
from ttur.training.cadence import Cadence
from ttur.training.events import Evaluation, Log, Resumed, Score, Started
from ttur.training.pace import Pace
from ttur.training.progress import noted

FEW = {
    "updates": 4, "width": 2, "batch_size": 8, "evaluation_samples": 20, "reference_images": 64,
    "evaluate_every_updates": 9, "log_every_updates": 2, "checkpoint_every_updates": 2,
}  # fmt: skip


def evaluation(update: int, seconds: float) -> Evaluation:
    return Evaluation(
        update=update,
        discriminator_updates=update,
        training_seconds=1.0,
        evaluation_seconds=seconds,
        metric="fd_digits",
        values={"fd_digits": 3.25},
        best=Score(metric="fd_digits", value=3.0, update=1),
    )


def play(path, **words):
    return list(ttur.run("demo", seeds=[0], out=path, device="cpu", **{"settings": FEW, **words}))


def counts(recorder: Recorder, of: Task) -> list[int]:
    return [done for what, title, done in recorder.seen if (what, title) == ("advance", of.title)]


def test_every_update_is_counted_and_evaluations_stand_within_and_no_bit_changes(tmp_path):
    recorder = Recorder()
    with shown_to(recorder):
        looked_at = play(tmp_path / "shown")
    (alone,) = play(tmp_path / "alone", only="orig_5e-4")
    assert looked_at[1].weights_sha256 == alone.weights_sha256
    assert [e.values for e in looked_at[1].evaluations] == [e.values for e in alone.evaluations]
    runs = [each for each in recorder.tasks if each.unit == "updates"]
    assert [(each.title, each.done, each.total) for each in runs] == [
        ("ttur_1e-3_5e-4 seed 0", 4, 4),
        ("orig_5e-4 seed 0", 4, 4),
    ]
    assert counts(recorder, runs[0]) == [1, 2, 3, 4]
    scored = [each for each in recorder.tasks if each.title == "scoring"]
    assert [(each.done, each.total, each.unit) for each in scored] == [(20, 20, "images")] * 4
    of_all = [each for each in recorder.tasks if each.title == "run"]
    assert [(each.done, each.total, each.later) for each in of_all] == [(0, 2, 1.0), (1, 2, 0.0)]
    assert runs[0].headline[0].startswith("fd_digits ")
    assert runs[0].notes[0].startswith("D ")


def test_a_run_that_goes_on_counts_from_where_it_was(tmp_path):
    play(tmp_path, only="orig_5e-4")
    recorder = Recorder()
    with shown_to(recorder):
        play(tmp_path, only="orig_5e-4", settings=FEW | {"updates": 6})
    (run,) = (each for each in recorder.tasks if each.unit == "updates")
    assert (counts(recorder, run), run.total) == ([4, 5, 6], 6)
    assert "run" not in {each.title for each in recorder.tasks}  # of one there is no third


def test_evaluations_to_come_take_as_long_as_those_that_were():
    """Of 1, 10, 20, 30 and 40 there were those of 1 and 10, of 2 s and 4 s."""
    task = Task("training", 40)
    pace = Pace(task, 40, Cadence(evaluate_every_updates=10))
    pace.begin(Clock(7e9), 15, 10, [evaluation(1, 2.0), evaluation(10, 4.0)])
    assert task.clock is not None
    assert (task.done, round(task.clock() / 1e9)) == (15, 7)
    assert (task.beside(15), task.beside(0)) == (9.0, 15.0)
    for _ in range(5):
        pace.count()
    with suppress(KeyboardInterrupt), pace.evaluation(20):
        assert 8.0 < task.beside(20) < 9.0  # without what has passed of it
        raise KeyboardInterrupt
    assert task.beside(20) == 9.0
    with pace.evaluation(20):
        pass
    assert task.beside(20) == pytest.approx(2 * (2 + 4 + 0) / 3, abs=0.1)


def test_before_an_evaluation_none_is_reckoned_with():
    task = Task("training", 40)
    Pace(task, 40, Cadence()).begin(Clock(0.0), 0, 0, [])
    assert task.beside(0) == 0.0


def test_the_task_of_a_run_says_scores_before_losses():
    task = Task("training")
    note = noted(task)
    note(Started(update=0, updates=9))
    assert (task.headline, task.notes) == ((), ())
    losses = {"discriminator_loss": 1.25, "generator_loss": None, "k": 0.5}
    note(Log(update=2, discriminator_updates=2, training_seconds=1.0, values=losses))
    note(evaluation(2, 1.0))
    assert task.headline == (
        "fd_digits 3.25 (best 3 @ 1)", "fd_digits 3.25 (best 3)", "3.25 (best 3)", "3.25",
    )  # fmt: skip
    assert task.notes == ("D 1.250", "k 0.500")
    again = Task("training")
    scored = Score(metric="fd_digits", value=3.0, update=1)
    noted(again)(Resumed(update=2, updates=9, last=scored, best=scored))
    assert again.headline[-1] == "3"
