"""Arguments in what is said, in the flags of the command that is called."""

import inspect
import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from typer.models import OptionInfo

# The one under way, whose flags stand in what is said before it ends.
command: ContextVar[Callable[..., Any] | None] = ContextVar("command", default=None)

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
