"""What a misspelt name probably meant."""

import difflib
from collections.abc import Iterable


def closest(name: str, names: Iterable[str]) -> str:
    """The end of a sentence that refuses `name`: the closest of `names`, else all there are."""
    known = list(names)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    return f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(known)}"
