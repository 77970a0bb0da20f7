"""The program `ttur`: how it ends, and what it says of a mistake."""

import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import typer
from typer.models import OptionInfo

from ttur.cli.output import say

FINISHED, FAILED, BAD_INPUT, DIVERGED, INTERRUPTED = 0, 1, 2, 3, 130

# The one under way, whose flags stand in what is said before it ends.
command: ContextVar[Callable[..., Any] | None] = ContextVar("command", default=None)

# Arguments that commands have by another name.
_RENAMED = {
    "directory": "out",
    "data_directory": "data",
    "updates": "steps",
    "evaluation_samples": "samples",
    "evaluate_every_updates": "evaluate_every",
    "target_name": "name",
}
# Fields of a configuration that messages name; where a command has no flag for them, --set has.
_FIELDS = (
    "image_size",
    "kid_subset_size",
    "length",
    "monitor_every_updates",
    "protocol",
    "tracking_gap_every_updates",
)


def run_and_exit(app: typer.Typer) -> None:
    """A mistake of the user is one line on stderr and exit code 2."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except (ValueError, OSError) as error:
        print(f"error: {in_flags(_message(error), _called(app))}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except MemoryError as error:
        print(f"error: out of memory; {error or 'make room and repeat'}", file=sys.stderr)
        sys.exit(FAILED)


def say_how_to_go_on() -> None:
    """After Ctrl-C, of a command that goes on where it was: how to call it again, word by word."""
    say(f"interrupted; this goes on from here:\n  {_called_by()}")


def _called_by() -> str:
    """The command line as it can be typed again."""
    program, *words = sys.argv
    program = [sys.executable, "-m", "ttur"] if program.endswith("__main__.py") else [program]
    # Found on the path, it needs no folder.
    name = Path(program[0]).name
    if shutil.which(name) == program[0]:
        program[0] = name
    quoted = subprocess.list2cmdline if os.name == "nt" else shlex.join
    return quoted([*program, *words])


def in_flags(message: str, command: Callable[..., Any] | None) -> str:
    """A message in which arguments, between backticks and alone, are flags of the command.

    What the command has no flag for keeps its name.
    """
    flags = _flags(command) if command else {}

    def flag(found: re.Match[str]) -> str:
        argument = found[1]
        name = _RENAMED.get(argument, argument)
        if name not in flags and argument in _FIELDS and "settings" in flags:
            return f"{flags['settings']} {argument}=..."
        return flags.get(name, argument)

    return re.sub("`([a-z_]+)`", flag, message)


def _flags(command: Callable[..., Any]) -> dict[str, str]:
    """The flag of each parameter that is an option."""
    options = {
        name: part
        for name, parameter in inspect.signature(command).parameters.items()
        for part in getattr(parameter.annotation, "__metadata__", ())
        if isinstance(part, OptionInfo)
    }
    # Within Annotated, typer keeps the first word that names an option as its default.
    words = {name: [each.default, *(each.param_decls or ())] for name, each in options.items()}
    return {
        name: max((word for word in of if isinstance(word, str)), key=len, default=None)
        or f"--{name.replace('_', '-')}"
        for name, of in words.items()
    }


def _called(app: typer.Typer) -> Callable[..., Any] | None:
    """The command that the words of the program name."""
    commands = {
        each.callback.__name__: each.callback for each in app.registered_commands if each.callback
    }
    return next((commands[word] for word in sys.argv[1:] if word in commands), None)


def _message(error: Exception) -> str:
    if type(error).__name__ == "ValidationError":  # pydantic's, of a configuration
        from ttur.runtime.settings import reasons

        return reasons(error)  # pyright: ignore[reportArgumentType]
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
