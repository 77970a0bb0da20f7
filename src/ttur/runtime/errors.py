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
    known = {each.lower(): each for each in names}
    if name.lower() in known:
        return f"did you mean {known[name.lower()]}?"
    found = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.4)
    close = [known[each] for each in found]
    return (
        f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(known.values())}"
    )


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
