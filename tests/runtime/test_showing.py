"""`progress=` of what takes long: shown, hidden, or told to a function."""

import inspect
import sys
from types import ModuleType

import numpy as np
import pytest

import ttur as face
from ttur.runtime.board import Board
from ttur.runtime.progress import counted, onlooker, task
from ttur.runtime.showing import show_progress, takes_long
from ttur.runtime.standing import Standing


@takes_long
def looked_at(progress=None):
    return onlooker()


def test_true_shows_false_hides_and_none_leaves_it_to_who_is_around():
    assert isinstance(looked_at(progress=True), Board)
    assert looked_at() is None
    assert onlooker() is None
    with show_progress():
        around = onlooker()
        assert looked_at() is looked_at(progress=True) is around
        assert not isinstance(looked_at(progress=False), Board)
        assert onlooker() is around


def test_a_function_is_told_where_work_stands_and_may_end_it():
    seen: list[Standing] = []
    with show_progress(seen.append), task("outer", 2, "things") as outer:
        outer(1)
        with task("inner", 4, "images") as inner:
            inner(4)
    told = [(each.within, each.title, each.done, each.total, each.unit) for each in seen]
    assert told == [
        ((), "outer", 0, 2, "things"),
        (("outer",), "inner", 0, 4, "images"),
        (("outer",), "inner", 4, 4, "images"),
        ((), "outer", 1, 2, "things"),
    ]
    assert [each.part for each in seen] == [0, 0, 1, 0.5]

    def stop(standing: Standing) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), show_progress(stop):
        list(counted([1], "items"))
    assert onlooker() is None


def test_what_is_no_way_to_show_is_refused():
    with pytest.raises(ValueError, match="`progress` to be True, False or a function, got a str"):
        face.fid("a", "b", progress="yes")  # pyright: ignore[reportArgumentType]


def test_a_notebook_shows_unless_told_not_to(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert isinstance(looked_at(), Board)
    assert not isinstance(looked_at(progress=False), Board)


@pytest.mark.parametrize(
    "name",
    [
        *("evaluate", "evaluate_classes", "fid", "inception_score", "load_extractor"),
        *("reconstruction", "run", "save_features", "statistics", "train"),
    ],
)
def test_whatever_takes_long_has_the_argument(name):
    assert inspect.signature(getattr(face, name)).parameters["progress"].default is None


def test_no_number_depends_on_who_is_told():
    images = np.random.default_rng(0).integers(0, 256, (60, 16, 16, 3), np.uint8)
    options = {"extractor": "digits", "cache": False}
    seen: list[Standing] = []
    told = face.fid(images[:25], images[25:], progress=seen.append, **options)
    assert told.value == face.fid(images[:25], images[25:], **options).value
    assert {"network of digits", "interval"} <= {standing.title for standing in seen}
    assert max(standing.done for standing in seen if standing.unit == "images") == 35
