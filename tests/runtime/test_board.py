"""Bars and lines of what is under way, by a clock of the test's own."""

import inspect
import sys

import pytest

import ttur as face
from onlooking import Recorder
from ttur.cli import app
from ttur.runtime.board import Board, duration
from ttur.runtime.progress import onlooker, shown_to, task

ERASED = "\x1b[2K"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, to rich
    monkeypatch.setenv("COLUMNS", "60")


def frames(text: str) -> list[str]:
    """What stood on the terminal, without colours, one after the other and each once."""
    for code in ("\x1b[32m", "\x1b[2m", "\x1b[0m", "\x1b[1A"):
        text = text.replace(code, "")
    drawn = [frame.strip("\r\n") for frame in text.split(ERASED)]
    return list(dict.fromkeys(frame for frame in drawn if frame))


def test_a_log_has_a_line_in_fifteen_seconds_and_none_of_what_is_quick(clock, capsys):
    with Board(clock=clock) as board:
        for _ in range(20):  # each of one second
            with task("quick", 10, "images"):
                clock.now += 1
                board.look()
        with task("features of B", 5000, "images") as advance:
            advance(100)
            board.look()
            for _ in range(40):
                clock.now += 1
                advance(50)
                board.look()
    assert capsys.readouterr().err.splitlines() == [
        "features of B 850/5,000 · 50.0 images/s · 1:23 left",
        "features of B 1,600/5,000 · 50.0 images/s · 1:08 left",
    ]


def test_tasks_within_tasks_stand_in_one_line_of_a_log(clock, capsys):
    with Board(clock=clock) as board, task("checks", 33, "checks") as advance:
        advance(4)
        with task("FID of CIFAR-10"):
            clock.now += 15
            board.look()
    assert capsys.readouterr().err == ("checks 4/33 · 0:15 so far > FID of CIFAR-10 0:15 so far\n")


def test_what_was_done_before_is_no_speed(clock, capsys):
    """A data set of which 90,000 samples were there already, then 10 a second."""
    with Board(clock=clock) as board, task("preparing x", 100_000, "samples") as advance:
        advance(90_000)
        board.look()
        clock.now += 20
        advance(200)
        board.look()
    assert capsys.readouterr().err == ("preparing x 90,200/100,000 · 10.0 samples/s · 16:20 left\n")


def test_a_terminal_has_a_bar_after_two_seconds_and_nothing_at_the_end(terminal, clock, capsys):
    with Board(clock=clock) as board:
        with task("features of B", 400, "images") as advance:
            advance(50)
            board.look()
            clock.now += 1.9
            board.look()
            assert capsys.readouterr().err == ""
            clock.now += 3.1
            advance(150)
            board.look()
            shown = capsys.readouterr().err
        ended = capsys.readouterr().err
        with task("quick"):
            board.look()
    assert frames(shown) == ["features of B ━━━━━╌╌╌╌╌ 200/400 · 30.0 images/s · 0:07 left"]
    assert frames(ended)[-1:] in ([], frames(shown))
    assert ended.endswith(ERASED)
    assert "?25l" not in shown  # a killed process would leave no cursor
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ("60", "…/folder ╌╌╌╌╌ 0/50,000 · 0:05 so far"),
        ("30", "…s/folder 0/50,000 · 0:05 so far"[:30]),
    ],
)
def test_a_title_gives_way_to_the_numbers(terminal, clock, capsys, monkeypatch, columns, line):
    monkeypatch.setenv("COLUMNS", columns)
    title = f"features of {'/long' * 30}/samples/folder"
    with Board(clock=clock) as board, task(title, 50_000, "images"):
        clock.now += 5
        board.look()
        (shown,) = frames(capsys.readouterr().err)
    assert len(shown) <= int(columns)
    assert "/folder" in shown
    assert "0/50,000" in shown


def test_names_of_files_are_no_markup_and_no_commands_of_the_terminal(terminal, clock, capsys):
    with Board(clock=clock) as board, task("preparing [/foo]\x1b[31m\n", 2):
        clock.now += 5
        board.look()
        (shown,) = frames(capsys.readouterr().err)
    assert shown.startswith("preparing [/foo]?[31m? ")


def test_an_error_leaves_the_terminal_clean_and_nobody_looking_on(terminal, clock, capsys):
    def fail() -> None:
        with Board(clock=clock) as board, task("outer", 3):
            with task("inner"):
                clock.now += 5
                board.look()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert capsys.readouterr().err.endswith(ERASED)
    assert onlooker() is None
    print("later", file=sys.stderr)
    assert capsys.readouterr().err == "later\n"


def test_bytes_are_written_as_sizes(clock, capsys):
    with Board(clock=clock) as board, task("download", 95_600_000, "bytes") as advance:
        advance(1_000_000)
        board.look()
        clock.now += 20
        advance(40_000_000)
        board.look()
    assert capsys.readouterr().err == "download 41.0 MB/95.6 MB · 2.0 MB/s · 0:27 left\n"


