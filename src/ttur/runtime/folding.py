"""Text in lines of a width: broken at spaces, within words only where they are wider."""

import re

from rich.cells import cell_len, set_cell_size

_SIGNS = ("/", "_-,:=@")  # after which a word breaks, if it must; rather after the first


def folded(text: str, width: int, indent: str = "") -> list[str]:
    """`text` in lines of at most `width` cells; those that go on begin with `indent`.

    Lines that fit stay as they are, and spaces at their beginning are kept.

        >>> folded("a table fits its terminal", 10)
        ['a table', 'fits its', 'terminal']
        >>> folded("runs/demo/orig_5e-4", 12)
        ['runs/demo/', 'orig_5e-4']
    """
    return [line for each in text.split("\n") for line in _folded(each, width, indent)]


def _folded(text: str, width: int, indent: str) -> list[str]:
    if cell_len(text) <= width:
        return [text]
    after = text[: len(text) - len(text.lstrip())] + indent
    lines, line = [], ""
    for word in re.findall(" *[^ ]+", text):  # with the spaces before it
        begun, needed = f"{after}{word.lstrip()}", cell_len(line + word)
        if needed > width and line.strip() and cell_len(begun) <= width:
            lines.append(line)
            line = begun
        else:
            *whole, line = _parts(line + word, width)
            lines += whole
    return [*lines, line]


def _parts(word: str, width: int) -> list[str]:
    """A word that may be wider than `width`."""
    parts = []
    while cell_len(word) > width:
        head = set_cell_size(word, width).rstrip()
        cuts = (max(head.rfind(sign) for sign in signs) + 1 for signs in _SIGNS)
        cut = next((cut for cut in cuts if cut > len(head) // 2), max(len(head), 1))
        parts.append(word[:cut])
        word = word[cut:]
    return [*parts, word]
