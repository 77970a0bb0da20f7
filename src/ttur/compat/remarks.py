"""What is said beside a number that is handed over bare, as the tool would: on stderr, once."""

import sys
from functools import cache


@cache
def say_once(line: str) -> None:
    """The same line is said once in a process."""
    print(line, file=sys.stderr)
