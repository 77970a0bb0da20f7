import json
from importlib.metadata import version

import pytest


@pytest.fixture(autouse=True)
def texts(tmp_path):
    """Four texts in the folder the command line runs in."""
    (tmp_path / "real.txt").write_text("one fish\ntwo fish\n")
    (tmp_path / "generated.txt").write_text("red fish\nblue fish\ntwo fish\n")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "torn.txt").write_bytes(b"fish\n\xc3\n")


def test_one_line_for_each_order(ttur):
    code, out, err = ttur("jsd real.txt generated.txt")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == [f"jsd_{n}" for n in range(1, 7)]
    values = [float(line.split()[1]) for line in lines[:-1]]
    assert 0 < values[0] < values[-1] < 1
    assert lines[-1] == "(lines of 32 characters; real 2, generated 3; 16 symbols)"


def test_json_says_how_it_was_made(ttur):
    code, out, _ = ttur("jsd real.txt generated.txt --orders 6,2-3 --length 8 --json")
    assert code == 0
    result = json.loads(out)
    assert list(result["values"]) == ["jsd_2", "jsd_3", "jsd_6"]
    assert result["orders"] == [2, 3, 6]
    assert result["counts"] == {"real": 2, "generated": 3}
    assert result["protocol"] == {"length": 8, "padding": "`"}
    assert result["versions"] == {"ttur": version("ttur")}
    assert len(result["fingerprints"]["generated"]["sha256"]) == 64
    assert ttur("jsd real.txt real.txt --orders 4")[1].startswith("jsd_4 0\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("jsd empty.txt real.txt", "a sentence a line in empty.txt, got an empty file"),
        ("jsd real.txt torn.txt", "UTF-8 in torn.txt, got other bytes in line 2"),
        ("jsd real.txt nowhere.txt", "at nowhere.txt, got nothing there"),
        ("jsd . real.txt", "at ., got a folder"),
        ("jsd real.txt real.txt --orders 0-3", "expected --orders from 1 on, got '0-3'"),
        ("jsd real.txt real.txt --orders 3-1", "expected --orders that rise, as 1-3, got '3-1'"),
        ("jsd real.txt real.txt --orders four", "expected --orders as 4,6 or 1-6"),
        ("jsd real.txt real.txt --orders 4-33", "orders from 1 to 32"),
        ("jsd real.txt real.txt --length 3 --orders 4", "orders from 1 to 3"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(ttur, words, expected):
    code, out, err = ttur(words)
    assert (code, out) == (2, "")
    assert expected in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
