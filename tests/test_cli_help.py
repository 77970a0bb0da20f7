"""Help of every command: whole at 80 columns, in groups, with examples that may be typed."""

import inspect
import shlex
import subprocess
import sys
from typing import Any

import pytest
import typer

from ttur.cli import COMMANDS, app
from ttur.cli.experiments import experiment_names
from ttur.cli.options import extractor_names, metric_names, protocol_names
from ttur.cli.theory import study_names
from ttur.experiments.registry import EXPERIMENTS
from ttur.theory.catalogue import STUDIES

GROUP: Any = typer.main.get_command(app)
NAMES = list(GROUP.commands)


def help_of(ttur, words: str) -> str:
    code, out, err = ttur(f"{words} --help")
    assert (code, err) == (0, "")
    return out


def test_commands_stand_in_their_groups_each_with_a_whole_sentence(ttur, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    out = help_of(ttur, "")
    assert "..." not in out.partition("Options:")[2]
    assert max(map(len, out.splitlines())) <= 80
    groups = [out.index(f"\n{name}:\n") for name in ("Train", "Measure", "Theory", "Data")]
    assert groups == sorted(groups)
    words = " ".join(out.split())
    for panel, command, _ in COMMANDS:
        sentence = (inspect.getdoc(command) or "").split("\n\n")[0]
        assert f"{command.__name__} {' '.join(sentence.split())}" in words
        assert out.index(f"\n{panel}:\n") < out.index(f"\n  {command.__name__} ")


@pytest.mark.parametrize("name", NAMES)
def test_help_is_whole_at_80_columns_and_in_words_of_people(ttur, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "80")
    out = help_of(ttur, name)
    assert max(map(len, out.splitlines())) <= 80
    told = " ".join(out.split())
    for parameter in GROUP.commands[name].params:
        assert " ".join((parameter.help or "").split()) in told
    for word in ("<int", "<str>", "<path>", "<list", "<float", "x>=", "{"):
        assert word not in out


@pytest.mark.parametrize("name", NAMES)
def test_examples_of_a_command_are_words_it_knows(ttur, name):
    """Each is parsed, and not run."""
    (examples,) = (each for _, command, each in COMMANDS if command.__name__ == name)
    assert examples
    out = help_of(ttur, name)
    for line in examples:
        assert f"\n    {line}\n" in f"{out}\n"
        program, command, *words = shlex.split(line)
        assert (program, command in NAMES) == ("ttur", True)
        context = GROUP.commands[command].make_context(command, words)
        assert not context.args


@pytest.mark.parametrize("words", ["-h", "fid -h", "help fid", "help"])
def test_help_is_asked_for_in_other_ways(ttur, words):
    asked = words.replace("help", "").replace("-h", "").strip()
    assert ttur(words) == ttur(f"{asked} --help")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("ttur fid a b --on-error ", {"fail", "skip"}),
        ("ttur fid a b --precision b", {"bfloat16"}),
        ("ttur evaluate a b --metrics fid,ki", {"fid,kid"}),
        ("ttur theory flat", {"flat_minimum"}),
        ("ttur run dcgan_cifar10_s", {"dcgan_cifar10_small"}),
        ("ttur prepare sv", {"svhn"}),
        ("ttur dist", {"disturb"}),
    ],
)
def test_a_shell_completes_words(ttur, monkeypatch, words, expected):
    monkeypatch.setenv("_TTUR_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    _, out, _ = ttur("")
    assert set(out.split()) == expected


def test_completion_knows_the_tables():
    assert experiment_names() == list(EXPERIMENTS)
    assert set(study_names()) == {*STUDIES, "all"}
    assert {"fid", "kid"} <= set(metric_names())
    assert {"inception", "cifar10"} <= set(extractor_names())
    assert {"tf1", "clean"} <= set(protocol_names())


def test_words_with_few_values_are_completed_without_loading_torch():
    program = (
        "import os, sys\n"
        "os.environ |= {'_TTUR_COMPLETE': 'complete_bash', 'COMP_CWORD': '4',\n"
        "               'COMP_WORDS': 'ttur fid a b --on'}\n"
        "from ttur.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'scipy', 'matplotlib', 'rich'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, ["--on-error"]), done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("fid", "expected A (real: folder, zip, tar, .npy, .npz or statistics), got nothing; see"),
        ("fid a b --batch-size x", "expected --batch-size: a whole number, got 'x'; see `ttur"),
        ("fid a b --batch-size=0", "expected --batch-size: at least 1, got '0'; see `ttur fid"),
        ("run demo --d-lr fast", "expected --d-lr: a number, got 'fast'; see `ttur run --help`"),
        ("fid a b c d", "expected no more words, got c d; see `ttur fid --help`"),
        ("fid a b --weights", "expected a value of --weights, got nothing; see"),
        ("fid a b --extracter x", "no option '--extracter'; did you mean --extractor?"),
        ("fid a b --zzz", "no option '--zzz'; see `ttur fid --help`"),
        ("--zzz", "no option '--zzz'; see `ttur --help`"),
        ("fdi", "no command 'fdi'; did you mean fid or disturb?"),
        ("THEORY", "no command 'THEORY'; did you mean theory?"),
        ("fid a b --value-range 0", "expected --value-range as LOW,HIGH, -1,1 or 0,1, or those"),
        ("theory flat_minimum --set depth=x", "depth: expected a number, got 'x'"),
        ("theory Flat_Minimum", "no study 'Flat_Minimum'; did you mean flat_minimum?"),
    ],
)
def test_every_mistake_is_told_in_one_voice(ttur, words, said):
    code, out, err = ttur(words)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {said}")
    assert err.count("\n") == 1
    assert "Input should be" not in err
    assert "Usage" not in err


def test_without_words_the_help_is_shown_and_the_exit_code_is_2(ttur):
    code, out, err = ttur("")
    assert (code, out) == (2, "")
    assert err.startswith("Usage: ")
    assert "\nMeasure:\n" in err
