from ttur.cli.progress import TerminalProgress
from ttur.training.events import Evaluation, Event, Listener, Log, Resumed, Score, Started


def log(update: int, seconds: float) -> Log:
    losses = {"discriminator_loss": 1.25, "generator_loss": None}
    return Log(update=update, discriminator_updates=update, training_seconds=seconds, values=losses)


def evaluation(update: int, value: float, best: Score) -> Evaluation:
    return Evaluation(
        update=update,
        discriminator_updates=update,
        training_seconds=0.1 * update,
        evaluation_seconds=3.0,
        metric="fd_digits",
        values={"fd_digits": value, "kid_digits": 0.5},
        best=best,
    )


BEST = Score(metric="fd_digits", value=8.0, update=300)


def told(events: list[Event], capsys, monkeypatch) -> list[str]:
    """Every line of the log."""
    monkeypatch.setattr("ttur.cli.progress.SECONDS_BETWEEN_LOG_LINES", 0.0)
    with TerminalProgress() as terminal:
        terminal.start("orig_5e-4 seed 0")
        for event in events:
            terminal(event)
    return capsys.readouterr().err.splitlines()


def test_a_log_line_says_speed_losses_scores_and_time_left(capsys, monkeypatch):
    """100 updates in 8 seconds are 12.5 a second: 1,500 more take two minutes."""
    scored = [evaluation(300, 8.0, BEST), evaluation(400, 9.5, BEST)]
    events = [Started(update=0, updates=2000), *scored, log(400, 40.0), log(500, 48.0)]
    assert told(events, capsys, monkeypatch) == [
        "orig_5e-4 seed 0  400/2,000 · D 1.250 · fd_digits 9.5 (best 8 @ 300)",
        "orig_5e-4 seed 0  500/2,000 · 12.5 updates/s · 2:00 left · D 1.250 · "
        "fd_digits 9.5 (best 8 @ 300)",
    ]


def test_a_resumed_run_says_what_it_had_scored_and_no_speed_of_another(capsys, monkeypatch):
    last = Score(metric="fd_digits", value=9.5, update=400)
    resumed = Resumed(update=400, updates=2000, last=last, best=BEST)
    assert told([resumed, log(500, 48.0)], capsys, monkeypatch) == [
        "orig_5e-4 seed 0  500/2,000 · D 1.250 · fd_digits 9.5 (best 8 @ 300)"
    ]


def test_the_next_run_begins_without_the_numbers_of_the_one_before(capsys, monkeypatch):
    monkeypatch.setattr("ttur.cli.progress.SECONDS_BETWEEN_LOG_LINES", 0.0)
    terminal = TerminalProgress()
    for title, first in (("first", log(100, 8.0)), ("second", log(200, 24.0))):
        terminal.start(title)
        for event in (Started(update=0, updates=900), first, evaluation(200, 8.0, BEST)):
            terminal(event)
    assert capsys.readouterr().err.splitlines() == [
        "first  100/900 · D 1.250",
        "second  200/900 · D 1.250",
    ]


def test_a_log_soon_after_another_is_not_printed(capsys):
    """One line in 15 seconds."""
    terminal = TerminalProgress()
    for event in (Started(update=0, updates=900), log(100, 8.0), log(200, 16.0)):
        terminal(event)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_whatever_is_called_with_events_is_a_listener():
    """A list that remembers them is a tracker."""
    seen: list[Event] = []
    listeners: tuple[Listener, ...] = (seen.append, TerminalProgress())
    events = [Started(update=0, updates=900), evaluation(100, 8.0, BEST)]
    for event in events:
        for listener in listeners:
            listener(event)
    assert seen == events
