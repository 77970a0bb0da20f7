"""Text embedded in the package: the beginnings of 12,000 sentences of presidents' addresses."""

import lzma
from functools import cache
from importlib.metadata import version
from importlib.resources import files

import numpy as np

from ttur.data.dataset import Card, SplitCard
from ttur.data.published.description import PublishedText
from ttur.data.vocabulary import LENGTH, Sentences, Vocabulary, build_vocabulary, encode
from ttur.runtime import digests

_SHA256 = "0ccfb86147666be3980bd89c78d4d0450315da0c69e6715b330048f3f3b4f7fa"


def speeches(split: str = "train") -> Sentences:
    """Every sixth beginning is "held_out" (2,000), the rest "train" (10,000); no two are equal."""
    codes, vocabulary = _embedded()
    if split not in codes:
        raise ValueError(f"expected one of the splits {list(codes)} of speeches, got {split!r}")
    card = Card(
        name=SPEECHES.name,
        source=(SPEECHES.title,),
        source_sha256=(_SHA256,),
        licence=SPEECHES.licence,
        how_made={
            "from": "the first 32 characters, by tools/make_text.py",
            "ttur": version("ttur"),
        },
        classes=None,
        splits={
            name: SplitCard(len(rows), (LENGTH,), digests.of_bytes(rows.data))
            for name, rows in codes.items()
        },
        vocabulary=vocabulary,
    )
    return Sentences(SPEECHES.name, split, codes[split], vocabulary, card.document())


@cache
def _embedded() -> tuple[dict[str, np.ndarray], Vocabulary]:
    file = files("ttur.data.published") / "speeches.txt.xz"
    content = lzma.decompress(file.read_bytes())
    if digests.of_bytes(content) != _SHA256:
        raise ValueError(f"{file} is not what the package came with; install ttur again")
    lines = content.decode("utf-8").split("\n")[:-1]
    parts = {
        "train": [line for index, line in enumerate(lines) if index % 6 != 5],
        "held_out": lines[5::6],
    }
    vocabulary = build_vocabulary(parts["train"])
    codes = {name: encode(part, vocabulary) for name, part in parts.items()}
    for rows in codes.values():
        rows.flags.writeable = False  # shared by all callers
    return codes, vocabulary


SPEECHES = PublishedText(
    name="speeches",
    title="addresses of presidents of the United States",
    licence="public domain",
    load=speeches,
)
