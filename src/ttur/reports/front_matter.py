"""The head of a Markdown file as YAML, and words put into Markdown, whatever they hold."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_MARKS = re.compile(r"([\\`*_\[\]|<>~&$])")  # that mean something within a line


def front_matter(document: Mapping[str, Any]) -> str:
    """Between lines of three dashes: mappings and lists as blocks, values quoted as JSON has them.

    JSON is YAML, but for characters beyond U+FFFF, which YAML writes in one escape, and for some
    that it takes in no other way than escaped. No value is read as anything but what it was: not
    `no` as false, not `1e-3` as a word. Keys are ours: plain words.

    >>> print(front_matter({"tags": ["gan"], "value": 2.5, "empty": []}))
    ---
    tags:
    - "gan"
    value: 2.5
    empty: []
    ---
    """
    return "\n".join(["---", *_lines(document, ""), "---"])


def _lines(value: Any, indent: str) -> Iterator[str]:
    is_mapping = isinstance(value, Mapping)
    parts = value.items() if is_mapping else enumerate(value)
    for name, part in parts:
        head = f"{indent}{name}:" if is_mapping else f"{indent}-"
        if not isinstance(part, Mapping | list) or not part:
            yield f"{head} {_quoted(part)}"
        elif is_mapping:
            yield head
            yield from _lines(part, indent if isinstance(part, list) else f"{indent}  ")
        else:
            first, *rest = _lines(part, f"{indent}  ")
            yield f"{head} {first.strip()}"
            yield from rest


def _quoted(value: Any) -> str:
    if not isinstance(value, str):
        return json.dumps(value, allow_nan=False)
    return f'"{"".join(map(_escaped, value))}"'


def _escaped(character: str) -> str:
    code = ord(character)
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def words(text: str) -> str:
    """A name or a sentence of somebody's in a line of Markdown, with no mark in it.

    >>> print(words("a|b <script>"))
    a\\|b \\<script\\>
    """
    shown = "".join(c if c.isprintable() else " " for c in text)
    return _MARKS.sub(r"\\\1", " ".join(shown.split()))


def fenced(text: str, language: str = "") -> str:
    """A block of code, fenced by more backticks than it holds in a row."""
    longest = max((len(found) for found in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
