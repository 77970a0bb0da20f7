"""Settings given as words: FIELD=VALUE becomes a value, or one line that says why not."""

import json
from collections.abc import Callable, Iterable, Mapping
from inspect import signature
from typing import Any, get_origin

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ttur.runtime.errors import closest, expected_of


def assignments(words: Iterable[str]) -> dict[str, str]:
    """Fields and values of words like steps=100, the values as words; the last of a field counts.

    Raises:
        ValueError: if a word has no equals sign.
    """
    pairs = {}
    for word in words:
        field, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"expected `settings` as FIELD=VALUE, got {word!r}")
        pairs[field] = value
    return pairs


def setting_value(text: str) -> Any:
    """Numbers and JSON as such, other words as strings; None is null."""
    if text == "None":
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def arguments(function: Callable[..., Any], settings: Mapping[str, str]) -> dict[str, Any]:
    """`settings` as keyword arguments of `function`, of the types it annotates.

    Several values of a tuple are separated by commas: `1e-3,1e-2`, or `[1e-3, 1e-2]`.

    Raises:
        ValueError: if there is no such argument (offers the closest) or its type refuses the value.
    """
    parameters = signature(function).parameters
    values = {}
    for name, text in settings.items():
        if name not in parameters:
            raise ValueError(f"no field {name!r} to set; {closest(name, parameters)}")
        annotation = parameters[name].annotation
        value = setting_value(text)
        if get_origin(annotation) is tuple and not isinstance(value, list):
            value = [setting_value(part) for part in text.split(",")]
        adapter = TypeAdapter(annotation, config=ConfigDict(allow_inf_nan=False))
        if any(isinstance(part, bool) for part in (value if isinstance(value, list) else [value])):
            raise ValueError(f"{name}: expected no truth value, got {text!r}")
        try:
            values[name] = adapter.validate_python(value)
        except ValidationError as error:
            why = " or ".join(
                dict.fromkeys(expected_of(detail["msg"]) for detail in error.errors())
            )
            raise ValueError(f"{name}: {why}, got {text!r}") from error
    return values


def reasons(error: ValidationError) -> str:
    """What pydantic refused, in one line: each field, why, and what it got."""
    lines = []
    for detail in error.errors():
        where = ".".join(str(part) for part in detail["loc"])
        message = expected_of(detail["msg"])
        got = f", got {detail['input']!r}" if where else ""  # else all of it, said in the message
        lines.append(f"{where}: {message}{got}" if where else message)
    return "; ".join(lines)
