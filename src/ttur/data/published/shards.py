"""Files of text, one after the other, as lines."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ttur.data.lines import Points, padded_lines
from ttur.data.vocabulary import LENGTH


@dataclass(frozen=True)
class Shard:
    """One file of text, open for its bytes after `open()`; `name` is for messages."""

    name: str
    open: Callable[[], Any]

    def lines(self) -> Iterator[Points]:
        with self.open() as file:
            yield from padded_lines(file, self.name, LENGTH)


def first_lines(most_lines: int | None, shards: list[Shard]) -> Iterator[Points]:
    """The first lines of shards one after the other; none is opened that is not needed."""
    left = most_lines
    for points in chain.from_iterable(shard.lines() for shard in shards):
        yield points[:left]
        if left is not None:
            left -= min(left, len(points))
            if not left:
                return
