"""Help in plain text: commands and options in groups, every sentence whole, examples at the end.

By our own few lines in place of typer's columns of rich, which `ttur --help` would wait for.
"""

import re
from collections.abc import Iterable
from typing import Any

from typer.core import TyperCommand, TyperGroup

from ttur.runtime.errors import closest

# What typer adds of the least value: who gives less is told.
_LEAST = re.compile(r"  \[x>=\d+\]|; x>=\d+")
OUTPUT = "What is printed, and where it runs"


class Command(TyperCommand):
    """A command whose options stand in the panels they name."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        arguments = [p for p in self.get_params(ctx) if p.param_type_name == "argument"]
        return [*(_in_usage(each) for each in arguments), "[OPTIONS]"]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        rows: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            if parameter.param_type_name == "argument":
                rows["Arguments"].append((word_of(parameter), parameter.help or ""))  # pyright: ignore[reportAttributeAccessIssue]
            elif record := parameter.get_help_record(ctx):
                panel = getattr(parameter, "rich_help_panel", None) or "Options"
                name, text = record
                rows.setdefault(panel, []).append((name, _LEAST.sub("", text)))
        if OUTPUT in rows:
            rows[OUTPUT] = rows.pop(OUTPUT)  # to the end
        _write(formatter, rows.items())


class Group(TyperGroup):
    """Commands in the panels they name; `ttur help fid` is `ttur fid --help`."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        rows: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            panel = getattr(command, "rich_help_panel", None) or "Commands"
            first = (command.help or "").split("\n\n")[0]
            rows.setdefault(panel, []).append((name, " ".join(first.split())))
        _write(formatter, rows.items())

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args[:1] == ["help"]:
            args = [*args[1:], "--help"]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Raises: ValueError: if there is no such command; offers the closest."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            raise ValueError(f"no command {args[0]!r}; {closest(args[0], self.commands)}")
        return super().resolve_command(ctx, args)


def examples(*lines: str) -> str:
    """What stands at the end of a command's help, line by line."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def _write(formatter: Any, panels: Iterable[tuple[str, list[tuple[str, str]]]]) -> None:
    for panel, rows in panels:
        if rows:
            with formatter.section(panel):
                formatter.write_dl(rows)


def word_of(parameter: Any) -> str:
    """An option by its longest name, an argument by the word that stands for it."""
    if parameter.param_type_name == "argument":
        return (parameter.metavar or parameter.name.upper()).strip("[]")
    return max(parameter.opts, key=len)


def _in_usage(argument: Any) -> str:
    word = word_of(argument) + ("..." if argument.nargs == -1 else "")
    is_optional = not argument.required or "[" in (argument.metavar or "")
    return f"[{word}]" if is_optional else word
