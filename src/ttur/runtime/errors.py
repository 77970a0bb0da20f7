"""What a message to a person is made of: expected, got, remedy.

Below the command line a message names arguments, as `directory`, between backticks and alone; the
command line puts its flags in their place (`cli.exits`).
"""

import difflib
from collections.abc import Iterable


def closest(name: str, names: Iterable[str]) -> str:
    """The end of a sentence that refuses `name`: the closest of `names`, else all there are.

    >>> closest("fdi", ["fid", "kid"])
    'did you mean fid?'
    >>> closest("FID", ["fid", "kid"])
    'did you mean fid?'
    """
    known = list(names)
    return close(name, known) or f"there are {', '.join(known)}"


def close(name: str, names: Iterable[str], cutoff: float = 0.4) -> str:
    """`did you mean fid?`, of those of `names` that are close to `name`; empty if none is."""
    known = {each.lower(): each for each in names}
    if name.lower() in known:
        return f"did you mean {known[name.lower()]}?"
    found = difflib.get_close_matches(name.lower(), known, n=3, cutoff=cutoff)
    return f"did you mean {' or '.join(known[each] for each in found)}?" if found else ""


def expected_of(message: str) -> str:
    """What pydantic says a value should be, as what was expected; messages of ours as they are.

    >>> expected_of("Input should be greater than or equal to 1")
    'expected at least 1'
    >>> expected_of("Value error, the rate is 0")
    'the rate is 0'
    """
    message = message.removeprefix("Value error, ")
    text = message.removeprefix("Input should be ")
    if text == message:
        return message
    for theirs, ours in _OURS.items():
        text = text.replace(theirs, ours)
    return f"expected {text}"


_OURS = {
    "a valid integer, unable to parse string as an integer": "a whole number",
    "a valid integer, got a number with a fractional part": "a whole number",
    "a valid number, unable to parse string as a number": "a number",
    "a valid boolean, unable to interpret input": "true or false",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "a word",
    "greater than or equal to ": "at least ",
    "less than or equal to ": "at most ",
    "greater than ": "more than ",
}


def kind_of(value: object) -> str:
    """What a message calls something it did not expect: `a Dataset`, `an int`, `None`.

    >>> kind_of(3), kind_of(None)
    ('an int', 'None')
    """
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def error_of(error: Exception) -> str:
    """What a message calls an error in the code of somebody else.

    >>> error_of(KeyError("x")), error_of(ImportError("No module named 'x'"))
    ("KeyError: 'x'", "ImportError: No module named 'x'")
    """
    return f"{type(error).__name__}: {error}"


def counted_in_words(count: int, thing: str) -> str:
    """So many of a thing that takes an s.

    >>> counted_in_words(1, "run"), counted_in_words(1500, "image")
    ('1 run', '1,500 images')
    """
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
