"""The program `ttur`: how it ends, and what it says of a mistake."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from ttur.cli.flags import in_flags
from ttur.cli.help import word_of
from ttur.cli.output import say
from ttur.runtime.errors import close, expected_of

FINISHED, FAILED, BAD_INPUT, DIVERGED, INTERRUPTED = 0, 1, 2, 3, 130

# typer has click within itself or beside itself, by its version: this is its class of both.
_Usage: type[Exception] = typer.BadParameter.__bases__[0]


def run_and_exit(app: typer.Typer) -> None:
    """A mistake of the user is a sentence on stderr and exit code 2."""
    try:
        sys.exit(app(prog_name="ttur", standalone_mode=False) or FINISHED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except _Usage as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error, file=sys.stderr)
        else:
            say(f"error: {_of_usage(error)}")
        sys.exit(BAD_INPUT)
    except (ValueError, OSError) as error:
        say(f"error: {in_flags(_message(error), _called(app))}")
        sys.exit(BAD_INPUT)
    except MemoryError as error:
        say(f"error: out of memory; {error or 'make room and repeat'}")
        sys.exit(FAILED)
    except typer.Abort:
        sys.exit(FAILED)


def _of_usage(error: Any) -> str:
    """What typer says of words it does not understand, as expected, got and remedy."""
    command = error.ctx.command_path if error.ctx else "ttur"
    see = f"see `{command} --help`"
    parameter = getattr(error, "param", None)
    word = word_of(parameter) if parameter is not None else ""
    match type(error).__name__:
        case "NoSuchOption":
            parameters = error.ctx.command.get_params(error.ctx)
            known = [word for each in parameters for word in each.opts]
            other = close(error.option_name, known, cutoff=0.6)
            return f"no option {error.option_name!r}; {other or see}"
        case "MissingParameter" if parameter is not None:
            what = (parameter.help or "").rstrip(".").lower()
            return f"expected {word} ({what}), got nothing; {see}"
        case "BadParameter" if parameter is not None:
            got = error.ctx and _typed(parameter)
            what = expected_of(error.message).removeprefix("expected ")
            return f"expected {word}: {what}" + (f", got {got!r}" if got else "") + f"; {see}"
        case "BadOptionUsage":
            return f"expected a value of {error.option_name}, got nothing; {see}"
    message = error.format_message().rstrip(".")
    if found := re.search(r"unexpected extra argument\(?s?\)? \((.*)\)", message):
        return f"expected no more words, got {found[1]}; {see}"
    return f"{message[:1].lower()}{message[1:]}; {see}"


def _typed(parameter: Any) -> str | None:
    """What stands behind the last word of an option among the words of the program."""
    words = [part for word in sys.argv[1:] for part in word.split("=", 1)]
    at = [i for i, word in enumerate(words[:-1]) if word in parameter.opts]
    return words[at[-1] + 1] if at else None


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
