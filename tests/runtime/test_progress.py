"""What works reports to who looks on, and to nobody else."""

import contextvars
import threading

import pytest

from onlooking import Recorder
from ttur.runtime.progress import Task, counted, onlooker, shown_to, task


def test_a_task_is_told_from_its_beginning_to_its_end():
    recorder = Recorder()
    with shown_to(recorder), task("features", 5, "images") as advance:
        advance(2)
        advance(0)  # nothing to tell
        with task("resize"):
            pass
        advance(3)
    assert recorder.seen == [
        ("begin", "features", 0),
        ("advance", "features", 2),
        ("begin", "resize", 0),
        ("end", "resize", 0),
        ("advance", "features", 5),
        ("end", "features", 5),
    ]
    assert [(each.total, each.unit) for each in recorder.tasks] == [(5, "images"), (None, "")]


def test_without_anybody_or_out_of_the_block_nothing_is_told():
    recorder = Recorder()
    assert onlooker() is None
    with shown_to(recorder):
        with shown_to(None), task("hidden") as advance:
            advance(1)
        assert onlooker() is recorder
    with task("later") as advance:
        advance(1)
    assert recorder.seen == []


def test_an_error_ends_all_tasks_within_which_it_was_raised():
    recorder = Recorder()

    def fail() -> None:
        with shown_to(recorder), task("outer"):
            for _ in counted(range(3), "inner"):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert recorder.seen[-2:] == [("end", "inner", 0), ("end", "outer", 0)]
    assert onlooker() is None


def test_what_an_onlooker_raises_ends_the_work():
    def interrupt(task: Task) -> None:
        raise KeyboardInterrupt

    recorder, done = Recorder(interrupt), []
    with pytest.raises(KeyboardInterrupt), shown_to(recorder):
        done.extend(counted("abc", "letters"))
    assert recorder.seen[-1] == ("end", "letters", 1)


def test_counted_items_are_those_given_and_their_number_is_known_if_it_can_be():
    recorder = Recorder()
    with shown_to(recorder):
        assert list(counted([4, 5], "a", "items")) == [4, 5]
        assert list(counted(iter([4, 5]), "b")) == [4, 5]
        assert list(counted(iter([4, 5]), "c", total=2)) == [4, 5]
    assert [(each.total, each.done) for each in recorder.tasks] == [(2, 2), (None, 2), (2, 2)]


def test_a_thread_is_looked_at_in_a_copy_of_the_context_alone():
    recorder = Recorder()

    def work() -> None:
        with task("in a thread"):
            pass

    with shown_to(recorder):
        context = contextvars.copy_context()
        for target in (work, lambda: context.run(work)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join(timeout=10)
    assert recorder.seen == [("begin", "in a thread", 0), ("end", "in a thread", 0)]
