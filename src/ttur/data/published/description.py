"""What is known of a data set, and what reads it from the form in which it comes."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ttur.data.contents import Contents, Corpus
from ttur.data.dataset import DataSet
from ttur.data.images.framing import Crop, Framing
from ttur.data.vocabulary import Sentences

ImageReader = Callable[[Any, list[Path], Framing], AbstractContextManager[Contents]]
"""(the description, sources, framing) → what they hold, closed behind it."""
TextReader = Callable[[Any, list[Path], int | None], AbstractContextManager[Corpus]]
"""(the description, sources, how many training lines) → likewise."""


@dataclass(frozen=True, kw_only=True)
class PublishedDataSet:
    """A data set by its name: what it is, where it comes from, under which licence.

    `sha256` has its official files: one of such a name must have that digest. `usage` is the
    command that makes it. Without `url` it is one's own, and named anew each time.
    """

    kind: ClassVar[str]
    name: str
    title: str
    licence: str
    usage: str = "ttur prepare {name} SOURCE"
    url: str | None = None
    sha256: dict[str, str] = field(default_factory=dict)
    takes_several_sources: bool = False


@dataclass(frozen=True, kw_only=True)
class PublishedImages(PublishedDataSet):
    """Images. `reader` is for `prepare`; what comes with the package has `load` in its place.

    `counts` are the images of each split, `size` the side at which they are used. They are of that
    side, or `is_resized`: brought to it, after a central `crop` or that of the short side. `crops`
    are the other parts of them that have names.
    """

    kind = "images"
    reader: ImageReader | None = None
    load: Callable[[str], DataSet] | None = None
    size: int | None = None
    counts: dict[str, int] | None = None
    classes: tuple[str, ...] | None = None
    is_resized: bool = False
    crop: int | None = None
    crops: tuple[str, ...] = ()

    def framing(self, size: int | None, crop: Crop | None, pad: bool) -> Framing:
        """What is asked for, else the usual."""
        if not self.is_resized:
            return Framing(size, crop, pad)
        return Framing(size or self.size, crop or (None if pad else self.crop), pad)

    def read(self, sources: list[Path], framing: Framing) -> AbstractContextManager[Contents]:
        """What the sources hold."""
        assert self.reader is not None, "only what has one is prepared"
        return self.reader(self, sources, framing)


@dataclass(frozen=True, kw_only=True)
class PublishedText(PublishedDataSet):
    """A text. Of `lines` training lines are read unless others are asked for (None: all)."""

    kind = "text"
    reader: TextReader | None = None
    load: Callable[[str], Sentences] | None = None
    lines: int | None = None
    held_out: str = "the official shards"

    def read(self, sources: list[Path], most_lines: int | None) -> AbstractContextManager[Corpus]:
        """What the sources hold."""
        assert self.reader is not None, "only what has one is prepared"
        return self.reader(self, sources, most_lines)
