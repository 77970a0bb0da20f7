"""The face: every public name has a whole signature, a docstring with an example, and it runs."""

import doctest
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import ttur
from ttur.cli import app, flags

NAMES = list(ttur.__all__)


def test_the_face_is_complete():
    """design.md, section 4, but for `search`, which comes with its own issue."""
    promised = (
        "fid evaluate Accumulator statistics load_extractor Extractor train run Losses Round "
        "read_runs load_generator LearningRatePair Constant PowerLaw Halving check_step_sizes "
        "PerturbationMonitor"
    )
    assert set(promised.split()) <= set(NAMES)
    assert set(NAMES) <= set(dir(ttur))


def test_names_for_types_are_those_that_load():
    """What editors see, under TYPE_CHECKING, is what `ttur.name` gives."""
    source = Path(ttur.__file__).read_text()
    for name, module in ttur._PUBLIC.items():
        assert f"from {module} import {name} as {name}" in source


@pytest.mark.parametrize("name", NAMES)
def test_signatures_hide_nothing(name):
    """No `**options`: an editor shows every argument, with its type."""
    signature = inspect.signature(getattr(ttur, name))
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds
    assert inspect.Parameter.VAR_POSITIONAL not in kinds
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, parameter.name


@pytest.mark.parametrize("name", NAMES)
def test_docstrings_have_an_example_that_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    value = getattr(ttur, name)
    names = vars(inspect.getmodule(value)) | {"ttur": ttur}
    found = doctest.DocTestFinder(recurse=False).find(value, name, globs=names)
    examples = [example for test in found for example in test.examples]
    assert examples, f"ttur.{name} shows no example"
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in found:
        runner.run(test, clear_globs=True)
    assert runner.failures == 0


def test_examples_of_all_modules_run(tmp_path, monkeypatch):
    """Those deeper in the house, which the face does not show."""
    monkeypatch.chdir(tmp_path)
    source = Path(ttur.__file__).parent
    shown = set(ttur._PUBLIC)
    for path in sorted(source.rglob("*.py")):
        if ">>>" not in path.read_text():
            continue
        words = path.relative_to(source.parent).with_suffix("").parts
        module = importlib.import_module(".".join(words).removesuffix(".__init__"))
        for test in doctest.DocTestFinder().find(module, globs=vars(module) | {"ttur": ttur}):
            if test.name.rpartition(".")[2] not in shown:
                runner = doctest.DocTestRunner()
                runner.run(test)
                assert runner.failures == 0, test.name


@pytest.mark.parametrize("name", NAMES)
def test_devices_are_chosen_alike_everywhere(name):
    parameters = inspect.signature(getattr(ttur, name)).parameters
    if "device" in parameters:
        assert parameters["device"].default == "auto"


def test_options_of_one_name_have_one_default_everywhere():
    """Of evaluate, fid, statistics, Accumulator, load_extractor: whoever has it, has the same."""
    names = ("fid", "evaluate", "statistics", "Accumulator", "load_extractor")
    defaults: dict[str, set] = {}
    for name in names:
        for option in inspect.signature(getattr(ttur, name)).parameters.values():
            if option.default is not inspect.Parameter.empty:
                default = "a function" if callable(option.default) else repr(option.default)
                defaults.setdefault(option.name, set()).add(default)
    shared = {option: values for option, values in defaults.items() if len(values) > 1}
    assert shared == {}


def test_annotations_are_there_for_type_checkers():
    """PEP 561: without the mark an installed package has none."""
    assert (Path(ttur.__file__).parent / "py.typed").is_file()


def test_import_loads_nothing_heavy_and_the_version_is_the_packages():
    program = (
        "import sys, ttur\n"
        "assert not {'torch', 'numpy', 'pydantic', 'scipy'} & set(sys.modules)\n"
        "from importlib.metadata import version\n"
        "assert ttur.__version__ == version('ttur')\n"
        "try: ttur.nothing\n"
        "except AttributeError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "no attribute 'nothing'" in done.stdout


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("evaluate", "choose directory, --kid-subset-size or --extractor"),
        ("run", "choose --out, --set kid_subset_size=... or extractor"),
    ],
)
def test_arguments_in_messages_become_flags_of_the_command(command, words):
    """Never one that it has not."""
    found = next(
        c.callback for c in app.registered_commands if c.callback and c.callback.__name__ == command
    )
    message = "choose `directory`, `kid_subset_size` or `extractor`; see `ttur run`, `image.png`"
    expected = f"{words}; see `ttur run`, `image.png`"
    assert flags.in_flags(message, found) == expected
