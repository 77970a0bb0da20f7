"""Frozen descriptions: what their fields take, and how words change a tree of them.

A description is a frozen dataclass of pydantic that builds the thing it describes. Several of one
kind make a union, told apart by their field `kind`: one word in JSON and on the command line.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from operator import itemgetter
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import numpy as np
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import core_schema

from ttur.runtime.errors import closest
from ttur.runtime.settings import reasons

STRICT = ConfigDict(extra="forbid")


def _plain_number(value: Any) -> Any:
    if isinstance(value, bool | np.bool_):
        raise ValueError("expected a number, got a truth value")
    return value.item() if isinstance(value, np.integer | np.floating) else value


class OneOf:
    """Annotates a union of descriptions, which are told apart by their `kind`.

    A kind alone stands for a description with its defaults. A union of one is a union.
    """

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        members = get_args(source) if get_origin(source) in (Union, UnionType) else (source,)
        choices = {_kind_of(member): handler.generate_schema(member) for member in members}

        def known(value: Any) -> Any:
            value = _of_kind(value)
            kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
            if kind not in choices:
                raise ValueError(f"no kind {kind!r}; {closest(str(kind), choices)}")
            return value

        union = core_schema.tagged_union_schema(choices, discriminator="kind")
        return core_schema.no_info_before_validator_function(known, union)


def _kind_of(member: type) -> str:
    """The one word that its field `kind` takes."""
    (word,) = (get_args(field.type)[0] for field in fields(member) if field.name == "kind")
    return word


def _of_kind(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


Number = Annotated[float, BeforeValidator(_plain_number), Field(allow_inf_nan=False)]
Whole = Annotated[int, BeforeValidator(_plain_number), Field(ge=0)]
Count = Annotated[int, BeforeValidator(_plain_number), Field(ge=1)]
Width = Annotated[Count, Field(le=65_536)]  # wider is a slip of the finger, not a network
Share = Annotated[Number, Field(ge=0, le=1)]
Decay = Annotated[Number, Field(ge=0, lt=1)]
Positive = Annotated[Number, Field(gt=0)]
ONE_OF = OneOf()

_Described = TypeVar("_Described")


def to_json(description: Any) -> Any:
    """Plain values, complete, in field order."""
    return TypeAdapter(type(description)).dump_python(description, mode="json")


def from_json(kind: type[_Described], document: Any) -> _Described:
    """The inverse of `to_json`.

    Raises:
        ValueError: if a field is unknown or its value is refused; names the field.
    """
    try:
        return TypeAdapter(kind).validate_python(document)
    except ValidationError as error:
        raise ValueError(reasons(error)) from error


def leaves(document: Any, path: str = "") -> dict[str, Any]:
    """The values of a tree as JSON has it, by their paths; an empty list is a value."""
    parts = document.items() if isinstance(document, dict) else enumerate(document)
    found = {}
    for name, value in parts:
        place = f"{path}.{name}" if path else str(name)
        found |= (
            leaves(value, place) if isinstance(value, dict | list) and value else {place: value}
        )
    return found


def with_fields(description: _Described, values: Mapping[str, Any]) -> _Described:
    """A copy with fields replaced, deep in the tree.

    A field is named by its path, `model.width`, or by its last part where no other field ends so. A
    member that is None comes to be by its fields; a kind stands for a member with its defaults.

    Raises:
        ValueError: if a field does not exist (offers the closest names), is one of several, or
            refuses the value.
    """
    known = dict.fromkeys(_paths(description))
    tree: dict[str, Any] = {}
    paths = [(_path(name, known, values), value) for name, value in values.items()]
    for path, value in sorted(paths, key=itemgetter(0)):
        *outer, last = path
        place = tree
        for part in outer:
            place = _branch(place, part)
        place[last] = value
    try:
        return _grafted(description, tree)
    except ValidationError as error:
        raise ValueError(reasons(error)) from error


def _branch(place: dict[str, Any], part: str) -> dict[str, Any]:
    """What is to change below `part`; a kind that is to stand there takes its fields along."""
    inner = _of_kind(place.get(part, {}))
    if not isinstance(inner, dict):
        raise ValueError(f"{part!r} is set as a whole and within; set one of them")
    place[part] = dict(inner)
    return place[part]


def _grafted(value: Any, tree: dict[str, Any]) -> Any:
    """`value` with what stands in `tree` in place of its own."""
    if isinstance(value, tuple):
        parts = {str(index): part for index, part in enumerate(value)}
        return tuple(({name: _change(part, tree, name) for name, part in parts.items()}).values())
    if not is_dataclass(value) or "kind" in tree:
        return tree
    changes = {name: _change(getattr(value, name, None), tree, name) for name in tree}
    return replace(value, **changes)  # pyright: ignore[reportArgumentType]


def _change(value: Any, tree: dict[str, Any], name: str) -> Any:
    change = tree.get(name, value)
    deeper = isinstance(change, dict) and (is_dataclass(value) or isinstance(value, tuple))
    return _grafted(value, change) if deeper else change


def _path(name: str, known: Mapping[str, None], given: Iterable[str]) -> list[str]:
    """The one path that `name`, one of those `given`, stands for."""
    if name in known:
        return name.split(".")
    found = [path for path in known if path.endswith(f".{name}")]
    if len(found) > 1:
        raise ValueError(f"{name!r} is the name of several fields; set {' or '.join(found)}")
    if found:
        return found[0].split(".")
    outer = name.rpartition(".")[0]
    if outer in known and any(f".{other}." in f".{outer}." for other in given):
        return name.split(".")  # perhaps of a kind that stands there only now
    leaves = [leaf for path in known if not (leaf := path.rpartition(".")[2]).isdigit()]
    names = dict.fromkeys([*known, *leaves])
    raise ValueError(f"no field {name!r} to set; {closest(name, names)}")


def _paths(value: Any, prefix: str = "") -> Iterator[str]:
    """The path of every field of a tree, members before their fields."""
    if isinstance(value, tuple):
        parts = [(str(index), part, None) for index, part in enumerate(value)]
    elif isinstance(value, type):
        parts = [(field.name, None, field.type) for field in fields(value)]
    elif is_dataclass(value):
        parts = [(field.name, getattr(value, field.name), field.type) for field in fields(value)]
    else:
        return
    for name, inner, annotation in parts:
        if name == "kind":
            continue
        yield f"{prefix}{name}"
        absent = _member(annotation) if inner is None else None
        yield from _paths(inner if absent is None else absent, f"{prefix}{name}.")


def _member(annotation: Any) -> type | None:
    """The description that a field of this type may hold in place of None, if only one kind."""
    if get_origin(annotation) is Annotated:
        return _member(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
        return _member(kinds[0]) if len(kinds) == 1 else None
    return annotation if isinstance(annotation, type) and is_dataclass(annotation) else None
