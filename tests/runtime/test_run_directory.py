import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from ttur.runtime.run_directory import EVENTS, RunDirectory, read_lines


def test_lines_come_back_in_order(tmp_path):
    lines = [{"event": "log", "update": 1, "loss": 0.5}, {"event": "evaluation", "value": [3.0]}]
    with RunDirectory(tmp_path) as run:
        for line in lines:
            run.append(line)
    assert read_lines(tmp_path) == lines


def test_a_folder_without_events_has_no_lines(tmp_path):
    assert read_lines(tmp_path) == []


def test_a_torn_last_line_is_passed_over_and_not_glued_to_the_next(tmp_path):
    with RunDirectory(tmp_path) as run:
        run.append({"update": 1})
        with (tmp_path / EVENTS).open("a") as file:
            file.write('{"event": "log", "upd')
        run.append({"update": 2})
    assert read_lines(tmp_path) == [{"update": 1}, {"update": 2}]


@pytest.mark.parametrize(
    "damaged", ["[]", "3", '{"update": ' + "1" * 5000 + "}", "[" * 100_000, "\xff\x00"]
)
def test_a_damaged_line_is_passed_over(tmp_path, damaged):
    (tmp_path / EVENTS).write_text(damaged + '\n{"update": 2}\n', "latin-1")
    assert read_lines(tmp_path) == [{"update": 2}]


def test_a_number_that_is_not_finite_is_refused(tmp_path):
    with RunDirectory(tmp_path) as run, pytest.raises(ValueError, match="not JSON compliant"):
        run.append({"update": 1, "value": float("nan")})
    assert read_lines(tmp_path) == []


def test_config_is_replaced_as_a_whole(tmp_path):
    with RunDirectory(tmp_path) as run:
        assert run.read_config() is None
        run.write_config({"a": 1})
        run.write_config({"b": [1, 2]})
        assert run.read_config() == {"b": [1, 2]}


@pytest.mark.parametrize("content", ["{torn", "[1, 2]"])
def test_a_foreign_config_is_named(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValueError, match=r"config\.json.*is this a run directory"):
        RunDirectory(tmp_path).read_config()


def test_a_second_process_is_refused_and_a_killed_one_leaves_no_lock(tmp_path):
    program = f"""
        import sys, time
        from pathlib import Path
        from ttur.runtime.run_directory import RunDirectory
        with RunDirectory(Path({str(tmp_path)!r})):
            print("locked", flush=True)
            time.sleep(60)
    """
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(BlockingIOError, match="another process"), RunDirectory(tmp_path):
            pass
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait(10)
        with RunDirectory(tmp_path) as run:
            run.append({"update": 1})
    finally:
        holder.kill()
        holder.wait(10)
        assert holder.stdout is not None
        holder.stdout.close()
    assert json.loads((tmp_path / EVENTS).read_text())["update"] == 1