def test_a_quiet_board_shows_nothing_and_says_what_it_is_told_to(clock, capsys):
    with Board(quiet=True, clock=clock) as board, task("features"):
        clock.now += 100
        board.look()
        board.say("done")
    assert capsys.readouterr().err == "done\n"


def test_every_command_shows_what_takes_long_unless_it_is_told_to_be_quiet(ttur, monkeypatch):
    assert all(
        command.callback and "quiet" in inspect.signature(command.callback).parameters
        for command in app.registered_commands
    )
    boards: list[Board] = []
    look = Board.__enter__
    monkeypatch.setattr(Board, "__enter__", lambda self: boards.append(self) or look(self))
    assert ttur("cache --json")[0] == ttur("cache --quiet")[0] == 0
    assert [board.quiet for board in boards] == [False, True]


def test_progress_is_shown_from_python_and_hidden_again():
    with face.show_progress():
        assert isinstance(onlooker(), Board)
    assert onlooker() is None


def test_an_evaluation_reports_both_sides_and_its_metrics_and_no_number_changes():
    import numpy as np

    images = np.random.default_rng(0).integers(0, 256, (60, 16, 16, 3), np.uint8)
    recorder, options = Recorder(), {"extractor": "digits", "cache": False}
    sides = images[:25], images[25:]
    expected = face.evaluate(*sides, "fid,precision_recall", **options)
    with shown_to(recorder):
        made = face.evaluate(*sides, "fid,precision_recall", **options)
    assert made.to_json() == expected.to_json()
    known = {(task.unit, task.total) for task in recorder.tasks}
    assert {("images", 25), ("images", 35), ("blocks", 1)} <= known
    assert {"fid", "interval", "precision_recall"} <= {t.title for t in recorder.tasks}
    assert all(task.done == task.total for task in recorder.tasks if task.total is not None)


SCORES = (
    "fd_digits 9.883 (best 9.7 @ 50)",
    "fd_digits 9.883 (best 9.7)",
    "9.883 (best 9.7)",
    "9.883",
)
FULL = "550/1,000 · fd_digits 9.883 (best 9.7 @ 50) · 17.0 updates/s · 0:26 left"
OF_A_RUN = {
    140: f"ttur_1e-3_5e-4 seed 0 {'━' * 13}{'╌' * 12} {FULL} · D 0.529 · G 1.930",
    120: f"ttur_1e-3_5e-4 seed 0 {'━' * 8}{'╌' * 7} {FULL} · D 0.529",
    80: "ttur_1e-3_5e-4 seed 0 ━━━╌╌╌╌ 550/1,000 · fd_digits 9.883 (best 9.7) · 0:26 left",
    60: "…5e-4 seed 0 ━━━╌╌╌ 550/1,000 · 9.883 (best 9.7) · 0:26 left",
    42: "…5e-4 seed 0 550/1,000 · 9.883 · 0:26 left",
}


@pytest.mark.parametrize("columns", OF_A_RUN)
def test_a_narrow_terminal_keeps_updates_distance_and_time(
    terminal, clock, capsys, monkeypatch, columns
):
    """Losses go first, then the speed; half of it is done, in 32 s of training."""
    monkeypatch.setenv("COLUMNS", str(columns))
    with Board(clock=clock) as board, task("ttur_1e-3_5e-4 seed 0", 1000, "updates") as run:
        run.headline, run.notes = SCORES, ("D 0.529", "G 1.930")
        run(6)
        board.look()
        clock.now += 32
        run(544)
        board.look()
        (shown,) = frames(capsys.readouterr().err)
    assert len(shown) <= columns
    assert shown == OF_A_RUN[columns]


def test_time_of_all_runs_follows_from_that_of_the_one_within(terminal, clock, capsys):
    """Run 3 of 4 is half done after 10 s of training; one of twice its length is to come. An
    evaluation of 5 s is to come in this one, of two in all."""
    trained = Clock()
    with Board(clock=clock) as board, task("run", 4, "runs", done=2, later=2.0):
        with task("orig seed 1", 20, "updates") as run:
            run.clock, run.beside = trained, lambda done: 5.0 if done else 10.0
            run(1)
            board.look()
            clock.now, trained.now = clock.now + 100, trained.now + 9
            run(9)
            board.look()
            with task("scoring", 50_000, "images") as advance:
                advance(12_000)
                clock.now += 3
                board.look()
        lines = "\n".join(frames(capsys.readouterr().err)).splitlines()
    assert "orig seed 1 ━━━━━━━╌╌╌╌╌╌╌ 10/20 · 1.0 updates/s · 0:15 left" in lines
    assert f"run 3 of 4 {'━' * 18}{'╌' * 12} 1:15 left" in lines  # 15 + 2 × 30
    assert any(each.endswith("12,000/50,000 · 0:03 so far") for each in lines)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0:00"), (65.0, "1:05"), (3599.6, "1:00:00"), (86_399.0, "23:59:59")],
)
def test_durations(seconds: float, text: str):
    assert duration(seconds) == text
