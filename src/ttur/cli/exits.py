"""The program `ttur`: how it ends, and what it says of a mistake."""

import inspect
import re
import sys
from collections.abc import Callable
from typing import Any

import typer
from typer.models import OptionInfo

from ttur.cli.help import word_of
from ttur.cli.output import say
from ttur.runtime.errors import close, expected_of

FINISHED, FAILED, BAD_INPUT, DIVERGED, INTERRUPTED = 0, 1, 2, 3, 130

# Arguments that commands have by another name.
_RENAMED = {
    "directory": "out",
    "data_directory": "data",
    "updates": "steps",
    "evaluation_samples": "samples",
    "evaluate_every_updates": "evaluate_every",
    "target_name": "target",
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


def in_flags(message: str, command: Callable[..., Any] | None) -> str:
    """A message in which arguments, between backticks and alone, are flags of the command.

    What the command has no flag for keeps its name; as an alternative (", or ...") it goes.
    """
    named = option_flags(command) if command else {}

    def alternative(found: re.Match[str]) -> str:
        """One that names an argument which the command lacks is no remedy there."""
        argument = _RENAMED.get(found[1], found[1])
        known = argument in named or (argument in _FIELDS and "settings" in named)
        return found[0] if known or not named else ""

    def flag(found: re.Match[str]) -> str:
        argument = found[1]
        name = _RENAMED.get(argument, argument)
        if name not in named and argument in _FIELDS and "settings" in named:
            return f"{named['settings']} {argument}=..."
        return named.get(name, argument)

    message = re.sub(r", or [^,;`]*`([a-z_]+)`[^,;`]*", alternative, message)
    return re.sub("`([a-z_]+)`", flag, message)


def option_flags(command: Callable[..., Any]) -> dict[str, str]:
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
